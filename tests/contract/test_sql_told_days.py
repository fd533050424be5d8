"""Days told afterwards, on both databases: kept once, learned in order, never in people's way."""

from datetime import date, timedelta

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.clock import ManualClock
from core.ids import LineId, RoomId, TicketNumber
from queue_display.past import PastTicket, told_day
from queue_display.store import ToldDay
from queue_display.ticket import TicketState
from tests.contract.sql_examples import DAY, NOON, a_line, moved, new

L = LineId("L0301")
TOMORROW = DAY + timedelta(days=1)


@pytest.fixture
def units(database: Database) -> SqlUnits:
    return SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())


def told(days_ago: int, *numbers: str, line: LineId = L) -> ToldDay:
    at = NOON - timedelta(days=days_ago)
    tickets = [
        PastTicket(
            number=TicketNumber(number), state=TicketState.DONE, room=RoomId("R301"),
            checked_in_at=at + timedelta(minutes=place), called_at=at + timedelta(minutes=60 + 5 * place),
            ended_at=at + timedelta(minutes=64 + 5 * place),
        )
        for place, number in enumerate(numbers)
    ]  # fmt: skip
    return ToldDay(line, at.date(), told_day(at.date(), tickets))


async def tell(units: SqlUnits, *days: ToldDay) -> None:
    async with units.begin() as unit:
        await unit.lines.keep_told(days)
        await unit.commit()


async def days_of(units: SqlUnits, *, limit: int = 100) -> list[tuple[date, str]]:
    async with units.read() as unit:
        rows = await unit.lines.movements(L, since=DAY - timedelta(days=28), until=TOMORROW, limit=limit)
    return [(row.day, str(row.number)) for row in rows]


async def test_told_rows_come_back_exactly(units: SqlUnits) -> None:
    day = told(1, "A001", "A002")
    await tell(units, day)
    async with units.read() as unit:
        rows = await unit.lines.movements(L, since=day.day, until=DAY, limit=100)
        assert await unit.lines.movements(L, since=DAY, until=TOMORROW, limit=100) == []
    assert rows == [row for row in day.rows if row.number is not None]


async def test_telling_twice_keeps_what_there_is(units: SqlUnits) -> None:
    await tell(units, told(1, "A001"), told(1, "B001", line=LineId("L2")))
    before = await days_of(units)
    await tell(units, told(1, "A001", "A002"), told(1, line=LineId("L3")))
    await tell(units)
    assert await days_of(units) == before
    async with units.read() as unit:
        counts = [await unit.lines.told_days(LineId(line)) for line in (L, "L2", "L3", "L4")]
    assert counts == [1, 1, 1, 0]


async def test_a_day_the_line_saw_itself_is_not_told_over(units: SqlUnits) -> None:
    await tell(units, told(0, "Z009"))
    line = a_line()
    async with units.begin() as unit:
        await unit.lines.keep(new(line))
        await unit.lines.keep(moved(line, "A001"))
        await unit.commit()
    other = a_line("L2")
    async with units.begin() as unit:
        await unit.lines.keep(new(other))
        await unit.lines.keep(moved(other, "A001"))
        await unit.commit()
    await tell(units, told(0, "Z009", line=other.id))
    async with units.read() as unit:
        rows = await unit.lines.movements(other.id, since=DAY, until=TOMORROW, limit=9)
    assert [row.number for row in rows] == ["A001"]


async def test_movements_are_ordered_by_day_whenever_they_were_told(units: SqlUnits) -> None:
    line = a_line()
    async with units.begin() as unit:
        await unit.lines.keep(new(line))
        await unit.lines.keep(moved(line, "A001"))
        await unit.commit()
    for days_ago in (1, 3, 2):
        await tell(units, told(days_ago, f"P00{days_ago}"))
    numbers = [number for _, number in await days_of(units)]
    assert numbers == ["P003"] * 3 + ["P002"] * 3 + ["P001"] * 3 + ["A001"]
    assert await days_of(units, limit=2) == [(DAY - timedelta(days=1), "P001"), (DAY, "A001")]


async def test_known_days_count_empty_ones_and_only_the_span(units: SqlUnits) -> None:
    await tell(units, told(1, "A001"))
    await tell(units, told(2))
    await tell(units, told(9, "A001"))
    lines = [L, *(LineId(f"X{n}") for n in range(70))]
    async with units.read() as unit:
        known = await unit.lines.known_days(lines, since=DAY - timedelta(days=5), until=DAY)
    assert known.pop(L) == {DAY - timedelta(days=1), DAY - timedelta(days=2)}
    assert set(known.values()) == {frozenset()}


async def test_history_and_versions_know_nothing_of_told_days(units: SqlUnits) -> None:
    await tell(units, told(1, "A001", "A002"))
    line = a_line()
    async with units.begin() as unit:
        await unit.lines.keep(new(line))
        await unit.lines.keep(moved(line, "A001"))
        await unit.commit()
    async with units.begin() as unit:
        held = await unit.lines.load_for_change(L)
        await unit.lines.keep(moved(held, "A002"))
        await unit.commit()
    async with units.read() as unit:
        first = await unit.lines.history(L, before=None, limit=1)
        rest = await unit.lines.history(L, before=(first[0].version, first[0].step), limit=9)
    assert [row.version for row in first + rest] == [3, 2]
