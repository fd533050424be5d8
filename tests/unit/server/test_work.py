"""Loops of the worker: a defect in one is told and begun again, and never takes the others with it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from core import limits
from server.work import Timers, run_under_leases


class Keeper:
    """Gives every lease at once."""

    async def while_holding(self, lease: str, work: Callable[[], Awaitable[None]]) -> None:
        await work()


async def test_a_loop_that_fails_is_begun_again_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WORK_RETRY_SECONDS", 0.001)
    begun: dict[str, int] = {"good": 0, "bad": 0}
    enough = asyncio.Event()

    async def good() -> None:
        begun["good"] += 1
        await asyncio.Event().wait()

    async def bad() -> None:
        begun["bad"] += 1
        if begun["bad"] == 3:
            enough.set()
        raise RuntimeError("a defect")

    keeper: Any = Keeper()
    running = asyncio.create_task(run_under_leases(keeper, {"good": good, "bad": bad}))
    async with asyncio.timeout(60):
        await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert begun["good"] == 1
    assert begun["bad"] >= 3


class Own:
    """Own lines whose rooms can be moved at the third attempt."""

    def __init__(self) -> None:
        self.attempts = 0
        self.looks_after = 0

    async def set_up(self, wanted: object) -> bool:
        self.attempts += 1
        return self.attempts == 3

    async def pass_overdue(self) -> None:
        self.looks_after += 1

    async def roll_days(self) -> None: ...

    reaffirm = roll_days


async def test_the_configuration_is_tried_again_until_it_is_so_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "TIMER_PASS_SECONDS", 0.001)
    own: Any = Own()
    running = asyncio.create_task(Timers(own, ()).run())
    async with asyncio.timeout(60):
        while own.looks_after < 20:
            await asyncio.sleep(0.001)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert own.attempts == 3
