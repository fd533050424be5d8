"""Fetches a line's past for the estimator: once a day and line in each process, and whenever days were told.

Days that the hospital tells afterwards are written by one worker; every other process notices them by their
number, which it counts again at most every ``QUEUE_LEARN_AGAIN_SECONDS``.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

from core import limits
from core.clock import Clock
from core.ids import LineId
from queue_display.estimate import Estimator
from queue_display.events import Transition
from queue_display.line import Line
from queue_display.store import Unit, Units


class Learn(Protocol):
    """``Estimator.learn`` or ``Estimator.learn_anew``."""

    def __call__(self, line: LineId, rows: Sequence[Transition], *, until: date) -> None: ...


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at a line's past found: on which day of the line, how many told days, and when."""

    day: date
    told: int
    at: float


class Learning:
    """Keeps the estimator's memory of each line up to its present day."""

    def __init__(self, *, units: Units, estimator: Estimator, clock: Clock) -> None:
        self._units = units
        self._estimator = estimator
        self._clock = clock
        self._looks: dict[LineId, _Look] = {}
        self._under_way: set[LineId] = set()

    def is_due(self, line: Line) -> bool:
        """Whether the line's past has not been looked at today, or days may have been told since."""
        if line.id in self._under_way:
            return False
        look = self._looks.get(line.id)
        if look is None or look.day != line.day:
            return True
        return self._clock.monotonic() - look.at >= limits.QUEUE_LEARN_AGAIN_SECONDS

    def look_again(self, lines: Iterable[LineId]) -> None:
        """Make these due now: this process knows that days were told."""
        for line in lines:
            if line in self._looks:
                self._looks[line] = replace(self._looks[line], at=float("-inf"))

    async def prepare(self, line: Line, *, unit: Unit | None = None) -> None:
        """Learn the line's past days if that is due; reads in ``unit`` or in one of its own.

        The learning itself runs beside the loop. Whoever comes meanwhile does without.
        """
        if not self.is_due(line):
            return
        self._under_way.add(line.id)
        try:
            if unit is not None:
                await self._learn(line, unit)
            else:
                async with self._units.read() as own:
                    await self._learn(line, own)
        finally:
            self._under_way.discard(line.id)

    async def _learn(self, line: Line, unit: Unit) -> None:
        begun = self._clock.monotonic()
        before = self._looks.get(line.id)
        told = await unit.lines.told_days(line.id)
        if before is None or before.told != told:
            await self._teach(line, unit, self._estimator.learn_anew)
        elif before.day != line.day:
            await self._teach(line, unit, self._estimator.learn)
        self._looks[line.id] = _Look(line.day, told, begun)

    async def _teach(self, line: Line, unit: Unit, learn: Learn) -> None:
        since = line.day - timedelta(days=limits.QUEUE_LEARN_DAYS)
        rows = await unit.lines.movements(line.id, since=since, until=line.day, limit=limits.QUEUE_LEARN_ROWS)
        await asyncio.to_thread(learn, line.id, rows, until=line.day)
