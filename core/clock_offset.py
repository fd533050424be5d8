"""How far this machine's clock is from what several time servers say. Pure.

Tokens, sessions, the log and a patient's place in a line are all told by the clock: a minute off, and codes
are refused that are good, and the log says what was not so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Offset:
    """What was found: seconds that the true time is ahead of ours, by how many servers, and when."""

    seconds: float
    servers: int
    at: datetime

    def is_beyond(self, bound: float) -> bool:
        """Whether the clock is further off than that, in either direction."""
        return abs(self.seconds) > bound


def judged(answers: Sequence[float], *, at: datetime) -> Offset | None:
    """The middle of what the servers say, so that one that lies is outvoted; ``None`` without any."""
    return Offset(median(answers), len(answers), at) if answers else None


class TimeServers(Protocol):
    """Who knows the time better."""

    async def offsets(self) -> Sequence[float]:
        """What each server that answered says, in seconds; empty when none did. Never raises."""
