"""Who may ask: refusals in their order, all of them before the hospital hears anything."""

import asyncio
import json
import ssl
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from core.clock import SystemClock
from front_machine.link import HospitalLink, client_context
from server.pki import make_pki
from tests.flow.front_machine.machines import FrontMachine, refused
from tests.services.stranger import a_hospital


async def test_the_platform_is_answered(link: HospitalLink) -> None:
    pong = await link.ping()
    assert pong.his
    assert pong.his_seconds is not None


async def test_nobody_without_a_certificate(front: FrontMachine) -> None:
    before = front.asked
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(front.pki.ca)
    assert await refused(front, context) in ("tls_refused", "connection_lost")
    assert front.asked == before


async def test_nobody_of_another_authority(front: FrontMachine, tmp_path: Path) -> None:
    before = front.asked
    forged = make_pki(tmp_path / "forged")
    assert await refused(front, front.context(forged)) in ("tls_refused", "connection_lost")
    assert front.asked == before


async def test_nobody_with_an_expired_certificate(front: FrontMachine, tmp_path: Path) -> None:
    before = front.asked
    folder = front.folder / "pki"
    kept = {file.name: file.read_bytes() for file in folder.glob("platform.*")}
    (folder / "platform.crt").unlink()
    old = make_pki(folder, at=SystemClock().now() - timedelta(days=400))
    context = client_context(ca=old.ca, certificate=old.platform, key=old.platform_key)
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    assert await refused(front, context) in ("tls_refused", "connection_lost")
    assert front.asked == before


async def test_nobody_with_a_certificate_of_another_name(front: FrontMachine) -> None:
    before = front.asked
    stranger = make_pki(front.folder / "pki", platform_names=["kiosk.houzhen"])
    assert await refused(front, front.context(stranger)) == "forbidden"
    assert front.asked == before


async def test_the_front_machines_own_certificate_is_no_clients(front: FrontMachine) -> None:
    context = client_context(
        ca=front.pki.ca, certificate=front.pki.front_machine, key=front.pki.front_machine_key
    )
    assert await refused(front, context) in ("tls_refused", "connection_lost")


async def test_a_foreign_address_is_dropped_before_the_handshake(tmp_path: Path) -> None:
    front = FrontMachine(tmp_path, a_hospital(tmp_path / "his.db"), listen__allow=["192.0.2.0/24"])
    await front.start()
    before = front.asked
    reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
    assert await reader.read() == b""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    assert await refused(front, front.context()) in ("tls_refused", "connection_lost", "not_reachable")
    assert front.asked == before
    await front.stop()


async def test_the_platform_does_not_talk_to_a_forged_front_machine(
    front: FrontMachine, tmp_path: Path
) -> None:
    other = make_pki(tmp_path / "other")
    context = client_context(ca=other.ca, certificate=front.pki.platform, key=front.pki.platform_key)
    assert await refused(front, context) == "tls_refused"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nosuch", None, 404),
        ("GET", "/v1/line-states", None, 405),
        ("DELETE", "/v1/directory", None, 405),
        ("POST", "/v1/line-states", b"{", 400),
        ("POST", "/v1/line-states", b'{"known": []}', 400),
        ("POST", "/v1/line-states", b"\xff\xfe", 400),
        ("POST", "/v1/line-states", b'{"known": {}, "more": 1}', 400),
        ("POST", "/v1/check-in", b'{"key": "a b", "visit": "v", "line": "L1"}', 400),
        ("POST", "/v1/line-states", b"x" * (600 * 1024), 400),
    ],
)
async def test_malformed_questions_get_a_coded_envelope(
    front: FrontMachine, method: str, path: str, body: bytes | None, status: int
) -> None:
    before = front.asked
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=front.context())) as session:
        url = f"https://localhost:{front.port}{path}"
        try:
            async with session.request(method, url, data=body) as response:
                assert response.status == status
                if body is None or len(body) < 1000:
                    assert json.loads(await response.read()) == {"code": "BAD_REQUEST"}
                assert "Server" not in response.headers
        except aiohttp.ClientError:
            assert body is not None  # too large: the connection is cut
            assert len(body) > 1000
    assert front.asked == before


async def test_garbage_from_the_front_machines_port_is_no_answer(front: FrontMachine) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"code":1')
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(front.pki.front_machine, front.pki.front_machine_key)
    server = await asyncio.start_server(garbage, "127.0.0.1", 0, ssl=context)
    impostor = FrontMachine(front.folder, front.stranger)
    impostor.port = server.sockets[0].getsockname()[1]
    assert await refused(impostor, front.context()) == "not_the_contract_200"
    server.close()
    await server.wait_closed()
