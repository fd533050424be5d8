"""What misbehaving clients do to our socket: each gets the protocol's own answer, and nobody else notices.

A witness stays connected and hears everything published meanwhile; nothing is logged as an error, and nothing
that a client sent is logged at all.
"""

import asyncio
import contextlib
import socket
import struct
import zlib
from collections import deque
from collections.abc import AsyncIterator

import pytest

from core import limits
from realtime.codes import Closings
from tests.clients import frames
from tests.clients.frames import BINARY, CLOSE, PING, PONG, TEXT, frame
from tests.clients.online import Online, upgrade
from tests.clients.served import MARK, Served, streams

LINE = "log:L0301"
CONNECT = '{"id":1,"connect":{}}'
BOUND = limits.REALTIME_MESSAGE_BYTES


@pytest.fixture
async def server() -> AsyncIterator[Served]:
    async with Served(streams()) as served:
        yield served


class Bad:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._reader = frames.Reader()
        self._got: deque[frames.Got] = deque()

    @classmethod
    async def connected(cls, server: Served, **headers: str) -> "Bad":
        """After the handshake and a connect."""
        bad = await cls.upgraded(server, **headers)
        await bad.send(frame(CONNECT))
        assert '"client"' in (await bad.next()).text
        return bad

    @classmethod
    async def upgraded(cls, server: Served, **headers: str) -> "Bad":
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(upgrade(server.port, **headers))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"Sec-WebSocket-Extensions" not in head
        return cls(reader, writer)

    async def send(self, data: bytes) -> None:
        """Send; a server that has closed already is fine."""
        with contextlib.suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()

    async def take(self) -> frames.Got | None:
        """The next frame; None at the end of the stream."""
        async with asyncio.timeout(60):
            while not self._got:
                piece = b""
                with contextlib.suppress(ConnectionError):
                    piece = await self.reader.read(65_536)
                if not piece:
                    return None
                self._got.extend(self._reader.feed(piece))
        return self._got.popleft()

    async def next(self) -> frames.Got:
        """The next frame, which must come."""
        got = await self.take()
        assert got is not None, "closed"
        return got

    async def ends(self) -> tuple[int, str]:
        """The close frame; answers it as the RFC wants, and waits for the end."""
        found = None
        while (got := await self.take()) is not None:
            if got.opcode == CLOSE:
                found = got.closing
                await self.send(frames.close(found[0]))
        self.writer.close()
        assert found is not None, "no close frame"
        return found


BOMB = zlib.compress(b"\0" * 50_000_000)[2:-4]

WHOLE = {
    "a byte too many": (frame("x" * (BOUND + 1)), (1009, "message too big")),
    "the header alone of a huge one": (b"\x81\xff" + struct.pack(">Q", 2**62) + b"\0\0\0\0", 1009),
    "a byte too many in fragments": (
        frame("x" * BOUND, final=False) + frame("x", opcode=0, final=True),
        (1009, "message too big"),
    ),
    "fragments without an end": (
        frame("x", final=False) + frame("x", opcode=0, final=False) * (BOUND + 1),
        1009,
    ),
    "a compression bomb": (frame(BOMB, reserved=0x40), 1002),
    "a compressed fragment": (frame("x", final=False) + frame(BOMB[:100], opcode=0, reserved=0x40), 1002),
    "not UTF-8": (frame(b'{"id":2,"x":"\xff"}'), 1007),
    "a surrogate in UTF-8": (frame(b'{"id":2,"x":"\xed\xa0\x80"}'), 1007),
    "not masked": (b"\x81\x02{}", 1002),
    "an empty message": (frame(""), (3501, "bad request")),
    "a null byte": (frame("\0"), (3501, "bad request")),
    "not a command": (frame(f'["{MARK}"]'), (3501, "bad request")),
    "deep nesting": (frame('{"id":2,"x":' + "[" * 32_000 + "]" * 32_000 + "}"), (3501, "bad request")),
    "an enormous id": (frame('{"id":' + "9" * 4_000 + ',"ping":{}}'), (3501, "bad request")),
    "a pong for nothing": (frame("{}"), (3501, "bad request")),
    "thousands of pongs in one read": (frame("{}") * 20_000, (3501, "bad request")),
    "thousands of lines in one frame": (frame("\n".join(["{}"] * 20_000)), (3501, "bad request")),
    "a second connect": (frame(CONNECT), (3501, "bad request")),
    "binary": (frame(b"\0" * 10, opcode=BINARY), (3506, "inappropriate protocol")),
    "a send": (frame(f'{{"send":{{"data":"{MARK}"}}}}'), (3508, "not available")),
    "an invented opcode": (frame("x", opcode=5), 1002),
}  # fmt: skip


@pytest.mark.parametrize("misdeed", WHOLE)
async def test_what_ends_a_connection(server: Served, witness: Online, misdeed: str) -> None:
    data, expected = WHOLE[misdeed]
    bad = await Bad.connected(server)
    await bad.send(data)
    code, reason = await bad.ends()
    assert reason
    assert (code if isinstance(expected, int) else (code, reason)) == expected


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("queue:\\u0000", 107),
        ("queue:a\\nb", 107),
        (f"{MARK}:x", 102),
        ("user:#u42", 103),
        ("queue:" + "x" * 250, 107),
    ],
)
async def test_a_name_that_does_not_do_is_an_answer(
    server: Served, witness: Online, channel: str, code: int
) -> None:
    bad = await Bad.connected(server)
    await bad.send(frame(f'{{"id":2,"subscribe":{{"channel":"{channel}"}}}}'))
    assert f'"code":{code}' in (await bad.next()).text
    await bad.send(frames.close(1000))
    assert (await bad.ends())[0] == 1000


async def test_the_largest_message_passes_whole_and_in_fragments(server: Served, witness: Online) -> None:
    bad = await Bad.connected(server)
    for parts in (1, 3, 64):
        text = f'{{"id":2,"history":{{"channel":"{LINE}","x":"'
        text += "x" * (BOUND - len(text) - 3) + '"}}'
        assert len(text) == BOUND
        size = -(-BOUND // parts)
        pieces = [text[at : at + size] for at in range(0, BOUND, size)]
        for number, piece in enumerate(pieces):
            await bad.send(
                frame(piece, opcode=0 if number else TEXT, final=number == len(pieces) - 1, mask=b"\1\2\3\4")
            )
        assert '"history":{' in (await bad.next()).text
    await bad.send(frames.close(1000))
    await bad.ends()


async def test_a_flood_of_subscribes_is_111_then_3013(server: Served, witness: Online) -> None:
    bad = await Bad.connected(server)
    many = "\n".join(f'{{"id":{n},"subscribe":{{"channel":"queue:x{n}"}}}}' for n in range(2, 700))
    await bad.send(frame(many))
    told = b""
    while (got := await bad.next()).opcode == TEXT:
        told += got.payload
    assert got.closing == (3013, "too many requests")
    assert told.count(b'"subscribe":{') == limits.REALTIME_CHANNELS_PER_CLIENT
    assert b'"code":106' in told
    assert b'"code":111' in told
    bad.writer.close()
    await server.until(lambda: len(server.sockets) == 1)


async def test_thousands_of_tiny_commands_in_one_read_are_3013(server: Served, witness: Online) -> None:
    bad = await Bad.connected(server)
    await bad.send(frame('{"id":2,"unsubscribe":{"channel":"queue:x"}}') * 20_000)
    assert await bad.ends() == (3013, "too many requests")


async def test_thousands_of_native_pings_cost_one_pong_at_a_time(server: Served, witness: Online) -> None:
    bad = await Bad.connected(server)
    for number in range(2_000):
        bad.writer.write(frame(f"{number}", opcode=PING))
    await bad.writer.drain()
    last = b""
    while last != b"1999":
        got = await bad.next()
        assert got.opcode == PONG
        last = got.payload
    await bad.send(frames.close(1000))
    await bad.ends()


async def test_empty_fragments_for_ever_keep_nothing_and_end_as_silence() -> None:
    async with Served(streams(), connect_seconds=1.0) as server:
        bad = await Bad.upgraded(server)
        await bad.send(frame("", final=False))

        async def flood() -> None:
            while True:
                await bad.send(frame("", opcode=0, final=False) * 500)
                await asyncio.sleep(0.01)

        flooding = asyncio.create_task(flood())
        assert await bad.ends() == (3502, "stale")
        flooding.cancel()


async def test_a_byte_now_and_then_is_silence() -> None:
    async with Served(streams(), connect_seconds=1.0) as server:
        bad = await Bad.upgraded(server)

        async def drip() -> None:
            for byte in frame(f'{{"id":1,"connect":{{"token":"{MARK * 50}"}}}}'):
                await bad.send(bytes([byte]))
                await asyncio.sleep(0.1)

        dripping = asyncio.create_task(drip())
        assert await bad.ends() == (3502, "stale")
        dripping.cancel()


async def test_who_leaves_in_the_middle_of_a_message_leaves_nothing(server: Served, witness: Online) -> None:
    for cut in (1, 3, 7, 30):
        bad = await Bad.connected(server)
        await bad.send(frame('{"id":2,"subscribe":{"channel":"queue:x"}}')[:cut])
        linger = struct.pack("ii", 1, 0)
        bad.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        bad.writer.close()
    await server.until(lambda: len(server.sockets) == 1)


async def test_nothing_is_taken_behind_a_close(server: Served, witness: Online) -> None:
    bad = await Bad.connected(server)
    await bad.send(frames.close(1000) + frame('{"id":2,"subscribe":{"channel":"queue:behind"}}'))
    assert (await bad.ends())[0] == 1000
    assert "queue:behind" not in server.hub._taps


async def test_who_never_answers_a_close_is_let_go(
    server: Served, witness: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REALTIME_CLOSE_SECONDS", 0.5)
    bad = await Bad.connected(server)
    await bad.send(frame("nonsense"))
    await server.until(lambda: len(server.sockets) == 1)
    bad.writer.close()
    assert server.metrics.closed.labels(Closings.BAD_REQUEST.name)._value.get() == 1


@pytest.mark.parametrize(
    "offer", ["permessage-deflate", "permessage-deflate; client_max_window_bits", "x-webkit-deflate-frame"]
)
async def test_compression_is_never_agreed_to(server: Served, witness: Online, offer: str) -> None:
    bad = await Bad.connected(server, Sec_WebSocket_Extensions=offer)
    await bad.send(frame(BOMB, reserved=0x40))
    assert (await bad.ends())[0] == 1002
