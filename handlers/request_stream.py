"""A client's bytes on their way to Tornado: heads and bodies within their bounds and deadlines.

Tornado answers what breaks its bounds with a bare 400, or with nothing but a closed socket. Here every such
request gets a problem with a code, as far as the protocol allows an answer, and time to read it: a socket
that is closed while the client still sends is reset, and the answer is lost with it.

    408 core.request_too_slow    head or body did not come in time; a connection at rest is just closed
    431 core.headers_too_large   the head ends nowhere within ``HTTP_HEADER_BYTES``
    413 core.body_too_large      by its Content-Length, or when its chunks are more than ``HTTP_BODY_BYTES``
    503 core.too_much_at_once    a large body that is allowed, while others fill what all may together
    400 core.bad_request         whatever Tornado cannot read
"""

import asyncio
import contextlib
import enum
import re
import socket
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from tornado.iostream import IOStream, StreamClosedError

from core import limits

Say = Callable[[int, str, str], bytes]
"""From a status, a code and an Accept-Language to a whole response that ends the connection."""

_LINE_BYTES = 64
# The second half ends a read that would go on for ever: Tornado's own way to bound it closes the socket.
_END_OF_HEAD = rb"(?s)\r?\n\r?\n|(?<=.{%d})" % limits.HTTP_HEADER_BYTES
_END_OF_LINE = rb"(?s)\r\n|(?<=.{%d})" % _LINE_BYTES
_LENGTH = re.compile(rb"(?i)\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r?\n")
_TARGET = re.compile(rb"\A(?:PUT|POST) (\S{1,512}) ")
_LANGUAGE = re.compile(rb"(?i)\naccept-language:[ \t]*([^\r\n]{0,200})")
_TORNADOS_ANSWER = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class BodyRoom(Protocol):
    """Which requests may bring more than ``HTTP_BODY_BYTES``, and how much of that all may bring at once."""

    def admits(self, target: str) -> int:
        """How many bytes a request for that path and query may bring; 0: no more than any other."""

    def take(self, size: int) -> bool:
        """Whether there is room for so much more."""

    def give_back(self, size: int) -> None:
        """It was taken in, or will not come."""


class NoBodyRoom:
    """Every request is like any other."""

    def admits(self, target: str) -> int:
        return 0

    def take(self, size: int) -> bool:
        return False

    def give_back(self, size: int) -> None:
        pass


class Part(enum.Enum):
    """What is waited for."""

    REQUEST = enum.auto()
    """Any first byte of the next request."""
    HEAD = enum.auto()
    BODY = enum.auto()


class RequestStream(IOStream):
    """One client's connection as Tornado's HTTP server reads it, request after request.

    Deadlines cost two assignments a request: ``RequestStreams`` looks now and then whether one has passed.
    """

    def __init__(self, taken: socket.socket, *, say: Say, room: BodyRoom) -> None:
        super().__init__(taken, max_buffer_size=limits.HTTP_BODY_BYTES + limits.HTTP_HEADER_BYTES)
        self._say = say
        self._room = room
        self._room_taken = 0
        self._most = limits.HTTP_BODY_BYTES
        self._now = asyncio.get_running_loop().time
        self._language = ""
        self._unread = 0
        self._body_bytes = 0
        self._waits_for: Part | None = None
        self._until = self._body_until = float("inf")

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Whatever comes first while nothing was asked yet begins a head."""
        count = super().read_from_fd(buf)
        if count:
            self._unread += count
            if self._waits_for is Part.REQUEST:
                self._head_begins()
        return count

    async def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> bytes:
        """The next request's head. Tornado asks for nothing else by a regular expression."""
        self.leave_room()
        self._language = ""
        self._waits_for, self._until = Part.REQUEST, self._now() + limits.HTTP_IDLE_SECONDS
        if self._unread:
            self._head_begins()
        head = self._read(await super().read_until_regex(_END_OF_HEAD))
        if len(head) > limits.HTTP_HEADER_BYTES or not head.endswith(b"\n"):
            await self._refuse(431, "core.headers_too_large")
        seconds = limits.HTTP_BODY_SECONDS
        length = _LENGTH.search(head)
        if (b"hunked" in head) if length is None else (int(length[1]) > limits.HTTP_BODY_BYTES):
            seconds = await self._make_room(head, None if length is None else int(length[1])) or seconds
        self._body_bytes, self._body_until = 0, self._now() + seconds
        return head

    def leave_room(self) -> None:
        """What was kept free for the body of before is others' again."""
        self._most = limits.HTTP_BODY_BYTES
        if self._room_taken:
            self._room.give_back(self._room_taken)
            self._room_taken = 0

    async def _make_room(self, head: bytes, length: int | None) -> float:
        """Keep room for a body that may be large; answers the seconds that it may take, 0 for any other's."""
        target = _TARGET.match(head)
        admitted = self._room.admits(target[1].decode("latin-1")) if target else 0
        if (length or 0) > max(admitted, limits.HTTP_BODY_BYTES):
            self._language = _language_of(head)
            await self._refuse(413, "core.body_too_large")
        if admitted <= limits.HTTP_BODY_BYTES:
            return 0.0
        size = admitted if length is None else length
        if not self._room.take(size):
            self._language = _language_of(head)
            await self._refuse(503, "core.too_much_at_once")
        self._room_taken, self._most = size, size
        return limits.FILE_BODY_SECONDS

    async def read_until(self, delimiter: bytes, max_bytes: int | None = None) -> bytes:
        """A chunk's length. Tornado asks for nothing else by a delimiter."""
        self._waits_for, self._until = Part.BODY, self._body_until
        line = self._read(await super().read_until_regex(_END_OF_LINE))
        if line.endswith(b"\r\n"):
            with contextlib.suppress(ValueError):
                self._body_bytes += int(line, 16)
        if self._body_bytes > self._most:
            await self._refuse(413, "core.body_too_large")
        return line

    async def read_bytes(self, num_bytes: int, partial: bool = False) -> bytes:
        """A part of a body."""
        self._waits_for, self._until = Part.BODY, self._body_until
        return self._read(await super().read_bytes(num_bytes, partial))

    def write(self, data: bytes | memoryview) -> "asyncio.Future[None]":
        """What Tornado would say of a request that it cannot read is said better."""
        if data == _TORNADOS_ANSWER:
            return asyncio.ensure_future(self._answer(400, "core.bad_request"))
        return super().write(data)

    def look_at(self, now: float) -> None:
        """Send away whoever is past the deadline; who asked nothing yet is not answered."""
        if self._waits_for is None or now < self._until:
            return
        if self._waits_for is not Part.REQUEST:
            super().write(self._say(408, "core.request_too_slow", self._language))
        self.close()

    def _head_begins(self) -> None:
        self._waits_for, self._until = Part.HEAD, self._now() + limits.HTTP_HEAD_SECONDS

    def _read(self, part: bytes) -> bytes:
        self._waits_for = None
        self._unread -= len(part)
        return part

    async def _refuse(self, status: int, code: str) -> NoReturn:
        """Answer, and end the connection. Tornado hears that it is closed."""
        await self._answer(status, code)
        self.close()
        raise StreamClosedError

    async def _answer(self, status: int, code: str) -> None:
        """Answer, and drop what is still being sent until the client has read, or for a bounded while."""
        await super().write(self._say(status, code, self._language))
        taken: Any = self.socket
        left = limits.HTTP_LINGER_BYTES
        with contextlib.suppress(OSError, StreamClosedError, TimeoutError):
            taken.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(limits.HTTP_LINGER_SECONDS):
                while left > 0:
                    left -= len(await super().read_bytes(limits.HTTP_BODY_BYTES, partial=True))


class RequestStreams:
    """Every connection of this process that still speaks HTTP, and the eye on their deadlines."""

    def __init__(self, *, say: Say, room: BodyRoom | None = None) -> None:
        self._say = say
        self._room = room or NoBodyRoom()
        self._open: set[RequestStream] = set()

    def open(self, taken: socket.socket) -> RequestStream:
        """A connection that was just accepted."""
        stream = RequestStream(taken, say=self._say, room=self._room)
        self._open.add(stream)
        return stream

    async def watch(self) -> None:
        """Look after deadlines until cancelled. A socket that left Tornado counts as closed."""
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(limits.HTTP_WATCH_SECONDS)
            at = now()
            for stream in tuple(self._open):
                stream.look_at(at)
                if stream.closed():
                    stream.leave_room()
                    self._open.discard(stream)


def _language_of(head: bytes) -> str:
    found = _LANGUAGE.search(head)
    return found[1].decode("latin-1") if found else ""
