"""Deadlines of many connections, each with exactly one, at a fraction of the memory of a timer each.

Deadlines fall into ticks; whoever owns the wheel turns it about once per tick. A deadline fires at its tick
or up to one tick late, never early by more than rounding, which pings and time-outs of seconds do not
notice.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Wheel(Generic[T]):
    """Who is due when."""

    def __init__(self, *, tick_seconds: float) -> None:
        self._tick_seconds = tick_seconds
        self._due: dict[int, set[T]] = {}
        self._turned = -1
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def put(self, item: T, at: float) -> int:
        """Note a deadline and answer its tick, which ``remove`` wants back.

        Past deadlines fire on the next turn.
        """
        tick = self.tick_of(at)
        due = self._due.get(tick)
        if due is None:
            due = self._due[tick] = set()
        due.add(item)
        self._waiting += 1
        return tick

    def tick_of(self, at: float) -> int:
        """The tick in which a deadline would fire."""
        return max(int(at / self._tick_seconds) + 1, self._turned + 1)

    def remove(self, item: T, tick: int) -> None:
        """Forget a deadline that ``put`` noted; one that has fired is forgotten already."""
        due = self._due.get(tick)
        if due is None or item not in due:
            return
        due.discard(item)
        self._waiting -= 1
        if not due:
            del self._due[tick]

    def turn(self, now: float) -> list[T]:
        """Take out everyone whose deadline has passed."""
        current = int(now / self._tick_seconds)
        fired: list[T] = []
        if current - self._turned > len(self._due):
            ticks = [tick for tick in self._due if tick <= current]
        else:
            ticks = [tick for tick in range(self._turned + 1, current + 1) if tick in self._due]
        for tick in sorted(ticks):
            fired.extend(self._due.pop(tick))
        self._turned = max(self._turned, current)
        self._waiting -= len(fired)
        return fired
