"""The worker role: loops that only one process at a time may run, each under its lease.

    relay    the outbox to the broker
    sync     the hospital to the mirrored lines
    timers   the platform's own lines: set-up, new days, unanswered calls, telling quiet lines again
    consultations  what the clock decides of them, fees that go back
    patients  those whom the hospital does not know yet
    records  conversations that are older than the law wants them kept: announced, then purged
    archive  old bodies of messages, where there is an archive
    audit    the log: heads signed and copied off the machine, everything verified once a day
    retention  what need not be kept any longer: old tickets and history, old boards nobody could be told,
             answers kept for repeated requests, revocations of tokens that have ended

A loop that fails is told, counted and begun again; it never takes the others with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from core import limits
from core.refusals import StorageUnavailable
from front_machine.sync import HospitalSync
from queue_display.configuring import OwnLineSpec
from queue_display.mirroring import MirrorService
from queue_display.upkeep import OwnLines
from server.leases import LeaseKeeper

log = structlog.get_logger()

Work = Callable[[], Awaitable[None]]


async def run_under_leases(keeper: LeaseKeeper, loops: Mapping[str, Work]) -> None:
    """Run every loop whenever this process holds its lease, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for lease, work in loops.items():
            group.create_task(_for_ever(keeper, lease, work), name=f"work:{lease}")


async def _for_ever(keeper: LeaseKeeper, lease: str, work: Work) -> None:
    while True:
        try:
            await keeper.while_holding(lease, work)
        except Exception as error:  # a defect of one loop must not end the others
            log.error("work.failed", lease=lease, error=type(error).__name__, exc_info=error)
        await asyncio.sleep(limits.WORK_RETRY_SECONDS)


@dataclass(frozen=True, slots=True)
class Sync:
    """One taking of the lease: forget what may have changed meanwhile, then pull until it is lost."""

    pull: HospitalSync
    mirror: MirrorService

    async def __call__(self) -> None:
        self.mirror.forget()
        await self.pull.run()


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Everything that becomes too old, swept now and then until the lease is lost."""

    sweeps: Sequence[Callable[[], Awaitable[object]]]

    async def run(self) -> None:
        """Sweep one after the other, for ever. Where the database is away the keeper begins anew."""
        while True:
            for sweep in self.sweeps:
                await sweep()
            await asyncio.sleep(limits.RETENTION_SWEEP_SECONDS)


class Timers:
    """What goes by the clock on the platform's own lines."""

    def __init__(self, own: OwnLines, wanted: Sequence[OwnLineSpec]) -> None:
        self._own = own
        self._wanted = wanted
        self._settled = False

    async def run(self) -> None:
        """Set the configured lines up, then look after them until cancelled."""
        self._settled = await self._own.set_up(self._wanted)
        async with asyncio.TaskGroup() as group:
            for seconds, task in (
                (limits.TIMER_DAY_SECONDS, self._own.roll_days),
                (limits.TIMER_PASS_SECONDS, self._own.pass_overdue),
                (limits.TIMER_PASS_SECONDS, self._settle),
                (limits.QUEUE_REAFFIRM_SECONDS, self._own.reaffirm),
            ):
                group.create_task(self._every(seconds, task))

    async def _settle(self) -> None:
        """Rooms that were occupied when they were configured elsewhere follow when they are free."""
        if not self._settled:
            self._settled = await self._own.set_up(self._wanted)

    async def _every(self, seconds: float, task: Work) -> None:
        while True:
            try:
                await task()
            except StorageUnavailable as away:
                log.warning("timers.storage_away", why=away.facts.get("why"))
            await asyncio.sleep(seconds)
