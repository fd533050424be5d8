"""``queue_display.store.Lines`` keeps what it promises, on SQLite and on MariaDB."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.queue_store import RememberedLines
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.clock import ManualClock
from core.ids import DepartmentId, LineId, RoomId, TicketNumber
from queue_display.events import DayOpened, Happening, TicketVanished
from queue_display.line import Line, Mode, RoomState
from queue_display.refusals import LineHasMoved, NoSuchLine
from queue_display.store import Change
from queue_display.ticket import Band, Priority, TicketKind, TicketState
from tests.contract.sql_examples import DAY, NOON, a_line, a_ticket, change, moved, new, paused

L = LineId("L0301")


@pytest.fixture
def fresh_units(database: Database) -> Callable[[], SqlUnits]:
    """Makes units that remember nothing, like those of another process."""
    return lambda: SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())


@pytest.fixture
def units(fresh_units: Callable[[], SqlUnits]) -> SqlUnits:
    return fresh_units()


async def keep(units: SqlUnits, *changes: Change) -> None:
    async with units.begin() as unit:
        await unit.lines.keep_many(changes)
        await unit.commit()


async def _keep_and_break(units: SqlUnits, broken: Change) -> None:
    async with units.begin() as unit:
        await unit.lines.keep(broken)
        _ = 1 / 0


async def load(units: SqlUnits, line: LineId = L) -> Line:
    async with units.read() as unit:
        return await unit.lines.load(line)


async def test_a_line_comes_back_exactly(units: SqlUnits, fresh_units: Callable[[], SqlUnits]) -> None:
    whole = replace(
        a_ticket("A009"),
        state=TicketState.PASSED,
        kind=TicketKind.RETURN,
        priority=Priority.ELDERLY,
        band=Band.PASSED,
        rank=-(1 << 40),
        room=RoomId("R301"),
        slot_begin=NOON,
        checked_in_at=NOON + timedelta(microseconds=7),
        called_at=NOON - timedelta(days=300),
        started_at=NOON,
        passed_at=NOON,
        ended_at=NOON,
        calls=3,
        recall_count=2,
        passed_count=1,
        changed_by="nurse '\\%s; -- 王",
        moved_to=LineId("L0302"),
        moved_number=TicketNumber("A001"),
        his_code="3",
    )
    line = a_line()
    line = replace(line, tickets={**line.tickets, whole.number: whole}, fresh=False, hospital_at=NOON)
    await keep(units, new(line))
    assert await load(units) == line
    assert await load(fresh_units()) == line


async def test_a_change_writes_the_tickets_that_changed(
    units: SqlUnits, fresh_units: Callable[[], SqlUnits]
) -> None:
    line = a_line()
    await keep(units, new(line))
    first = moved(line, "A001")
    await keep(units, first)
    second = paused(first.after)
    await keep(units, second)
    assert await load(units) == await load(fresh_units()) == second.after


async def test_leaving_without_commit_changes_nothing(
    units: SqlUnits, fresh_units: Callable[[], SqlUnits]
) -> None:
    line = a_line()
    await keep(units, new(line))
    async with units.begin() as unit:
        loaded = await unit.lines.load_for_change(L)
        await unit.lines.keep(moved(loaded, "A001"))
        assert (await unit.lines.load(L)).version == line.version + 1
    assert await load(units) == await load(fresh_units()) == line
    with pytest.raises(ZeroDivisionError):
        await _keep_and_break(units, moved(line, "A002"))
    assert await load(units) == line


async def test_a_remembered_line_gives_way_to_another_process(
    units: SqlUnits, fresh_units: Callable[[], SqlUnits]
) -> None:
    line = a_line()
    await keep(units, new(line))
    other = fresh_units()
    await load(other)
    first = moved(line, "A001")
    await keep(units, first)
    assert await load(other) == first.after


async def test_a_number_that_vanished_is_gone_and_a_new_day_leaves_the_old_one(
    units: SqlUnits, fresh_units: Callable[[], SqlUnits]
) -> None:
    line = a_line()
    await keep(units, new(line))
    head = {"version": 2, "at": NOON, "actor": "system"}
    gone = change(
        line,
        [
            TicketVanished(
                what=Happening.VANISHED, number=TicketNumber("A002"), before=TicketState.WAITING, **head
            )
        ],
    )
    await keep(units, gone)
    assert list((await load(fresh_units())).tickets) == ["A001", "A003"]
    head["version"] = 3
    next_day = change(
        gone.after,
        [DayOpened(what=Happening.DAY_OPENED, day=DAY + timedelta(days=1), rooms=gone.after.rooms, **head)],
    )
    await keep(units, next_day)
    assert await load(fresh_units()) == next_day.after
    head["version"] = 4
    back = change(
        next_day.after,
        [DayOpened(what=Happening.DAY_OPENED, day=DAY, rooms=gone.after.rooms, **head)],
    )
    await keep(units, back)
    assert (await load(fresh_units())).tickets == {}, "a day that is entered anew holds what is told now"


async def test_an_unknown_line_is_refused(units: SqlUnits) -> None:
    async with units.begin() as unit:
        with pytest.raises(NoSuchLine):
            await unit.lines.load(L)
        with pytest.raises(NoSuchLine):
            await unit.lines.load_for_change(L)
        assert await unit.lines.load_many([L]) == []


async def test_a_change_from_an_old_version_is_refused(units: SqlUnits) -> None:
    line = a_line()
    await keep(units, new(line))
    first = moved(line, "A001")
    await keep(units, first)
    with pytest.raises(LineHasMoved) as refused:
        await keep(units, moved(line, "A002"))
    assert refused.value.facts["version"] == first.after.version
    with pytest.raises(LineHasMoved):
        await keep(units, new(a_line()))
    with pytest.raises(LineHasMoved):
        await keep(units, moved(a_line("L9999"), "A001"))
    assert await load(units) == first.after


async def test_one_old_version_spoils_the_whole_batch(units: SqlUnits) -> None:
    lines = [a_line(f"L{n}") for n in range(3)]
    await keep(units, *map(new, lines))
    await keep(units, moved(lines[1], "A001"))
    with pytest.raises(LineHasMoved):
        await keep(units, *[moved(line, "A002") for line in lines])
    assert await load(units, lines[0].id) == lines[0]


async def test_two_writers_on_one_line_take_turns(
    units: SqlUnits, fresh_units: Callable[[], SqlUnits]
) -> None:
    await keep(units, new(a_line(tickets=40)))
    workers = [fresh_units() for _ in range(4)]

    async def call(at: int) -> None:
        async with workers[at % 4].begin() as unit:
            line = await unit.lines.load_for_change(L)
            await unit.lines.keep(moved(line, f"A{at + 1:03d}"))
            await unit.commit()

    await asyncio.gather(*[call(at) for at in range(40)])
    line = await load(fresh_units())
    assert line.version == 41
    assert {ticket.state for ticket in line.tickets.values()} == {TicketState.CALLED}
    async with units.read() as unit:
        history = await unit.lines.history(L, before=None, limit=100)
    assert [each.version for each in history] == list(range(41, 1, -1))


async def test_a_line_that_is_held_does_not_change_until_the_unit_ends(
    units: SqlUnits, fresh_units: Callable[[], SqlUnits]
) -> None:
    """Also where a confirmation that comes late touches no row, and so holds none."""
    line = a_line(L)
    await keep(units, new(line))
    others = fresh_units()
    events: list[str] = []

    async def command() -> None:
        async with others.begin() as unit:
            before = await unit.lines.load_for_change(L)
            await unit.lines.keep(paused(before))
            events.append("changed")
            await unit.commit()

    async with units.begin() as unit:
        await unit.lines.hold([L])
        await unit.lines.confirm([L], as_of=line.as_of - timedelta(seconds=1), hospital_at=None)
        writing = asyncio.create_task(command())
        await asyncio.sleep(0.3)
        [held] = await unit.lines.load_many([L])
        events.append("read")
        assert held == line
        await unit.commit()
    await writing
    assert events == ["read", "changed"]


async def test_transactions_that_lock_two_lines_in_order_never_deadlock(units: SqlUnits) -> None:
    await keep(units, new(a_line("L1", tickets=20)), new(a_line("L2", tickets=20)))

    async def move_both(at: int) -> None:
        async with units.begin() as unit:
            pair = [await unit.lines.load_for_change(LineId(name)) for name in ("L1", "L2")]
            await unit.lines.keep_many([moved(line, f"A{at + 1:03d}") for line in pair])
            await unit.commit()

    await asyncio.gather(*[move_both(at) for at in range(20)])
    assert (await load(units, LineId("L1"))).version == 21


async def test_many_lines_are_loaded_and_kept_together(
    units: SqlUnits, fresh_units: Callable[[], SqlUnits]
) -> None:
    lines = [a_line(f"L{n:04d}", tickets=n % 5) for n in range(120)]
    await keep(units, *map(new, lines))
    ids = [line.id for line in lines]
    async with fresh_units().read() as unit:
        assert await unit.lines.load_many([*ids, LineId("nobody"), ids[0]]) == lines
    changes = [moved(line, "A001") for line in lines if line.tickets]
    await keep(units, *changes)
    after = {each.after.id: each.after for each in changes}
    for reader in (units, fresh_units()):
        async with reader.read() as unit:
            assert await unit.lines.load_many(ids) == [after.get(line.id, line) for line in lines]


async def test_confirming_moves_the_time_and_nothing_else(
    units: SqlUnits, fresh_units: Callable[[], SqlUnits]
) -> None:
    line = a_line()
    await keep(units, new(line), new(a_line("L0302")))
    later = NOON + timedelta(seconds=2, microseconds=5)
    async with units.begin() as unit:
        await unit.lines.confirm([L], as_of=later, hospital_at=NOON)
        await unit.commit()
    expected = replace(line, as_of=later, hospital_at=NOON)
    assert await load(units) == await load(fresh_units()) == expected
    assert (await load(units, LineId("L0302"))).as_of == NOON
    async with units.begin() as unit:
        await unit.lines.confirm([L], as_of=NOON + timedelta(seconds=1), hospital_at=None)
        await unit.commit()
    assert await load(units) == await load(fresh_units()) == expected, "an older look came late"


async def test_a_change_and_its_confirmation_in_one_unit(
    units: SqlUnits, fresh_units: Callable[[], SqlUnits]
) -> None:
    line = a_line()
    await keep(units, new(line))
    later = NOON + timedelta(minutes=1)
    async with units.begin() as unit:
        await unit.lines.keep(moved(line, "A001"))
        await unit.lines.confirm([L], as_of=later, hospital_at=later)
        await unit.commit()
    assert await load(units) == await load(fresh_units())
    assert (await load(units)).as_of == later


async def test_pages_hold_what_a_list_shows(units: SqlUnits) -> None:
    lines = [a_line(f"L{n}", tickets=n) for n in range(1, 6)]
    lines[4] = replace(lines[4], department=DepartmentId("D09"), mode=Mode.MIRROR)
    await keep(units, *map(new, lines))
    await keep(units, moved(lines[2], "A001"))
    async with units.read() as unit:
        first = await unit.lines.page(department=None, after=None, limit=3)
        rest = await unit.lines.page(department=None, after=first[-1].id, limit=3)
        of_d09 = await unit.lines.page(department=DepartmentId("D09"), after=None, limit=9)
        assert await unit.lines.ids() == [line.id for line in lines]
        assert await unit.lines.ids(Mode.MIRROR) == [lines[4].id]
    assert [row.id for row in first + rest] == [line.id for line in lines]
    assert [row.waiting for row in first + rest] == [1, 2, 2, 4, 5]
    assert [row.id for row in of_d09] == [lines[4].id]
    assert first[0].rooms[0].state is RoomState.OPEN
    assert first[0].name == "心内科 张医生"


async def test_history_is_paged_backwards_and_movements_forwards(units: SqlUnits) -> None:
    line = a_line(tickets=9)
    await keep(units, new(line))
    steps = [moved(line, "A001", "A002")]
    steps.append(moved(steps[-1].after, "A003"))
    steps.append(paused(steps[-1].after))
    for step in steps:
        await keep(units, step)
    async with units.read() as unit:
        newest = await unit.lines.history(L, before=None, limit=2)
        older = await unit.lines.history(L, before=(newest[-1].version, newest[-1].step), limit=2)
        assert [(each.version, each.step) for each in newest + older] == [(4, 0), (3, 0), (2, 1), (2, 0)]
        assert older[0].reason == "叫号"
        assert older[0].after is TicketState.CALLED
        assert older[0].at == NOON + timedelta(seconds=1)
        tomorrow = DAY + timedelta(days=1)
        moves = await unit.lines.movements(L, since=DAY, until=tomorrow, limit=2)
        assert [each.number for each in moves] == ["A002", "A003"]
        assert await unit.lines.movements(L, since=tomorrow, until=tomorrow, limit=9) == []


async def test_ids_compare_byte_by_byte(units: SqlUnits) -> None:
    await keep(units, new(a_line("La")), new(a_line("LA")))
    assert (await load(units, LineId("La"))).id == "La"
    with pytest.raises(NoSuchLine):
        await load(units, LineId("lA"))


def test_the_least_recently_used_line_is_forgotten_first() -> None:
    remembered = RememberedLines(limit=2)
    first, second, third = a_line("L1"), a_line("L2"), a_line("L3")
    remembered.remember([first, second])
    assert remembered.find(first.id, day="2026-11-23", version=1) is first
    remembered.remember([third])
    assert remembered.find(second.id, day="2026-11-23", version=1) is None
    assert remembered.find(first.id, day="2026-11-24", version=1) is None
    remembered.remember([replace(first, version=0)])
    assert remembered.find(first.id, day="2026-11-23", version=1) is first
