"""Where no WebSocket comes through: one long response down, small requests up (``http_stream``, ``sse``).

    POST /connection/http_stream    the connect command as body; each reply is a line of the response
    GET  /connection/sse            the connect command as ``cf_connect``; each reply is an event
    POST /emulation                 everything that the client says afterwards, under its session

The client behind it is the same ``Client`` as a socket's, with the same bounds, pings and closings; only the
closing is a push, because a response has no close frame. Source: the Centrifuge protocol, "emulation".
"""

import asyncio
import contextlib
import json
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec
import structlog
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from core import limits
from handlers.problems import MEDIA_TYPE, bare_code, terse_problem
from handlers.protection import API_HEADERS
from handlers.realtime_handshake import Refusal, problem
from realtime.client import Client
from realtime.codes import Closings, Disconnect
from realtime.crowds import Crowd
from realtime.fanout import Push
from realtime.hub import Hub
from realtime.outbox import Outbox
from realtime.terms import Terms

log = structlog.get_logger()

HTTP_STREAM: Final = "/connection/http_stream"
SSE: Final = "/connection/sse"
EMULATION: Final = "/emulation"
_LEFT: Final = "client_left"
_CONNECTED: Final = b'"connect":{'

Frame = Callable[[bytes], bytes]
"""From JSON objects joined by newlines to what the response holds of them."""


def lines(payload: bytes) -> bytes:
    """For ``http_stream``: an object a line."""
    return payload + b"\n"


def events(payload: bytes) -> bytes:
    """For ``sse``: an object an event."""
    return b"".join(b"data: " + each + b"\n\n" for each in payload.split(b"\n"))


class House(Protocol):
    """What is shared with the process's sockets: who may come in, and who is counted."""

    terms: Terms
    hub: Hub

    def turns_away(self, address: bytes) -> Refusal | None:
        """The bounds, asked once for each stream."""

    def welcomes(self, origin: str, host: str) -> bool:
        """Whether a page of that origin may connect."""

    def refused(self, code: str, *, forwarded: bool) -> None:
        """A stream was refused."""

    def enters(self, address: bytes) -> Crowd | None:
        """One more of an address."""

    def counted(self, crowd: Crowd | None) -> None:
        """It has said who it is."""

    def left(self, crowd: Crowd | None, *, connected: bool) -> None:
        """It is gone."""

    def tells(self, reason: str) -> None:
        """It ended for that reason."""


class Stream:
    """One client behind a response. ``realtime.client.Outlet``; all calls come from the loop."""

    open_fd = -1

    def __init__(self, house: House, crowd: Crowd | None, *, address: str, frame: Frame, node: str) -> None:
        self.address = address
        self.id = secrets.token_urlsafe(24)
        """The secret that belongs to what the client says."""
        self._house = house
        self._crowd = crowd
        self._frame = frame
        self._node = node
        self._client = Client(house.terms, house.hub, self)
        self._outbox = Outbox(bound=limits.REALTIME_OUTBOX_BYTES)
        self._unheard: deque[str] = deque()
        self._awake = asyncio.Event()
        self._told = self._over = self._cut = False

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

    # Incoming.

    def hear(self, text: str) -> bool:
        """Take what the client says; answer False when too much of it waits already."""
        if self._over:
            return True
        if not self._client.session.congested:
            self._receive(text)
            return True
        if len(self._unheard) >= limits.REALTIME_EMULATED_WAITING:
            return False
        self._unheard.append(text)
        return True

    def _receive(self, text: str) -> None:
        try:
            self._client.receive(text)
        except Exception:
            log.exception("realtime.connection_failed")
            self.fail()
        self._awake.set()

    # Outgoing.

    def deliver(self, push: Push) -> None:
        for part in push.parts:
            self._put(part.payload, part.key)

    def go_on(self, push: Push, sent: int) -> None:
        self.deliver(push)

    def write(self, payload: bytes) -> None:
        if not self._told and _CONNECTED in payload:
            # The one reply that carries more here than over a socket.
            self._told = True
            said = json.dumps({"session": self.id, "node": self._node}, separators=(",", ":")).encode()
            payload = payload.replace(_CONNECTED, _CONNECTED + said[1:-1] + b",", 1).replace(b",}", b"}", 1)
        self._put(payload, None)

    def _put(self, payload: bytes, key: Hashable | None) -> None:
        if self._over:
            return
        if not self._outbox.offer(self._frame(payload), key=key):
            self._client.close(Closings.SLOW)
            return
        self._awake.set()

    def lost(self, channel: str) -> None:
        self._client.lost(channel)

    def fail(self) -> None:
        self._client.close(Closings.SERVER_ERROR)

    def close(self, why: Disconnect) -> None:
        """End it from our side."""
        self._client.close(why)

    def admitted(self) -> None:
        self._house.counted(self._crowd)

    def settled(self) -> None:
        while self._unheard and not self._over and not self._client.session.congested:
            self._receive(self._unheard.popleft())
        self._awake.set()

    def end(self, why: Disconnect) -> None:
        """Said in place of everything that waits."""
        push = {"push": {"disconnect": {"code": why.code, "reason": why.reason}}}
        self._outbox.clear()
        self._outbox.offer(self._frame(json.dumps(push, separators=(",", ":")).encode()))
        self._over = True
        self._house.tells(why.name)
        self._awake.set()

    async def flow(self, write: Callable[[bytes], None], flush: Callable[[], Any]) -> None:
        """Write what comes until the end. Raises ``StreamClosedError`` when the client is gone."""
        clock = self._house.terms.clock
        while not self._cut:
            while self._outbox and not self._cut:
                write(self._outbox.take(up_to=limits.REALTIME_WRITE_BYTES))
                try:
                    async with asyncio.timeout(limits.REALTIME_WRITE_STALL_SECONDS):
                        await flush()
                except TimeoutError:
                    self._client.close(Closings.WRITE_ERROR)
                    raise StreamClosedError from None
            if self._over:
                return
            self._awake.clear()
            try:
                async with asyncio.timeout(max(0.0, self._client.session.due - clock.monotonic())):
                    await self._awake.wait()
            except TimeoutError:
                self._client.tick()
        raise StreamClosedError

    def cut(self) -> None:
        """The client has hung up."""
        self._cut = True
        self._awake.set()

    def gone(self) -> None:
        """The response has ended, whoever ended it."""
        if not self._over:
            self._over = True
            self._client.gone()
            self._house.tells(_LEFT)
        self._house.left(self._crowd, connected=bool(self.client))
        self._client.release()


class Emulated(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """What a client says: commands as JSON objects joined by newlines, in a string."""

    session: str
    data: str
    node: str = ""


class Streams:
    """Every stream of this process, by session."""

    def __init__(self, house: House, *, node: str, address_of: Callable[[Any], tuple[bytes, str]]) -> None:
        """``address_of`` gives the address that counts and its text, of a Tornado request."""
        self.house = house
        self.node = node
        self.address_of = address_of
        self._open: dict[str, Stream] = {}
        self._empty = asyncio.Event()
        self.forward: Callable[[Emulated], Awaitable[bool | None]] | None = None
        """Asks the process of another node to hear it; answers whether that one did."""
        self.draining = False

    def __len__(self) -> int:
        return len(self._open)

    def clients(self) -> list[Client]:
        """Everybody, to be looked through."""
        return [stream.peer for stream in self._open.values()]

    def rules(self) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
        """What a Tornado application needs to route to us."""
        given: dict[str, Any] = {"streams": self}
        return [(HTTP_STREAM, HttpStream, given), (SSE, EventStream, given), (EMULATION, Emulation, given)]

    def open(self, request: Any, frame: Frame) -> Stream:
        """A client that may come in."""
        group, text = self.address_of(request)
        stream = Stream(self.house, self.house.enters(group), address=text, frame=frame, node=self.node)
        self._open[stream.id] = stream
        return stream

    def close(self, stream: Stream) -> None:
        """Its response has ended."""
        self._open.pop(stream.id, None)
        stream.gone()
        if not self._open:
            self._empty.set()

    def hear(self, said: Emulated) -> bool | None:
        """Let a client of this process say something; ``None``: it is none of ours."""
        stream = self._open.get(said.session)
        return None if stream is None else stream.hear(said.data)

    async def drain(self) -> None:
        """Send everybody away; they come back elsewhere."""
        self.draining = True
        if not self._open:
            return
        self._empty.clear()
        for stream in tuple(self._open.values()):
            stream.close(Closings.SHUTDOWN)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.REALTIME_CLOSE_SECONDS):
                await self._empty.wait()


class _OfStreams(RequestHandler):
    """What the three have in common: origins, refusals, headers."""

    def initialize(self, streams: Streams) -> None:
        self._streams = streams

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in API_HEADERS.items():
            self.set_header(name, value)

    def options(self) -> None:
        if self._comes_from_a_friend():
            self.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
            self.set_header("Access-Control-Allow-Headers", "Content-Type")
            self.set_header("Access-Control-Max-Age", "600")
        self.set_status(204)

    def _comes_from_a_friend(self) -> bool:
        """Whether a page of that origin may come; says so to the browser."""
        origin = self.request.headers.get("Origin")
        if origin is None:
            return True
        if not self._streams.house.welcomes(origin, self.request.headers.get("Host", "")):
            return False
        self.set_header("Access-Control-Allow-Origin", origin)
        self.set_header("Vary", "Origin")
        return True

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        self._streams.house.refused(code, forwarded="X-Forwarded-For" in self.request.headers)
        headers, body = problem(status, code)
        for name, value in headers.items():
            self.set_header(name, value)
        self.set_status(status)
        self.finish(body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Another method, or a defect of ours."""
        self.set_header("Content-Type", MEDIA_TYPE)
        self.finish(terse_problem(status_code, bare_code(status_code)))

    def compute_etag(self) -> None:
        """None: nothing of this is kept by anybody."""


class _Down(_OfStreams):
    """The long response."""

    _stream: Stream | None = None

    async def _serve(self, connect: str, frame: Frame, media_type: str, first: bytes) -> None:
        streams = self._streams
        if not self._comes_from_a_friend():
            return self._refuse(HTTPStatus.FORBIDDEN, "realtime.origin_refused")
        if streams.draining or len(streams) >= limits.REALTIME_STREAMS_PER_PROCESS:
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "realtime.server_full")
        away = streams.house.turns_away(streams.address_of(self.request)[0])
        if away is not None:
            return self._refuse(*away)
        self.set_header("Content-Type", media_type)
        self.set_header("X-Accel-Buffering", "no")
        stream = self._stream = streams.open(self.request, frame)
        try:
            if first:
                self.write(first)
            await self.flush()
            stream.hear(connect)
            await stream.flow(self.write, self.flush)
            self.finish()
        except StreamClosedError:
            return None
        finally:
            self._stream = None
            streams.close(stream)

    def on_connection_close(self) -> None:
        if self._stream is not None:
            self._stream.cut()


class HttpStream(_Down):
    """``/connection/http_stream``."""

    async def post(self) -> None:
        connect = self.request.body.decode("utf-8", "replace")
        await self._serve(connect, lines, "application/octet-stream", b"")


class EventStream(_Down):
    """``/connection/sse``."""

    async def get(self) -> None:
        connect = self.get_query_argument("cf_connect", "", strip=False)
        await self._serve(connect, events, "text/event-stream; charset=utf-8", b"\r\n")


class Emulation(_OfStreams):
    """``/emulation``."""

    async def post(self) -> None:
        if not self._comes_from_a_friend():
            return self._refuse(HTTPStatus.FORBIDDEN, "realtime.origin_refused")
        try:
            said = msgspec.json.decode(self.request.body, type=Emulated)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._refuse(HTTPStatus.BAD_REQUEST, "realtime.bad_emulation")
        heard = self._streams.hear(said)
        if heard is None and said.node != self._streams.node and self._streams.forward is not None:
            heard = await self._streams.forward(said)
        if heard is None:
            return self._refuse(HTTPStatus.NOT_FOUND, "realtime.no_such_session")
        if not heard:
            return self._refuse(HTTPStatus.TOO_MANY_REQUESTS, "realtime.too_much_waiting")
        self.set_status(204)
        return None
