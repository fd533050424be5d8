"""``run.py keys``: which keys there are, a new one, and old values sealed anew while the service runs."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from adapters.crypto.fields import FORMAT, FieldSealing
from adapters.crypto.key_files import KeysMissing
from adapters.crypto.ring import Ring
from adapters.sql.archiving import reseal_archive
from adapters.sql.resealing import SqlResealing
from adapters.sql.schema import metadata
from adapters.sql.sealed import SealedColumn, sealed_columns
from adapters.sql.transaction import Database
from conf.settings import Settings
from core import limits
from core.clock import SystemClock
from core.refusals import StorageUnavailable
from im.archive import Archive, ArchiveAway
from server.archive_parts import open_archive
from server.outcomes import CannotStart
from server.sealing_parts import key_files, sealing_for, suite_of
from server.storage import require_schema

Told = Callable[[str, int, int], None]
"""From a column's name, how many values more were looked at, and how many there are to look at."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """What a run came to: values that were renewed, that do not open, and that are still under older keys."""

    renewed: int
    broken: int
    left: int


def rotate_key(settings: Settings) -> str:
    """Add a key, which seals from now on in every process within seconds; answers its id.

    The first one is made by a first start, not here. Raises ``CannotStart``.
    """
    try:
        ring = key_files(settings.keys).turn(suite_of(settings.keys), at=SystemClock().now())
        return ring.newest.id.hex()
    except (KeysMissing, OSError) as missing:
        raise CannotStart(f"keys.fields: {missing}") from None


async def list_keys(settings: Settings, console: Console) -> None:
    """Show each key, and how many values are under it. Raises ``CannotStart``."""
    counts: Counter[bytes] = Counter()
    async with _opened(settings) as (database, sealing):
        for column in sealed_columns(metadata):
            counts.update(await SqlResealing(database, column, sealing).by_key())
    async with _archive(settings) as archive:
        counts.update(await archive.by_head())
    ring = key_files(settings.keys).read()
    console.print(_table(ring, counts))
    console.print(f"blind indexes: {ring.index.suite.algorithms.index}")
    known = {_head(ring, place) for place in range(len(ring.data))}
    strange = sum(count for head, count in counts.items() if head not in known)
    if strange:
        console.print(f"[red]{strange:,} values are under keys that are not in the ring")


async def reseal(settings: Settings, console: Console) -> Resealed:
    """Seal every value anew that is under an older key, with a progress bar. Raises ``CannotStart``."""
    async with _opened(settings) as (database, sealing):
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
        ) as bar:
            tasks = {
                each.name: bar.add_task(each.name, total=None, start=False)
                for each in sealed_columns(metadata)
            }

            def told(name: str, more: int, total: int) -> None:
                bar.start_task(tasks[name])
                bar.update(tasks[name], total=total, advance=more)

            done = await reseal_all(database, sealing, sealed_columns(metadata), told)
        async with _archive(settings) as archive:
            renewed, broken = await reseal_archive(archive, sealing)
        return Resealed(done.renewed + renewed, done.broken + broken, done.left + broken)


async def reseal_all(
    database: Database, sealing: FieldSealing, columns: Sequence[SealedColumn], told: Told
) -> Resealed:
    """Walk over every column until nothing old is left.

    A process that has not yet learnt of the newest key seals with the one before for a few seconds, so what
    came in behind the walk is walked again, at most ``RESEAL_PASSES`` times.
    """
    renewed = broken = left = 0
    walks = {column.name: SqlResealing(database, column, sealing) for column in columns}
    for again in range(limits.RESEAL_PASSES):
        broken = 0
        for name, walk in walks.items():
            total = await walk.waiting()
            told(name, 0, total)
            async for step in walk.steps():
                renewed += step.seen - step.broken
                broken += step.broken
                told(name, step.seen, total)
        left = sum([await walk.waiting() for walk in walks.values()])
        if left <= broken:
            break
        if again:
            await asyncio.sleep(limits.KEY_RING_LOOK_SECONDS)
    return Resealed(renewed, broken, left)


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Database, FieldSealing]]:
    await require_schema(settings)
    database = Database.open(settings.storage.url, connections=1)
    try:
        sealing = await sealing_for(database, settings.keys, SystemClock())
        yield database, sealing
    except StorageUnavailable as away:
        raise CannotStart(f"storage.url: the database does not answer ({away.facts.get('why')})") from away
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _archive(settings: Settings) -> AsyncIterator[Archive]:
    async with contextlib.AsyncExitStack() as stack:
        try:
            yield await open_archive(settings, stack)
        except ArchiveAway as away:
            raise CannotStart("archive.url: the archive does not answer") from away


def _table(ring: Ring, counts: Counter[bytes]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("key", "algorithm", "made", "values", ""):
        table.add_column(heading)
    for place, key in enumerate(ring.data):
        count, made = counts[_head(ring, place)], f"{key.made:%Y-%m-%d %H:%M}"
        now = "seals" if key is ring.newest else ""
        table.add_row(key.id.hex(), key.suite.algorithms.sealing, made, f"{count:,}", now)
    return table


def _head(ring: Ring, place: int) -> bytes:
    key = ring.data[place]
    return bytes((FORMAT, key.suite.value)) + key.id
