"""The operations of the contract on the hospital side, apart from sockets: question in, envelope out.

Every failure of the hospital's system becomes a coded envelope here; nothing else is raised. Log lines hold
codes, lines and row numbers, never a value.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from core import limits
from core.clock import Clock
from front_machine.contract import (
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
    RowTrouble,
)
from front_machine.etag import etag_of
from front_machine.his import HisTrouble, OutcomeUnknown
from front_machine.hospital import Hospital
from front_machine.mapping import MappingRefused
from front_machine.page import News, Page, news
from front_machine.seldom import Seldom
from front_machine.watch import Watch

log = structlog.get_logger()

SETTLE_POLL_SECONDS = 0.1
_KEY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_REFERENCE = re.compile(r"[^\x00-\x1f]{1,64}")


class Operations:
    """What the platform may ask. One object for all connections."""

    def __init__(
        self,
        hospital: Hospital,
        *,
        clock: Clock,
        poll_seconds: float,
        settle_seconds: float,
        etag_key: bytes,
    ) -> None:
        self._hospital = hospital
        self._clock = clock
        self._settle_seconds = settle_seconds
        self._etag_key = etag_key
        self._watch: Watch[Page] = Watch(
            hospital.observe, poll_seconds=poll_seconds, monotonic=clock.monotonic
        )
        self._seldom = Seldom(monotonic=clock.monotonic)
        self._draining = False

    def drain(self) -> None:
        """Let everybody who waits for news have an answer at the next look."""
        self._draining = True

    async def close(self) -> None:
        """Stop looking."""
        await self._watch.close()

    async def ping(self) -> Envelope:
        """Whether this machine and the hospital's system behind it answer."""
        try:
            seconds = await self._hospital.ping()
        except (HisTrouble, MappingRefused) as error:
            return _ok(Pong(now=self._clock.now(), his=False), his_code=_code(error))
        return _ok(Pong(now=self._clock.now(), his=True, his_seconds=round(seconds, 4)))

    async def directory(self, part: str = "") -> tuple[Envelope, str]:
        """The public directory or one list of it, with the name of its content."""
        try:
            directory, troubles = await self._hospital.directory()
        except (HisTrouble, MappingRefused) as error:
            return self._unavailable(error), ""
        self._tell(troubles)
        content: Directory | Sequence[Any] = getattr(directory, part) if part else directory
        return _ok(content), etag_of(msgspec.to_builtins(content), key=self._etag_key)

    async def line_states(self, ask: AskLineStates) -> Envelope:
        """What changed against ``ask.known``, at once or when it changes within ``ask.wait_seconds``."""
        wait = min(max(ask.wait_seconds, 0.0), limits.HOSPITAL_WAIT_SECONDS)
        deadline = self._clock.monotonic() + wait
        while True:
            try:
                page = await self._watch.look()
            except (HisTrouble, MappingRefused) as error:
                return self._unavailable(error)
            found = news(page, ask.known)
            late = self._clock.monotonic() + self._watch.poll_seconds > deadline
            if found or late or self._draining:
                return self._news(page, found)
            del page, found  # nothing of a patient is held while waiting

    async def past_days(self, ask: AskPastDays) -> Envelope:
        """What the hospital keeps of days that are over. ``BAD_REQUEST``: it keeps none, or too many."""
        if not 1 <= (ask.until - ask.since).days <= limits.HOSPITAL_PAST_DAYS_AT_ONCE:
            return Envelope(code=Code.BAD_REQUEST)
        try:
            past = await self._hospital.past_days(since=ask.since, until=ask.until)
        except (HisTrouble, MappingRefused) as error:
            return self._unavailable(error)
        if past is None:
            return Envelope(code=Code.BAD_REQUEST)
        days, troubles = past
        self._tell(troubles)
        if not days and not troubles:
            return Envelope(code=Code.EMPTY)
        encoded = tuple(msgspec.Raw(msgspec.json.encode(day)) for day in days)
        return _ok(PastDays(days=encoded, troubles=tuple(troubles)))

    async def check_in(self, ask: AskCheckIn) -> Envelope:
        """Check a visit in at most once for its key."""
        if not (_KEY.fullmatch(ask.key) and _REFERENCE.fullmatch(ask.visit)) or len(ask.line) > 64:
            return Envelope(code=Code.BAD_REQUEST)
        try:
            found = await self._hospital.settled(ask.key)
            if found is None:
                await self._hospital.write_check_in(key=ask.key, visit=ask.visit, line=ask.line)
        except OutcomeUnknown as error:
            return _settlement(ask.key, {"outcome": "pending"}, his_code=error.his_code)
        except (HisTrouble, MappingRefused) as error:
            return self._unavailable(error)
        if found is not None and _is_other(found, ask):
            return Envelope(code=Code.BUSINESS_ERROR, reason=Reason.KEY_REUSED)
        return await self._decided(ask.key)

    async def settle(self, key: str) -> Envelope:
        """What became of a check-in; ``EMPTY`` when no such key ever arrived."""
        if not _KEY.fullmatch(key):
            return Envelope(code=Code.BAD_REQUEST)
        try:
            found = await self._hospital.settled(key)
        except (HisTrouble, MappingRefused) as error:
            return self._unavailable(error)
        return Envelope(code=Code.EMPTY) if found is None else _settlement(key, found)

    async def _decided(self, key: str) -> Envelope:
        """Wait a little for the hospital to decide. Once written, its own answer or "pending" is left."""
        deadline = self._clock.monotonic() + self._settle_seconds
        pending: dict[str, Any] = {"outcome": "pending"}
        while True:
            try:
                found = await self._hospital.settled(key) or pending
            except (HisTrouble, MappingRefused) as error:
                return _settlement(key, pending, his_code=_code(error))
            if found["outcome"] != "pending" or self._clock.monotonic() >= deadline:
                return _settlement(key, found)
            await asyncio.sleep(SETTLE_POLL_SECONDS)

    def _news(self, page: Page, found: News) -> Envelope:
        self._tell(found.troubles)
        return _ok(
            LineStates(
                as_of=page.as_of,
                age_seconds=round(self._clock.monotonic() - page.begun, 4),
                his_now=page.his_now,
                changed=found.changed,
                gone=found.gone,
                troubles=found.troubles,
            )
        )

    def _unavailable(self, error: Exception) -> Envelope:
        code = _code(error)
        if self._seldom.is_due("unavailable", code, int(self._clock.monotonic() // 60)):
            log.warning("his.unavailable", his_code=code, key=getattr(error, "key", ""))
        return Envelope(code=Code.UNAVAILABLE, his_code=code)

    def _tell(self, troubles: Sequence[RowTrouble]) -> None:
        for trouble in troubles:
            if self._seldom.is_due(trouble.line, trouble.field, trouble.why, trouble.row):
                log.warning(
                    "row.unusable",
                    line=trouble.line,
                    row=trouble.row,
                    field=trouble.field,
                    why=trouble.why,
                    spoils_line=trouble.spoils_line,
                )


def _ok(data: object, *, his_code: str = "") -> Envelope:
    return Envelope(code=Code.OK, his_code=his_code, data=msgspec.Raw(msgspec.json.encode(data)))


def _code(error: Exception) -> str:
    return error.his_code if isinstance(error, HisTrouble) else "mapping"


def _is_other(found: dict[str, Any], ask: AskCheckIn) -> bool:
    """Whether the key already belongs to another visit or line, as far as the table keeps them."""
    return bool(found.get("visit", ask.visit) != ask.visit or found.get("line", ask.line) != ask.line)


def _settlement(key: str, found: dict[str, Any], *, his_code: str = "") -> Envelope:
    outcome = found["outcome"]
    his_code = his_code or found.get("his_code", "")
    if outcome == "refused":
        reason = found.get("reason", Reason.OTHER)
        known = reason if reason in set(Reason) and reason else Reason.OTHER
        return Envelope(code=Code.BUSINESS_ERROR, his_code=his_code, reason=Reason(known))
    done = outcome == "done"
    data = CheckedIn(key=key, settled=done, number=found.get("number") if done else None)
    return Envelope(
        code=Code.OK if done else Code.UNKNOWN_OUTCOME,
        his_code=his_code,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )
