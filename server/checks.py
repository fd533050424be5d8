"""``run.py check``: within a minute, whether all is well, and what is not."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from adapters.crypto.key_files import KeysMissing
from adapters.ntp.servers import NtpServers
from adapters.redis.broker import RedisBroker
from adapters.redis.places import BadBrokerUrl
from adapters.sql import migrations
from adapters.sql.engine import BadDatabaseUrl
from adapters.sql.resealing import first_sealed
from adapters.sql.schema import metadata
from adapters.sql.sealed import sealed_columns
from adapters.sql.transaction import Database
from conf.settings import Settings
from core import limits
from core.clock import SystemClock
from core.clock_offset import judged
from core.refusals import Refusal
from front_machine.link import HospitalLink, client_context
from im.archive import ArchiveAway
from im.refusals import FilesAway
from server.archive_parts import judge_archive
from server.edge_parts import managed_networks
from server.file_parts import judge_files
from server.outcomes import CannotStart
from server.pki import describe
from server.platforms_checks import judge_ways
from server.sealing_parts import key_files
from server.specs import own_line_spec

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``mend`` says what to do when it is not well."""

    ok: bool
    what: str
    mend: str = ""


Check = Callable[[Settings], Awaitable[Finding]]


async def run_checks(settings: Settings) -> int:
    """Check one thing after another, show a table, answer an exit status: 1 when something is not well."""
    console = Console()
    found: list[tuple[str, Finding]] = []
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), transient=True, console=console) as bar:
        task = bar.add_task("checking")
        for name, check in CHECKS.items():
            bar.update(task, description=f"checking {name}")
            found.append((name, await _bounded(check, settings)))
    table = Table(box=None, pad_edge=False)
    for heading in ("", "check", "found", "to do"):
        table.add_column(heading)
    for name, finding in found:
        table.add_row("[green]✓" if finding.ok else "[red]✗", name, finding.what, finding.mend)
    console.print(table)
    return 0 if all(finding.ok for _, finding in found) else 1


async def _bounded(check: Check, settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(limits.CHECK_SECONDS):
            return await check(settings)
    except TimeoutError:
        return Finding(False, "no answer in time", "is it running, and is the address right?")
    except Refusal as refusal:
        return Finding(False, refusal.code, "is it running, and is the address right?")
    except CannotStart as refused:
        return Finding(False, str(refused))


async def _database(settings: Settings) -> Finding:
    try:
        database = Database.open(settings.storage.url, connections=1)
    except BadDatabaseUrl as bad:
        return Finding(False, str(bad), "storage.url")
    try:
        await database.answers()
    finally:
        await database.close()
    found = await migrations.current(settings.storage.url)
    if found != migrations.head():
        return Finding(False, f"schema {found or 'empty'}, needed {migrations.head()}", "run.py migrate")
    return Finding(True, f"{database.kind}, schema {found}")


async def _broker(settings: Settings) -> Finding:
    if settings.broker.urls == ("memory:",):
        return Finding(True, "in this process (one process only)")
    try:
        broker = RedisBroker(settings.broker.urls)
    except BadBrokerUrl as bad:
        return Finding(False, str(bad), "broker.url")
    try:
        away = await _away(await broker.servers())
        return (
            Finding(False, f"no answer from {', '.join(away)}", "is it running, and is the address right?")
            if away
            else Finding(True, f"redis answers: {', '.join(await broker.servers())}")
        )
    finally:
        await broker.close()


async def _files(settings: Settings) -> Finding:
    try:
        return Finding(True, await judge_files(settings))
    except FilesAway:
        return Finding(False, "no answer, or no such bucket", "files.folder or files.s3_url")


async def _archive(settings: Settings) -> Finding:
    if not settings.archive.url:
        return Finding(True, "none: bodies stay in the database")
    try:
        return Finding(True, await judge_archive(settings))
    except ArchiveAway:
        return Finding(False, "no answer", "archive.url")


async def _away(servers: Mapping[str, Callable[[], Awaitable[None]]]) -> list[str]:
    """The names of those that do not answer."""
    found = await asyncio.gather(*(ask() for ask in servers.values()), return_exceptions=True)
    return [name for name, trouble in zip(servers, found, strict=True) if trouble is not None]


async def _hospital(settings: Settings) -> Finding:
    hospital = settings.hospital
    if not hospital.front_machine:
        return Finding(True, "no front machine set; own lines only")
    try:
        context = client_context(
            ca=Path(hospital.ca), certificate=Path(hospital.certificate), key=Path(hospital.key)
        )
    except OSError as error:
        return Finding(False, f"key files: {error.strerror}", "run.py pki")
    link = HospitalLink(url=hospital.front_machine, context=context, clock=SystemClock(), chance=lambda: 0.5)
    try:
        pong = await link.ping()
    finally:
        await link.close()
    if not pong.his:
        return Finding(False, "the front machine answers, the hospital's system does not", "its log says why")
    return Finding(True, f"answers in {pong.his_seconds or 0:.3f} s")


async def _certificates(settings: Settings) -> Finding:
    folder = Path(settings.hospital.ca).parent
    if not settings.hospital.front_machine:
        return Finding(True, "none needed")
    facts = [
        fact
        for fact in await asyncio.to_thread(describe, folder)
        # The front machine's own pair lies here only where both are one machine.
        if fact.trouble != "missing" or not fact.file.startswith("front-machine")
    ]
    bad = [fact for fact in facts if fact.trouble]
    if bad:
        return Finding(False, f"{bad[0].file}: {bad[0].trouble}", f"run.py pki {folder}")
    return Finding(True, f"good for {min(fact.days_left for fact in facts)} days")


async def _administration(settings: Settings) -> Finding:
    networks = managed_networks(settings)
    if not networks:
        return Finding(
            True, "nobody can administrate", "name the administrators' networks: web.admin_addresses"
        )
    return Finding(True, f"from {', '.join(networks)}")


async def _proxies(settings: Settings) -> Finding:
    """Who listens on this machine alone has a proxy in front; unnamed, it makes everybody this machine."""
    named = settings.web.trusted_proxies
    if named:
        return Finding(True, ", ".join(named))
    if settings.profile == "embedded" or settings.web.host not in {"127.0.0.1", "::1", "localhost"}:
        return Finding(True, "none: addresses are those of the peers")
    return Finding(False, "no client is told from another: no limits by address", "web.trusted_proxies")


async def _clock(settings: Settings) -> Finding:
    servers = settings.clock.servers
    if not servers:
        return Finding(True, "compared with nobody (clock.servers)")
    found = judged(await NtpServers(servers).offsets(), at=SystemClock().now())
    if found is None:
        return Finding(False, f"none of {len(servers)} time servers answers", "clock.servers; UDP port 123")
    said = f"{found.seconds:+.3f} s off, by {found.servers} of {len(servers)} servers"
    wrong = found.is_beyond(limits.CLOCK_OFFSET_SECONDS)
    return Finding(not wrong, said, "set the clock: chrony or systemd-timesyncd" if wrong else "")


async def _keys(settings: Settings) -> Finding:
    files = key_files(settings.keys)
    if files.stamp() is None:
        return await _first_keys(settings)
    try:
        ring = await asyncio.to_thread(files.read)
    except KeysMissing as missing:
        return Finding(False, str(missing), "bring it back from its backup; never make it anew")
    return Finding(True, f"{len(ring.data)}, {ring.newest.suite.algorithms.sealing} seals")


async def _first_keys(settings: Settings) -> Finding:
    """Keys that are not there: right before a first start, a loss after it."""
    database = Database.open(settings.storage.url, connections=1)
    try:
        where = await first_sealed(database, sealed_columns(metadata))
    except Exception:
        where = None  # No database or no schema yet: that has a line of its own.
    finally:
        await database.close()
    if where is None:
        return Finding(True, "not made yet: at the first start")
    return Finding(
        False, f"lost, and {where} is sealed with them", "bring both files back from their backups"
    )


async def _pages(settings: Settings) -> Finding:
    missing = [
        folder for folder in (settings.web.pages, settings.web.patient_pages) if not _is_built(ROOT / folder)
    ]
    return (
        Finding(False, f"not built: {', '.join(missing)}", "make setup")
        if missing
        else Finding(True, "built")
    )


def _is_built(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("*.html"))


async def _lines(settings: Settings) -> Finding:
    for line in settings.own_lines:
        own_line_spec(line)
    return Finding(True, f"{len(settings.own_lines)} own lines, {len(settings.screens)} screens")


async def _log(settings: Settings) -> Finding:
    """The log of who did what: its schema, and whether its copies leave this machine."""
    found = await migrations.current(settings.audit.url, migrations.AUDIT)
    if found != migrations.head(migrations.AUDIT):
        return Finding(
            False, f"schema {found or 'empty'}", "run.py migrate, with audit.keeper_url if it is set"
        )
    if settings.profile == "embedded":
        return Finding(True, "on this machine alone")
    return await asyncio.to_thread(_copies, Path(settings.audit.export), Path(settings.data))


def _copies(folder: Path, data: Path) -> Finding:
    if not folder.is_dir():
        return Finding(False, "nothing is copied off the machine", "mount a share at audit.export")
    if folder.stat().st_dev == data.stat().st_dev:
        return Finding(False, "its copies lie on this machine's own disk", "mount a share at audit.export")
    return Finding(True, "copied to audit.export")


async def _disk(settings: Settings) -> Finding:
    folder = Path(settings.data)
    while not folder.exists():  # noqa: ASYNC240  (a stat of a local folder)
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    enough = free >= limits.DISK_FREE_BYTES
    return Finding(enough, f"{free / 1e9:.1f} GB free", "" if enough else "make room in the data folder")


async def _ways(settings: Settings) -> Finding:
    return Finding(*await judge_ways(settings))


CHECKS: dict[str, Check] = {
    "database": _database,
    "broker": _broker,
    "hospital": _hospital,
    "certificates": _certificates,
    "sign-in": _ways,
    "lines and screens": _lines,
    "administration": _administration,
    "proxies": _proxies,
    "files": _files,
    "archive": _archive,
    "keys of fields": _keys,
    "pages": _pages,
    "clock": _clock,
    "log": _log,
    "disk": _disk,
}
