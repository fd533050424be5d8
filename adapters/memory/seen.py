"""``core.seen.Seen`` inside one process."""

from collections import OrderedDict

from core import limits
from core.clock import Clock


class MemorySeen:
    """Bounded by ``CALLBACK_REMEMBERED``: when it is full, the oldest is forgotten."""

    def __init__(self, clock: Clock, *, most: int = limits.CALLBACK_REMEMBERED) -> None:
        self._clock = clock
        self._most = most
        self._marks: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def first(self, name: str, *, mark: str, seconds: float) -> str | None:
        now = self._clock.monotonic()
        known = self._marks.get(name)
        if known is not None and now < known[1]:
            return known[0]
        self._marks.pop(name, None)
        self._marks[name] = (mark, now + seconds)
        while len(self._marks) > self._most:
            self._marks.popitem(last=False)
        return None
