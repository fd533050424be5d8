"""Which lines there are: answered from memory, looked up anew for a new one, once however many ask."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from core.clock import SystemClock
from core.refusals import StorageUnavailable
from server.known_lines import KnownLines


class Lines:
    """A database of lines, which may be slow or away."""

    def __init__(self, *ids: str) -> None:
        self.there = set(ids)
        self.looks = 0
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator["Lines"]:
        self.looks += 1
        if self.away:
            raise StorageUnavailable(why="away")
        yield self

    @property
    def lines(self) -> "Lines":
        return self

    async def ids(self) -> list[str]:
        seen = sorted(self.there)
        await self.gate.wait()
        return seen


def known(lines: Lines, *, pause: float = 0.0) -> KnownLines:
    return KnownLines(lines, clock=SystemClock(), pause_seconds=pause)  # type: ignore[arg-type]


async def test_a_line_that_is_known_costs_no_look() -> None:
    lines = Lines("L1", "L2")
    knows = known(lines)
    assert await knows.look("L1")
    for _ in range(100):
        assert await knows.look("L2")
    assert lines.looks == 1
    assert "L1" in knows
    assert "L3" not in knows


async def test_a_line_that_was_just_set_up_is_there() -> None:
    lines = Lines("L1")
    knows = known(lines)
    assert not await knows.look("L2")
    lines.there.add("L2")
    assert await knows.look("L2")


async def test_many_who_ask_for_nothing_share_one_look() -> None:
    lines = Lines("L1")
    knows = known(lines, pause=0.05)
    await knows.look("L1")
    answers = await asyncio.gather(*(knows.look(f"nothing-{number}") for number in range(500)))
    assert not any(answers)
    assert lines.looks == 2


async def test_who_asks_while_a_look_is_under_way_is_not_kept_for_the_next() -> None:
    lines = Lines("L1")
    lines.gate.clear()
    knows = known(lines, pause=3_600)
    asking = [asyncio.create_task(knows.look("L1")) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking += [asyncio.create_task(knows.look("L1")) for _ in range(3)]
    await asyncio.sleep(0)
    lines.gate.set()
    async with asyncio.timeout(10):
        assert all(await asyncio.gather(*asking))
    assert lines.looks == 1


async def test_a_line_made_while_a_look_was_under_way_is_not_denied() -> None:
    lines = Lines("L1")
    lines.gate.clear()
    knows = known(lines)
    first = asyncio.create_task(knows.look("L1"))
    await asyncio.sleep(0.01)
    lines.there.add("L2")
    second = asyncio.create_task(knows.look("L2"))
    await asyncio.sleep(0.01)
    lines.gate.set()
    assert await first
    assert await second


async def test_without_the_database_nobody_is_told_that_there_is_no_such_line() -> None:
    lines = Lines("L1")
    knows = known(lines, pause=0.05)
    assert await knows.look("L1")
    lines.away = True
    answers = await asyncio.gather(*(knows.look("L2") for _ in range(50)), return_exceptions=True)
    assert all(isinstance(answer, StorageUnavailable) for answer in answers)
    assert lines.looks == 2
    assert await knows.look("L1")
    lines.away = False
    assert not await knows.look("L2")


async def test_one_who_leaves_while_waiting_spoils_nothing() -> None:
    lines = Lines("L1")
    lines.gate.clear()
    knows = known(lines)
    leaving, staying = asyncio.create_task(knows.look("L1")), asyncio.create_task(knows.look("L1"))
    await asyncio.sleep(0.01)
    leaving.cancel()
    lines.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await staying
