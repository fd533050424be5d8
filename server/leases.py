"""Work that only one process may do: taken, renewed, stopped when lost, taken over when its holder dies.

``LeaseKeeper`` renews everything its process holds in one write. A holder that dies without a word is
replaced when its lease has run out: about ``LEASE_SECONDS`` after its last renewal. A holder that merely
stalls stops its work when it wakes; what it writes before noticing is refused by the fence
(``SqlUnits.under``).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from core import limits
from core.clock import Clock
from core.leases import Fence, LeaseLost, LeaseStore
from core.refusals import StorageUnavailable
from core.tasks import end_tasks

log = structlog.get_logger()


def _is_passing(trouble: BaseException) -> bool:
    """Whether the work may simply begin anew, also when a task group wrapped what happened."""
    if isinstance(trouble, BaseExceptionGroup):
        return all(_is_passing(each) for each in trouble.exceptions)
    return isinstance(trouble, (LeaseLost, StorageUnavailable))


@dataclass(slots=True)
class _Held:
    fence: Fence
    until: float
    lost: asyncio.Event = field(default_factory=asyncio.Event)


class LeaseKeeper:
    """The leases of one process. ``holder`` must differ between processes (host and process id do)."""

    def __init__(
        self,
        store: LeaseStore,
        *,
        holder: str,
        clock: Clock,
        seconds: float = limits.LEASE_SECONDS,
        renew_seconds: float = limits.LEASE_RENEW_SECONDS,
    ) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._seconds = seconds
        self._renew_seconds = renew_seconds
        self._held: dict[str, _Held] = {}
        self._renewing: asyncio.Task[None] | None = None

    def holds(self, lease: str) -> bool:
        """Whether this process holds the lease and has renewed it in time."""
        held = self._held.get(lease)
        return held is not None and not held.lost.is_set() and self._clock.monotonic() < held.until

    def fence_of(self, lease: str) -> Callable[[], Fence]:
        """For ``SqlUnits.under``: answers the present fence, raises ``LeaseLost`` while it is not held."""

        def fence() -> Fence:
            if not self.holds(lease):
                raise LeaseLost(lease=lease)
            return self._held[lease].fence

        return fence

    async def while_holding(self, lease: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run ``work`` whenever this process holds the lease; return when the work returns by itself.

        The work is cancelled when the lease is lost and begun anew when it is won again; so it is where it
        raises ``LeaseLost`` or ``StorageUnavailable``. Any other exception of the work comes out of here.
        """
        while True:
            held = await self._take(lease)
            if held is None:
                await asyncio.sleep(self._renew_seconds / 2)
                continue
            log.info("lease.taken", lease=lease, fence=held.fence.number)
            try:
                if await self._work_until_lost(held, work):
                    return
            finally:
                await self._let_go(held)
            await asyncio.sleep(self._renew_seconds / 2)

    async def close(self) -> None:
        """Stop renewing. Leases still held run out."""
        if self._renewing is not None:
            await end_tasks([self._renewing])
            self._renewing = None

    async def _take(self, lease: str) -> _Held | None:
        before = self._clock.monotonic()
        try:
            fence = await self._store.take(lease, holder=self._holder, seconds=self._seconds)
        except StorageUnavailable:
            return None
        if fence is None:
            return None
        held = self._held[lease] = _Held(fence, before + self._seconds)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_all(), name="leases.renew")
        return held

    async def _work_until_lost(self, held: _Held, work: Callable[[], Awaitable[None]]) -> bool:
        """Run the work; answer whether it ended by itself."""
        working = asyncio.ensure_future(work())
        losing = asyncio.create_task(held.lost.wait())
        try:
            await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                log.warning("lease.lost", lease=held.fence.lease, fence=held.fence.number)
                return False
            await working
        except Exception as trouble:
            if not _is_passing(trouble):
                raise
            log.warning("lease.work_stopped", lease=held.fence.lease, trouble=type(trouble).__name__)
            return False
        finally:
            await end_tasks([working, losing])
        return True

    async def _let_go(self, held: _Held) -> None:
        if self._held.get(held.fence.lease) is held:
            del self._held[held.fence.lease]
        if not held.lost.is_set():
            with contextlib.suppress(StorageUnavailable):
                await self._store.give_up(held.fence, holder=self._holder)

    async def _renew_all(self) -> None:
        while self._held:
            await asyncio.sleep(self._renew_seconds)
            asked = {held.fence: held for held in self._held.values()}
            if not asked:
                return
            before = self._clock.monotonic()
            try:
                async with asyncio.timeout(min(held.until for held in asked.values()) - before):
                    kept = await self._store.renew(list(asked), holder=self._holder, seconds=self._seconds)
            except (StorageUnavailable, TimeoutError):
                # Unknown is not lost: who cannot reach the database keeps working until time runs out.
                self._lose([held for held in asked.values() if self._clock.monotonic() >= held.until])
                continue
            for fence in kept:
                asked.pop(fence).until = before + self._seconds
            self._lose(asked.values())

    def _lose(self, lost: Iterable[_Held]) -> None:
        for held in lost:
            held.lost.set()
