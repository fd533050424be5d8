"""From the outbox to the broker: what is committed is told, once, in order, however often things fail.

The relay is nudged at commit and sweeps besides, so a lost nudge costs a second. One channel's publications
go one after the other, different channels at the same time. A row is deleted after it was published; should
the process die in between, it is published again under the same idempotency key and the broker drops it.
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


@dataclass(slots=True)
class _Sweep:
    """What one pass over the outbox met."""

    stuck: set[str]
    away: bool = False


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

    async def run(self) -> None:
        """Publish for ever. While something is away, pause longer, up to ``RELAY_RETRY_SECONDS``."""
        pause = limits.RELAY_SWEEP_SECONDS
        while True:
            if await self.sweep():
                pause = limits.RELAY_SWEEP_SECONDS
                await self._nudge.wait(limits.RELAY_SWEEP_SECONDS)
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, limits.RELAY_RETRY_SECONDS)

    async def sweep(self) -> bool:
        """Publish all that waits now; answer whether nothing was left behind.

        A channel whose publication fails keeps its place and its order; the others go on. Raises
        ``LeaseLost`` when somebody else is the relay.
        """
        sweep = _Sweep(stuck=set())
        try:
            await self._all_pages(sweep)
            await self._report(sweep)
        except StorageUnavailable as trouble:
            log.warning("relay.storage_away", why=trouble.facts.get("why"))
            return False
        return not sweep.stuck and not sweep.away

    async def _all_pages(self, sweep: _Sweep) -> None:
        after = 0
        while not sweep.away:
            page = await self._outbox.waiting(after=after, limit=limits.RELAY_BATCH_ROWS)
            if page:
                await self._relay(page, sweep)
                after = page[-1].id
            if len(page) < limits.RELAY_BATCH_ROWS:
                return

    async def _relay(self, page: Sequence[Waiting], sweep: _Sweep) -> None:
        channels: dict[str, list[Waiting]] = {}
        for waiting in page:
            if waiting.outgoing.channel not in sweep.stuck:
                channels.setdefault(waiting.outgoing.channel, []).append(waiting)
        told = await asyncio.gather(*[self._tell(rows, sweep) for rows in channels.values()])
        ids = sorted(waiting.id for rows in told for waiting in rows)
        if not ids:
            return
        oldest = min(rows[0].at for rows in told if rows)
        self._gauges.published(len(ids), self._age(oldest))
        await self._outbox.remove(ids, fence=None if self._fence is None else self._fence())

    async def _tell(self, rows: Sequence[Waiting], sweep: _Sweep) -> Sequence[Waiting]:
        """Publish one channel's rows in order; answer those that the broker has."""
        async with self._room:
            for at, waiting in enumerate(rows):
                if sweep.away:
                    sweep.stuck.add(waiting.outgoing.channel)
                    return rows[:at]
                try:
                    await self._publish(waiting.outgoing.channel, waiting.outgoing.data, waiting.key)
                except _AWAY:
                    sweep.away = True
                except Exception:
                    # A defect of one publication must not hold up the others. No channel name: a user's
                    # channel names the user.
                    log.exception("relay.publication_failed", id=waiting.id)
                else:
                    continue
                sweep.stuck.add(waiting.outgoing.channel)
                self._gauges.failed()
                return rows[:at]
        return rows

    async def _report(self, sweep: _Sweep) -> None:
        if not sweep.stuck and not sweep.away:
            self._gauges.behind(0, 0.0)
            return
        backlog = await self._outbox.backlog()
        lag = 0.0 if backlog.oldest is None else self._age(backlog.oldest)
        self._gauges.behind(backlog.rows, lag)
        log.warning("relay.behind", rows=backlog.rows, lag_seconds=round(lag, 1), channels=len(sweep.stuck))

    def _age(self, at: datetime) -> float:
        return (self._clock.now() - at).total_seconds()
