"""Counts what is being answered, so that a front machine that is told to end knows when it may."""

import asyncio
from types import TracebackType


class Requests:
    """How many requests are under way."""

    def __init__(self) -> None:
        self._under_way = 0
        self._none = asyncio.Event()
        self._none.set()

    def __enter__(self) -> None:
        self._under_way += 1
        self._none.clear()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._none.set()

    async def none_under_way(self) -> None:
        """Wait until every request has been answered."""
        await self._none.wait()
