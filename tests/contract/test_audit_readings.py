"""Searching the log, and how it says it stands, on both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.sql.audit_readings import SqlAuditReadings
from adapters.sql.transaction import Database
from audit.checking import check, record_of
from audit.keeping import Heads
from audit.log import AuditLog
from audit.reading import AuditReading
from audit.record import Record, Result, a_record
from audit.wire import AuditQuery
from core.clock import ManualClock
from tests.unit.audit.chains import KEY, NOON

MINUTE = timedelta(minutes=1)


class Office:
    """A log of sixty acts, one a minute."""

    def __init__(self, store: SqlAuditReadings, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.log = AuditLog(store, clock=clock)
        self.reading = AuditReading(store, log=self.log, clock=clock, kept_days=200)

    async def found(self, **query: object) -> list[int]:
        page = await self.reading.search(AuditQuery(**query))  # type: ignore[arg-type]
        return [record.sequence for record in page.records]


def an_act(number: int) -> Record:
    return a_record(
        at=NOON + number * MINUTE,
        actor=f"nurse.{number % 3}",
        role="nurse",
        action="line.work" if number % 2 else "patient.reveal",
        object_=f"/v1/patients/P_{number:02d}%x/reveal",
        result=Result.REFUSED if number % 10 == 0 else Result.DONE,
        address="10.1.2.3",
    )


@pytest.fixture
async def office(audit_url: str) -> AsyncIterator[Office]:
    database = Database.open(audit_url, busy_seconds=20)
    clock = ManualClock(NOON)
    store = SqlAuditReadings(database, clock=clock)
    await store.append([an_act(number) for number in range(1, 61)])
    clock.advance(timedelta(hours=2))
    yield Office(store, clock)
    await database.close()


async def test_records_are_found_by_what_they_say(office: Office) -> None:
    assert await office.found(limit=3) == [60, 59, 58]
    assert await office.found(actor="nurse.1", limit=3) == [58, 55, 52]
    assert await office.found(action="patient.reveal", actor="nurse.0", limit=2) == [60, 54]
    assert await office.found(result=Result.REFUSED) == [60, 50, 40, 30, 20, 10]
    assert await office.found(since=NOON + 58 * MINUTE, until=NOON + 60 * MINUTE) == [59, 58]
    assert await office.found(since=NOON + 59 * MINUTE, action="line.work") == [59]
    assert await office.found(since=NOON + timedelta(days=9)) == []
    assert await office.found(until=NOON) == []
    assert await office.found(actor="nobody") == []


async def test_a_part_of_an_object_is_enough_and_stands_for_itself(office: Office) -> None:
    assert await office.found(object="P_07") == [7]
    assert await office.found(object="07%x/reveal") == [7]
    assert await office.found(object="P%07") == []
    assert await office.found(object="P-07") == []
    assert await office.found(object="|07") == []


async def test_pages_follow_each_other_until_the_end(office: Office) -> None:
    found: list[int] = []
    query = AuditQuery(limit=25)
    while True:
        page = await office.reading.search(query)
        found += [record.sequence for record in page.records]
        if page.next is None:
            break
        query = AuditQuery(limit=25, cursor=page.next)
    assert found == list(range(60, 0, -1))


async def test_the_log_says_how_it_stands(office: Office) -> None:
    await office.store.answers()
    standing = await office.reading.standing()
    assert standing.records == 60
    assert standing.bytes > 0
    assert standing.growth_records == 60.0
    assert standing.oldest_day == "2026-11-25"
    assert (standing.writes, standing.waiting, standing.signed_at) == (True, 0, None)
    assert standing.warnings == []
    office.clock.advance(timedelta(days=3))
    assert (await office.reading.standing()).warnings == ["not_signed", "not_verified"]
    await Heads(office.store, key=KEY, clock=office.clock).sign_due()
    checked = await check(office.store, keys={KEY.id: KEY.public}, now=office.clock.now())
    await office.store.append([record_of(checked, at=office.clock.now())])
    standing = await office.reading.standing()
    assert standing.warnings == []
    assert standing.verified is not None
    assert (standing.verified.records, standing.verified.troubles) == (60, 0)
    checked = await check(office.store, keys={}, now=office.clock.now())
    await office.store.append([record_of(checked, at=office.clock.now())])
    assert (await office.reading.standing()).warnings == ["tampered"]


async def test_room_is_what_the_settings_say(audit_url: str) -> None:
    database = Database.open(audit_url, busy_seconds=20)
    clock = ManualClock(NOON + timedelta(days=2))
    store = SqlAuditReadings(database, clock=clock, room=10**9)
    await store.append([an_act(number) for number in range(1, 61)])
    reading = AuditReading(store, log=AuditLog(store, clock=clock), clock=clock, kept_days=200)
    found = await reading.capacity()
    assert found.size.room == 10**9 - found.size.bytes
    assert found.days_left is not None
    assert not found.little_room
    little = SqlAuditReadings(database, clock=clock, room=found.size.bytes + 1)
    reading = AuditReading(little, log=AuditLog(little, clock=clock), clock=clock, kept_days=200)
    assert (await reading.capacity()).little_room
    assert "little_room" in (await reading.standing()).warnings
    await database.close()
