"""How long the log is kept: half a year is the law's floor, whole days, never a part of one.

Cybersecurity Law of the PRC (network logs at least six months); GB/T 22239-2019, 8.1.4.3.
"""

from datetime import date, timedelta

from core.refusals import Kind, Refusal

KEPT_DAYS = 183
"""Nothing younger is purged: by no setting, by no role."""


class TooYoungToPurge(Refusal):
    """The log of that day must be kept longer."""

    code = "audit.too_young_to_purge"
    kind = Kind.CONFLICT

    def __init__(self, *, days: int) -> None:
        super().__init__(days=days)


def purge_before(*, today: date, days: int) -> date:
    """The first day that is kept. Refuses with ``TooYoungToPurge`` when less than ``KEPT_DAYS`` were left."""
    if days < KEPT_DAYS:
        raise TooYoungToPurge(days=KEPT_DAYS)
    return today - timedelta(days=days)
