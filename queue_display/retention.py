"""What need not be kept any longer of the line's past, forgotten a day of a line at a time.

Tickets of past days hold a masked name and a visit, so they go early. The history holds neither: it says who
called which number when, waiting times are learned from it, and the law may ask for it.
"""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta

import structlog

from core import limits
from core.clock import Clock, business_day
from core.ids import LineId
from queue_display.store import LineRow, Past, Units

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDays:
    """How many days each part of the past is kept, besides the present one."""

    tickets: int
    history: int

    def of(self, what: Past) -> int:
        """The days of one part."""
        return self.tickets if what is Past.TICKETS else self.history


def oldest_kept(today: date, *, days: int, present: date) -> date:
    """The first day that stays. The line's present day always does, however long ago it began: a line whose
    hospital has been silent for months still shows its last state."""
    return min(today - timedelta(days=days), present)


class Retention:
    """Forgets the past of every line. Each day of a line is a transaction of its own: nobody waits long."""

    def __init__(self, *, units: Units, clock: Clock, kept: KeptDays) -> None:
        self._units = units
        self._clock = clock
        self._kept = kept

    async def sweep(self) -> dict[Past, int]:
        """Forget all that is due now; answers how many rows of each part went."""
        gone = dict.fromkeys(Past, 0)
        after: LineId | None = None
        while True:
            async with self._units.read() as unit:
                page = await unit.lines.page(department=None, after=after, limit=limits.HTTP_PAGE_ITEMS)
            for line in page:
                for what in Past:
                    gone[what] += await self._of_line(line, what)
            if len(page) < limits.HTTP_PAGE_ITEMS:
                break
            after = page[-1].id
        if any(gone.values()):
            log.info("retention.forgot", **{what.value: rows for what, rows in gone.items()})
        return gone

    async def _of_line(self, line: LineRow, what: Past) -> int:
        before = oldest_kept(
            business_day(self._clock.now()), days=self._kept.of(what), present=line.day
        )  # fmt: skip
        gone = 0
        while True:
            async with self._units.read() as unit:
                days = await unit.past.days(what, line.id, before=before, limit=limits.RETENTION_DAYS_AT_ONCE)
            for day in days:
                async with self._units.begin() as unit:
                    gone += await unit.past.forget(what, line.id, day)
                    await unit.commit()
                await asyncio.sleep(limits.RETENTION_PAUSE_SECONDS)
            if len(days) < limits.RETENTION_DAYS_AT_ONCE:
                return gone
