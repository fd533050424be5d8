"""``core.quota.Quotas`` in this process."""

from collections.abc import Sequence

from core import limits
from core.clock import Clock
from core.quota import Wish, take


class MemoryQuotas:
    """Bounded by ``QUOTA_NAMES``: beyond it the name that was used longest ago is forgotten, and forgiven."""

    def __init__(self, clock: Clock, *, names: int = limits.QUOTA_NAMES) -> None:
        self._now = clock.monotonic
        self._names = names
        self._used: dict[str, float] = {}

    async def take(self, wishes: Sequence[Wish]) -> float:
        return self.take_now(wishes)

    def take_now(self, wishes: Sequence[Wish]) -> float:
        """The same without waiting for anything."""
        used, at = self._used, self._now()
        longest, after = 0.0, []
        for wish in wishes:
            until, wait = take(used.get(wish.name), at=at, allowed=wish.allowed)
            longest = max(longest, wait)
            after.append(until)
        if longest:
            return longest
        for wish, until in zip(wishes, after, strict=True):
            # Taken out and put in again, so that the order is that of use.
            used.pop(wish.name, None)
            used[wish.name] = until
        while len(used) > self._names:
            del used[next(iter(used))]
        return 0.0
