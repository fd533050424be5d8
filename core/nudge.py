"""A hint between processes that something was committed. Losing one costs a sweep interval, nothing else."""

from typing import Protocol


class Nudge(Protocol):
    """Sent after a commit by whoever wrote, awaited by the relay."""

    def send(self) -> None:
        """Wake the relay. Returns at once, never raises, may be lost."""

    async def wait(self, seconds: float) -> bool:
        """Wait for a hint, at most so long; answers whether one came. Hints in between count as one."""

    async def start(self) -> None:
        """Begin to listen. ``send`` works without it."""

    async def close(self) -> None:
        """Let go of connections and tasks."""
