"""What comes too often, said once a while instead of every time: a flood must not become a flood of lines."""

import structlog

from core import limits
from core.clock import Clock

log = structlog.get_logger()


class Floods:
    """Says the first event of a kind at once, then at most one line a minute with how many there were."""

    def __init__(self, clock: Clock, *, pause_seconds: float = limits.REALTIME_FLOOD_LINE_SECONDS) -> None:
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._unsaid: dict[str, int] = {}
        self._said_at: dict[str, float] = {}

    def note(self, kind: str, **facts: object) -> None:
        """Something of this kind happened. ``kind`` is from a closed set; facts name nobody."""
        now = self._clock.monotonic()
        times = self._unsaid.get(kind, 0) + 1
        said_at = self._said_at.get(kind)
        if said_at is not None and now - said_at < self._pause_seconds:
            self._unsaid[kind] = times
            return
        self._unsaid[kind] = 0
        self._said_at[kind] = now
        log.warning("realtime.turned_away", kind=kind, times=times, **facts)
