"""The socket edge itself: handshake, TLS, bounds, back-pressure, closing; raw bytes where clients behave."""

import asyncio
import base64
import gc
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import websockets

from core import limits
from handlers.realtime_connection import Connection
from realtime.client import Client
from realtime.session import Session
from realtime.websocket import accept_key
from tests.clients.frames import Got, Reader
from tests.clients.served import NURSE, PATIENT, Served, streams, token

LINE = "queue:L0301"
KEY = base64.b64encode(b"0123456789abcdef").decode()
CONNECT = '{"id":1,"connect":{}}'
SUBSCRIBE = '{"id":2,"subscribe":{"channel":"queue:L0301"}}'


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with Served(streams()) as served:
        yield served


def connecting(server: Served, **options: object) -> websockets.connect:
    return websockets.connect(server.url, proxy=None, **options)  # type: ignore[arg-type]


async def ends(socket: websockets.ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(10):
        await socket.wait_closed()
    assert socket.close_code is not None
    assert socket.close_reason is not None
    return socket.close_code, socket.close_reason


async def raw(server: Served, **headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    sent = {
        "Host": f"127.0.0.1:{server.port}",
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = ["GET /connection/websocket HTTP/1.1", *(f"{k}: {v}" for k, v in sent.items() if v), "", ""]
    writer.write("\r\n".join(lines).encode())
    return reader, writer


def frame(text: str, *, opcode: int = 1) -> bytes:
    body = text.encode()
    size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + b"\0\0\0\0" + body


# Handshake.


async def test_the_handshake_answers_as_the_rfc_says(server: Served) -> None:
    reader, writer = await raw(server)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 101 ")
    assert f"Sec-WebSocket-Accept: {accept_key(KEY)}\r\n" in head
    assert "Sec-WebSocket-Protocol" not in head
    writer.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upgrade": ""}, 426),
        ({"Connection": "close"}, 426),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec_WebSocket_Protocol": "centrifuge-protobuf"}, 400),
    ],
)
async def test_a_handshake_that_is_refused(server: Served, headers: dict[str, str], status: int) -> None:
    reader, writer = await raw(server, **headers)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    writer.close()
    assert len(server.sockets) == 0


async def test_our_own_pages_and_listed_origins_may_come() -> None:
    async with Served(streams(), allowed_origins=("https://Hospital.example/",)) as server:
        for origin in (f"http://127.0.0.1:{server.port}", "https://hospital.example", ""):
            reader, writer = await raw(server, Origin=origin, Sec_WebSocket_Protocol="centrifuge-json")
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 101 " in head
            assert b"Sec-WebSocket-Protocol: centrifuge-json\r\n" in head
            writer.close()


async def test_a_full_server_refuses_before_the_upgrade() -> None:
    async with Served(streams(), most_connections=1) as server, connecting(server):
        reader, writer = await raw(server)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After" in head
        writer.close()


async def test_what_comes_right_behind_the_handshake_is_not_lost(server: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = (
        f"GET /connection/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    writer.write(head.encode() + frame(CONNECT)[:9])
    await asyncio.sleep(0.05)
    writer.write(frame(CONNECT)[9:])
    await reader.readuntil(b"\r\n\r\n")
    assert b'"client":' in await reader.read(4_096)
    writer.close()


# The protocol over a real socket.


async def test_a_frame_of_several_commands_and_one_of_several_replies(server: Served) -> None:
    async with connecting(server) as client:
        await client.send(f"{CONNECT}\n{SUBSCRIBE}")
        replies = []
        while len(replies) < 2:
            replies += [json.loads(line) for line in str(await client.recv()).split("\n")]
        assert [reply["id"] for reply in replies] == [1, 2]


async def test_frames_that_come_together_are_answered_by_one_write(server: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = (
        f"GET /connection/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame(CONNECT) + frame("ping", opcode=9) + frame(SUBSCRIBE) + frame('{"id":9,"refresh":{}}'))
    frames = Reader()
    got: list[Got] = []
    while not got or got[-1].opcode != 8:
        got += frames.feed(await reader.read(4_096))
    assert [one.opcode for one in got] == [1, 10, 1, 8]
    assert [json.loads(one.text)["id"] for one in (got[0], got[2])] == [1, 2]
    assert got[3].closing[0] == 3501
    writer.close()


@pytest.mark.parametrize(
    ("message", "closing"),
    [
        ("nonsense", (3501, "bad request")),
        (b"\x00", (3506, "inappropriate protocol")),
        ("x" * (limits.REALTIME_MESSAGE_BYTES + 1), (1009, "message too big")),
    ],
)
async def test_how_bad_messages_end(server: Served, message: str | bytes, closing: tuple[int, str]) -> None:
    async with connecting(server) as client:
        await client.send(message)
        assert await ends(client) == closing
    await server.until(lambda: len(server.sockets) == 0)


async def test_a_message_of_the_largest_size_passes(server: Served) -> None:
    async with connecting(server) as client:
        padded = CONNECT[:-2] + '"name":"' + "x" * (limits.REALTIME_MESSAGE_BYTES - len(CONNECT) - 9) + '"}}'
        assert len(padded) == limits.REALTIME_MESSAGE_BYTES
        await client.send(padded)
        assert "client" in str(await client.recv())


async def test_native_pings_are_answered(server: Served) -> None:
    async with connecting(server) as client:
        await asyncio.wait_for(await client.ping(b"hello"), 5)


async def test_the_peers_close_is_echoed_and_everything_forgotten(server: Served) -> None:
    client = await connecting(server)
    await client.send(f"{CONNECT}\n{SUBSCRIBE}")
    await client.recv()
    await client.close(4100, "bye")
    assert client.close_code == 4100
    await server.until(lambda: len(server.sockets) == 0)
    assert len(server.hub._taps[LINE].feed) == 0
    assert len(server.sockets._wheel) == 0


async def test_nobody_connecting_is_stale() -> None:
    async with Served(streams(), connect_seconds=0.3) as server, connecting(server) as client:
        assert await ends(client) == (3502, "stale")


async def test_a_client_that_does_not_pong_is_closed() -> None:
    async with Served(streams(), ping_seconds=0.6, pong_seconds=0.3) as server, connecting(server) as client:
        await client.send(CONNECT)
        await client.recv()
        assert str(await client.recv()) == "{}"
        assert await ends(client) == (3012, "no pong")


async def test_commands_wait_for_each_other_and_reading_waits_for_them(server: Served) -> None:
    async with connecting(server) as client:
        many = [f'{{"id":{n},"subscribe":{{"channel":"queue:{n}"}}}}' for n in range(2, 60)]
        await client.send("\n".join([CONNECT, *many]))
        ids: list[int] = []
        while len(ids) < 59:
            ids += [json.loads(line)["id"] for line in str(await client.recv()).split("\n")]
        assert ids == list(range(1, 60))
        (connection,) = server.sockets._connections
        assert not connection._paused


async def test_draining_sends_everyone_away_with_3001(server: Served) -> None:
    clients = [await connecting(server) for _ in range(10)]
    for client in clients:
        await client.send(CONNECT)
        await client.recv()
    draining = asyncio.create_task(server.sockets.drain(0.6))
    assert [await ends(client) for client in clients] == [(3001, "shutdown")] * 10
    await draining
    reader, writer = await raw(server)
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 503 ")
    writer.close()


# Slow clients.


async def deaf(server: Served, *commands: str) -> tuple[socket.socket, Connection]:
    """A client with small buffers that stops reading after its handshake."""
    loop = asyncio.get_running_loop()
    before = set(server.sockets._connections)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    await loop.sock_connect(client, ("127.0.0.1", server.port))
    head = (
        f"GET /connection/websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await loop.sock_sendall(client, head.encode())
    seen = b""
    while b"\r\n\r\n" not in seen:
        seen += await loop.sock_recv(client, 4_096)
    await loop.sock_sendall(client, frame("\n".join(commands)))
    await server.until(lambda: server.sockets._connections - before)
    (connection,) = server.sockets._connections - before
    await server.until(lambda: connection._client.session.subscriptions)
    return client, connection


async def read_to_the_end(client: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    read = b""
    async with asyncio.timeout(10):
        while piece := await loop.sock_recv(client, 65_536):
            read += piece
            if read[-40:].find(b"slow") > 0 or read[-40:].find(b"write error") > 0:
                await loop.sock_sendall(client, frame("", opcode=8))
    return read


async def test_a_client_that_stops_reading_is_closed_as_slow_and_hurts_nobody(server: Served) -> None:
    client, connection = await deaf(server, CONNECT.replace("{}", f'{{"token":"{token(PATIENT)}"}}'))
    async with connecting(server) as other:
        await other.send(CONNECT.replace("{}", f'{{"token":"{token(PATIENT)}"}}'))
        await other.recv()
        body = b'{"n":"' + b"x" * 16_384 + b'"}'
        heard = 0
        while not connection._closing:
            await server.publish("user:#u42", body)
            await other.recv()
            heard += 1
            assert heard < 200
            waiting = connection._outbox.size if connection._outbox is not None else 0
            assert waiting <= limits.REALTIME_OUTBOX_BYTES
    assert connection._outbox is None or connection._outbox.size < 200
    assert server.metrics.closed.labels("slow")._value.get() == 1
    assert b"\x0b\xc0slow" in (await read_to_the_end(client))[-60:]
    client.close()


async def test_boards_of_a_slow_client_merge_and_it_lives_on(server: Served) -> None:
    client, connection = await deaf(server, CONNECT, SUBSCRIBE)
    filling = "x" * 16_384
    for number in range(400):
        await server.publish(LINE, f'{{"line":"L{number % 2}","n":{number},"x":"{filling}"}}'.encode())
    assert not connection._closing
    assert connection._outbox is not None
    assert len(connection._outbox) <= 2
    read, offsets = b"", []
    loop = asyncio.get_running_loop()
    while b'"n":399,' not in read or not read.endswith(b'"offset":400}}}'):
        read += await asyncio.wait_for(loop.sock_recv(client, 65_536), 5)
    offsets = [int(part.split(b"}")[0]) for part in read.split(b'"offset":')[1:]]
    assert offsets == sorted(offsets)
    assert offsets[-2:] == [399, 400]
    client.close()
    await server.until(lambda: len(server.sockets) == 0)


async def test_a_client_that_takes_nothing_for_long_is_closed(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REALTIME_WRITE_STALL_SECONDS", 0.5)
    client, connection = await deaf(server, CONNECT, SUBSCRIBE)
    filling = "x" * 16_384
    for number in range(40):
        await server.publish(LINE, f'{{"line":"L1","n":{number},"x":"{filling}"}}'.encode())
    await server.until(lambda: connection._closing)
    assert server.metrics.closed.labels("write_error")._value.get() == 1
    assert b"\x0b\xc1write error" in (await read_to_the_end(client))[-60:]
    client.close()


async def test_a_peer_that_resets_is_forgotten(server: Served) -> None:
    client, _ = await deaf(server, CONNECT, SUBSCRIBE)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    await server.until(lambda: len(server.sockets) == 0)
    await server.publish(LINE, b"{}")


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


async def test_connections_that_ended_leave_nothing_to_the_collector(server: Served) -> None:
    """The collector comes rarely in a process of thousands of connections: reference counts must do."""

    async def come_and_go(how: str) -> None:
        async with connecting(server) as client:
            await client.send(CONNECT.replace("{}", f'{{"token":"{token(PATIENT)}"}}'))
            await client.send('{"id":2,"subscribe":{"channel":"queue:1"}}')
            await client.recv()
            if how == "broken":
                client.transport.abort()
            elif how == "bad":
                await client.send("not the protocol")
                await client.wait_closed()

    await come_and_go("well")
    await server.until(lambda: len(server.sockets) == 0)
    gc.collect()
    gc.disable()
    try:
        for how in ("well", "broken", "bad"):
            for _ in range(5):
                await come_and_go(how)
        await server.until(lambda: len(server.sockets) == 0)
        await asyncio.sleep(0.05)
        left = [one for one in gc.get_objects() if type(one) in (Connection, Client, Session)]
    finally:
        gc.enable()
    assert left == []


async def test_everything_works_over_tls_too(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    trusting = ssl.create_default_context(cafile=str(certificate / "cert.pem"))
    trusting.check_hostname = False
    async with Served(streams(), tls=context) as server:
        async with connecting(server, ssl=trusting, max_size=None) as client:
            await client.send(CONNECT.replace("{}", f'{{"token":"{token(NURSE)}"}}'))
            await client.recv()
            # More than one TLS record in each direction.
            many = [f'{{"id":{n},"subscribe":{{"channel":"queue:{n}"}}}}' for n in range(2, 100)]
            padding = '{"id":1000,"history":{"channel":"queue:5","x":"' + "x" * 40_000 + '"}}'
            await client.send("\n".join([*many, padding]))
            seen: list[dict[str, object]] = []
            while len(seen) < 99:
                seen += [json.loads(line) for line in str(await client.recv()).split("\n")]
            assert seen[-1]["id"] == 1_000
            large = b'{"line":"5","x":"' + b"y" * 100_000 + b'"}'
            for _ in range(8):
                await server.publish("queue:5", large)
                await server.publish("queue:6", b'{"line":"6"}')
            heard = json.loads(str(await client.recv()))
            assert len(heard["push"]["pub"]["data"]["x"]) == 100_000
            while heard["push"]["channel"] != "queue:6" or heard["push"]["pub"]["offset"] != 8:
                heard = json.loads(str(await client.recv()))
        await server.until(lambda: len(server.sockets) == 0)


# Tokens.


async def test_a_token_that_is_not_refreshed_ends_the_connection() -> None:
    async with Served(streams(), expiry_grace_seconds=0.2) as server, connecting(server) as client:
        soon = token(PATIENT, 1.6)
        await client.send(CONNECT.replace("{}", f'{{"token":"{soon}"}}'))
        reply = json.loads(str(await client.recv()))
        assert reply["connect"]["expires"] is True
        assert await ends(client) == (3005, "connection expired")
