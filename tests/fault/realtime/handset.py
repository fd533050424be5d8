"""A phone on a socket pair in a timeless loop; cut off, it comes back by itself."""

import contextlib
import socket
from collections.abc import Callable

from tests.clients import frames
from tests.clients.phone import Phone
from tests.fault.realtime.house import RETRY_SECONDS, SMALL_SEND_BYTES, Web
from tests.fault.realtime.timeless import TimelessLoop


class Handset:
    """A phone with its socket in the loop. One that was cut off comes back by itself."""

    def __init__(self, phone: Phone, loop: TimelessLoop, another: Callable[[], Web]) -> None:
        self.phone = phone
        self.deaf = False
        self._another = another
        self._away = True
        self._loop = loop
        self._socket: socket.socket | None = None
        self._reader = frames.Reader()
        self._retrying = False

    @property
    def online(self) -> bool:
        """Whether there is a connection, in whatever state."""
        return self._socket is not None

    def connect(self, web: Web) -> None:
        self._away = False
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_SEND_BYTES)
        self._socket, self._reader = ours, frames.Reader()
        web.sockets.adopt(theirs, b"", b"", address=b"")
        self._send(self.phone.begin())
        if not self.deaf:
            self._loop.add_reader(ours, self._readable)

    def hear(self) -> None:
        """Read again."""
        self.deaf = False
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._readable)

    def go_deaf(self) -> None:
        """Leave what comes in the socket."""
        self.deaf = True
        if self._socket is not None:
            self._loop.remove_reader(self._socket)

    def say(self, line: str | None) -> None:
        """Send a command, where there is one and a connection."""
        if line is not None and self._socket is not None:
            self._send(line)

    def vanish(self) -> None:
        """Be gone without a word."""
        self._away = True
        self._over(1006)

    def leave(self) -> None:
        """Close as the RFC says, without waiting for the answer."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(frames.close(1000))
        self.vanish()

    def _send(self, text: str) -> None:
        assert self._socket is not None
        data = frames.frame(text)
        try:
            assert self._socket.send(data) == len(data)
        except OSError:
            self._over(1006)

    def _readable(self) -> None:
        assert self._socket is not None
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = self._socket.recv(65_536)
        if not data:
            self._over(1006)
            return
        for got in self._reader.feed(data):
            if got.opcode == frames.CLOSE:
                code, reason = got.closing
                assert reason
                assert 3000 <= code < 3500, f"closed for good: {code}"
                self._over(code)
                return
            for line in self.phone.take(got.text):
                self.say(line)
            if self.phone.refused:
                self._over(1006)
            if self._socket is None:
                return
        if self.phone.to_retry and not self._retrying:
            self._retrying = True
            self._loop.call_later(RETRY_SECONDS, self._retry)

    def _over(self, code: int) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            self.phone.ended(code)
            self._loop.call_later(RETRY_SECONDS, self._come_back)

    def _come_back(self) -> None:
        if not (self._away or self.online):
            self.connect(self._another())

    def _retry(self) -> None:
        self._retrying = False
        for line in self.phone.retry():
            self.say(line)
