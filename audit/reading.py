"""Looking at the log: search, and how it stands. Looking is itself recorded, by the edge."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import msgspec

from audit.capacity import Capacity, Size, capacity
from audit.chain import Link
from audit.checking import VERIFY
from audit.head import Head
from audit.log import AuditLog
from audit.moments import microseconds, moment
from audit.record import Result
from audit.wire import AuditPage, AuditQuery, AuditRecord, AuditStanding, Verified
from core import limits
from core.clock import Clock


@dataclass(frozen=True, slots=True)
class Question:
    """Records of a range of sequences (both included) that are all of this, newest first."""

    first: int
    last: int
    actor: str | None = None
    action: str | None = None
    result: str | None = None
    object: str | None = None
    """A part of it."""


class AuditReadings(Protocol):
    """What looking needs of storage."""

    async def search(self, question: Question, *, limit: int) -> list[Link]:
        """The newest that fit."""

    async def first_since(self, at_us: int) -> int:
        """As ``audit.store.AuditStore``."""

    async def last_head(self) -> Head | None:
        """As ``audit.store.AuditStore``."""

    async def oldest(self) -> Link | None:
        """The oldest record that is kept."""

    async def size(self, *, since_us: int) -> Size:
        """How much there is, and was written since."""


class _Facts(msgspec.Struct):
    records: int = 0
    heads: int = 0
    troubles: int = 0


class AuditReading:
    """The audit administrator's view."""

    def __init__(self, store: AuditReadings, *, log: AuditLog, clock: Clock, kept_days: int) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._kept_days = kept_days

    async def search(self, query: AuditQuery) -> AuditPage:
        """A page of what fits. Bounds in time are those of the chain's order, which is that of writing."""
        last = int(query.cursor) - 1 if query.cursor else limits.AUDIT_BEYOND
        first = 1
        if query.since is not None:
            first = await self._store.first_since(microseconds(query.since))
        if query.until is not None:
            last = min(last, await self._store.first_since(microseconds(query.until)) - 1)
        question = Question(
            first=first,
            last=last,
            actor=query.actor,
            action=query.action,
            result=query.result,
            object=query.object,
        )
        found = await self._store.search(question, limit=query.limit + 1)
        page = found[: query.limit]
        more = len(found) > query.limit
        return AuditPage(
            records=[AuditRecord.of(link) for link in page],
            next=str(page[-1].sequence) if more else None,
        )

    async def capacity(self) -> Capacity:
        """How much, how fast, how long."""
        week_ago = self._clock.now() - timedelta(days=7)
        return capacity(await self._store.size(since_us=microseconds(week_ago)))

    async def verified(self) -> Verified | None:
        """The newest verification by the platform itself."""
        question = Question(first=1, last=limits.AUDIT_BEYOND, action=VERIFY)
        for link in await self._store.search(question, limit=1):
            facts = msgspec.json.decode(link.record.facts or "{}", type=_Facts)
            return Verified(
                at=moment(link.record.at_us),
                records=facts.records,
                heads=facts.heads,
                troubles=facts.troubles or (link.record.result is not Result.DONE),
            )
        return None

    async def standing(self) -> AuditStanding:
        """All of it."""
        found, head = await self.capacity(), await self._store.last_head()
        oldest, verified = await self._store.oldest(), await self.verified()
        return AuditStanding(
            records=found.size.records,
            bytes=found.size.bytes,
            growth_records=round(found.growth_records, 1),
            growth_bytes=round(found.growth_bytes),
            oldest_day=None if oldest is None else moment(oldest.record.at_us).date().isoformat(),
            kept_days=self._kept_days,
            days_left=None if found.days_left is None else round(found.days_left, 1),
            signed_at=None if head is None else moment(head.at_us),
            waiting=self._log.backlog,
            writes=not self._log.failing,
            verified=verified,
            warnings=self._warnings(found, head, oldest, verified),
        )

    def _warnings(
        self, found: Capacity, head: Head | None, oldest: Link | None, verified: Verified | None
    ) -> list[str]:
        now = self._clock.now()
        old = timedelta(hours=limits.AUDIT_HEAD_LATE_HOURS)
        began = now if oldest is None else moment(oldest.record.at_us)
        signed = began if head is None else moment(head.at_us)
        checked = began if verified is None else verified.at
        said = {
            "cannot_write": self._log.failing,
            "little_room": found.little_room,
            "not_signed": now - signed > old + timedelta(days=1),
            "not_verified": now - checked > 2 * timedelta(days=1),
            "tampered": verified is not None and verified.troubles > 0,
        }
        return [code for code, holds in said.items() if holds]
