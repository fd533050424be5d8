"""Which lines there are, so that nobody can make channels of names that no line has.

Almost every question is answered from memory. A name that is not there may be a line that has just been set
up, so the database is read before anybody is refused, at most once a second however many ask.
"""

import asyncio

from core import limits
from core.clock import Clock
from core.ids import LineId
from core.refusals import StorageUnavailable
from queue_display.store import Units


class KnownLines:
    """The ids of the lines, for ``realtime.hub``. Lines are never taken away: what was once seen stays."""

    def __init__(
        self, units: Units, *, clock: Clock, pause_seconds: float = limits.LINE_LOOK_SECONDS
    ) -> None:
        self._units = units
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._known: frozenset[LineId] = frozenset()
        self._looking = asyncio.Lock()
        self._began = float("-inf")
        self._failure: StorageUnavailable | None = None

    def __contains__(self, line: object) -> bool:
        """Whether there is such a line for certain, answered from memory."""
        return line in self._known

    async def look(self, line: str) -> bool:
        """Whether there is such a line now. Raises ``StorageUnavailable`` when that cannot be known."""
        asked = self._clock.monotonic()
        if line not in self._known:
            async with self._looking:
                # A look that began since answers for everybody who waited.
                if line not in self._known and self._began < asked:
                    await self._look()
                if line not in self._known and self._failure is not None:
                    raise self._failure
        return line in self._known

    async def _look(self) -> None:
        pause = self._began + self._pause_seconds - self._clock.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        self._began = self._clock.monotonic()
        try:
            async with self._units.read() as unit:
                self._known = frozenset(await unit.lines.ids())
        except StorageUnavailable as away:
            self._failure = away
        else:
            self._failure = None
