"""The archive of old bodies put together: none, or MongoDB."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from adapters.sql.archiving import Archiving
from conf.settings import Settings
from core import limits
from core.leases import Fence
from im.archive import Archive, ArchiveAway, NoArchive
from server.ground import Ground
from server.health import Found, Probe

log = structlog.get_logger()


async def open_archive(settings: Settings, stack: contextlib.AsyncExitStack) -> Archive:
    """Where old bodies are. Nothing is asked yet."""
    if not settings.archive.url:
        return NoArchive()
    # Imported where it is used: a process without an archive does not carry the driver.
    from adapters.mongo.archive import MongoArchive

    archive = MongoArchive(settings.archive.url, database=settings.archive.database)
    stack.push_async_callback(archive.close)
    return archive


def archive_probe(archive: Archive) -> Probe:
    """Whether it answers. Without it people still talk; only what is old is not shown."""

    async def ask() -> Found:
        await archive.answers()
        return Found()

    return Probe("archive", needed=False, ask=ask)


async def judge_archive(settings: Settings) -> str:
    """For ``run.py check``: once it answered. Raises ``ArchiveAway``."""
    async with contextlib.AsyncExitStack() as stack:
        await (await open_archive(settings, stack)).answers()
    return f"bodies older than {settings.archive.after_days} days"


def archive_work(ground: Ground, fence: Callable[[], Fence]) -> Callable[[], Awaitable[None]]:
    """The worker's loop: moves what is old enough, then drops what no row knows any more."""
    archive, clock = ground.archive, ground.clock
    work = Archiving(ground.database, archive, fence=fence)
    age = timedelta(days=ground.settings.archive.after_days)

    async def turn() -> None:
        await archive.prepare()
        moved, place = 0, ("", 0)
        while True:
            count, more = await work.move(before=clock.now() - age, after=place)
            moved += count
            if more is None:
                break
            place = more
            await asyncio.sleep(limits.ARCHIVE_PAUSE_SECONDS)
        if moved:
            log.info("archive.moved", bodies=moved)
        name: str | None = ""
        while name is not None:
            name = await work.sweep(name)
            await asyncio.sleep(limits.ARCHIVE_PAUSE_SECONDS)

    async def run() -> None:
        while True:
            try:
                await turn()
            except ArchiveAway:
                log.warning("archive.away")
                await asyncio.sleep(limits.ARCHIVE_AGAIN_SECONDS)
                continue
            await asyncio.sleep(limits.ARCHIVE_SWEEP_SECONDS)

    return run
