"""Ending tasks for certain."""

import asyncio
from collections.abc import Iterable
from typing import Any

from core import limits


async def end_tasks(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel the tasks and return when every one of them has ended; how it ended does not matter.

    A cancellation can be lost: a library that waits with ``asyncio.wait_for`` (before Python 3.12) or that
    takes it for trouble of its own swallows it, and a loop goes on as if nothing had been said. So whoever
    has not ended after ``TASK_END_SECONDS`` is told again.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=limits.TASK_END_SECONDS)
        for task in ended:
            if not task.cancelled():
                task.exception()
