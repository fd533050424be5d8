"""Says the same thing seldom: a fault that repeats every second is worth one log line, not 86,400."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

REPEAT_SECONDS = 24 * 3600.0
KEYS = 4_096


class Seldom:
    """Remembers what was said, at most ``keys`` things; the longest unsaid gives way."""

    def __init__(
        self, *, monotonic: Callable[[], float], seconds: float = REPEAT_SECONDS, keys: int = KEYS
    ) -> None:
        self._monotonic = monotonic
        self._seconds = seconds
        self._keys = keys
        self._said: OrderedDict[Hashable, float] = OrderedDict()

    def is_due(self, *key: Hashable) -> bool:
        """Whether this should be said now; answering yes counts as said."""
        now = self._monotonic()
        last = self._said.get(key)
        if last is not None and now - last < self._seconds:
            return False
        self._said[key] = now
        self._said.move_to_end(key)
        if len(self._said) > self._keys:
            self._said.popitem(last=False)
        return True
