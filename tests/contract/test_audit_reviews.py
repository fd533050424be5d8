"""Monthly reviews on both databases: counted from the log, signed once, then fixed."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from adapters.sql.audit_readings import SqlAuditReadings
from adapters.sql.audit_reviews import SqlAuditReviews
from adapters.sql.transaction import Database
from audit.log import AuditLog
from audit.reading import AuditReading
from audit.record import Result, a_record
from audit.review import Address, Named, State, digest_of
from audit.reviewing import AuditReviews, MonthIsNotOver, NoSuchReview, ReviewChanged, ReviewIsSigned
from core.actor import Actor, Role
from core.clock import CHINA, ManualClock
from core.refusals import BadInput

AUDITOR = Actor(id="audit_admin.0009", role=Role.AUDIT_ADMIN)
BEGIN = datetime(2026, 9, 30, 22, 30, tzinfo=CHINA)
TOUCHES = {"line.work": "work", "patient.reveal": "health"}


class Office:
    def __init__(self, database: Database) -> None:
        self.clock = ManualClock(BEGIN)
        self.store = SqlAuditReadings(database, clock=self.clock)
        reading = AuditReading(
            self.store, log=AuditLog(self.store, clock=self.clock), clock=self.clock, kept_days=200
        )
        self.kept = SqlAuditReviews(database)
        self.reviews = AuditReviews(self.kept, reading, clock=self.clock, touches=TOUCHES, kept_days=200)

    async def acts(
        self, action: str, *results: Result, role: str = "nurse", address: str = "10.1.2.3"
    ) -> None:
        await self.store.append(
            [
                a_record(
                    at=self.clock.now(),
                    actor=f"{role}.1",
                    role=role,
                    action=action,
                    object_="/x",
                    result=result,
                    address=address,
                    code="" if result is Result.DONE else "core.forbidden",
                )
                for result in results
            ]
        )

    def goes_on(self, **much: float) -> None:
        self.clock.advance(timedelta(**much))


@pytest.fixture
async def office(audit_url: str) -> AsyncIterator[Office]:
    database = Database.open(audit_url, busy_seconds=20)
    yield Office(database)
    await database.close()


async def _october(office: Office) -> None:
    await office.acts("line.work", Result.DONE)
    office.goes_on(hours=2)
    await office.acts("patient.reveal", Result.DONE, Result.DONE)
    await office.acts("line.work", Result.DONE, Result.REFUSED, Result.FAILED, Result.UNKNOWN)
    office.goes_on(days=30)
    await office.acts("patient.reveal", Result.REFUSED, Result.REFUSED, address="203.0.113.9")
    office.goes_on(days=1)
    await office.acts("line.work", Result.DONE)


async def test_a_month_is_counted_from_the_log(office: Office) -> None:
    await _october(office)
    counts = (await office.reviews.draft(AUDITOR, "2026-10")).counts
    assert (counts.records, counts.first, counts.last) == (8, 2, 9)
    assert [day.count for day in counts.days] == [6, *[0] * 29, 2]
    assert counts.roles[0].count == 8
    assert {each.name: (each.done, each.refused, each.failed) for each in counts.touches} == {
        "work": (1, 1, 2),
        "health": (2, 2, 0),
    }
    assert counts.night == [Named("nurse", 4)]
    assert counts.reveals == [Named("nurse.1", 2)]
    assert counts.addresses == [Address("203.0.113.9", 2, 2), Address("10.1.2.3", 6, 1)]


async def test_a_review_is_drafted_signed_and_then_fixed(office: Office) -> None:
    await _october(office)
    with pytest.raises(NoSuchReview):
        await office.reviews.of("2026-10")
    first = await office.reviews.draft(AUDITOR, "2026-10")
    again = await office.reviews.draft(AUDITOR, "2026-10")
    assert (first.version, again.version, again.state) == (1, 2, State.DRAFT)
    signed = await office.reviews.sign(AUDITOR, "2026-10", findings="无", conclusion="正常")
    assert (signed.version, signed.reviewer, signed.findings) == (3, AUDITOR.id, "无")
    assert await office.reviews.of("2026-10") == signed
    assert digest_of(await office.reviews.of("2026-10")) == signed.digest
    for attempt in (
        office.reviews.draft(AUDITOR, "2026-10"),
        office.reviews.sign(AUDITOR, "2026-10", findings="x", conclusion="y"),
    ):
        with pytest.raises(ReviewIsSigned):
            await attempt
    await office.reviews.draft(AUDITOR, "2026-09")
    assert [(review.month, review.version) for review in await office.reviews.all()] == [
        ("2026-10", 3),
        ("2026-09", 1),
    ]


async def test_a_month_is_signed_when_it_is_over(office: Office) -> None:
    office.goes_on(days=3)
    with pytest.raises(BadInput):
        await office.reviews.draft(AUDITOR, "2026-11")
    with pytest.raises(NoSuchReview):
        await office.reviews.sign(AUDITOR, "2026-10", findings="x", conclusion="y")
    draft = await office.reviews.draft(AUDITOR, "2026-10")
    assert (draft.counts.records, len(draft.counts.days)) == (0, 3)
    with pytest.raises(MonthIsNotOver):
        await office.reviews.sign(AUDITOR, "2026-10", findings="x", conclusion="y")
    office.goes_on(days=30)
    with pytest.raises(MonthIsNotOver):
        await office.reviews.sign(AUDITOR, "2026-10", findings="x", conclusion="y")
    await office.reviews.draft(AUDITOR, "2026-10")
    await office.reviews.sign(AUDITOR, "2026-10", findings="x", conclusion="y")


async def test_of_two_who_draft_at_once_one_is_told(office: Office) -> None:
    draft = await office.reviews.draft(AUDITOR, "2026-09")

    async def unseen(month: str) -> None:
        return None

    office.kept.review = unseen  # type: ignore[method-assign]
    with pytest.raises(ReviewChanged):
        await office.reviews.draft(AUDITOR, draft.month)
