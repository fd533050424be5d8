"""One after the other by name, inside one process: who would only wait for a row's lock waits here instead.

A connection that waits for a lock is a connection that nobody else has; a crowd that speaks in one
conversation would take the whole pool. Between processes the row's lock decides as ever.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """Turns by name. A name that nobody waits for is not remembered."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @contextlib.asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait until everybody who came before under this name is done."""
        lock, count = self._locks.get(name) or (asyncio.Lock(), 0)
        self._locks[name] = lock, count + 1
        try:
            async with lock:
                yield
        finally:
            lock, count = self._locks[name]
            if count == 1:
                del self._locks[name]
            else:
                self._locks[name] = lock, count - 1
