"""Processes of ours that die by kill -9: what they acknowledged stays, what they held is taken over."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.leases import SqlLeases
from adapters.sql.outbox import SqlOutbox
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.clock import ManualClock, SystemClock
from core.ids import LineId
from server.leases import LeaseKeeper
from tests.contract.sql_examples import NOON, a_line, new

pytestmark = pytest.mark.process


@contextlib.asynccontextmanager
async def child(what: str, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.contract.sql_child", what, url, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def next_word(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return (await process.stdout.readline()).decode().strip()


async def test_what_was_acknowledged_survives_and_nothing_is_half_written(
    database: Database, database_url: str
) -> None:
    units = SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())
    async with units.begin() as unit:
        await unit.lines.keep(new(a_line(tickets=40)))
        await unit.commit()
    acknowledged = 1
    for commands in (3, 17, 40):
        async with child("call", database_url) as process:
            for _ in range(commands):
                acknowledged = int(await next_word(process))
            process.kill()
            await process.wait()
            assert process.stdout is not None
            said = (await process.stdout.read()).decode().split()
            acknowledged = max([acknowledged, *map(int, said)])
        # A dead client's transaction is rolled back by the server when it notices; the lock says so.
        async with units.begin() as unit:
            line = await unit.lines.load_for_change(LineId("L0301"))
            history = await unit.lines.history(line.id, before=None, limit=10_000)
        assert line.version in {acknowledged, acknowledged + 1}
        assert [each.version for each in history] == list(range(line.version, 1, -1))
        waiting = await SqlOutbox(database).waiting(after=0, limit=10_000)
        assert [int(each.outgoing.data) for each in waiting] == list(range(2, line.version + 1))


async def test_a_killed_holder_is_replaced_in_time(database: Database, database_url: str) -> None:
    heir = LeaseKeeper(SqlLeases(database), holder="heir", clock=SystemClock())
    at_work = asyncio.Event()

    async def work() -> None:
        at_work.set()
        await asyncio.Event().wait()

    async with child("hold", database_url) as process:
        while await next_word(process) != "holding":
            continue
        waiting = asyncio.create_task(heir.while_holding("relay", work))
        await asyncio.sleep(1)
        assert not at_work.is_set()
        process.kill()
        died = time.monotonic()
        async with asyncio.timeout(60):
            await at_work.wait()
        # No timed assert on a shared machine beyond what the lease promises, with room to spare.
        assert time.monotonic() - died < limits.LEASE_SECONDS + 2
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await heir.close()
