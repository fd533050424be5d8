"""From the outbox to the broker: what is committed is told, once, in order, however often things fail.

The relay is nudged at commit and sweeps besides, so a lost nudge costs a second. One channel's publications
go one after the other, different channels at the same time: where the broker is several Redis and one of them
is away, only its channels wait. A row is deleted after it was published; should the process die in between,
it is published again under the same idempotency key and the broker drops it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from core import limits
from core.clock import Clock
from core.leases import Fence
from core.nudge import Nudge
from core.outbox import OutboxStore, Waiting
from core.refusals import StorageUnavailable, Unavailable

log = structlog.get_logger()

Publish = Callable[[str, bytes, str], Awaitable[object]]
"""Publish data on a channel under an idempotency key. Raises when the broker did not certainly take it."""

_AWAY = (Unavailable, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class RelayGauges:
    """Where the relay reports. All are called on the loop and must not block."""

    published: Callable[[int, float], None] = lambda count, lag_seconds: None
    """So many were published; the oldest of them was committed so long ago."""
    behind: Callable[[int, float], None] = lambda rows, lag_seconds: None
    """So many wait, the oldest that long; (0, 0.0) when all is told."""
    failed: Callable[[], None] = lambda: None
    """A publication failed and will be tried again."""


class Relay:
    """Empties the outbox. Run it under a lease: ``keeper.while_holding("relay", relay.run)``.

    Two relays at once would publish the same rows twice, which the broker's idempotency keys make harmless.
    """

    def __init__(
        self,
        outbox: OutboxStore,
        *,
        publish: Publish,
        nudge: Nudge,
        clock: Clock,
        fence: Callable[[], Fence] | None = None,
        gauges: RelayGauges | None = None,
    ) -> None:
        self._outbox = outbox
        self._publish = publish
        self._nudge = nudge
        self._clock = clock
        self._fence = fence
        self._gauges = gauges or RelayGauges()
        self._room = asyncio.Semaphore(limits.RELAY_CHANNELS_AT_ONCE)
        self._stuck: set[str] = set()
        """Channels whose next publication could not be told when it was last tried."""
        self._seen = 0
        """Everything up to this id was tried; what still waits there belongs to stuck channels."""

    async def run(self) -> None:
        """Publish for ever.

        Channels that are stuck (their broker is away, or a publication is a defect) are tried again every
        ``RELAY_RETRY_SECONDS``; meanwhile the others go on without them.
        """
        loop = asyncio.get_running_loop()
        try_all_at = loop.time()
        while True:
            now = loop.time()
            if not self._stuck or now >= try_all_at:
                try_all_at = now + limits.RELAY_RETRY_SECONDS
                await self.sweep()
            else:
                await self._publish_all(set(self._stuck), after=self._seen - limits.RELAY_LATE_ROWS)
            if self._stuck:
                # What is committed for them nudges too.
                await asyncio.sleep(limits.RELAY_STUCK_SECONDS)
            await self._nudge.wait(limits.RELAY_SWEEP_SECONDS)

    async def sweep(self) -> bool:
        """Publish all that waits now; answer whether nothing was left behind.

        A channel whose publication fails keeps its place and its order; the others go on. Raises
        ``LeaseLost`` when somebody else is the relay.
        """
        if not await self._publish_all(set(), after=0):
            return False
        await self._report()
        return not self._stuck

    async def _publish_all(self, stuck: set[str], *, after: int) -> bool:
        """Publish what waits behind that id, but for stuck channels; False when the outbox is away."""
        try:
            while True:
                page = await self._outbox.waiting(after=max(0, after), limit=limits.RELAY_BATCH_ROWS)
                told = await self._relay(page, stuck)
                after = page[-1].id if page else after
                if len(page) < limits.RELAY_BATCH_ROWS:
                    break
                if not told and after < self._seen:
                    # The oldest are stuck still, and so is what waited behind them when it was last tried:
                    # however long the backlog of a broker that is away, it is not read each time.
                    stuck |= self._stuck
                    after = max(after, self._seen - limits.RELAY_LATE_ROWS)
        except StorageUnavailable as trouble:
            log.warning("relay.storage_away", why=trouble.facts.get("why"))
            return False
        self._seen, self._stuck = max(self._seen, after), stuck
        return True

    async def _relay(self, page: Sequence[Waiting], stuck: set[str]) -> int:
        channels: dict[str, list[Waiting]] = {}
        for waiting in page:
            if waiting.outgoing.channel not in stuck:
                channels.setdefault(waiting.outgoing.channel, []).append(waiting)
        told = await asyncio.gather(*[self._tell(rows, stuck) for rows in channels.values()])
        ids = sorted(waiting.id for rows in told for waiting in rows)
        if ids:
            oldest = min(rows[0].at for rows in told if rows)
            self._gauges.published(len(ids), self._age(oldest))
            await self._outbox.remove(ids, fence=None if self._fence is None else self._fence())
        return len(ids)

    async def _tell(self, rows: Sequence[Waiting], stuck: set[str]) -> Sequence[Waiting]:
        """Publish one channel's rows in order; answer those that the broker has."""
        async with self._room:
            for at, waiting in enumerate(rows):
                try:
                    async with asyncio.timeout(limits.RELAY_PUBLISH_SECONDS):
                        await self._publish(waiting.outgoing.channel, waiting.outgoing.data, waiting.key)
                except _AWAY:
                    pass
                except Exception:
                    # A defect of one publication must not hold up the others. No channel name: a user's
                    # channel names the user.
                    log.exception("relay.publication_failed", id=waiting.id)
                else:
                    continue
                stuck.add(waiting.outgoing.channel)
                self._gauges.failed()
                return rows[:at]
        return rows

    async def _report(self) -> None:
        if not self._stuck:
            self._gauges.behind(0, 0.0)
            return
        try:
            backlog = await self._outbox.backlog()
        except StorageUnavailable:
            return
        lag = 0.0 if backlog.oldest is None else self._age(backlog.oldest)
        self._gauges.behind(backlog.rows, lag)
        log.warning("relay.behind", rows=backlog.rows, lag_seconds=round(lag, 1), channels=len(self._stuck))

    def _age(self, at: datetime) -> float:
        return (self._clock.now() - at).total_seconds()
