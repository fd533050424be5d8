"""What is committed and not yet told to the world: the port between the database and the relay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.events import Outgoing
from core.leases import Fence


@dataclass(frozen=True, slots=True)
class Waiting:
    """One publication in the outbox. ``key`` names it for ever, also after a database was set up anew."""

    id: int
    key: str
    outgoing: Outgoing
    at: datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits, and since when."""

    rows: int
    oldest: datetime | None


class OutboxStore(Protocol):
    """The outbox as the relay sees it."""

    async def waiting(self, *, after: int, limit: int) -> list[Waiting]:
        """The oldest publications behind that id, in order."""

    async def remove(self, ids: Sequence[int], *, fence: Fence | None) -> None:
        """Forget these: they are published. Under an outdated ``fence`` refuses with ``LeaseLost``."""

    async def backlog(self) -> Backlog:
        """How much waits. One cheap query."""
