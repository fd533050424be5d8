"""Time as an argument: production asks the system, tests turn the hands.

Every ``datetime`` inside Houzhen is aware. The hospital's day and everything shown to people is China
Standard Time, which has had no summer time since 1991, so a fixed offset is exact.
"""

import time
from datetime import date, datetime, timedelta, timezone
from typing import Protocol

CHINA = timezone(timedelta(hours=8), "CST")


class Clock(Protocol):
    """Who knows what time it is."""

    def now(self) -> datetime:
        """The present moment, aware, in China Standard Time, to the microsecond."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean anything."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(CHINA)

    # The system's own function, without one of ours around it: every frame that comes asks several times.
    monotonic = staticmethod(time.monotonic)


class ManualClock:
    """A clock that stands still until it is told to move. For tests and simulations."""

    def __init__(self, at: datetime) -> None:
        self._now = at.astimezone(CHINA)
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, by: timedelta) -> datetime:
        """Move forward and answer the new time. Refuses to go back with ``ValueError``."""
        if by < timedelta(0):
            raise ValueError("a clock does not run backwards")
        self._now += by
        self._monotonic += by.total_seconds()
        return self._now


def business_day(at: datetime) -> date:
    """The hospital's calendar day of a moment."""
    return at.astimezone(CHINA).date()
