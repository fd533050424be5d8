"""Random days: whatever two processes do to a few lines, both read what a plain model says."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.queue_store import RememberedLines
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.clock import ManualClock
from core.ids import DoctorId, LineId
from queue_display.events import DayOpened, Happening, TicketVanished
from queue_display.line import Line
from queue_display.refusals import LineHasMoved
from queue_display.store import Change
from queue_display.ticket import TicketState
from tests.contract.sql_examples import NOON, a_line, a_ticket, change, moved, new, paused

STEPS = 120


def something(line: Line, chance: random.Random) -> Change:
    """Any change that may happen to a line."""
    numbers = sorted(line.tickets)
    version = line.version + 1
    at = NOON + timedelta(seconds=line.version, microseconds=chance.randrange(10**6))
    match chance.choice(["move", "move", "move", "pause", "arrive", "vanish", "day"]):
        case "move" if numbers:
            some = chance.sample(numbers, min(len(numbers), chance.randint(1, 4)))
            return moved(line, *some, to=chance.choice(list(TicketState)))
        case "vanish" if numbers:
            number = chance.choice(numbers)
            before = line.tickets[number].state
            gone = TicketVanished(
                what=Happening.VANISHED,
                version=version,
                at=at,
                actor="hospital",
                number=number,
                before=before,
            )
            return change(line, [gone])
        case "day" if chance.random() < 0.2:
            tomorrow = line.day + timedelta(days=1)
            opened = DayOpened(
                what=Happening.DAY_OPENED,
                version=version,
                at=at,
                actor="system",
                day=tomorrow,
                rooms=line.rooms,
            )
            stayed = [
                replace(
                    moved(line, number).events[0],
                    what=Happening.STAYED,
                    ticket=replace(line.tickets[number], given=line.day_of(line.tickets[number])),
                )
                for number in chance.sample(numbers, len(numbers) // 2)
            ]
            return change(line, [opened, *stayed])
        case "arrive":
            ticket = a_ticket(f"B{line.version:03d}", rank=chance.randrange(-(1 << 50), 1 << 50))
            appeared = replace(
                moved(a_line(tickets=1), "A001").events[0],
                version=version,
                ticket=replace(ticket, doctor=DoctorId("1001"), his_code="é王'\\%"),
                before=None,
            )
            return change(line, [appeared])
    return paused(line)


@pytest.mark.parametrize("seed", range(3))
async def test_both_processes_always_read_the_truth(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    # One of the two forgets most lines at once, so that forgetting is tried too.
    processes = [
        SqlUnits(
            database,
            clock=ManualClock(NOON),
            nudge=MemoryNudge(),
            remembered=RememberedLines(limit=limit),
        )
        for limit in (1, 100)
    ]
    truth: dict[LineId, Line] = {}
    for name in ("L1", "L2", "L3"):
        line = a_line(name, tickets=chance.randint(0, 6))
        async with chance.choice(processes).begin() as unit:
            await unit.lines.keep(new(line))
            await unit.commit()
        truth[line.id] = line
    for step in range(STEPS):
        await _one_step(chance.choice(processes), truth, chance)
        if step % 5 == 0:
            async with chance.choice(processes).read() as unit:
                assert await unit.lines.load_many(list(truth)) == list(truth.values())
    for units in processes:
        async with units.read() as unit:
            assert [await unit.lines.load(line) for line in truth] == list(truth.values())


async def _one_step(units: SqlUnits, truth: dict[LineId, Line], chance: random.Random) -> None:
    chosen = sorted(chance.sample(list(truth), chance.randint(1, 3)))
    stale = chance.random() < 0.1
    commits = chance.random() < 0.8
    async with units.begin() as unit:
        if chance.random() < 0.5:
            held = [await unit.lines.load_for_change(line) for line in chosen]
        else:
            held = await unit.lines.load_many(chosen)
        assert held == [truth[line] for line in chosen]
        changes = [something(line, chance) for line in held]
        if stale:
            old = replace(held[0], version=held[0].version - 1)
            with pytest.raises(LineHasMoved):
                await unit.lines.keep_many([something(old, chance), *changes[1:]])
            return
        await unit.lines.keep_many(changes)
        assert [await unit.lines.load(line) for line in chosen] == [each.after for each in changes]
        if not commits:
            return
        await unit.commit()
    truth |= {each.after.id: each.after for each in changes}
