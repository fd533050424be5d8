"""Fetches a line's past for the estimator, once a day and line in each process."""

import asyncio
from datetime import timedelta

from core import limits
from core.ids import LineId
from queue_display.estimate import Estimator
from queue_display.line import Line
from queue_display.store import Unit, Units


class Learning:
    """Keeps the estimator's memory of each line up to its present day."""

    def __init__(self, *, units: Units, estimator: Estimator) -> None:
        self._units = units
        self._estimator = estimator
        self._under_way: set[LineId] = set()

    def is_due(self, line: Line) -> bool:
        """Whether the line's past has not been looked at today."""
        return self._estimator.learned_until(line.id) != line.day and line.id not in self._under_way

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
        since = line.day - timedelta(days=limits.QUEUE_LEARN_DAYS)
        rows = await unit.lines.movements(line.id, since=since, until=line.day, limit=limits.QUEUE_LEARN_ROWS)
        await asyncio.to_thread(self._estimator.learn, line.id, rows, until=line.day)
