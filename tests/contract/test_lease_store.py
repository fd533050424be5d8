"""Leases on both databases: one holder, takeover when time runs out, and fences that outlive mistakes."""

import asyncio
import contextlib
import time

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.leases import SqlLeases
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.clock import ManualClock, SystemClock
from core.events import Outgoing
from core.leases import Fence, LeaseLost
from core.refusals import StorageUnavailable
from server.leases import LeaseKeeper
from tests.contract.sql_examples import NOON, a_line, new


@pytest.fixture
def leases(database: Database) -> SqlLeases:
    return SqlLeases(database)


def keeper(leases: SqlLeases, holder: str) -> LeaseKeeper:
    return LeaseKeeper(leases, holder=holder, clock=SystemClock(), seconds=1.2, renew_seconds=0.2)


async def test_one_holder_at_a_time_and_every_taking_adds_one(leases: SqlLeases) -> None:
    first = await leases.take("relay", holder="a", seconds=30)
    assert first == Fence("relay", 1)
    assert await leases.take("relay", holder="b", seconds=30) is None
    assert await leases.take("sync", holder="b", seconds=30) == Fence("sync", 1)
    assert await leases.take("relay", holder="a", seconds=30) == Fence("relay", 2)


async def test_a_lease_that_ran_out_goes_to_the_next(leases: SqlLeases) -> None:
    first = await leases.take("relay", holder="a", seconds=0.05)
    assert first is not None
    await asyncio.sleep(0.08)
    assert await leases.take("relay", holder="b", seconds=30) == Fence("relay", 2)
    assert await leases.renew([first], holder="a", seconds=30) == []


async def test_renewing_keeps_it_and_giving_up_frees_it(leases: SqlLeases) -> None:
    fences = [await leases.take(name, holder="a", seconds=1) for name in ("relay", "sync")]
    held = [fence for fence in fences if fence is not None]
    for _ in range(4):
        await asyncio.sleep(0.3)
        assert await leases.renew(held, holder="a", seconds=1) == held
    assert await leases.take("relay", holder="b", seconds=30) is None
    await leases.give_up(held[0], holder="a")
    assert await leases.take("relay", holder="b", seconds=30) == Fence("relay", 2)
    await leases.give_up(held[0], holder="a")
    assert await leases.take("relay", holder="c", seconds=30) is None


async def test_of_many_who_try_at_once_one_wins(leases: SqlLeases) -> None:
    won = await asyncio.gather(*[leases.take("relay", holder=f"h{n}", seconds=30) for n in range(6)])
    assert [fence for fence in won if fence is not None] == [Fence("relay", 1)]


async def test_a_write_with_an_old_fence_is_refused(database: Database, leases: SqlLeases) -> None:
    fence = await leases.take("sync", holder="a", seconds=0.01)
    assert fence is not None
    units = SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())
    async with units.under(lambda: fence).begin() as unit:
        await unit.lines.keep(new(a_line()))
        await unit.commit()
    await asyncio.sleep(0.03)
    await leases.take("sync", holder="b", seconds=30)
    async with units.under(lambda: fence).begin() as unit:
        await unit.lines.keep(new(a_line("L2")))
        unit.publish(Outgoing("queue:L2", b"{}"))
        with pytest.raises(LeaseLost):
            await unit.commit()
    async with units.read() as unit:
        assert await unit.lines.ids() == ["L0301"]


async def test_work_moves_to_another_process_when_its_holder_dies(leases: SqlLeases) -> None:
    at_work: list[str] = []

    async def work(name: str) -> None:
        at_work.append(name)
        await asyncio.Event().wait()

    dead, heir = keeper(leases, "dead"), keeper(leases, "heir")
    first = asyncio.create_task(dead.while_holding("relay", lambda: work("dead")))
    await _until(lambda: at_work == ["dead"])
    second = asyncio.create_task(heir.while_holding("relay", lambda: work("heir")))
    await asyncio.sleep(1.5)
    assert at_work == ["dead"]
    # Death without a word: it renews no more, and gives nothing up.
    await dead.close()
    died = time.monotonic()
    await _until(lambda: at_work == ["dead", "heir"])
    assert time.monotonic() - died < 4
    await _stop(first, second)
    await heir.close()


async def test_a_stopping_process_hands_over_at_once(leases: SqlLeases) -> None:
    slow = LeaseKeeper(leases, holder="slow", clock=SystemClock(), seconds=60, renew_seconds=20)
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(slow.while_holding("relay", work))
    await asyncio.wait_for(started.wait(), 5)
    assert slow.holds("relay")
    await _stop(task)
    assert not slow.holds("relay")
    with pytest.raises(LeaseLost):
        slow.fence_of("relay")()
    assert await leases.take("relay", holder="next", seconds=30) == Fence("relay", 2)
    await slow.close()


async def test_work_stops_when_its_lease_is_lost_and_starts_again_when_won_back(leases: SqlLeases) -> None:
    log: list[str] = []

    async def work() -> None:
        log.append("start")
        try:
            await asyncio.Event().wait()
        finally:
            log.append("stop")

    mine = keeper(leases, "mine")
    task = asyncio.create_task(mine.while_holding("relay", work))
    await _until(lambda: log == ["start"])
    # The database gives it to somebody else behind this process's back.
    await leases.give_up(Fence("relay", 1), holder="mine")
    taken = await leases.take("relay", holder="thief", seconds=0.5)
    assert taken == Fence("relay", 2)
    await _until(lambda: log == ["start", "stop"])
    await _until(lambda: log == ["start", "stop", "start"])
    assert mine.fence_of("relay")() == Fence("relay", 3)
    await _stop(task)
    await mine.close()


async def test_work_that_meets_trouble_of_storage_starts_again(leases: SqlLeases) -> None:
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise StorageUnavailable(why="locked")
        if attempts == 2:
            raise ExceptionGroup("tasks", [LeaseLost(lease="relay"), StorageUnavailable(why="away")])

    mine = keeper(leases, "mine")
    await asyncio.wait_for(mine.while_holding("relay", work), 5)
    assert attempts == 3
    await mine.close()


async def test_a_defect_in_the_work_comes_out_and_frees_the_lease(leases: SqlLeases) -> None:
    async def work() -> None:
        raise ZeroDivisionError

    mine = keeper(leases, "mine")
    with pytest.raises(ZeroDivisionError):
        await mine.while_holding("relay", work)
    assert await leases.take("relay", holder="next", seconds=30) is not None
    await mine.close()


async def _until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def _stop(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
