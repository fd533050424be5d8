"""The platform's end of the hospital link: pooled HTTPS with our certificate, bounded in time and size.

Bodies are never logged and never part of an exception.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec

from core import limits
from core.clock import Clock
from core.refusals import Unavailable
from front_machine.breaker import Breaker
from front_machine.contract import (
    CHECK_IN,
    DIRECTORY,
    LINE_STATES,
    PAST_DAYS,
    PING,
    AskCheckIn,
    AskLineStates,
    AskPastDays,
    CheckedIn,
    Code,
    Directory,
    Envelope,
    LineStates,
    PastDays,
    Pong,
    Reason,
)
from front_machine.contract_patients import BIND_HEALTH_CARD, CREATE_PATIENT, FIND_PATIENT

FIRST_BACKOFF_SECONDS = 0.25
WAITING_TO_RETRY = "waiting_to_retry"
"""The cause when the link itself refuses, because the last question failed a moment ago."""

CONNECTIONS = 8
_WRITES = frozenset({CHECK_IN, CREATE_PATIENT, BIND_HEALTH_CARD})
_ANSWERS_FOR_ONE = _WRITES | {FIND_PATIENT}
Answer = TypeVar("Answer")


class HospitalUnavailable(Unavailable):
    """The hospital does not answer now; nothing was done. ``cause`` is a short code without data."""

    code = "front_machine.hospital_unavailable"

    def __init__(self, cause: str) -> None:
        super().__init__(cause=cause)
        self.cause = cause


class NotOffered(HospitalUnavailable):
    """The hospital does not know or does not take the question: asking again soon changes nothing."""


class OutcomeUnknown(Exception):
    """A write was sent and its answer was not seen; settle it by its key."""


@dataclass(frozen=True, slots=True)
class CheckInOutcome:
    """How a check-in stands.

    ``OK``: done, with the number. ``BUSINESS_ERROR``: refused, with the reason. ``UNKNOWN_OUTCOME``: ask
    again with ``settle``. ``EMPTY`` (only from ``settle``): it never arrived and may be sent again as it was.
    """

    code: Code
    reason: Reason = Reason.NONE
    his_code: str = ""
    number: str | None = None


def client_context(*, ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS that trusts our own authority only and shows the platform's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(ca)
    context.load_cert_chain(certificate, key)
    return context


class HospitalLink:
    """Asks one front machine. Make it inside a running loop; ``close`` when done."""

    def __init__(
        self,
        *,
        url: str,
        context: ssl.SSLContext,
        clock: Clock,
        chance: Callable[[], float],
        reply_seconds: float = limits.HOSPITAL_REPLY_SECONDS,
    ) -> None:
        self._url = url.rstrip("/")
        self._reply_seconds = reply_seconds
        self._breaker = Breaker(
            monotonic=clock.monotonic,
            chance=chance,
            first=FIRST_BACKOFF_SECONDS,
            longest=limits.HOSPITAL_BACKOFF_SECONDS,
        )
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=context, limit=CONNECTIONS, keepalive_timeout=limits.GATEWAY_IDLE_SECONDS / 2
            ),
            timeout=aiohttp.ClientTimeout(total=reply_seconds),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    def retry_in(self) -> float:
        """Seconds until it makes sense to ask again; every question before that is refused at once."""
        return self._breaker.wait_seconds()

    async def ping(self) -> Pong:
        """Ask whether front machine and hospital answer. Raises ``HospitalUnavailable``."""
        _, envelope, _ = await self._ask("GET", PING)
        return self._data(envelope, Pong)

    async def directory(self, etag: str = "") -> tuple[Directory, str] | None:
        """The directory and its tag; ``None`` if ``etag`` still names it. Raises ``HospitalUnavailable``."""
        headers = {"If-None-Match": etag} if etag else {}
        status, envelope, fresh = await self._ask("GET", DIRECTORY, headers=headers)
        if status == 304:
            return None
        return self._data(envelope, Directory), fresh

    async def line_states(self, ask: AskLineStates) -> LineStates:
        """What changed; waits at the hospital as ``ask`` says. Raises ``HospitalUnavailable``."""
        _, envelope, _ = await self._ask("POST", LINE_STATES, body=msgspec.json.encode(ask))
        return self._data(envelope, LineStates)

    async def past_days(self, ask: AskPastDays) -> PastDays:
        """Days that are over. Raises ``NotOffered`` or ``HospitalUnavailable``.

        Whatever becomes of this question says nothing about the live lines, so a failure here makes no other
        question wait.
        """
        if self._breaker.wait_seconds() > 0:
            raise HospitalUnavailable(WAITING_TO_RETRY)
        _, envelope, _ = await self._exchange("POST", PAST_DAYS, msgspec.json.encode(ask), {})
        return PastDays() if envelope.code is Code.EMPTY else self._data(envelope, PastDays)

    async def check_in(self, ask: AskCheckIn) -> CheckInOutcome:
        """Check in, at most once for ``ask.key``.

        Raises ``HospitalUnavailable`` when nothing was done. A lost answer is ``UNKNOWN_OUTCOME``.
        """
        try:
            _, envelope, _ = await self._ask("POST", CHECK_IN, body=msgspec.json.encode(ask))
        except OutcomeUnknown:
            return CheckInOutcome(Code.UNKNOWN_OUTCOME)
        return self._outcome(envelope)

    async def settle(self, key: str) -> CheckInOutcome:
        """What became of a check-in. Raises ``HospitalUnavailable``: still unknown, ask again later."""
        _, envelope, _ = await self._ask("GET", f"{CHECK_IN}/{key}")
        return self._outcome(envelope)

    async def question(self, method: str, path: str, body: msgspec.Struct | None = None) -> Envelope:
        """Any other question of the contract: its envelope, whatever it says.

        Raises ``HospitalUnavailable`` when nothing was done, ``OutcomeUnknown`` when it may have been.
        """
        sent = None if body is None else msgspec.json.encode(body)
        _, envelope, _ = await self._ask(method, path, body=sent)
        return envelope

    def data_of(self, envelope: Envelope, kind: type[Answer]) -> Answer:
        """What an envelope holds. Raises ``HospitalUnavailable`` when it is not the contract's."""
        return self._data(envelope, kind)

    def _outcome(self, envelope: Envelope) -> CheckInOutcome:
        number = None
        if bytes(envelope.data):
            number = self._data(envelope, CheckedIn).number
        return CheckInOutcome(envelope.code, envelope.reason, envelope.his_code, number)

    def _data(self, envelope: Envelope, kind: type[Answer]) -> Answer:
        if not bytes(envelope.data):
            raise HospitalUnavailable(f"no_data_{envelope.code}")
        try:
            return msgspec.json.decode(envelope.data, type=kind)
        except msgspec.DecodeError:
            raise HospitalUnavailable("not_the_contract") from None

    async def _ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Envelope, str]:
        """One question through the breaker. A lost answer to a check-in raises ``OutcomeUnknown``."""
        if self._breaker.wait_seconds() > 0:
            raise HospitalUnavailable(WAITING_TO_RETRY)
        try:
            answer = await self._exchange(method, path, body, headers or {})
        except (HospitalUnavailable, OutcomeUnknown) as error:
            # What the front machine will not take of these is an answer: nobody else has to wait for it.
            if isinstance(error, NotOffered) and path in _ANSWERS_FOR_ONE:
                self._breaker.succeeded()
            else:
                self._breaker.failed()
            raise
        self._breaker.succeeded()
        return answer

    async def _exchange(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, Envelope, str]:
        try:
            async with self._session.request(
                method, self._url + path, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await _bounded(response)
        except aiohttp.ClientConnectorError as error:
            raise HospitalUnavailable(_connect_code(error)) from None
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if method == "POST" and path in _WRITES:
                raise OutcomeUnknown from None
            raise HospitalUnavailable(_lost_code(error)) from None
        etag = response.headers.get("ETag", "")
        if response.status == 304:
            return 304, Envelope(code=Code.OK), etag
        try:
            envelope = msgspec.json.decode(content, type=Envelope)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise HospitalUnavailable(f"not_the_contract_{response.status}") from None
        if envelope.code is Code.UNAVAILABLE:
            raise HospitalUnavailable(f"his_{envelope.his_code}" if envelope.his_code else "his")
        if envelope.code is Code.BAD_REQUEST:
            raise NotOffered("bad_request")
        if envelope.code is Code.FORBIDDEN:
            raise HospitalUnavailable("forbidden")
        return response.status, envelope, etag


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    chunks = bytearray()
    async for chunk in response.content.iter_any():
        chunks += chunk
        if len(chunks) > limits.HOSPITAL_REPLY_BYTES:
            raise HospitalUnavailable("too_large")
    return bytes(chunks)


def _connect_code(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "tls_refused"
    return "refused" if isinstance(error.os_error, ConnectionRefusedError) else "not_reachable"


def _lost_code(error: BaseException) -> str:
    return "timeout" if isinstance(error, TimeoutError) else "connection_lost"
