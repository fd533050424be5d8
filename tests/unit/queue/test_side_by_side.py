"""Two hands on the same mirrored lines: the directory beside the states, and one worker after another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec

from core import limits
from core.ids import DepartmentId
from queue_display import wire
from queue_display.line import Room
from queue_display.observed import LineDescription
from tests.unit.queue.clinic import DAY, R1
from tests.unit.queue.memory import MemoryUnit, MemoryUnits
from tests.unit.queue.test_services import L1, House, mirrored, page

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
