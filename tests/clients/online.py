"""Phones on real connections: a handshake, frames, and coming back with a pause that grows, as SDKs do.

Light enough for thousands in one process.
"""

import asyncio
import base64
import contextlib
import random
import socket
from collections.abc import Callable

from tests.clients import frames
from tests.clients.phone import Phone

KEY = base64.b64encode(b"0123456789abcdef").decode()
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0


def upgrade(port: int, **headers: str) -> bytes:
    """A handshake. A header given as an empty text is left out; ``_`` stands for ``-``."""
    sent = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = ["GET /connection/websocket HTTP/1.1", *(f"{k}: {v}" for k, v in sent.items() if v), "", ""]
    return "\r\n".join(lines).encode()


class _Wire(asyncio.Protocol):
    """One connection of one phone."""

    def __init__(self, online: "Online", port: int) -> None:
        self._online = online
        self._port = port
        self._head: bytes | None = b""
        self._reader = frames.Reader()
        self.code = 1006
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(upgrade(self._port))

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.transport.abort()
                return
            self._head = None
            self.say(self._online.phone.begin())
        for got in self._reader.feed(data):
            self._take(got)

    def _take(self, got: frames.Got) -> None:
        if got.opcode == frames.CLOSE:
            self.code, reason = got.closing
            assert reason
            self.transport.write(frames.close(self.code))
            self.transport.close()
            return
        try:
            for line in self._online.phone.take(got.text):
                self.say(line)
        except Exception as fault:
            self._online.fault = fault
            self.transport.abort()
            return
        if self._online.phone.refused:
            self.transport.close()
        if self._online.phone.to_retry:
            asyncio.get_running_loop().call_later(0.2, self._retry)

    def _retry(self) -> None:
        if not self.over.done():
            for line in self._online.phone.retry():
                self.say(line)

    def say(self, line: str) -> None:
        if not self.transport.is_closing():
            self.transport.write(frames.frame(line))

    def connection_lost(self, _: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


class Online:
    """A phone that stays connected until it is told to go."""

    def __init__(
        self,
        phone: Phone,
        port: Callable[[], int],
        *,
        first_pause: float = FIRST_PAUSE_SECONDS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.phone = phone
        self.fault: Exception | None = None
        self.connected_at: list[float] = []
        """When each connection was there, on the loop's clock."""
        self._port = port
        self._first_pause = first_pause
        self._chance = chance
        self._wire: _Wire | None = None
        self._task: asyncio.Task[None] | None = None

    def go(self) -> None:
        """Connect, and come back whenever the connection ends."""
        self._task = asyncio.create_task(self._stay())

    def say(self, line: str | None) -> None:
        """Send a command where there is one and a connection."""
        if line is not None and self._wire is not None:
            self._wire.say(line)

    def go_deaf(self) -> None:
        """Leave what comes in the socket, which takes little."""
        if self._wire is not None:
            taken = self._wire.transport.get_extra_info("socket")
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            self._wire.transport.pause_reading()

    def hear(self) -> None:
        """Read again."""
        if self._wire is not None and not self._wire.transport.is_closing():
            self._wire.transport.resume_reading()

    def cut(self) -> None:
        """Lose the connection, as in a tunnel."""
        if self._wire is not None:
            self._wire.transport.abort()

    def close(self) -> None:
        """Say goodbye, as a page that is left; it comes back all the same."""
        if self._wire is not None:
            self._wire.transport.write(frames.close(1000))
            self._wire.transport.close()

    async def leave(self) -> None:
        """Go for good."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _stay(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while self.fault is None:
            port = self._port()
            wire = _Wire(self, port)
            with contextlib.suppress(OSError):
                await loop.create_connection(lambda wire=wire: wire, "127.0.0.1", port)
                self._wire = wire
                self.connected_at.append(loop.time())
                try:
                    await wire.over
                finally:
                    wire.transport.abort()
                    self._wire = None
                    failures = 0 if self.phone.connected else failures
                    self.phone.ended(wire.code)
            pause = min(LONGEST_PAUSE_SECONDS, self._first_pause * 2**failures)
            failures += 1
            await asyncio.sleep(pause * self._chance())


async def until(
    true: Callable[[], bool], phones: list[Online], *, seconds: float = 60.0, step: float = 0.02
) -> None:
    """Wait for something; a phone that found a fault of the server ends the wait at once."""
    async with asyncio.timeout(seconds):
        while not true():
            for one in phones:
                if one.fault is not None:
                    raise one.fault
            await asyncio.sleep(step)
    for one in phones:
        if one.fault is not None:
            raise one.fault
