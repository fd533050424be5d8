"""Handshakes that are odd or forged: refused before the upgrade, in silence, while others notice nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from core import limits
from tests.clients.online import Online
from tests.clients.served import MARK, Served, streams

LINE_END = "\r\n"


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with Served(streams()) as served:
        yield served


def request(first: str, *headers: str, body: str = "") -> bytes:
    return (LINE_END.join((first, *headers, "", "")) + body).encode("utf-8")


PATH = "/connection/websocket"
GET = f"GET {PATH} HTTP/1.1"
UPGRADE = (
    "Host: x",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
    "Sec-WebSocket-Version: 13",
)
# A head that is too large may be cut off while it is still being sent: then there is no answer (0).
HANDSHAKES = {
    "a stranger's page": (request(GET, *UPGRADE, "Origin: https://elsewhere.example"), {403}),
    "a page of another port": (request(GET, *UPGRADE, "Origin: http://x:81"), {403}),
    "two origins": (
        request(GET, *UPGRADE, "Origin: http://x", "Origin: https://elsewhere.example"),
        {403},
    ),
    "an origin like ours": (request(GET, *UPGRADE, "Origin: http://x.elsewhere.example"), {403}),
    "no host": (request(GET, *UPGRADE[1:]), {400}),
    "two hosts": (request(GET, *UPGRADE, "Host: y"), {400}),
    "a host that is none": (request(GET, "Host: a b\tc/../", *UPGRADE[1:]), {400}),
    "a huge header": (request(GET, *UPGRADE, f"X-{MARK}: " + "x" * 100_000), {431, 0}),
    "very many headers": (
        request(GET, *UPGRADE, *(f"X-{n}: {MARK}" for n in range(5_000))), {431, 0}
    ),
    "a huge path": (request(f"GET {PATH}?{MARK * 4_000} HTTP/1.1", *UPGRADE), {414, 431, 0}),
    "a null byte in a header": (request(GET, *UPGRADE, "X-A: a\0b"), {400}),
    "a folded header": (request(GET, *UPGRADE, "X-A: a", " b"), {400}),
    "a bare line feed": (b"GET /connection/websocket HTTP/1.1\nHost: x\n\n", {400, 408}),
    "no HTTP": (f"{MARK}\r\n\r\n".encode(), {400}),
    "HTTP of the future": (request(f"GET {PATH} HTTP/3.0", *UPGRADE), {400, 505}),
    "a post": (request(f"POST {PATH} HTTP/1.1", *UPGRADE, "Content-Length: 2", body="{}"), {405}),
    "a body where none belongs": (
        request(GET, *UPGRADE, "Content-Length: 2", body="{}"), {101}
    ),
    "two lengths": (
        request(GET, *UPGRADE, "Content-Length: 2", "Content-Length: 3", body="{}"), {400}
    ),
    "a key that is none": (
        request(GET, *UPGRADE[:3], "Sec-WebSocket-Key: ééé", UPGRADE[4]), {400}
    ),
    "another version": (request(GET, *UPGRADE[:4], "Sec-WebSocket-Version: 8"), {426}),
    "another protocol": (
        request(GET, *UPGRADE, "Sec-WebSocket-Protocol: centrifuge-protobuf"), {400}
    ),
}  # fmt: skip


@pytest.mark.parametrize("handshake", HANDSHAKES)
async def test_how_odd_handshakes_are_answered(
    server: Served,
    witness: Online,
    handshake: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "HTTP_HEAD_SECONDS", 0.5)
    data, expected = HANDSHAKES[handshake]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    head = b""
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            while b"\r\n" not in head and (piece := await reader.read(4_096)):
                head += piece
    status = int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.1 ") else 0
    assert status in expected
    writer.close()
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]
    assert MARK not in caplog.text
    await server.until(lambda: len(server.sockets) == 1)
