"""Publications that nobody could be told for days: boards that newer ones have made worthless.

While Redis is away everything waits in the outbox, and each quiet line adds a board every few seconds. Of a
line only the newest counts, so old boards may go. What is not a board (a message to a user) stays until it is
told, however long that takes.
"""

from collections.abc import Callable
from datetime import timedelta

import structlog

from core import limits
from core.clock import Clock
from core.leases import Fence
from core.outbox import OutboxStore

log = structlog.get_logger()


class OutboxLeftovers:
    """Throws away boards older than ``days``. ``is_board`` tells by the channel's name."""

    def __init__(
        self,
        outbox: OutboxStore,
        *,
        is_board: Callable[[str], bool],
        clock: Clock,
        days: int,
        fence: Callable[[], Fence] | None = None,
    ) -> None:
        self._outbox = outbox
        self._is_board = is_board
        self._clock = clock
        self._age = timedelta(days=days)
        self._fence = fence

    async def sweep(self) -> int:
        """Throw away what is due now; answers how many publications went."""
        before = self._clock.now() - self._age
        after = dropped = left = 0
        while True:
            page = await self._outbox.waiting(after=after, limit=limits.RELAY_BATCH_ROWS)
            old = [waiting for waiting in page if waiting.at < before]
            boards = [waiting.id for waiting in old if self._is_board(waiting.outgoing.channel)]
            await self._outbox.remove(boards, fence=None if self._fence is None else self._fence())
            dropped += len(boards)
            left += len(old) - len(boards)
            if len(old) < limits.RELAY_BATCH_ROWS:
                break
            after = page[-1].id
        if dropped or left:
            log.warning("outbox.leftovers", dropped=dropped, left=left)
        return dropped
