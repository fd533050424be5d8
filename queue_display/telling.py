"""Keeps the days that the hospital tells afterwards, and lets the waiting times learn from them.

A mirrored line that has just been connected has no past of its own, so phones would get no estimate for days.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from core import limits
from core.ids import LineId
from queue_display.learning import Learning
from queue_display.line import Line, Mode
from queue_display.mirroring import MirrorService
from queue_display.past import PastTicket, told_day
from queue_display.store import ToldDay, Units


class ToldDays:
    """What the mirrored lines did not see themselves. Every transaction is small; each may be the last."""

    def __init__(self, *, units: Units, learning: Learning, mirror: MirrorService) -> None:
        self._units = units
        self._learning = learning
        self._mirror = mirror
        self._told: set[LineId] = set()

    async def wanted(self) -> list[date]:
        """The days worth learning of which some mirrored line knows nothing, newest first."""
        lines = await self._lines()
        if not lines:
            return []
        until = max(line.day for line in lines)
        since = until - timedelta(days=limits.QUEUE_LEARN_DAYS)
        async with self._units.read() as unit:
            known = await unit.lines.known_days([line.id for line in lines], since=since, until=until)
        days = [until - timedelta(days=ago) for ago in range(1, limits.QUEUE_LEARN_DAYS + 1)]
        return [day for day in days if any(day not in known[line.id] for line in lines)]

    async def keep(self, day: date, told: Mapping[LineId, Sequence[PastTicket]]) -> None:
        """Keep what was told of that day; a mirrored line that was not mentioned had an empty day.

        A line that knows the day keeps what it has. Lines nobody mirrors, and the platform's own, are passed
        over.
        """
        waiting: list[ToldDay] = []
        rows = 0
        for line in await self._lines():
            if day >= line.day:
                continue
            waiting.append(ToldDay(line.id, day, told_day(day, told.get(line.id, ()))))
            rows += len(waiting[-1].rows)
            if rows >= limits.QUEUE_TOLD_ROWS_AT_ONCE:
                await self._write(waiting)
                waiting, rows = [], 0
        await self._write(waiting)

    async def learn(self) -> None:
        """Let the waiting times follow what was kept since the last time, and tell the lines again."""
        told, self._told = self._told, set()
        self._learning.look_again(told)
        async with self._units.read() as unit:
            lines = await unit.lines.load_many(sorted(told))
        for line in lines:
            await self._learning.prepare(line)
            self._mirror.tell_soon([line.id])

    async def _write(self, days: Sequence[ToldDay]) -> None:
        async with self._units.begin() as unit:
            await unit.lines.keep_told(days)
            await unit.commit()
        self._told.update(told.line for told in days)

    async def _lines(self) -> list[Line]:
        async with self._units.read() as unit:
            return await unit.lines.load_many(await unit.lines.ids(Mode.MIRROR))
