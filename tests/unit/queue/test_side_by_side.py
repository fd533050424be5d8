"""Two hands on the same mirrored lines: the directory beside the states, and one worker after another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from core import limits
from core.ids import DepartmentId, LineId, RoomId, TicketNumber
from queue_display import wire
from queue_display.configuring import OwnLineSpec
from queue_display.line import LineSettings, Room
from queue_display.observed import LineDescription
from queue_display.refusals import NoSuchRoom
from tests.unit.queue.clinic import DAY, R1, R2
from tests.unit.queue.memory import MemoryUnit, MemoryUnits
from tests.unit.queue.test_services import L1, L2, NURSE, House, mirrored, page

RENAMED = LineDescription(
    line=L1, name="内科 一诊区", department=DepartmentId("D1"), department_name="内科",
    rooms=(Room(R1, "301"),),
)  # fmt: skip


class TurnByTurn(MemoryUnits):
    """Writers take turns, as on SQLite: whoever comes second decided before the first had committed."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnit]:
        async with self._turn:
            await asyncio.sleep(0)
            async with super().begin() as unit:
                yield unit
            await asyncio.sleep(0)


async def test_a_directory_beside_a_confirmation_never_sends_a_board_back_in_its_versions() -> None:
    house = await mirrored(House(units=TurnByTurn()))
    now = house.clock.advance(timedelta(seconds=limits.QUEUE_REAFFIRM_SECONDS))
    await asyncio.gather(
        house.mirror.directory([RENAMED], day=DAY), house.mirror.apply([], confirmed=[L1], as_of=now)
    )
    told = [msgspec.json.decode(each, type=wire.Board).version for each in house.told("queue:L1")]
    assert told == sorted(told)
    assert told[-1] == house.version()
    house.clock.advance(timedelta(seconds=limits.QUEUE_REAFFIRM_SECONDS))
    await house.mirror.apply([], confirmed=[L1], as_of=house.clock.now())
    assert house.newest().version == house.version(), "and what is remembered is what is kept"


async def test_a_worker_that_gets_the_lease_back_believes_what_the_other_heard() -> None:
    house = await mirrored(House())
    other = House(units=house.units, clock=house.clock)
    house.clock.advance(timedelta(minutes=10))
    await other.mirror.apply([page("A1", "A2", "A3")], as_of=house.clock.now())
    house.mirror.forget()
    await house.mirror.unreachable()
    assert house.newest().fresh, "it was confirmed this very moment, by the other"


async def test_a_loss_seen_before_the_lease_was_lost_must_last_anew() -> None:
    house = await mirrored(House())
    await house.mirror.apply([page(*(f"A{i}" for i in range(1, 9)))], as_of=house.clock.now())
    await house.mirror.apply([page()], as_of=house.clock.advance(timedelta(seconds=1)))
    house.clock.advance(timedelta(minutes=10))
    house.mirror.forget()
    applied = await house.mirror.apply([page()], as_of=house.clock.now())
    assert [refusal.why for refusal in applied.refused] == ["shrunk"]


async def test_two_workers_at_midnight_open_one_day_and_sweep_a_call_once() -> None:
    house = House(units=TurnByTurn())
    await house.with_people("A1")
    line = house.units.lines[L1]
    house.units.lines[L1] = replace(line, settings=replace(line.settings, auto_pass_seconds=60))
    await house.queue.call_next(NURSE, L1, wire.IntoRoom(expected_version=house.version(), room="R1"))
    house.clock.advance(timedelta(seconds=61))
    for sweep, changes in ((house.own.pass_overdue, 1), (house.own.roll_days, 2)):
        told, version = len(house.told("queue:L1")), house.version()
        await asyncio.gather(sweep(), sweep())
        assert (len(house.told("queue:L1")), house.version()) == (told + 1, version + changes)
        house.clock.advance(timedelta(hours=16))


async def test_a_loss_that_lasts_is_believed_however_often_it_is_told() -> None:
    house = await mirrored(House())
    await house.mirror.apply([page(*(f"A{i}" for i in range(1, 9)))], as_of=house.clock.now())
    for _ in range(round(limits.QUEUE_SHRINK_CONFIRM_SECONDS) + 1):
        await house.mirror.apply([page()], as_of=house.clock.advance(timedelta(seconds=1)))
    assert house.newest().waiting == []


async def test_a_loss_that_was_taken_back_must_last_anew() -> None:
    house = await mirrored(House())
    everybody = page(*(f"A{i}" for i in range(1, 9)))
    for each in (everybody, page(), everybody):
        await house.mirror.apply([each], as_of=house.clock.advance(timedelta(seconds=1)))
    house.clock.advance(timedelta(minutes=10))
    applied = await house.mirror.apply([page()], as_of=house.clock.now())
    assert [refusal.why for refusal in applied.refused] == ["shrunk"]


async def test_a_stale_board_tells_the_last_confirmation_not_the_last_change() -> None:
    house = await mirrored(House())
    confirmed = house.clock.advance(timedelta(seconds=limits.QUEUE_REAFFIRM_SECONDS))
    await house.mirror.apply([], confirmed=[L1], as_of=confirmed)
    house.clock.advance(timedelta(seconds=limits.HOSPITAL_STALE_SECONDS))
    await house.mirror.unreachable()
    assert (house.newest().fresh, house.newest().as_of) == (False, confirmed)


async def test_the_hospital_confirms_nothing_about_a_line_that_is_run_here() -> None:
    house = await House().with_people("A1")
    told = len(house.units.published)
    house.clock.advance(timedelta(seconds=limits.QUEUE_REAFFIRM_SECONDS))
    await house.mirror.apply([], confirmed=[L1], as_of=house.clock.now(), hospital_at=house.clock.now())
    assert (len(house.units.published), house.units.lines[L1].hospital_at) == (told, None)


async def test_a_room_that_is_given_to_another_line_follows_when_its_patient_has_left() -> None:
    house = House()
    here = OwnLineSpec(
        id=L1, name="内科", department=DepartmentId("D1"), department_name="内科",
        rooms=((R1, "301"),), settings=LineSettings(),
    )  # fmt: skip
    there = replace(here, id=L2, name="外科", rooms=((R2, "302"),))
    assert await house.own.set_up([here, there])
    await house.queue.open_room(NURSE, L1, R1, wire.OpenRoom(expected_version=0))
    await house.queue.check_in(NURSE, L1, wire.CheckIn(expected_version=1, visit="v"))
    await house.queue.call_next(NURSE, L1, wire.IntoRoom(expected_version=2, room=R1))
    moved = [replace(here, rooms=()), replace(there, rooms=((R1, "301"), (R2, "302")))]
    assert not await house.own.set_up(moved), "not yet"
    assert rooms_of(house) == {L1: [R1], L2: [R2]}
    assert house.newest().open == "paused"
    with pytest.raises(NoSuchRoom):
        await house.queue.open_room(NURSE, L2, R1, wire.OpenRoom(expected_version=house.version(L2)))
    for command in (house.queue.start, house.queue.finish):
        await command(NURSE, L1, TicketNumber("A001"), wire.Command(expected_version=house.version()))
    assert await house.own.set_up(moved)
    assert rooms_of(house) == {L1: [], L2: [R1, R2]}
    assert house.newest().open == "closed"


def rooms_of(house: House) -> dict[LineId, list[RoomId]]:
    return {line.id: [room.id for room in line.rooms] for line in house.units.lines.values()}
