"""The short way in: a WebSocket handshake answered before Tornado makes a request of it.

Of what a connect costs, Tornado's reading, routing and request objects are more than half. So each accepted
connection is looked at first, without taking anything from it. A plain, complete request for the socket that
nothing speaks against is answered here; everything else, whatever is unusual about it, is handed to Tornado
untouched, which answers as ever.

The same look keeps whoever sends a request by the drop from Tornado: what has no complete request line and
headers within ``HTTP_HEAD_SECONDS`` is sent away, with a word (408) if anything was asked at all.
"""

import asyncio
import contextlib
import re
import select
import socket
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from core import limits
from handlers.realtime_handshake import PATH, accepted, problem, refusal
from handlers.realtime_socket import RealtimeSockets, tune

_ASKS: Final = b"GET " + PATH.encode()
_END: Final = b"\r\n\r\n"
_REQUEST: Final = re.compile(r"GET " + re.escape(PATH) + r"(\?[!-~]*)? HTTP/1\.1\Z")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_NO_CONTROL: Final = bytes((9, *range(0x20, 0x7F), *range(0x80, 0x100)))
_USUAL: Final = {
    name: name.lower()
    for name in (
        "Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
        "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Origin", "User-Agent", "Accept-Encoding",
        "Accept-Language", "Cache-Control", "Pragma", "Cookie", "X-Real-IP", "X-Forwarded-For",
        "X-Forwarded-Proto",
    )
}  # fmt: skip
"""As browsers, SDKs and proxies write them: known to be good."""
_HOST: Final = re.compile(r"[A-Za-z0-9.:_\[\]-]+\Z")
_FOR_TORNADO: Final = frozenset({"content-length", "transfer-encoding", "expect"})

Address = tuple[Any, ...]
OpenStream = Callable[[socket.socket], IOStream]
"""What Tornado reads a connection through."""


Heads = dict[str, str]
"""Headers by lower-case name; repeated ones joined by commas."""


def read_head(head: bytes) -> Heads | None:
    """The headers of a request for the socket; None when anything is not plainly right.

    ``head`` is without the empty line at its end.
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    # The ends of the lines must be all there is of control characters.
    if _REQUEST.match(first) is None or head.translate(None, _NO_CONTROL) != b"\r\n" * len(lines):
        return None
    found: Heads = {}
    for line in lines:
        written, colon, value = line.partition(":")
        name = _USUAL.get(written) or _name(written)
        if not (name and colon):
            return None
        value = value.strip(" \t")
        found[name] = f"{found[name]}, {value}" if name in found else value
    if _HOST.match(found.get("host", "")) is None:
        return None
    return found if _FOR_TORNADO.isdisjoint(found) else None


def _name(written: str) -> str:
    """The lower-case name of a header; empty for what is none."""
    return written.lower() if _TOKEN.match(written) else ""


class Visitor:
    """Somebody who has connected and not yet said what for."""

    __slots__ = ("_door", "address", "socket")

    def __init__(self, door: "Door", taken: socket.socket, address: Address) -> None:
        self._door = door
        self.socket = taken
        self.address = address

    @property
    def host(self) -> str:
        """The peer's address; empty where it has none (a Unix socket)."""
        return str(self.address[0]) if self.address else ""

    def ready(self, *, readable: bool, writable: bool) -> None:
        """More has come."""
        self._door.look_again(self)


class Door:
    """Accepts for a Tornado server. ``listen`` in the loop, ``close`` before the sockets' owner closes."""

    def __init__(
        self, sockets: RealtimeSockets, server: HTTPServer, *, open_stream: OpenStream | None = None
    ) -> None:
        self._sockets = sockets
        self._server = server
        self._open_stream = open_stream or partial(IOStream, max_buffer_size=server.max_buffer_size)
        self._listening: list[socket.socket] = []
        # In the order of their arrival, which is the order of their deadlines.
        self._waiting: dict[Visitor, float] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def listen(self, listening: Iterable[socket.socket]) -> None:
        """Begin to accept. Where the server speaks TLS, Tornado does that itself: a look shows nothing."""
        if self._server.ssl_options is not None:
            self._server.add_sockets(listening)
            return
        loop = asyncio.get_running_loop()
        for each in listening:
            each.setblocking(False)
            tune(each)
            loop.add_reader(each, self._accept, each, (int(each.family), int(each.type), each.proto))
            self._listening.append(each)

    def _accept(self, listening: socket.socket, kind: tuple[int, int, int]) -> None:
        """Take a few who knock: when thousands do, others have their turn in between."""
        for _ in range(limits.HTTP_ACCEPTS_AT_ONCE):
            try:
                descriptor, address = listening._accept()  # type: ignore[attr-defined]  # noqa: SLF001
            except OSError:
                # Nobody more, gone again, or no descriptor left: they knock again.
                return
            # What ``accept`` does besides is to ask again, for everyone, of what kind the sockets are.
            self.take(socket.socket(*kind, fileno=descriptor), address)

    def close(self) -> None:
        """Accept no more, and close whoever still waits. May be called twice."""
        self._server.stop()
        listening, self._listening = self._listening, []
        for each in listening:
            asyncio.get_running_loop().remove_reader(each)
            each.close()
        for visitor in tuple(self._waiting):
            self._send_away(visitor)

    def _hand_over(self, taken: socket.socket, address: Address) -> None:
        """Give Tornado a connection as if it had accepted it itself."""
        self._server.handle_stream(self._open_stream(taken), address)

    def take(self, taken: socket.socket, address: Address) -> None:
        """Somebody has connected."""
        taken.setblocking(False)
        visitor = Visitor(self, taken, address)
        step = self._next_step(visitor)
        if step is not None:
            step()
        elif self._sockets.ears.tells_news:
            self._wait(visitor)
        else:
            self._hand_over(taken, address)

    def look_again(self, visitor: Visitor) -> None:
        """A waiting visitor has said more, or has gone."""
        step = self._next_step(visitor)
        if step is not None:
            self._let_go(visitor)
            step()

    # Looking.

    def _next_step(self, visitor: Visitor) -> Callable[[], None] | None:
        """What to do with the visitor; None while that is not known."""
        try:
            head = visitor.socket.recv(limits.HTTP_HEADER_BYTES, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            head = b""
        if not head:
            return visitor.socket.close
        to_tornado = partial(self._hand_over, visitor.socket, visitor.address)
        if head[: len(_ASKS)] != _ASKS[: len(head)]:
            return to_tornado
        end = head.find(_END)
        if end < 0:
            whole = len(head) >= limits.HTTP_HEADER_BYTES or _says_no_more(visitor.socket)
            return to_tornado if whole else None
        headers = read_head(head[:end])
        if headers is None or refusal(headers, self._sockets.welcomes) is not None:
            return to_tornado
        return partial(self._shake_hands, visitor, headers, end + len(_END))

    def _shake_hands(self, visitor: Visitor, headers: Heads, size: int) -> None:
        address = self._sockets.addresses.group(visitor.host, headers)
        away = self._sockets.turns_away(address)
        visitor.socket.recv(size)
        if away is None:
            whole = self._sockets.addresses.text(visitor.host, headers)
            self._sockets.adopt(visitor.socket, accepted(headers), b"", address=address, whole=whole)
        else:
            self._sockets.refused(away[1], forwarded="x-forwarded-for" in headers)
            _turn_away(visitor.socket, *away)

    # Waiting.

    def _wait(self, visitor: Visitor) -> None:
        if len(self._waiting) >= limits.HTTP_VISITORS:
            self._send_away(next(iter(self._waiting)))
        self._waiting[visitor] = self._now() + limits.HTTP_HEAD_SECONDS
        self._sockets.ears.watch(visitor.socket.fileno(), visitor, news=True)
        if self._sweeping is None:
            self._sweep_later()

    def _let_go(self, visitor: Visitor) -> None:
        del self._waiting[visitor]
        self._sockets.ears.forget(visitor.socket.fileno())

    def _send_away(self, visitor: Visitor) -> None:
        self._let_go(visitor)
        visitor.socket.close()

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(limits.REALTIME_TICK_SECONDS, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        now = self._now()
        for visitor in [visitor for visitor, until in self._waiting.items() if until <= now]:
            self._let_go(visitor)
            if _has_asked(visitor.socket):
                _turn_away(visitor.socket, HTTPStatus.REQUEST_TIMEOUT, "core.request_too_slow")
            else:
                visitor.socket.close()
        if self._waiting:
            self._sweep_later()

    def _now(self) -> float:
        return self._sockets.terms.clock.monotonic()


def _has_asked(taken: socket.socket) -> bool:
    with contextlib.suppress(OSError):
        return bool(taken.recv(1, socket.MSG_PEEK))
    return False


def _says_no_more(taken: socket.socket) -> bool:
    """Whether the peer has closed its side, so that no news will come."""
    poll = select.poll()
    poll.register(taken, select.POLLRDHUP)
    return bool(poll.poll(0))


def _turn_away(taken: socket.socket, status: HTTPStatus, code: str) -> None:
    headers, body = problem(status, code)
    headers |= {"Content-Length": str(len(body)), "Connection": "close"}
    lines = [
        f"HTTP/1.1 {int(status)} {status.phrase}",
        *(f"{name}: {told}" for name, told in headers.items()),
    ]
    with contextlib.suppress(OSError):
        taken.send("\r\n".join((*lines, "", "")).encode("ascii") + body)
        # What lies unread at a close makes it a reset, which takes the answer with it.
        taken.shutdown(socket.SHUT_WR)
        taken.recv(limits.HTTP_HEADER_BYTES)
    taken.close()
