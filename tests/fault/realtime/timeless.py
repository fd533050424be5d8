"""An event loop whose time stands still while anything can be done, and then jumps to the next timer.

Minutes pass in milliseconds, and the same steps give the same run every time. Sockets between parts of one
process work as ever: what was sent is there at once.
"""

import asyncio
import selectors
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from core.clock import CHINA

NOON = datetime(2026, 11, 23, 12, tzinfo=CHINA)


class _Selector(selectors.DefaultSelector):  # type: ignore[valid-type,misc]
    """Answers what is ready now; where nothing is, time has passed instead."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing will ever happen in this loop")
        if not ready and timeout is not None and timeout > 0:
            self.passed += timeout
        return ready


class TimelessLoop(asyncio.SelectorEventLoop):
    """Use it as any loop. What goes wrong in a callback is kept in ``faults``."""

    def __init__(self) -> None:
        self._jumps = _Selector()
        super().__init__(self._jumps)
        self.faults: list[Mapping[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.faults.append(context))

    def time(self) -> float:
        return self._jumps.passed


class LoopClock:
    """The loop's time as a clock."""

    def __init__(self, loop: TimelessLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()
