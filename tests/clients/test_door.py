"""The short way in: plain handshakes are answered at the door, everything else reaches Tornado untouched."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from core import limits
from handlers.realtime_door import read_head
from tests.clients.served import Served, streams

HEAD = (
    b"GET /connection/websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ACCEPTED = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
CONNECT = b'{"id":1,"connect":{}}'


def masked(text: bytes) -> bytes:
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


class Caller:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def rest(self) -> bytes:
        """Everything until the server closes, or cuts off what it did not read."""
        async with asyncio.timeout(10):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def frame(self) -> bytes:
        async with asyncio.timeout(10):
            first = await self.reader.readexactly(2)
            return await self.reader.readexactly(first[1])

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


Call = Callable[[Served], Awaitable[Caller]]


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    """Connects; everybody hangs up in the end."""
    callers: list[Caller] = []

    async def connect(server: Served) -> Caller:
        callers.append(Caller(*await asyncio.open_connection("127.0.0.1", server.port)))
        return callers[-1]

    yield connect
    for caller in callers:
        await caller.close()


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with Served(streams()) as served:
        yield served


@pytest.mark.parametrize("ending", [b"", masked(CONNECT)])
async def test_a_handshake_in_one_piece_with_or_without_what_follows(
    call: Call, server: Served, ending: bytes
) -> None:
    caller = await call(server)
    caller.say(HEAD + ending)
    assert ACCEPTED in await caller.head()
    if not ending:
        caller.say(masked(CONNECT))
    assert json.loads(await caller.frame())["connect"]["client"]
    await caller.close()
    await server.until(lambda: len(server.sockets) == 0)


async def test_a_handshake_that_comes_by_the_byte(call: Call, server: Served) -> None:
    caller = await call(server)
    for byte in HEAD:
        caller.say(bytes((byte,)))
        await asyncio.sleep(0)
    assert ACCEPTED in await caller.head()
    assert len(server.door) == 0


async def test_a_query_is_part_of_the_path(call: Call, server: Served) -> None:
    caller = await call(server)
    caller.say(HEAD.replace(b"websocket HTTP", b"websocket?format=json HTTP"))
    assert ACCEPTED in await caller.head()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"404"),
        (b"GE", b""),
        (b"POST /connection/websocket HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", b"405"),
        (HEAD.replace(b"websocket HTTP", b"websockets HTTP"), b"404"),
        (HEAD.replace(b"HTTP/1.1", b"HTTP/1.0"), b"101"),
        (HEAD.replace(b"Host: 127.0.0.1\r\n", b""), b"400"),
        (HEAD.replace(b"Upgrade: websocket", b"Upgrade: h2c"), b"426"),
        (HEAD.replace(b"Version: 13", b"Version: 8"), b"426"),
        (HEAD.replace(b"dGhl", b"!!!!"), b"400"),
        (HEAD.replace(b"Upgrade: websocket", b"Upgrade: websocket\r\nContent-Length: 3") + b"abc", b"101"),
        (HEAD.replace(b"Upgrade: websocket", b"Upgrade: websocket\r\n folded: yes"), b"400"),
        (HEAD.replace(b"Upgrade: websocket", b"Upgrade websocket"), b"400"),
        (HEAD.replace(b"Host: 127.0.0.1", b"Host: 127.0.0.1\r\nOrigin: https://evil.example"), b"403"),
    ],
)
async def test_whatever_is_unusual_is_tornados(
    call: Call, server: Served, request_: bytes, status: bytes
) -> None:
    caller = await call(server)
    caller.say(request_)
    if not status:
        caller.writer.write_eof()
        assert await caller.rest() == b""
        return
    assert (await caller.head()).split(b" ")[1] == status
    assert len(server.door) == 0


async def test_an_endless_head_is_refused(call: Call, server: Served) -> None:
    caller = await call(server)
    caller.say(HEAD[:-2] + b"X-Long: " + b"a" * (2 * limits.HTTP_HEADER_BYTES))
    assert await caller.rest() == b"" or len(server.door) == 0


async def test_who_never_finishes_a_head_is_closed(
    call: Call, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_HEAD_SECONDS", 0.3)
    silent, slow = await call(server), await call(server)
    slow.say(HEAD[:40])
    assert await silent.rest() == b""
    told = await slow.rest()
    assert told.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"core.request_too_slow" in told
    assert len(server.door) == 0


async def test_who_leaves_before_asking_leaves_nothing_behind(call: Call, server: Served) -> None:
    callers = [await call(server) for _ in range(5)]
    await server.until(lambda: len(server.door) == 5)
    for caller in callers:
        await caller.close()
    await server.until(lambda: len(server.door) == 0)


async def test_the_longest_waiting_gives_way_to_a_crowd(
    call: Call, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HTTP_VISITORS", 3)
    first = await call(server)
    others = [await call(server) for _ in range(3)]
    assert await first.rest() == b""
    assert len(server.door) == 3
    others[0].say(HEAD)
    assert ACCEPTED in await others[0].head()


async def test_a_full_server_says_so_before_the_upgrade(call: Call) -> None:
    async with Served(streams(), most_connections=1) as server:
        first, second = await call(server), await call(server)
        first.say(HEAD)
        assert ACCEPTED in await first.head()
        second.say(HEAD)
        head, _, body = (await second.rest()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 5" in head
        assert json.loads(body)["code"] == "realtime.server_full"


async def test_closing_ends_those_who_wait(call: Call) -> None:
    async with Served(streams()) as server:
        caller = await call(server)
        await server.until(lambda: len(server.door) == 1)
    assert await caller.rest() == b""


def test_a_head_is_read_strictly() -> None:
    head = HEAD.removesuffix(b"\r\n\r\n")
    found = read_head(head)
    assert found is not None
    assert found["sec-websocket-version"] == "13"
    assert found.get("x-nothing") is None
    assert read_head(head + b"\r\nX-Twice: a\r\nx-twice: b")["x-twice"] == "a, b"  # type: ignore[index]
    for wrong in (
        b"no colon",
        b" folded: x",
        b"na me: x",
        b": x",
        b"X: a\nb",
        b"X: a\x00",
        b"X: a\rb",
        b"X: \x7f",
        b"X\xe9: a",
        b"Expect: 100-continue",
    ):
        assert read_head(head + b"\r\n" + wrong) is None, wrong
