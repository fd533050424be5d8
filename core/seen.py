"""What was seen before, for a while: so that a message that comes twice is heard once."""

from typing import Protocol


class Seen(Protocol):
    """Remembers marks by name, bounded in time and number; what it forgets early was the oldest."""

    async def first(self, name: str, *, mark: str, seconds: float) -> str | None:
        """Remember ``mark`` under ``name`` unless it has one; answers the earlier mark, or ``None``.

        Many callers at once: exactly one of them gets ``None``. Never raises: where the place that processes
        share is away, each process remembers for itself.
        """
