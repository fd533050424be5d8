"""How often: a rate that forgives a burst, as one number a name (GCRA, the leaky bucket as a meter).

The number is the moment at which everything taken so far would have been used up at the steady rate
(ITU-T I.371, "theoretical arrival time"). Pure: times are seconds of any one clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Allowance:
    """``at_once`` whenever nothing was taken for a while, and ``per_second`` on and on."""

    at_once: int
    per_second: float

    @property
    def every(self) -> float:
        """Seconds after which one more is due."""
        return 1.0 / self.per_second

    @property
    def ahead(self) -> float:
        """Seconds that a taker may be ahead of the steady rate."""
        return self.at_once / self.per_second

    def times(self, scale: float) -> "Allowance":
        """The same, wider or narrower; at least one at once."""
        return Allowance(max(1, round(self.at_once * scale)), self.per_second * scale)


def take(used_until: float | None, *, at: float, allowed: Allowance) -> tuple[float, float]:
    """Take one: the new number, and 0; or the old one, and the seconds after which to ask again."""
    until = at if used_until is None or used_until < at else used_until
    after = until + allowed.every
    wait = after - allowed.ahead - at
    # Sums of many small times are off by rounding; a refusal of a millionth of a second is none.
    if wait > 1e-6:
        return until, wait
    return after, 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """One more under a name. ``name`` says what kind of name it is first: ``account|…``."""

    name: str
    allowed: Allowance


class Quotas(Protocol):
    """Counts what was taken, under every name at once."""

    async def take(self, wishes: Sequence[Wish]) -> float:
        """Take one of each, or none at all: 0 when taken, else the seconds after which to ask again.

        Never raises: where the count is kept elsewhere and that is away, this process counts for itself.
        """
