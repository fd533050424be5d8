"""Retention and holds put together: what the back office does, and the worker's loop."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable

import structlog

from adapters.sql.unit import SqlUnits
from audit.record import Record, a_record, facts_of
from conf.settings import Settings
from core import limits
from core.clock import Clock
from im.archive import Archive
from im.file_store import Blobs
from im.keeping import Keeping, Witness
from im.retention import Ending, KeptYears
from server.file_parts import open_blobs
from server.ground import Ground

log = structlog.get_logger()


def keeping(
    *,
    settings: Settings,
    units: SqlUnits,
    clock: Clock,
    blobs: Blobs | None = None,
    archive: Archive | None = None,
    witness: Witness | None = None,
) -> Keeping:
    """What a process needs of it; without ``blobs`` and ``witness`` for those who purge nothing."""
    kept = settings.retention
    return Keeping(
        units=units,
        clock=clock,
        random=os.urandom,
        years=KeptYears(process=kept.conversations_years, record=kept.records_years),
        blobs=blobs,
        archive=archive,
        witness=witness,
    )


def keeping_work(ground: Ground, units: SqlUnits) -> Callable[[], Awaitable[None]]:
    """The worker's loop: announces, takes back, purges; nothing while this machine's clock is doubted."""

    async def witness(ending: Ending) -> None:
        await ground.audit.log.ready()
        await ground.audit.log.write(purge_record(ending, ground.clock))

    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            blobs = await open_blobs(ground.settings.files, stack)
            keeps = keeping(
                settings=ground.settings,
                units=units,
                clock=ground.clock,
                blobs=blobs,
                archive=ground.archive,
                witness=witness,
            )
            while True:
                if ground.watch is not None and not (await ground.watch.standing()).ok:
                    await asyncio.sleep(limits.CLOCK_AGAIN_SECONDS)
                    continue
                if count := await keeps.sweep():
                    log.info("records.purged", conversations=count)
                await asyncio.sleep(limits.PURGE_SWEEP_SECONDS)

    return run


def purge_record(ending: Ending, clock: Clock) -> Record:
    """What the log keeps of a purge."""
    subject = ending.subject
    return a_record(
        at=clock.now(),
        actor="worker",
        role="system",
        action="record.purge",
        object_=subject.id,
        facts=facts_of(
            retention=subject.class_.value,
            messages=subject.messages,
            files=ending.files,
            digest=subject.digest.hex(),
        ),
    )
