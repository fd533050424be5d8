"""``run.py audit …``: verify, export, purge, key."""

import asyncio
import contextlib
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from adapters.files.audit_export import AuditExport, exported_heads, exported_links
from adapters.sql.audit_store import SqlAuditStore
from audit.checking import Checked, check, due_day
from audit.head import Head, HeadKind
from audit.keeping import Heads, export, purge
from audit.record import Result, a_record, facts_of
from audit.retention import TooYoungToPurge
from audit.signing import key_id
from audit.store import HeadTaken
from audit.verify import Trouble, Verification, What, Witnesses
from conf.settings import Settings
from core import limits
from core.clock import SystemClock, business_day
from core.refusals import Refusal, StorageUnavailable
from server.audit_parts import audit_database, migrate_audit, require_audit_schema, signing_key
from server.outcomes import CannotStart

Done = TypeVar("Done")

WORDS = {
    What.EDITED: ("记录被改", "the content was edited"),
    What.REPLACED: ("记录被换", "another record was put in its place"),
    What.DELETED: ("记录被删", "records were deleted"),
    What.INSERTED: ("记录被插入", "a record was inserted"),
    What.REORDERED: ("记录被换位", "records changed places"),
    What.REWRITTEN: ("整段被重写", "everything here was written anew: a signed head contradicts it"),
    What.TRUNCATED: ("末尾被截断", "the end is missing: a signed head speaks of it"),
    What.HEAD_MISSING: ("签名链头缺失", "the signed head is missing"),
    What.HEAD_FORGED: ("签名链头伪造", "the signature of the head is not good"),
    What.HEAD_FOREIGN: ("签名密钥不可信", "the head was signed with a key that is not trusted"),
    What.HEAD_DIFFERS: ("链头与外存不符", "the head kept here is not the one that was exported"),
    What.PURGED_EARLY: ("提前清除", "purged before half a year had passed"),
}


@contextlib.asynccontextmanager
async def opened_log(settings: Settings, *, keeper: bool = False) -> AsyncIterator[SqlAuditStore]:
    """The log's database for a command. Raises ``CannotStart`` when it is away or of another schema."""
    if settings.profile == "embedded":
        await migrate_audit(settings)
    else:
        await require_audit_schema(settings)
    database = audit_database(settings, keeper=keeper)
    try:
        yield SqlAuditStore(database, algorithm=settings.audit.hash)
    except StorageUnavailable as away:
        raise CannotStart(f"audit.url: the log does not answer ({away.facts.get('why')})") from away
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def recorded_command(
    settings: Settings, action: str, object_: str = "", **facts: str | int | bool
) -> AsyncIterator[None]:
    """Leave one record of what is done inside, by a command of this machine.

    Raises ``CannotStart`` before anything is done when the log cannot be written. An exception from inside
    is recorded as a failure and goes on its way.
    """
    async with opened_log(settings) as store:
        await store.answers()
        result, code = Result.DONE, ""
        try:
            yield
        except BaseException as error:
            result = Result.REFUSED if isinstance(error, Refusal | CannotStart) else Result.FAILED
            code = error.code if isinstance(error, Refusal) else type(error).__name__
            raise
        finally:
            record = a_record(
                at=SystemClock().now(),
                actor=f"local.{getpass.getuser()}",
                role="system",
                action=action,
                object_=object_,
                result=result,
                code=code,
                facts=facts_of(**facts),
            )
            await store.append([record])


async def recorded(settings: Settings, action: str, work: Callable[[], Awaitable[Done]]) -> Done:
    """Do the work of a command and leave one record of it; as ``recorded_command``."""
    async with recorded_command(settings, action):
        return await work()


async def run_verify(settings: Settings, *, folder: Path | None, public_key: Path | None) -> int:
    """Verify the log, compare it with what was exported, show what was found; answers an exit status.

    ``folder``: the export to compare with, also verified by itself; default: the heads of ``audit.export``.
    """
    console = Console()
    keys = await asyncio.to_thread(_trusted, settings, public_key)
    try:
        heads = await asyncio.to_thread(exported_heads, folder or Path(settings.audit.export))
        troubles = [] if folder is None else await asyncio.to_thread(_verify_export, folder, heads, keys)
    except (OSError, ValueError) as error:
        raise CannotStart(f"the export cannot be read: {error}") from error
    if folder is not None:
        _show(console, f"export {folder.name}", troubles)
    async with opened_log(settings) as store:
        checked = await _check(store, console, keys, heads)
    _show(console, "log", checked.troubles)
    console.print(f"{checked.records} records, {checked.heads} heads here, {len(heads)} exported")
    return 1 if troubles or checked.troubles else 0


async def _check(
    store: SqlAuditStore, console: Console, keys: dict[str, bytes], heads: Sequence[Head]
) -> Checked:
    total = (await store.tip()).sequence - await store.first() + 1
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True, console=console) as bar:
        task = bar.add_task("verifying", total=max(0, total))
        return await check(
            store,
            keys=keys,
            now=SystemClock().now(),
            exported=heads,
            progress=lambda records: bar.update(task, completed=records),
        )


def _verify_export(folder: Path, heads: list[Head], keys: dict[str, bytes]) -> list[Trouble]:
    """The export by itself. Its last file ends with a day, so newer heads speak of what is not in it yet."""
    told = max((head.number for head in heads if head.kind is HeadKind.DAY), default=0)
    known = [head for head in heads if head.number <= told]
    witnesses = Witnesses(keys=keys, kept=known, today=due_day(SystemClock().now()))
    verification = Verification(witnesses)
    for link in exported_links(folder):
        verification.feed(link)
    return verification.finish()


def _show(console: Console, what: str, troubles: Sequence[Trouble]) -> None:
    if not troubles:
        console.print(f"[green]✓[/] {what}: nothing was changed 完好")
        return
    table = Table(box=None, pad_edge=False, title=f"{what}: {len(troubles)}", title_justify="left")
    for heading in ("", "where", "发现", "found"):
        table.add_column(heading)
    for trouble in troubles[: limits.AUDIT_TROUBLES_SHOWN]:
        table.add_row("[red]✗", _where(trouble), *WORDS[trouble.what])
    console.print(table)


def _where(trouble: Trouble) -> str:
    if trouble.day and not trouble.first:
        return f"day {trouble.day}"
    places = f"{trouble.first}" if trouble.first == trouble.last else f"{trouble.first} … {trouble.last}"
    return f"head {places}" if trouble.what.value.startswith("head") else f"record {places}"


def _trusted(settings: Settings, file: Path | None) -> dict[str, bytes]:
    if file is None:
        key = signing_key(Path(settings.keys.audit))
        return {key.id: key.public}
    try:
        public = load_pem_public_key(file.read_bytes())
        assert isinstance(public, Ed25519PublicKey)
    except (OSError, ValueError, AssertionError) as error:
        raise CannotStart(f"{file.name} holds no Ed25519 public key") from error
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {key_id(raw): raw}


async def run_export(settings: Settings) -> str:
    """Sign what is due, copy what is not there yet; answers a line that says what was done."""
    key = await asyncio.to_thread(signing_key, Path(settings.keys.audit))
    folder = Path(settings.audit.export)
    async with (
        recorded_command(settings, "command.audit_export"),
        opened_log(settings) as store,
    ):
        with contextlib.suppress(HeadTaken):
            await Heads(store, key=key, clock=SystemClock()).sign_due()
        try:
            copied = await export(store, AuditExport(folder, pem=key.pem))
        except OSError as error:
            raise CannotStart(f"audit.export: {error.strerror}") from error
    return f"{copied} heads copied to {folder}"


async def run_purge(settings: Settings, *, days: int | None) -> str:
    """Take away whole days older than ``days`` (default ``audit.days``); answers a line that says it."""
    key = await asyncio.to_thread(signing_key, Path(settings.keys.audit))
    clock, kept = SystemClock(), settings.audit.days if days is None else days
    async with (
        recorded_command(settings, "command.audit_purge", days=kept),
        opened_log(settings, keeper=True) as store,
    ):
        heads = Heads(store, key=key, clock=clock)
        try:
            gone = await purge(store, store, heads, today=business_day(clock.now()), days=kept)
        except TooYoungToPurge as young:
            raise CannotStart(f"the log is kept for at least {young.facts['days']} days") from young
    return f"{gone} records older than {kept} days purged"


def show_key(settings: Settings) -> str:
    """The public key, for whoever verifies without this machine."""
    return signing_key(Path(settings.keys.audit)).pem
