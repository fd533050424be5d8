"""What became too old goes, day by day, on both databases; what somebody may still look at stays."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.outbox import SqlOutbox
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.clock import ManualClock
from core.events import Outgoing
from core.ids import LineId
from core.leases import Fence, LeaseLost
from queue_display.events import DayOpened, Happening, TicketMoved
from queue_display.line import Line
from queue_display.retention import KeptDays, Retention, oldest_kept
from queue_display.store import Change, Past
from realtime.channels import houzhen_channels
from server.leftovers import OutboxLeftovers
from tests.contract.sql_examples import DAY, NOON, a_line, a_ticket, change, new
from tests.contract.test_sql_told_days import told

BUSY, SILENT = LineId("L1"), LineId("L2")
KEPT = KeptDays(tickets=2, history=4)
NOTHING = {Past.TICKETS: 0, Past.HISTORY: 0}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def units(database: Database, clock: ManualClock) -> SqlUnits:
    return SqlUnits(database, clock=clock, nudge=MemoryNudge())


@pytest.fixture
def retention(units: SqlUnits, clock: ManualClock) -> Retention:
    return Retention(units=units, clock=clock, kept=KEPT)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RETENTION_DAYS_AT_ONCE", 2)
    monkeypatch.setattr(limits, "RETENTION_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(limits, "HTTP_PAGE_ITEMS", 1)


def next_day(line: Line) -> Change:
    """The day turns, and somebody comes."""
    head = {"version": line.version + 1, "at": NOON, "actor": "nurse-1"}
    day = line.day + timedelta(days=1)
    opened = DayOpened(what=Happening.DAY_OPENED, day=day, rooms=line.rooms, **head)  # type: ignore[arg-type]
    came = TicketMoved(what=Happening.CHECKED_IN, ticket=a_ticket("A001"), before=None, **head)  # type: ignore[arg-type]
    return change(line, [opened, came])


async def a_life(units: SqlUnits, line: LineId, *, first: int, last: int) -> Line:
    """A line with one ticket on each of the days from ``first`` to ``last`` days ago."""
    living = replace(a_line(line, tickets=0), day=DAY - timedelta(days=first + 1))
    async with units.begin() as unit:
        await unit.lines.keep(new(living))
        for _ in range(first - last + 1):
            turned = next_day(living)
            await unit.lines.keep(turned)
            living = turned.after
        await unit.commit()
    return living


async def left(units: SqlUnits, what: Past, line: LineId) -> list[int]:
    """How many days ago the days are that the line still knows, oldest first."""
    async with units.read() as unit:
        days = await unit.past.days(what, line, before=DAY + timedelta(days=1), limit=100)
    return [(DAY - day).days for day in days]


def anew(database: Database) -> SqlUnits:
    """As another process reads it."""
    return SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())


async def test_each_part_of_the_past_stays_as_long_as_it_is_wanted(
    database: Database, units: SqlUnits, retention: Retention
) -> None:
    present = await a_life(units, BUSY, first=9, last=0)
    assert await left(units, Past.TICKETS, BUSY) == list(range(9, -1, -1))
    assert await retention.sweep() == {Past.TICKETS: 7, Past.HISTORY: 10}
    assert await left(units, Past.TICKETS, BUSY) == [2, 1, 0]
    assert await left(units, Past.HISTORY, BUSY) == [4, 3, 2, 1, 0]
    assert await retention.sweep() == NOTHING, "nothing more to do"
    async with anew(database).read() as unit:
        assert await unit.lines.load(BUSY) == present


async def test_the_last_state_of_a_line_that_fell_silent_stays(
    database: Database, units: SqlUnits, retention: Retention, clock: ManualClock
) -> None:
    await a_life(units, BUSY, first=1, last=0)
    silent = await a_life(units, SILENT, first=60, last=50)
    clock.advance(timedelta(days=400))
    await retention.sweep()
    assert await left(units, Past.TICKETS, SILENT) == await left(units, Past.HISTORY, SILENT) == [50]
    assert await left(units, Past.TICKETS, BUSY) == [0]
    async with anew(database).read() as unit:
        assert await unit.lines.load(SILENT) == silent


async def test_days_that_the_hospital_told_go_like_those_that_were_seen(
    units: SqlUnits, retention: Retention
) -> None:
    await a_life(units, BUSY, first=0, last=0)
    async with units.begin() as unit:
        for ago in (6, 5, 4):
            await unit.lines.keep_told([told(ago, "A001", "A002", line=BUSY)])
        await unit.commit()
    await retention.sweep()
    assert await left(units, Past.HISTORY, BUSY) == [4, 0]
    async with units.read() as unit:
        assert await unit.lines.told_days(BUSY) == 1


async def test_who_lost_the_lease_forgets_nothing(units: SqlUnits, clock: ManualClock) -> None:
    await a_life(units, BUSY, first=9, last=0)
    old = Retention(units=units.under(lambda: Fence("retention", 7)), clock=clock, kept=KEPT)
    with pytest.raises(LeaseLost):
        await old.sweep()
    assert len(await left(units, Past.TICKETS, BUSY)) == 10


def test_the_present_day_is_never_past() -> None:
    assert oldest_kept(DAY, days=30, present=DAY) == DAY - timedelta(days=30)
    assert oldest_kept(DAY, days=30, present=date(2020, 1, 1)) == date(2020, 1, 1)


async def test_old_boards_that_nobody_was_told_go_and_messages_stay(
    database: Database, units: SqlUnits, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAY_BATCH_ROWS", 3)
    outbox = SqlOutbox(database)
    leftovers = OutboxLeftovers(outbox, is_board=houzhen_channels().holds_boards, clock=clock, days=1)

    async def publish(*channels: str) -> None:
        async with units.begin() as unit:
            unit.publish(*(Outgoing(channel, b"{}") for channel in channels))
            await unit.commit()

    await publish("queue:L1", "user:#u1", "screen:hall", "queue:L2", "queue:L1", "strange", "queue:L3")
    clock.advance(timedelta(days=1, seconds=-1))
    assert await leftovers.sweep() == 0
    clock.advance(timedelta(seconds=2))
    await publish("queue:L1")
    assert await leftovers.sweep() == 5
    waiting = [each.outgoing.channel for each in await outbox.waiting(after=0, limit=100)]
    assert waiting == ["user:#u1", "strange", "queue:L1"]
    assert await leftovers.sweep() == 0
