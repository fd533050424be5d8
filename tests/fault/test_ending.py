"""Ending for certain: tasks that swallow a cancellation, and processes that would not end."""

import asyncio
import subprocess
import sys
import textwrap

import pytest

from core import limits
from core.tasks import end_tasks


async def test_a_task_that_mistook_its_cancellation_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TASK_END_SECONDS", 0.01)
    told = 0

    async def stubborn() -> None:
        nonlocal told
        while told < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end_tasks([task])
    assert told == 3


async def test_how_a_task_ends_does_not_matter() -> None:
    async def fails() -> None:
        raise RuntimeError("nobody asked")

    async def returns() -> int:
        return 1

    tasks = [asyncio.create_task(fails()), asyncio.create_task(returns())]
    await asyncio.sleep(0)
    await end_tasks([*tasks, asyncio.create_task(asyncio.Event().wait())])
    await end_tasks([])


HANGING = """
    import asyncio
    from server.lifetime import end_within
    from server.telemetry import configure_logs

    async def main():
        configure_logs(form="json", level="info", role="web")
        end_within(0.2)
        await asyncio.Event().wait()

    asyncio.run(main())
"""


def test_a_process_that_does_not_end_says_where_it_stands_and_ends() -> None:
    script = textwrap.dedent(HANGING)
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 1
    assert "role.did_not_end" in ran.stdout + ran.stderr
    assert "<string>:" in ran.stdout + ran.stderr
