"""``/connection/websocket``: Tornado takes the request and its checks, then the socket leaves it.

What Tornado would keep alive behind a connection (stream, request, headers, coroutine: about 14 KB) is let go
after the handshake; ``RealtimeSockets`` holds one ``Connection`` per client instead.
"""

import asyncio
import contextlib
import socket
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from tornado.iostream import IOStream
from tornado.web import RequestHandler

from core import limits
from handlers.client_address import ClientAddresses
from handlers.problems import MEDIA_TYPE, bare_code, terse_problem
from handlers.protection import API_HEADERS
from handlers.readiness import Readiness, readiness
from handlers.realtime_connection import Connection
from handlers.realtime_handshake import PATH, Refusal, accepted, problem, refusal
from realtime.client import Client
from realtime.codes import Closings
from realtime.crowds import Crowd, Crowds
from realtime.floods import Floods
from realtime.hub import Hub
from realtime.metrics import RealtimeMetrics
from realtime.terms import Terms
from realtime.wheel import Wheel

_FLOODS = frozenset(
    why.name for why in (Closings.INVALID_TOKEN, Closings.TOO_MANY_REQUESTS, Closings.CONNECTION_LIMIT)
)


class RealtimeSockets:
    """Every WebSocket client of this process. ``start`` it in the loop, then route to it with ``rules``."""

    def __init__(
        self,
        *,
        terms: Terms,
        hub: Hub,
        metrics: RealtimeMetrics,
        allowed_origins: Collection[str] = (),
        most_connections: int = limits.REALTIME_CONNECTIONS_PER_PROCESS,
        addresses: ClientAddresses | None = None,
        crowds: Crowds | None = None,
    ) -> None:
        self.terms = terms
        self.hub = hub
        self._metrics = metrics
        self._allowed_origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)
        self._most_connections = most_connections
        self.addresses = addresses or ClientAddresses()
        self._crowds = Crowds(terms.clock) if crowds is None else crowds
        self._floods = Floods(terms.clock)
        self._connections: set[Connection] = set()
        metrics.connections.set_function(self.__len__)
        self._wheel: Wheel[Connection] = Wheel(tick_seconds=limits.REALTIME_TICK_SECONDS)
        self._readiness: Readiness | None = None
        self._turning: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self.draining = False

    def __len__(self) -> int:
        return len(self._connections)

    def clients(self) -> list[Client]:
        """Everybody, to be looked through."""
        return [connection.peer for connection in self._connections]

    def rules(self) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """What a Tornado application needs to route to us."""
        return [(PATH, RealtimeSocket, {"sockets": self})]

    @property
    def full(self) -> bool:
        """Whether a newcomer must be sent elsewhere."""
        return self.draining or len(self._connections) >= self._most_connections

    def start(self) -> None:
        """Begin to watch sockets and deadlines."""
        loop = asyncio.get_running_loop()
        self._readiness = readiness(loop)
        self._turn()

    async def drain(self, seconds: float = limits.REALTIME_DRAIN_SPREAD_SECONDS) -> None:
        """Send everybody away (3001), a crowd spread over the time so that not all come back at once."""
        self.draining = True
        leaving = list(self._connections)
        pause = limits.REALTIME_TICK_SECONDS
        rounds = max(1, int(seconds / pause))
        share = max(limits.REALTIME_DRAIN_AT_ONCE, -(-len(leaving) // rounds))
        for start in range(0, len(leaving), share):
            for connection in leaving[start : start + share]:
                connection.close(Closings.SHUTDOWN)
            await asyncio.sleep(pause)

    async def close(self, seconds: float = 1.0) -> None:
        """Send away who is left, wait a moment for their answers, and close every socket."""
        self.draining = True
        for connection in tuple(self._connections):
            connection.close(Closings.SHUTDOWN)
        if self._connections:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
        for connection in tuple(self._connections):
            connection.abandon()
        if self._turning is not None:
            self._turning.cancel()
        if self._readiness is not None:
            self._readiness.close()
            self._readiness = None

    def adopt(
        self, taken: socket.socket, handshake: bytes, early: bytes, *, address: bytes, whole: str = ""
    ) -> None:
        """Take over a socket whose upgrade was accepted, and which is ``tuned``: answer it and listen.

        ``address`` is what counts as one address, ``whole`` the client's own as text, for the log.
        """
        connection = Connection(self, taken, self._crowds.enter(address), whole)
        self._connections.add(connection)
        try:
            connection.begin(handshake, early)
        except BaseException:
            connection.abandon()
            raise

    def _turn(self) -> None:
        self._turning = asyncio.get_running_loop().call_later(limits.REALTIME_TICK_SECONDS, self._turn)
        now = self.terms.clock.monotonic()
        for connection in self._wheel.turn(now):
            if connection.is_open:
                connection.tick = -1
                connection.due(now)

    # What connections ask for.

    def watch(self, fd: int, connection: Connection) -> None:
        self.ears.watch(fd, connection)

    def want(self, fd: int, *, read: bool, write: bool) -> None:
        self.ears.want(fd, read=read, write=write)

    def call_at(self, connection: Connection, at: float) -> None:
        if connection.tick >= 0:
            self._wheel.remove(connection, connection.tick)
        connection.tick = self._wheel.put(connection, at)

    def call_by(self, connection: Connection, at: float) -> None:
        if connection.tick < 0 or self._wheel.tick_of(at) < connection.tick:
            self.call_at(connection, at)

    def read_soon(self, connection: Connection) -> None:
        asyncio.get_running_loop().call_soon(lambda: connection.ready(readable=True, writable=False))

    def admitted(self, connection: Connection) -> None:
        self.counted(connection.crowd)

    def ended(self, connection: Connection, reason: str) -> None:
        self.tells(reason)

    # What streams ask for besides (``handlers.realtime_stream.House``).

    def enters(self, address: bytes) -> Crowd | None:
        return self._crowds.enter(address)

    def counted(self, crowd: Crowd | None) -> None:
        self._crowds.connected(crowd)

    def left(self, crowd: Crowd | None, *, connected: bool) -> None:
        self._crowds.leave(crowd, connected=connected)

    def tells(self, reason: str) -> None:
        self._metrics.closed.labels(reason).inc()
        if reason in _FLOODS:
            self._floods.note(reason)

    def closed(self, fd: int, connection: Connection) -> None:
        self.ears.forget(fd)
        self._wheel.remove(connection, connection.tick)
        self._connections.discard(connection)
        # A client has an id from the moment it was admitted.
        self._crowds.leave(connection.crowd, connected=bool(connection.client))
        if not self._connections:
            self._empty.set()

    @property
    def ears(self) -> Readiness:
        """Who tells when a socket is ready."""
        if self._readiness is None:
            raise RuntimeError("the sockets were not started")
        return self._readiness

    # Who may come in.

    def turns_away(self, address: bytes) -> Refusal | None:
        """The bounds, asked last and once per handshake. None: come in."""
        if self.full:
            # Refused before the upgrade: the SDKs back off, which they do not after an accepted connection.
            return HTTPStatus.SERVICE_UNAVAILABLE, "realtime.server_full"
        away = self._crowds.turns_away(address)
        return None if away is None else (HTTPStatus.TOO_MANY_REQUESTS, away.value)

    def refused(self, code: str, *, forwarded: bool) -> None:
        """A handshake was refused. ``forwarded`` helps to find a proxy that nobody named as trusted."""
        self._metrics.refused.labels(code.removeprefix("realtime.")).inc()
        self._floods.note(code, forwarded=forwarded)

    def welcomes(self, origin: str, host: str) -> bool:
        """Whether a page of that origin may connect. Our own pages may."""
        if "*" in self._allowed_origins:
            return True
        scheme, _, place = origin.rstrip("/").lower().partition("://")
        return f"{scheme}://{place}" in self._allowed_origins or (bool(place) and place == host.lower())


class RealtimeSocket(RequestHandler):
    """The handshake of RFC 6455."""

    def initialize(self, sockets: RealtimeSockets) -> None:
        self._sockets = sockets
        self._address = sockets.addresses.group(self.request.remote_ip or "", self.request.headers)

    def get(self) -> None:
        refused = self._refusal()
        if refused is not None:
            self._refuse(*refused)
            return
        handshake = accepted(self.request.headers)
        taken, early = take_socket(self.detach())
        tune(taken)
        whole = self._sockets.addresses.text(self.request.remote_ip or "", self.request.headers)
        self._sockets.adopt(taken, handshake, early, address=self._address, whole=whole)

    def _refusal(self) -> Refusal | None:
        return refusal(self.request.headers, self._sockets.welcomes) or self._sockets.turns_away(
            self._address
        )

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        self._sockets.refused(code, forwarded="X-Forwarded-For" in self.request.headers)
        self.set_status(status)
        self.clear_header("Server")
        headers, body = problem(status, code)
        for name, value in headers.items():
            self.set_header(name, value)
        self.finish(body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Another method, or a defect of ours."""
        if status_code == 405:
            self.set_header("Allow", "GET")
        self.clear_header("Server")
        for name, value in API_HEADERS.items():
            self.set_header(name, value)
        self.set_header("Content-Type", MEDIA_TYPE)
        self.finish(terse_problem(status_code, bare_code(status_code)))


def tune(endpoint: socket.socket) -> None:
    """Set what a client's socket needs. One that listens passes it on to every socket it accepts."""
    with contextlib.suppress(OSError):
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # What lies in the kernel can no longer be merged: a slow client should wait here, not there.
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.REALTIME_KERNEL_SEND_BYTES)


def take_socket(stream: IOStream) -> tuple[socket.socket, bytes]:
    """Take the socket out of a detached stream, with the bytes that Tornado has already read from it.

    Tornado offers no public way; this is the only place that looks inside, and a test with plain and TLS
    sockets pins it. The stream is left closed and without a socket, so nothing of it stays registered.
    """
    early = bytes(stream._read_buffer)  # noqa: SLF001
    taken: socket.socket = stream.socket
    if stream._state is not None:  # noqa: SLF001
        stream.io_loop.remove_handler(taken)
        stream._state = None  # noqa: SLF001
    stream._closed = True  # noqa: SLF001
    stream.socket = None  # type: ignore[assignment]
    taken.setblocking(False)
    return taken, early
