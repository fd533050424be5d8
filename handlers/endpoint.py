"""One request from bytes to bytes: who asks, may they, decode, call, encode; every no becomes a problem.

The only JSON handler there is. It shares functions, not a base class with features in it: an endpoint is a
plain function (``handlers/routes.py``) that never sees Tornado.
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from prometheus_client import Histogram
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from accounts.quota import Pace
from core import limits
from core.actor import ANONYMOUS, Actor
from core.clock import Clock
from core.refusals import BadInput, Forbidden, Refusal, Unauthenticated, Unavailable
from core.replays import Kept, Replays
from core.sealing import SealBroken
from handlers.caller import Caller
from handlers.client_address import ClientAddresses
from handlers.deps import Deps, Identify
from handlers.managed import ManagedAddresses
from handlers.problems import MEDIA_TYPE, Problem, Words, plain_problem, problem_of
from handlers.protection import API_HEADERS, HTTPS_HEADER, Origins
from handlers.quota import DEVICE_HEADER, RequestQuotas
from handlers.ranges import Wanted
from handlers.recording import Recording, Trail
from handlers.routes import Answered, Plain, RawBody, Route, Streamed

log = structlog.get_logger()

_OF_MSGSPEC = re.compile(r"^(?P<why>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"missing required field `([^`]+)`")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
_KEY = re.compile(r"^[\x21-\x7e]{8,128}$")


class RequestTookTooLong(Unavailable):
    """The answer did not come in time; it is unknown whether the request was carried out."""

    code = "core.took_too_long"


@dataclass(frozen=True, slots=True)
class Edge:
    """What every endpoint shares, given by the composition root."""

    deps: Deps
    identify: Identify
    words: Words
    clock: Clock
    replays: Replays
    recording: Recording
    seconds: Histogram
    addresses: ClientAddresses = field(default_factory=ClientAddresses)
    quotas: RequestQuotas | None = None
    managed: ManagedAddresses = field(default_factory=ManagedAddresses)
    origins: Origins = field(default_factory=Origins)


def refused_value(error: msgspec.ValidationError) -> BadInput:
    """Name the field that a decoding error is about."""
    found = _OF_MSGSPEC.match(str(error))
    assert found is not None
    why, path = found["why"], found["path"] or "$"
    for named in (_MISSING, _UNKNOWN):
        inner = named.search(why)
        if inner:
            path = f"{path}.{inner[1]}"
    return BadInput(field=path, why=why)


class JsonEndpoint(RequestHandler):
    """Serves every JSON route of one path; with no routes, answers that there is no such path."""

    def initialize(self, edge: Edge, routes: Mapping[str, Route]) -> None:
        self._edge = edge
        self._routes = routes
        self._began = time.perf_counter()
        self._media_type = "application/json; charset=utf-8"

    SUPPORTED_METHODS = ("GET", "POST", "PUT", "HEAD", "OPTIONS")

    def set_default_headers(self) -> None:
        headers = self._headers
        del headers["Server"]
        # Ours, and known to be good: Tornado would judge each anew every time.
        for name, value in API_HEADERS.items():
            headers[name] = value

    async def get(self, *parts: str) -> None:
        await self._serve("GET", parts)

    head = get

    async def post(self, *parts: str) -> None:
        await self._serve("POST", parts)

    async def put(self, *parts: str) -> None:
        await self._serve("PUT", parts)

    async def options(self, *parts: str) -> None:
        self._allow()
        origin = self.request.headers.get("Origin")
        if origin is not None and "Access-Control-Request-Method" in self.request.headers:
            for name, value in self._edge.origins.preflight(origin).items():
                self.set_header(name, value)
        self.set_status(204)

    async def _serve(self, method: str, parts: tuple[str, ...]) -> None:
        route = self._routes.get(method)
        if route is None:
            self._answer_no_route()
            return
        try:
            async with asyncio.timeout(limits.HTTP_ANSWER_SECONDS):
                status, body = await self._call(route, parts)
        except Refusal as refusal:
            self._answer_problem(problem_of(refusal, self._edge.words, accept=self._accept))
        except TimeoutError:
            self._answer_problem(problem_of(RequestTookTooLong(), self._edge.words, accept=self._accept))
        else:
            if isinstance(body, Streamed):
                await self._stream(body)
            else:
                self._say(status, self._media_type, body)

    def _say(self, status: int, media_type: str, body: bytes) -> None:
        """Answer, with what a browser on another host or behind TLS has to be told besides."""
        self._begin(status, media_type)
        self.finish(body)

    def _begin(self, status: int, media_type: str) -> None:
        edge, request = self._edge, self.request
        self.set_status(status)
        self.set_header("Content-Type", media_type)
        origin = request.headers.get("Origin")
        if origin is not None:
            for name, value in edge.origins.headers(origin).items():
                self.set_header(name, value)
        if edge.addresses.is_https(request.remote_ip or "", request.headers):
            self.set_header(*HTTPS_HEADER)

    async def _stream(self, answer: Streamed) -> None:
        """Answer piece by piece. What fails on the way cuts the connection: the length was said already."""
        self._begin(answer.status, answer.media_type)
        for name, value in answer.headers:
            self.set_header(name, value)
        if answer.status != 304:
            self.set_header("Content-Length", str(answer.length))
        if answer.pieces is not None and self.request.method != "HEAD":
            try:
                async with asyncio.timeout(limits.FILE_FETCH_SECONDS), aclosing(answer.pieces) as pieces:
                    async for piece in pieces:
                        self.write(piece)
                        await self.flush()
            except (StreamClosedError, TimeoutError, Refusal, SealBroken) as error:
                if not isinstance(error, StreamClosedError):
                    log.warning("http.cut", why=type(error).__name__)
                connection: Any = self.request.connection
                connection.stream.close()
                return
        self.finish()

    def _answer_no_route(self) -> None:
        status, code = (405, "core.method_not_allowed") if self._routes else (404, "core.no_such_path")
        if self._routes:
            self._allow()
        self._answer_problem(plain_problem(status, code, self._edge.words, accept=self._accept))

    def _allow(self) -> None:
        self.set_header("Allow", ", ".join(sorted({*self._routes, "OPTIONS"})))

    async def _call(self, route: Route, parts: tuple[str, ...]) -> tuple[int, bytes | Streamed]:
        """Find out who asks, carry the request out, and leave its record before the answer leaves."""
        trail = self._edge.recording.trail(route, parts, self.request)
        # Too often is said before anything is recorded: a flood must not become a flood of records.
        trail.actor, unknown = await self._counted(route)
        try:
            if route.rule.managed:
                self._edge.managed.admit(
                    self.request.remote_ip or "", self.request.headers, self._edge.addresses
                )
            if unknown is not None:
                raise unknown
            if route.allow is not None and trail.actor.role not in route.allow:
                raise (
                    Unauthenticated() if trail.actor == ANONYMOUS else Forbidden(role=trail.actor.role.value)
                )
            await trail.admit()
            answer, status, body = await self._carry_out(route, trail, parts)
        except BaseException as error:
            await trail.ended(error)
            raise
        await trail.done(answer)
        return status, body

    async def _carry_out(
        self, route: Route, trail: Trail, parts: tuple[str, ...]
    ) -> tuple[object, int, bytes | Streamed]:
        given: dict[str, Any] = dict(zip(route.parts, parts, strict=True))
        if route.query is not None:
            given["query"] = self._query(route.query, lenient=route.lenient)
        if route.body is not None:
            given["body"] = self._body(route.body)
        if route.takes_raw:
            given["raw"] = self._raw()
        if route.takes_wanted:
            given["wanted"] = Wanted.of(self.request.headers)
        key = self.request.headers.get("Idempotency-Key")
        if route.takes_key:
            given["key"] = key
        if route.takes_caller:
            request = self.request
            given["caller"] = Caller.of(request.remote_ip or "", request.headers, self._edge.addresses)
        if route.replayable and key is not None:
            return await self._once(route, trail, key, given)
        answer = await route.function(self._edge.deps, trail.actor, **given)
        return answer, *self._encoded(route, answer)

    async def _once(
        self, route: Route, trail: Trail, key: str, given: dict[str, Any]
    ) -> tuple[object, int, bytes]:
        """Carry the request out once for its Idempotency-Key; a repetition gets the first answer."""
        if not _KEY.match(key):
            raise BadInput(field="Idempotency-Key", why="8 to 128 visible ASCII characters")
        replays, actor = self._edge.replays, trail.actor
        scope = f"{actor.role.value}:{actor.id}:{self.request.path}"
        fingerprint = hashlib.sha256(self.request.body).digest()
        kept = await replays.claim(scope=scope, key=key, fingerprint=fingerprint, at=self._edge.clock.now())
        if kept is not None:
            trail.replayed = True
            return None, kept.status, kept.body
        try:
            answer = await route.function(self._edge.deps, actor, **given)
            body = msgspec.json.encode(answer)
        except BaseException:
            await replays.release(scope=scope, key=key)
            raise
        await replays.keep(scope=scope, key=key, kept=Kept(status=route.status, body=body))
        return answer, route.status, body

    def _raw(self) -> RawBody:
        files = self.request.files.get("file")
        return RawBody(self.request.body, file=files[0].body if files else None)

    def _encoded(self, route: Route, answer: Any) -> tuple[int, bytes | Streamed]:
        if isinstance(answer, Streamed):
            return answer.status, answer
        if isinstance(answer, Answered):
            for name, value in answer.headers:
                self.set_header(name, value)
            answer = answer.body
        if not isinstance(answer, Plain):
            return route.status, msgspec.json.encode(answer)
        self._media_type = answer.media_type
        return answer.status, answer.body

    async def _counted(self, route: Route) -> tuple[Actor, Unauthenticated | None]:
        """Who asks, or why that is not known. Counted either way; refuses with ``TooManyRequests``."""
        unknown: Unauthenticated | None = None
        try:
            actor = self._actor()
        except Unauthenticated as refusal:
            actor, unknown = ANONYMOUS, refusal
        quotas, request = self._edge.quotas, self.request
        if quotas is not None:
            address = self._edge.addresses.group(request.remote_ip or "", request.headers)
            device = request.headers.get(DEVICE_HEADER)
            refused = unknown is not None or (actor == ANONYMOUS and route.allow is not None)
            pace = Pace.REFUSAL if refused else route.pace
            await quotas.admit(pace, actor, address=address, device=device)
        return actor, unknown

    def _actor(self) -> Actor:
        header = self.request.headers.get("Authorization")
        if header is None:
            return ANONYMOUS
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated()
        return self._edge.identify(token.strip())

    def _body(self, shape: type[msgspec.Struct]) -> msgspec.Struct:
        kind = self.request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()
        if self.request.body and kind != "application/json":
            raise BadInput(field="Content-Type", why="must be application/json")
        try:
            return msgspec.json.decode(self.request.body or b"{}", type=shape)
        except msgspec.ValidationError as error:
            raise refused_value(error) from None
        except msgspec.DecodeError as error:
            raise BadInput(field="$", why=f"not JSON: {error}") from None

    def _query(self, shape: type[msgspec.Struct], *, lenient: bool) -> msgspec.Struct:
        names = set(shape.__struct_encode_fields__)
        unknown = set(self.request.query_arguments) - names
        if unknown and not lenient:
            raise BadInput(field=f"?{min(unknown)}", why="no such parameter")
        given = set(self.request.query_arguments) & names
        values = {name: self.get_query_argument(name) for name in given}
        try:
            return msgspec.convert(values, shape, strict=False)
        except msgspec.ValidationError as error:
            refusal = refused_value(error)
            named = str(refusal.facts["field"]).replace("$.", "?")
            raise BadInput(field=named, why=str(refusal.facts["why"])) from None

    @property
    def _accept(self) -> str:
        return self.request.headers.get("Accept-Language", "")

    def _answer_problem(self, problem: Problem) -> None:
        if problem.status == 401:
            self.set_header("WWW-Authenticate", "Bearer")
        if problem.status == 503:
            self.set_header("Retry-After", str(int(limits.HTTP_RETRY_AFTER_SECONDS)))
        again = problem.params.get("again_after_seconds")
        if isinstance(again, int):
            self.set_header("Retry-After", str(again))
        self._say(problem.status, MEDIA_TYPE, msgspec.json.encode(problem))

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Keep tracebacks in ``write_error`` alone, where they get a number."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what nobody foresaw: a number for the log, nothing of its inside."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        if isinstance(error, HTTPError) and error.status_code == 405:
            self._answer_no_route()
            return
        if isinstance(error, HTTPError) and error.status_code < 500:
            self._answer_problem(
                plain_problem(error.status_code, "core.bad_request", self._edge.words, accept=self._accept)
            )
            return
        trace = secrets.token_hex(8)
        log.error("http.failed", trace=trace, error=type(error).__name__, where=_where(error))
        self._answer_problem(
            plain_problem(500, "core.internal", self._edge.words, accept=self._accept, trace=trace)
        )

    def compute_etag(self) -> None:
        """None: nothing of the API is kept by anybody (``no-store``), so nothing is ever asked for again."""

    def on_finish(self) -> None:
        path = next((route.path for route in self._routes.values()), "none")
        took = time.perf_counter() - self._began
        status = self.get_status()
        self._edge.seconds.labels(route=path, status=f"{status // 100}xx").observe(took)
        log.debug(
            "http.served", method=self.request.method, route=path, status=status, ms=round(took * 1e3, 1)
        )


def _where(error: BaseException | None) -> str:
    """File and line where an error was raised; never its text, which may hold a person."""
    trace = error.__traceback__ if error else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 3)[-1]}:{trace.tb_lineno}" if trace else "?"
