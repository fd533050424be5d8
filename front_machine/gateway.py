"""The front machine's door: HTTPS with mutual TLS, opened for the platform's addresses only.

The order of refusals is fixed: a foreign address is dropped before the handshake; a certificate that is
missing, foreign or out of date fails the handshake; a certificate of another name is answered 403; all of it
before the hospital's system hears anything. Nothing is remembered; the access log knows operations only.
"""

import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import structlog
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from core import limits
from core.clock import Clock
from front_machine.admission import is_allowed, is_platform, tls_context
from front_machine.contract import (
    CHECK_IN,
    DEPARTMENTS,
    DIRECTORY,
    DOCTORS,
    LINE_STATES,
    LINES,
    PAST_DAYS,
    PING,
    ROOMS,
    AskCheckIn,
    AskLineStates,
    AskPastDays,
    Code,
    Envelope,
)
from front_machine.etag import key_from
from front_machine.his import HisLink, HisUnavailable
from front_machine.hospital import Hospital
from front_machine.operations import Operations
from front_machine.patient_answers import Answer as OfBody
from front_machine.patient_answers import patient_routes
from front_machine.patient_desk import PatientDesk
from front_machine.settings import FrontMachineSettings, Network, allowed_networks
from front_machine.under_way import Requests

log = structlog.get_logger()

_STATUS = {Code.BAD_REQUEST: 400, Code.FORBIDDEN: 403, Code.UNAVAILABLE: 503}
_CODE = {404: Code.BAD_REQUEST, 405: Code.BAD_REQUEST, 400: Code.BAD_REQUEST, 403: Code.FORBIDDEN}


class Gateway:
    """One running front machine. ``start``, then ``drain``; ``port`` is known in between."""

    def __init__(
        self,
        operations: Operations,
        hospital: Hospital,
        patients: PatientDesk,
        link: HisLink,
        settings: FrontMachineSettings,
    ) -> None:
        self.port = 0
        self._patients = patients
        self._operations = operations
        self._hospital = hospital
        self._link = link
        self._settings = settings
        self._context = tls_context(settings.tls)
        self._requests = Requests()
        self._server = Door(
            _application(operations, patients, self._requests, frozenset(settings.tls.platform_names)),
            allowed=allowed_networks(settings.listen),
            ssl_options=self._context,
            idle_connection_timeout=limits.GATEWAY_IDLE_SECONDS,
            body_timeout=limits.GATEWAY_BODY_SECONDS,
            max_body_size=limits.GATEWAY_BODY_BYTES,
            max_buffer_size=limits.HOSPITAL_REPLY_BYTES,
        )

    async def start(self) -> None:
        """Check the mapping against the hospital, then listen.

        Raises ``MappingRefused`` when a question cannot be asked. A hospital that is away is no reason not to
        start: the first answer tells.
        """
        try:
            for line in (*await self._hospital.check(), *await self._patients.check()):
                log.info("mapping.checked", table=line)
        except HisUnavailable as error:
            log.warning("his.unavailable_at_start", his_code=error.his_code)
        listen = self._settings.listen
        sockets = bind_sockets(listen.port, listen.host)
        self.port = sockets[0].getsockname()[1]
        self._server.add_sockets(sockets)
        log.info("gateway.listening", host=listen.host, port=self.port)

    def reload_certificates(self) -> None:
        """Take renewed certificate files for new connections, without a restart."""
        tls = self._settings.tls
        self._context.load_cert_chain(tls.certificate, tls.key)
        self._context.load_verify_locations(tls.ca)

    async def drain(self) -> None:
        """Stop accepting, answer who is waiting, close; within ``DRAIN_SECONDS``."""
        self._server.stop()
        self._operations.drain()
        try:
            async with asyncio.timeout(limits.DRAIN_SECONDS):
                await self._requests.none_under_way()
        except TimeoutError:
            log.warning("gateway.drained_late")
        await self._server.close_all_connections()
        await self._operations.close()
        await self._link.close()


def build_gateway(settings: FrontMachineSettings, link: HisLink, *, clock: Clock) -> Gateway:
    """Put a front machine together. Opens nothing but its key files."""
    etag_key = key_from(
        Path(settings.tls.key).read_bytes(), msgspec.json.encode((settings.tables, settings.clock))
    )
    hospital = Hospital(link, settings, clock=clock, etag_key=etag_key)
    operations = Operations(
        hospital,
        clock=clock,
        poll_seconds=settings.his.poll_seconds,
        settle_seconds=settings.check_in.settle_seconds if settings.check_in else 0.0,
        etag_key=etag_key,
    )
    patients = PatientDesk(link, settings, clock=clock)
    return Gateway(operations, hospital, patients, link, settings)


async def serve(gateway: Gateway) -> None:
    """Run until SIGTERM or SIGINT, then drain. SIGHUP takes renewed certificates."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold patients
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, gateway.reload_certificates)
    await gateway.start()
    await stop.wait()
    await gateway.drain()


class Door(HTTPServer):
    """Drops connections from foreign addresses, and any above the bound, before their handshake begins."""

    def initialize(self, *args: Any, **options: Any) -> None:
        """As ``HTTPServer``; ``allowed`` are the networks that may connect."""
        self._allowed: tuple[Network, ...] = options.pop("allowed")
        super().initialize(*args, **options)
        self._open = 0

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Called by Tornado for an accepted socket; no byte of it has been read yet."""
        if not is_allowed(str(address[0]), self._allowed):
            log.warning("gateway.foreign_address", address=str(address[0]))
            stream.close()
            return
        if self._open >= limits.GATEWAY_CONNECTIONS:
            log.warning("gateway.too_many_connections")
            stream.close()
            return
        self._open += 1
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        """Called by Tornado when a connection has ended."""
        self._open -= 1
        super().on_close(server_conn)


class Endpoint(RequestHandler):
    """The only handler: who asks, which operation, envelope out."""

    def initialize(
        self,
        *,
        name: str,
        answer: "Answer",
        method: str,
        requests: Requests,
        platform_names: frozenset[str],
    ) -> None:
        """Given by the route table."""
        self._name = name
        self._answer = answer
        self._method = method
        self._requests = requests
        self._platform_names = platform_names

    def set_default_headers(self) -> None:
        """Say as little as possible."""
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")

    async def get(self, argument: str = "") -> None:
        """Every GET operation."""
        await self._run("GET", argument)

    async def post(self) -> None:
        """Every POST operation."""
        await self._run("POST", "")

    def compute_etag(self) -> None:
        """Tags come from contents, never from Tornado's hash of a body."""

    async def _run(self, method: str, argument: str) -> None:
        if method != self._method:
            raise HTTPError(405 if self._method else 404)
        if not is_platform(_certificate(self.request), self._platform_names):
            self.reply(Envelope(code=Code.FORBIDDEN))
            return
        with self._requests:
            self.reply(await self._answer(self, argument))

    def reply(self, envelope: Envelope) -> None:
        """Send the envelope unless a 304 was already decided."""
        if self.get_status() == 304:
            self.finish()
            return
        self.set_status(_STATUS.get(envelope.code, 200))
        self.finish(msgspec.json.encode(envelope))

    def write_error(self, status_code: int, **_: Any) -> None:
        """A coded envelope for everything that Tornado itself refuses."""
        self.finish(msgspec.json.encode(Envelope(code=_CODE.get(status_code, Code.UNAVAILABLE))))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Only the kind of an unexpected error and where it arose: its text could quote a patient."""
        if isinstance(value, HTTPError):
            return
        while tb is not None and tb.tb_next is not None:
            tb = tb.tb_next
        where = f"{Path(tb.tb_frame.f_code.co_filename).name}:{tb.tb_lineno}" if tb else ""
        log.error("gateway.failed", operation=self._name, kind=typ.__name__ if typ else "", where=where)

    @property
    def operation(self) -> str:
        """The name for the access log."""
        return self._name


Answer = Callable[[Endpoint, str], Awaitable[Envelope]]


class Answers:
    """Decodes each question and hands it to its operation."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def ping(self, endpoint: Endpoint, _: str) -> Envelope:
        """Is anybody there."""
        return await self._operations.ping()

    async def line_states(self, endpoint: Endpoint, _: str) -> Envelope:
        """The long-poll."""
        try:
            ask = msgspec.json.decode(endpoint.request.body, type=AskLineStates)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Envelope(code=Code.BAD_REQUEST)
        return await self._operations.line_states(ask)

    async def past_days(self, endpoint: Endpoint, _: str) -> Envelope:
        """Days that are over."""
        try:
            ask = msgspec.json.decode(endpoint.request.body, type=AskPastDays)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Envelope(code=Code.BAD_REQUEST)
        return await self._operations.past_days(ask)

    async def check_in(self, endpoint: Endpoint, _: str) -> Envelope:
        """The write."""
        try:
            ask = msgspec.json.decode(endpoint.request.body, type=AskCheckIn)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Envelope(code=Code.BAD_REQUEST)
        return await self._operations.check_in(ask)

    async def settle(self, endpoint: Endpoint, key: str) -> Envelope:
        """What became of the write."""
        return await self._operations.settle(key)

    def listing(self, part: str) -> Answer:
        """The directory or one list of it, answered 304 when the asker holds it."""

        async def answer(endpoint: Endpoint, _: str) -> Envelope:
            envelope, etag = await self._operations.directory(part)
            if etag:
                endpoint.set_header("ETag", f'"{etag}"')
                if endpoint.request.headers.get("If-None-Match", "") == f'"{etag}"':
                    endpoint.set_status(304)
            return envelope

        return answer


def _application(
    operations: Operations, patients: PatientDesk, requests: Requests, platform_names: frozenset[str]
) -> Application:
    answers = Answers(operations)
    shared = {"requests": requests, "platform_names": platform_names}
    routes: list[tuple[str, str, str, Answer]] = [
        (PING, "GET", "ping", answers.ping),
        (DIRECTORY, "GET", "directory", answers.listing("")),
        (DEPARTMENTS, "GET", "departments", answers.listing("departments")),
        (DOCTORS, "GET", "doctors", answers.listing("doctors")),
        (ROOMS, "GET", "rooms", answers.listing("rooms")),
        (LINES, "GET", "lines", answers.listing("lines")),
        (LINE_STATES, "POST", "line_states", answers.line_states),
        (PAST_DAYS, "POST", "past_days", answers.past_days),
        (CHECK_IN, "POST", "check_in", answers.check_in),
        (CHECK_IN + r"/([^/]{1,64})", "GET", "settle", answers.settle),
        *((path, method, name, _of_body(answer)) for path, method, name, answer in patient_routes(patients)),
    ]
    return Application(
        [
            (path, Endpoint, {"name": name, "method": method, "answer": answer, **shared})
            for path, method, name, answer in routes
        ],
        default_handler_class=Endpoint,
        default_handler_args={"name": "unknown", "method": "", "answer": answers.ping, **shared},
        log_function=_log_access,
    )


def _of_body(answer: OfBody) -> Answer:
    return lambda endpoint, argument: answer(endpoint.request, argument)


def _log_access(handler: RequestHandler) -> None:
    """Operation, status and time; no path, no query, no body."""
    name = handler.operation if isinstance(handler, Endpoint) else "unknown"
    log.debug(
        "gateway.answered",
        operation=name,
        status=handler.get_status(),
        ms=round(1000 * handler.request.request_time(), 1),
    )


def _certificate(request: HTTPServerRequest) -> Any:
    """The caller's certificate; None where the caller has hung up and the stream has no socket any more."""
    try:
        return request.get_ssl_certificate()
    except AttributeError:
        return None
