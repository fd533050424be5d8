"""Who may do a piece of work that only one process should do: named leases with a growing number (a fence).

A holder that stalls and wakes up after its lease went to somebody else still believes in it for a moment. The
fence makes that harmless: a write that carries an old number is refused by the database.
"""

from dataclasses import dataclass
from typing import Protocol

from core.refusals import Kind, Refusal


@dataclass(frozen=True, slots=True)
class Fence:
    """Proof of holding: the lease's name and the number it was taken with. Every taking adds one."""

    lease: str
    number: int


class LeaseLost(Refusal):
    """Somebody else holds the lease now; what was done under the old fence is undone."""

    code = "core.lease_lost"
    kind = Kind.CONFLICT

    def __init__(self, *, lease: str) -> None:
        super().__init__(lease=lease)


class LeaseStore(Protocol):
    """Where leases are kept; its clock alone decides when one has run out."""

    async def take(self, lease: str, *, holder: str, seconds: float) -> Fence | None:
        """Take the lease if it is free, has run out or is already this holder's; else ``None``."""

    async def renew(self, fences: list[Fence], *, holder: str, seconds: float) -> list[Fence]:
        """Hold these longer; answers those that are still this holder's."""

    async def give_up(self, fence: Fence, *, holder: str) -> None:
        """Let the next one take it at once. Harmless when it is lost already."""
