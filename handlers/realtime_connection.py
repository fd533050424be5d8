"""One client's socket after the handshake: a small slotted object instead of a stream and its request.

Writing: while nothing waits a ready frame goes straight to the socket; what the socket does not take waits
in a bounded outbox that is drained when the socket can be written again. A client that lets the outbox
overflow is closed with 3008, one that takes nothing at all for a while with 3009. At that moment the outbox
is emptied: only the rest of the frame under way and the close frame remain, for ``REALTIME_CLOSE_SECONDS``.

Reading stops while commands wait for an answer, so a client can never pile up more than one read's worth.
"""

import socket
import ssl
from collections.abc import Hashable
from typing import Final, Protocol

import structlog

from core import limits
from realtime import websocket
from realtime.client import Client
from realtime.codes import Closings, Disconnect
from realtime.crowds import Crowd
from realtime.fanout import Push
from realtime.hub import Hub
from realtime.outbox import Outbox
from realtime.terms import Terms

log = structlog.get_logger()

_LATER: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_LEFT: Final = "client_left"
_BROKEN: Final = "websocket_violation"


class Port(Protocol):
    """What a connection needs from the server that holds it."""

    terms: Terms
    hub: Hub

    def watch(self, fd: int, connection: "Connection") -> None:
        """Begin to tell when the socket is ready."""

    def want(self, fd: int, *, read: bool, write: bool) -> None:
        """Change what is waited for."""

    def call_at(self, connection: "Connection", at: float) -> None:
        """Call ``due`` at that moment, instead of the one named before."""

    def call_by(self, connection: "Connection", at: float) -> None:
        """Call ``due`` at that moment at the latest."""

    def read_soon(self, connection: "Connection") -> None:
        """Call ``ready`` in the next round, for bytes that already left the socket."""

    def admitted(self, connection: "Connection") -> None:
        """The client has said who it is."""

    def ended(self, connection: "Connection", reason: str) -> None:
        """The connection ends now; ``reason`` is from a closed set."""

    def closed(self, fd: int, connection: "Connection") -> None:
        """The socket is about to be closed: forget it."""


class Connection:
    """A WebSocket client. All calls come from the loop."""

    __slots__ = (
        "_client",
        "_closing",
        "_decoder",
        "_outbox",
        "_paused",
        "_port",
        "_rest",
        "_send",
        "_socket",
        "_stalled_at",
        "address",
        "crowd",
        "open_fd",
        "tick",
    )

    def __init__(self, port: Port, taken: socket.socket, crowd: Crowd | None, address: str = "") -> None:
        self._port = port
        self._socket = taken
        self._send = taken.send
        self._decoder = websocket.Decoder(bound=limits.REALTIME_MESSAGE_BYTES)
        self._client = Client(port.terms, port.hub, self)
        self._outbox: Outbox | None = None
        self._rest: bytes | None = None
        self._stalled_at = 0.0
        self._paused = False
        self._closing = False
        self.address = address
        self.crowd = crowd
        """Everyone of our address; None where no count is kept."""
        self.open_fd = -1
        """See ``realtime.fanout.Subscriber``: only a plain socket for which nothing waits."""
        self.tick = -1
        """Where the server's wheel holds our deadline."""

    def begin(self, handshake: bytes, early: bytes) -> None:
        """Finish the handshake and take what the client sent before that."""
        self._port.watch(self._socket.fileno(), self)
        self._reopen()
        self._port.call_at(self, self._client.session.due)
        self._offer(handshake)
        if early:
            self._take(early)

    @property
    def peer(self) -> Client:
        """Who is at the other end."""
        return self._client

    @property
    def client(self) -> str:
        return self._client.session.client

    @property
    def user(self) -> str:
        return self._client.session.identity.actor.id

    def info(self, channel: str) -> bytes:
        return self._client.info(channel)

    @property
    def is_open(self) -> bool:
        """Whether the socket is still ours."""
        return self._socket.fileno() >= 0

    # Outgoing.

    def deliver(self, push: Push) -> None:
        """Take a publication: the one call per subscriber that a publication costs."""
        if self._closing:
            return
        if self._rest is None:
            try:
                sent = self._send(push.frame)
            except _LATER:
                sent = 0
            except OSError:
                sent = -1
            if sent != len(push.frame):
                self.go_on(push, sent)
        else:
            for part in push.parts:
                if not self._closing:
                    self._queue(part.frame, part.key)

    def go_on(self, push: Push, sent: int) -> None:
        if self._closing:
            return
        if sent < 0:
            self._broken()
            return
        # What was begun goes on as it is: an encrypted socket may have taken more of it than it says.
        self._wait(push.frame[sent:])

    def _reopen(self) -> None:
        """Nothing waits: ready frames may go straight to the socket, unless it is encrypted."""
        if not self._closing and not isinstance(self._socket, ssl.SSLSocket):
            self.open_fd = self._socket.fileno()

    def write(self, payload: bytes) -> None:
        self._offer(websocket.text_frame(payload))

    def lost(self, channel: str) -> None:
        self._client.lost(channel)

    def fail(self) -> None:
        self._client.close(Closings.SERVER_ERROR)

    def close(self, why: Disconnect) -> None:
        """End the connection from our side."""
        self._client.close(why)

    def _offer(self, frame: bytes, key: Hashable | None = None) -> None:
        if self._rest is not None:
            self._queue(frame, key)
            return
        try:
            sent = self._send(frame)
        except _LATER:
            sent = 0
        except OSError:
            self._broken()
            return
        if sent != len(frame):
            self._wait(frame[sent:])

    def _queue(self, frame: bytes, key: Hashable | None) -> None:
        if self._outbox is None:
            self._outbox = Outbox(bound=limits.REALTIME_OUTBOX_BYTES)
        if not self._outbox.offer(frame, key=key) and not self._closing:
            self._client.close(Closings.SLOW)

    def _wait(self, rest: bytes) -> None:
        """The socket is full: go on when it can be written."""
        now = self._port.terms.clock.monotonic()
        self._rest = rest
        self.open_fd = -1
        self._stalled_at = now
        self._want()
        if not self._closing:
            self._port.call_by(self, now + limits.REALTIME_WRITE_STALL_SECONDS)

    def _drain(self) -> None:
        while self._rest is not None:
            try:
                sent = self._send(self._rest)
            except _LATER:
                return
            except OSError:
                self._broken()
                return
            self._stalled_at = self._port.terms.clock.monotonic()
            if sent != len(self._rest):
                self._rest = self._rest[sent:]
                return
            waiting = self._outbox
            self._rest = waiting.take(up_to=limits.REALTIME_WRITE_BYTES) or None if waiting else None
        self._outbox = None
        self._reopen()
        self._want()

    def _want(self) -> None:
        self._port.want(self._socket.fileno(), read=not self._paused, write=self._rest is not None)

    # Incoming.

    def ready(self, *, readable: bool, writable: bool) -> None:
        """The socket may be read or written. A fault of ours ends this connection and no other."""
        try:
            self._go_on(readable=readable, writable=writable)
        except Exception:
            log.exception("realtime.connection_failed")
            self.fail()

    def _go_on(self, *, readable: bool, writable: bool) -> None:
        if writable:
            self._drain()
        while readable and self.is_open:
            try:
                data = self._socket.recv(limits.REALTIME_READ_BYTES)
            except _LATER:
                return
            except OSError:
                data = b""
            if not data:
                self._broken()
                return
            self._take(data)
            # TLS may have taken more from the socket than it gave: nothing would tell us of that.
            readable = not self._paused and self._decrypted

    @property
    def _decrypted(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket) and self.is_open and bool(self._socket.pending())

    def _take(self, data: bytes) -> None:
        said: list[str] = []
        for event in self._decoder.feed(data):
            if isinstance(event, websocket.Text):
                said.append(event.text)
                continue
            self._hear(said)
            said = []
            self._handle(event)
        self._hear(said)
        if self._closing:
            return
        session = self._client.session
        self._port.call_by(self, session.due)
        if session.congested and not self._paused:
            self._paused = True
            self._want()

    def _hear(self, said: list[str]) -> None:
        """Messages of one read are answered by one write."""
        if said and not self._closing:
            self._client.receive(*said)

    def _handle(self, event: websocket.Event) -> None:
        match event:
            case websocket.Close(code):
                if not self._closing:
                    self._leave(code, _LEFT)
                self._finish()
            case _ if self._closing:
                # Our close frame is out; only the peer's answer to it matters now.
                return
            case websocket.Ping(data):
                self._offer(websocket.pong_frame(data), key="pong")
            case websocket.Binary():
                self._client.close(Closings.INAPPROPRIATE_PROTOCOL)
            case websocket.Violation() as violation:
                self._leave(violation.code, _BROKEN, violation.reason)

    def admitted(self) -> None:
        self._port.admitted(self)

    def settled(self) -> None:
        if not self.is_open or self._closing:
            return
        self._port.call_by(self, self._client.session.due)
        if self._paused and not self._client.session.congested:
            self._paused = False
            self._want()
            if self._decrypted:
                self._port.read_soon(self)

    # The end.

    def end(self, why: Disconnect) -> None:
        self._say_goodbye(why.code, why.reason, why.name)

    def _leave(self, code: int, reason: str, words: str = "") -> None:
        self._client.gone()
        self._say_goodbye(code, words, reason)

    def _say_goodbye(self, code: int, words: str, reason: str) -> None:
        """Queue the close frame in place of everything that waits, and give the peer a moment to answer."""
        self._closing = True
        self.open_fd = -1
        self._outbox = None
        self._paused = False
        self._port.ended(self, reason)
        self._port.call_at(self, self._port.terms.clock.monotonic() + limits.REALTIME_CLOSE_SECONDS)
        self._offer(websocket.close_frame(code, words))
        if self.is_open:
            self._want()

    def due(self, now: float) -> None:
        """The deadline named last has passed."""
        try:
            self._pass_time(now)
        except Exception:
            log.exception("realtime.connection_failed")
            self.fail()

    def _pass_time(self, now: float) -> None:
        if self._closing:
            self._finish()
            return
        if self._rest is not None and now - self._stalled_at >= limits.REALTIME_WRITE_STALL_SECONDS:
            self._client.close(Closings.WRITE_ERROR)
            return
        self._client.tick()
        if self._closing or not self.is_open:
            return
        due = self._client.session.due
        if self._rest is not None:
            due = min(due, self._stalled_at + limits.REALTIME_WRITE_STALL_SECONDS)
        self._port.call_at(self, due)

    def _broken(self) -> None:
        """The peer is gone without a word."""
        self.open_fd = -1
        if not self._closing:
            self._closing = True
            self._client.gone()
            self._port.ended(self, _LEFT)
        self._finish()

    def _finish(self) -> None:
        self.open_fd = -1
        if self.is_open:
            self._rest = self._outbox = None
            self._port.closed(self._socket.fileno(), self)
            self._socket.close()
            self._client.release()

    def abandon(self) -> None:
        """Close the socket now, whatever waits."""
        if not self._closing:
            self._closing = True
            self._client.gone()
            self._port.ended(self, Closings.SHUTDOWN.name)
        self._finish()
