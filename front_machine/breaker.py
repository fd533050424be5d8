"""When to ask a failing neighbour again: soon after one failure, later after many, never in step."""

from collections.abc import Callable


class Breaker:
    """Opens at the first failure and closes at the first success.

    While open, ``wait_seconds`` says how long nobody should ask: ``first`` doubled with every failure up to
    ``longest``, less up to a third at random.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        chance: Callable[[], float],
        first: float,
        longest: float,
    ) -> None:
        self._monotonic = monotonic
        self._chance = chance
        self._first = first
        self._longest = longest
        self._failures = 0
        self._again_at = float("-inf")

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._failures

    def wait_seconds(self) -> float:
        """Seconds until the next question may be asked; 0 when it may be asked now."""
        return max(0.0, self._again_at - self._monotonic())

    def failed(self) -> None:
        """Count a failure and open."""
        wait = min(self._longest, self._first * 2.0 ** min(self._failures, 16))
        self._failures += 1
        self._again_at = self._monotonic() + wait * (1 - self._chance() / 3)

    def succeeded(self) -> None:
        """Close."""
        self._failures = 0
        self._again_at = float("-inf")
