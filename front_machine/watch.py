"""One question to the hospital for everybody who waits for news.

However many platform connections wait, the hospital is asked at most once in ``poll_seconds``, and not at all
while nobody waits. Nothing is kept: an observation lives as long as those who asked for it hold it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Seen = TypeVar("Seen")


class Watch(Generic[Seen]):
    """Shares ``observe`` among all who look at the same time."""

    def __init__(
        self, observe: Callable[[], Awaitable[Seen]], *, poll_seconds: float, monotonic: Callable[[], float]
    ) -> None:
        self.poll_seconds = poll_seconds
        self._observe = observe
        self._monotonic = monotonic
        self._begun = float("-inf")
        self._coming: asyncio.Task[Seen] | None = None

    async def look(self) -> Seen:
        """Wait for the next observation: at once if the last began ``poll_seconds`` ago, else when it is due.

        Raises what ``observe`` raised, to each who waited.
        """
        if self._coming is None:
            self._coming = asyncio.create_task(self._next())
            self._coming.add_done_callback(self._came)
        return await asyncio.shield(self._coming)

    async def close(self) -> None:
        """Stop asking; who waits gets ``CancelledError``."""
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.wait([self._coming])

    async def _next(self) -> Seen:
        early = self._begun + self.poll_seconds - self._monotonic()
        if early > 0:
            await asyncio.sleep(early)
        self._begun = self._monotonic()
        return await self._observe()

    def _came(self, task: asyncio.Task[Seen]) -> None:
        self._coming = None
        if not task.cancelled():
            task.exception()  # when all who waited have gone, nobody else retrieves it
