"""Files of conversations put together: where bytes are kept, what seals them, who makes pictures safe."""

import asyncio
import contextlib
import hmac
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from adapters.crypto.file_sealing import FileVault
from adapters.files.blobs import FolderBlobs
from adapters.pictures.darkroom import PillowDarkroom
from adapters.s3.blobs import S3Blobs
from adapters.sql.unit import SqlUnits
from conf.settings import Files, Settings
from core import limits
from core.clock import Clock
from im.attaching import Attaching
from im.file_store import Blobs
from im.refusals import FilesAway
from im.tickets import Tickets
from server.health import Found, Probe
from server.platforms_parts import secret
from server.sealing_parts import suite_of

log = structlog.get_logger()


async def open_blobs(settings: Files, stack: contextlib.AsyncExitStack) -> Blobs:
    """Where bytes are kept. Nothing is asked yet. Raises ``CannotStart``."""
    blobs: FolderBlobs | S3Blobs
    if settings.store == "folder":
        blobs = FolderBlobs(Path(settings.folder))
    else:
        blobs = S3Blobs(
            settings.s3_url,
            bucket=settings.s3_bucket,
            region=settings.s3_region,
            access_key=settings.s3_access_key,
            secret_key=await secret("files.s3_secret_file", settings.s3_secret_file),
        )
    stack.callback(blobs.close)
    return blobs


def file_parts(
    *,
    settings: Settings,
    units: SqlUnits,
    clock: Clock,
    blobs: Blobs,
    key: bytes,
    stack: contextlib.AsyncExitStack,
) -> Attaching:
    """What a process needs of files; ``key`` is that of tokens."""
    darkroom = PillowDarkroom()
    stack.callback(darkroom.close)
    return Attaching(
        units=units,
        blobs=blobs,
        vault=FileVault(suite_of(settings.keys)),
        darkroom=darkroom,
        # A key of its own: what is signed for one purpose is worth nothing for another.
        tickets=Tickets(hmac.digest(key, b"houzhen|tickets of files", "sha256")),
        clock=clock,
        random=os.urandom,
    )


def files_probe(blobs: Blobs) -> Probe:
    """Whether the store answers. Without it people still talk."""

    async def ask() -> Found:
        await blobs.answers()
        return Found()

    return Probe("files", needed=False, ask=ask)


async def judge_files(settings: Settings) -> str:
    """For ``run.py check``: where bytes are, once it answered. Raises ``CannotStart``, ``FilesAway``."""
    async with contextlib.AsyncExitStack() as stack:
        blobs = await open_blobs(settings.files, stack)
        await blobs.answers()
    return "in a folder" if settings.files.store == "folder" else f"S3, bucket {settings.files.s3_bucket}"


def file_work(settings: Settings, units: SqlUnits, clock: Clock) -> Callable[[], Awaitable[None]]:
    """The worker's loop: files that nobody took, and bytes that no row knows."""

    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            blobs = await open_blobs(settings.files, stack)
            # No tickets are made here.
            files = file_parts(settings=settings, units=units, clock=clock, blobs=blobs, key=b"", stack=stack)
            strays, strays_at = "", clock.monotonic()
            while True:
                try:
                    if await files.sweep() == limits.FILE_SWEEP_AT_ONCE:
                        continue
                    if clock.monotonic() >= strays_at:
                        strays = await files.sweep_strays(after=strays)
                        if not strays:
                            strays_at = clock.monotonic() + limits.FILE_STRAYS_EVERY_SECONDS
                except FilesAway:
                    log.warning("files.away")
                await asyncio.sleep(limits.FILE_SWEEP_SECONDS)

    return run
