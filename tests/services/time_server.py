"""A private time server (NTP over UDP) that says what a test wants."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

_SINCE_1900 = 2_208_988_800
_PACKET = struct.Struct("!BBBb11I")


@dataclass
class TimeServer:
    """``ahead``: seconds that its time is ahead of ours; ``silent``: it says nothing."""

    ahead: float = 0.0
    stratum: int = 2
    leap: int = 0
    mode: int = 4
    silent: bool = False
    garbage: bytes = b""
    port: int = 0
    asked: int = 0

    @property
    def address(self) -> str:
        """For ``clock.servers``."""
        return f"127.0.0.1:{self.port}"

    def answer(self, question: bytes) -> bytes:
        """One answer (RFC 5905, 7.3): the question's own time comes back in it."""
        now = time.time() + self.ahead + _SINCE_1900
        stamp = (int(now), int(now % 1 * 2**32))
        sent = _PACKET.unpack(question[: _PACKET.size])[13:15]
        first = self.leap << 6 | 4 << 3 | self.mode
        return _PACKET.pack(first, self.stratum, 6, -20, 0, 0, 0, *stamp, *sent, *stamp, *stamp)


class _Answering(asyncio.DatagramProtocol):
    def __init__(self, server: TimeServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # type: ignore[override]
        self._server.asked += 1
        if not self._server.silent:
            self._transport.sendto(self._server.garbage or self._server.answer(data), addr)


@contextlib.asynccontextmanager
async def a_time_server(server: TimeServer) -> AsyncIterator[TimeServer]:
    """Serve on a free port of this machine."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Answering(server), local_addr=("127.0.0.1", 0)
    )
    server.port = transport.get_extra_info("sockname")[1]
    try:
        yield server
    finally:
        transport.close()
