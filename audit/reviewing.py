"""Monthly reviews: drafted from the log, finished and signed by the audit administrator, then fixed."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Protocol

import msgspec

from audit.moments import beginning_of, microseconds
from audit.proposing import proposed
from audit.reading import AuditReading
from audit.review import (
    REVEAL,
    Address,
    Chain,
    Counts,
    Named,
    Review,
    Room,
    State,
    Tally,
    busiest,
    counted,
    digest_of,
    most_of,
)
from core import limits
from core.actor import Actor
from core.clock import Clock, business_day
from core.refusals import BadInput, Kind, NotFound, Refusal


class NoSuchReview(NotFound):
    """Nobody has drafted a review of that month."""

    code = "audit.no_such_review"


class ReviewIsSigned(Refusal):
    """What is signed stays as it is."""

    code = "audit.review_is_signed"
    kind = Kind.CONFLICT


class MonthIsNotOver(Refusal):
    """The draft was made before the month had ended: draft it anew, then sign."""

    code = "audit.month_is_not_over"
    kind = Kind.CONFLICT


class VersionTaken(Exception):
    """Somebody else has kept that version of the review."""


class ReviewChanged(Refusal):
    """Somebody else has drafted or signed the review meanwhile: look again."""

    code = "audit.review_changed"
    kind = Kind.CONFLICT


class Reviews(Protocol):
    """What reviews need of storage."""

    async def first_since(self, at_us: int) -> int:
        """As ``audit.store.AuditStore``."""

    async def tallies(self, *, first: int, last: int) -> list[Tally]:
        """Records of these sequences, added up."""

    async def addresses(self, *, first: int, last: int, limit: int) -> list[Address]:
        """Those with the most refusals, then the most records."""

    async def actors(self, *, ending: str, first: int, last: int, limit: int) -> list[Named]:
        """Who did most often what ends so."""

    async def heads_between(self, *, since_us: int, until_us: int) -> int:
        """How many heads were signed."""

    async def reviews(self) -> list[Review]:
        """The newest version of each month, newest month first."""

    async def review(self, month: str) -> Review | None:
        """The newest version of a month."""

    async def keep_review(self, review: Review) -> None:
        """Keep a new version. Raises ``VersionTaken``."""


class AuditReviews:
    """``touches`` says of each action what it has to do with (``accounts.policy``)."""

    def __init__(
        self,
        store: Reviews,
        reading: AuditReading,
        *,
        clock: Clock,
        touches: Mapping[str, str],
        kept_days: int,
    ) -> None:
        self._store = store
        self._reading = reading
        self._clock = clock
        self._touches = touches
        self._kept_days = kept_days

    async def all(self) -> list[Review]:
        """Every month's newest version."""
        return await self._store.reviews()

    async def of(self, month: str) -> Review:
        """One month's newest version. Refuses with ``NoSuchReview``."""
        found = await self._store.review(month)
        if found is None:
            raise NoSuchReview(month=month)
        return found

    async def draft(self, actor: Actor, month: str) -> Review:
        """Count the month as far as it has come. Refuses with ``ReviewIsSigned`` or ``BadInput``."""
        first_day, next_month = _days(month)
        if first_day > business_day(self._clock.now()):
            raise BadInput(field="$.month", why="that month has not begun")
        before = await self._store.review(month)
        if before is not None and before.state is State.SIGNED:
            raise ReviewIsSigned(month=month)
        counts = await self._counts(first_day, next_month)
        review = Review(
            month=month,
            version=1 if before is None else before.version + 1,
            state=State.DRAFT,
            drafted_at=self._clock.now(),
            drafted_by=actor.id,
            counts=counts,
            proposed=proposed(counts),
        )
        return await self._keep(review)

    async def sign(self, actor: Actor, month: str, *, findings: str, conclusion: str) -> Review:
        """Sign the newest draft. Refuses with ``NoSuchReview``, ``ReviewIsSigned`` or ``MonthIsNotOver``."""
        draft = await self.of(month)
        if draft.state is State.SIGNED:
            raise ReviewIsSigned(month=month)
        if microseconds(draft.drafted_at) < beginning_of(_days(month)[1]):
            raise MonthIsNotOver(month=month)
        signed = msgspec.structs.replace(
            draft,
            version=draft.version + 1,
            state=State.SIGNED,
            findings=findings,
            conclusion=conclusion,
            reviewer=actor.id,
            signed_at=self._clock.now(),
        )
        return await self._keep(msgspec.structs.replace(signed, digest=digest_of(signed)))

    async def _keep(self, review: Review) -> Review:
        try:
            await self._store.keep_review(review)
        except VersionTaken:
            raise ReviewChanged(month=review.month) from None
        return review

    async def _counts(self, first_day: date, next_month: date) -> Counts:
        begin = await self._store.first_since(beginning_of(first_day))
        days: dict[str, Sequence[Tally]] = {}
        reveals: list[Named] = []
        addresses: list[Address] = []
        most = limits.AUDIT_REVIEW_NAMES
        day, first = first_day, begin
        # A day at a time: a busy month in one question would take the database longer than it may.
        while day < min(next_month, business_day(self._clock.now()) + timedelta(days=1)):
            last = await self._store.first_since(beginning_of(day + timedelta(days=1))) - 1
            days[day.isoformat()] = await self._store.tallies(first=first, last=last)
            reveals += await self._store.actors(ending=REVEAL, first=first, last=last, limit=most)
            addresses += await self._store.addresses(first=first, last=last, limit=most)
            day, first = day + timedelta(days=1), last + 1
        return counted(
            days,
            first=begin,
            last=first - 1,
            touches=self._touches,
            reveals=most_of(reveals, limit=limits.AUDIT_REVIEW_ROWS),
            addresses=busiest(addresses, limit=limits.AUDIT_REVIEW_ROWS),
            chain=await self._chain(first_day, next_month),
            room=await self._room(),
        )

    async def _chain(self, first_day: date, next_month: date) -> Chain:
        since, until = beginning_of(first_day), beginning_of(next_month)
        heads = await self._store.heads_between(since_us=since, until_us=until)
        verified = await self._reading.verified()
        if verified is None or microseconds(verified.at) < since:
            return Chain(verified_at=None, records=0, heads=heads, troubles=0)
        return Chain(
            verified_at=verified.at, records=verified.records, heads=heads, troubles=verified.troubles
        )

    async def _room(self) -> Room:
        found = await self._reading.capacity()
        return Room(
            records=found.size.records,
            bytes=found.size.bytes,
            growth_records=round(found.growth_records, 1),
            days_left=None if found.days_left is None else round(found.days_left, 1),
            kept_days=self._kept_days,
        )


def _days(month: str) -> tuple[date, date]:
    """The first day of a month, and of the next."""
    year, number = (int(part) for part in month.split("-"))
    return date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)
