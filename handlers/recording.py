"""The edge's part of the log: one record for each request of a recorded action, and for each that is refused.

Features do nothing for it but name their action (``accounts/policy.py``); this file is where it happens.
"""

import re
from collections.abc import Callable, Iterable

from tornado.httputil import HTTPServerRequest

from accounts.policy import Reach
from audit.log import AuditLog, AuditUnavailable, DoneNotRecorded
from audit.record import Record, Result, a_record, facts_of
from core.actor import ANONYMOUS, Actor
from core.clock import Clock
from core.refusals import Kind, Refusal
from handlers.client_address import ClientAddresses
from handlers.routes import Route

_ID = re.compile(r"[A-Za-z0-9_.@\-]{1,64}")
_OF_A_PERSON = re.compile(r"\d{11}|\d{15}|\d{17}[\dXx]")
"""A telephone or an id number has no place in a path; should one come all the same, it is not kept."""

_FOR_WHO_ASKS = frozenset({Kind.UNAUTHENTICATED, Kind.FORBIDDEN})


class Recording:
    """Makes a ``Trail`` for each request."""

    def __init__(self, log: AuditLog, *, clock: Clock, addresses: ClientAddresses) -> None:
        self.log = log
        self.clock = clock
        self.addresses = addresses

    def trail(self, route: Route, parts: Iterable[str], request: HTTPServerRequest) -> "Trail":
        """Of a request that begins now."""
        return Trail(
            self, route, parts, lambda: self.addresses.text(request.remote_ip or "", request.headers)
        )

    def call_trail(self, route: Route, parts: Iterable[str], *, actor: Actor, address: str) -> "Trail":
        """Of a socket's call that begins now."""
        trail = Trail(self, route, parts, lambda: address, over="socket")
        trail.actor = actor
        return trail


class Trail:
    """What one request leaves behind. ``admit`` before anything is done, then ``done`` or ``ended``."""

    __slots__ = ("_address", "_over", "_parts", "_recording", "_route", "actor", "replayed")

    def __init__(
        self,
        recording: Recording,
        route: Route,
        parts: Iterable[str],
        address: Callable[[], str],
        *,
        over: str = "",
    ) -> None:
        self._recording = recording
        self._route = route
        self._parts = parts
        self._address = address
        self._over = over
        self.actor: Actor = ANONYMOUS
        self.replayed = False

    async def admit(self) -> None:
        """Refuse with ``AuditUnavailable`` what may not be done while nothing can be recorded."""
        touches = self._route.rule.touches
        if touches.stops_without_log:
            await self._recording.log.ready()
        elif touches.recorded:
            self._recording.log.has_room()

    async def done(self, answer: object) -> None:
        """It was done: record it, where the policy says so, before the answer leaves.

        Raises ``DoneNotRecorded``, or ``AuditUnavailable`` for what only looked.
        """
        touches = self._route.rule.touches
        if not touches.recorded:
            return
        record = self._record(Result.DONE, "", answer)
        if not touches.waits_for_record:
            self._recording.log.note(record)
            return
        try:
            await self._recording.log.write(record)
        except DoneNotRecorded:
            if self._route.method == "GET":
                raise AuditUnavailable from None
            raise

    async def ended(self, error: BaseException) -> None:
        """It ended in this exception. Raises ``AuditUnavailable`` instead when that cannot be recorded."""
        log, touches = self._recording.log, self._route.rule.touches
        if not isinstance(error, Refusal):
            if touches.recorded:
                # A request that took too long is cancelled: it may have been done.
                result = Result.FAILED if isinstance(error, Exception) else Result.UNKNOWN
                log.note(self._record(result, type(error).__name__))
            return
        if not touches.recorded and not self._is_told(error):
            return
        log.has_room()
        record = self._record(Result.REFUSED, error.code, error)
        if not touches.waits_for_record or isinstance(error, AuditUnavailable):
            log.note(record)
            return
        try:
            await log.write(record)
        except DoneNotRecorded:
            raise AuditUnavailable from error

    def _is_told(self, error: Refusal) -> bool:
        """Whether a refusal is recorded whatever the action touches: it is about who asks, or whose it is."""
        not_yours = error.kind is Kind.NOT_FOUND and self._route.rule.reach is Reach.OWN
        return not_yours or error.kind in _FOR_WHO_ASKS

    def _record(self, result: Result, code: str, answer: object = None) -> Record:
        actor = self.actor
        return a_record(
            at=self._recording.clock.now(),
            actor=actor.id,
            role=actor.role.value,
            address=self._address(),
            action=self._route.action,
            object_=self._object(answer),
            result=result,
            code=code,
            facts=self._facts(answer),
        )

    def _object(self, answer: object) -> str:
        """The route with its path's ids in it, and the id of what was made or who it was."""
        route = self._route
        if route.parts:
            ids = {name: safe_id(part) for name, part in zip(route.parts, self._parts, strict=True)}
            return route.path.format_map(ids)
        found = getattr(answer, "user", None) or getattr(answer, "id", None)
        return f"{route.path}#{safe_id(found)}" if isinstance(found, str) else route.path

    def _facts(self, answer: object) -> str:
        facts: dict[str, str | int | bool] = {}
        if self.actor.session:
            facts["session"] = self.actor.session
        if self.replayed:
            facts["replayed"] = True
        if self._over:
            facts["over"] = self._over
        for name in self._route.facts:
            value = getattr(answer, name, None)
            if isinstance(value, str | int):
                facts[name] = value
        return facts_of(**facts)


def safe_id(text: str) -> str:
    """An id as the log keeps it; ``?`` for what is none."""
    return text if _ID.fullmatch(text) and not _OF_A_PERSON.fullmatch(text) else "?"
