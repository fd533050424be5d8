"""``run.py im …``: are conversations what they were (``verify``), and what may go for its age (``purge``)."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.settings import Settings
from conf.words import Words
from core.clock import SystemClock
from core.refusals import Refusal, StorageUnavailable
from im.archive import ArchiveAway
from im.record import Finding, Record, What, verify
from im.recording import Recording
from im.retention import Ending
from server.archive_parts import open_archive
from server.audit_commands import opened_log, recorded_command
from server.file_parts import open_blobs
from server.keeping_parts import keeping, purge_record
from server.outcomes import CannotStart
from server.sealing_parts import sealing_for
from server.storage import require_schema

_WORDS = {
    What.EDITED: ("内容被改", "the body was edited"),
    What.REPLACED: ("记录被换", "another message was put in its place"),
    What.MISSING: ("消息缺失", "a message is missing"),
    What.TRUNCATED: ("末尾被截断", "the end is missing"),
    What.FILE: ("文件不符", "a file is not the one that was sent"),
    What.UNREADABLE: ("密封损坏", "its seal is broken"),
}


def verify_file(file: Path) -> int:
    """Check an exported record; answers an exit status."""
    try:
        record = msgspec.json.decode(file.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError) as error:
        raise CannotStart(f"{file}: not a record ({type(error).__name__})") from error
    return _told([(record.conversation, verify(record))], messages=len(record.entries))


async def verify_database(settings: Settings, conversation: str | None) -> int:
    """Check what is stored; answers an exit status. The check leaves a record in the log."""
    await require_schema(settings)
    clock = SystemClock()
    database = Database.open(settings.storage.url, connections=1)
    try:
        async with recorded_command(settings, "command.im.verify", conversation or "all"):
            sealing = await sealing_for(database, settings.keys, clock)
            async with contextlib.AsyncExitStack() as stack:
                archive = await open_archive(settings, stack)
                units = SqlUnits(database, clock=clock, nudge=MemoryNudge(), sealing=sealing, archive=archive)
                found = [each async for each in Recording(units=units, clock=clock).check(conversation)]
    except StorageUnavailable as away:
        raise CannotStart(f"storage.url: the database does not answer ({away.facts.get('why')})") from away
    except ArchiveAway as away:
        raise CannotStart("archive.url: the archive does not answer") from away
    finally:
        await database.close()
    return _told(found)


async def purge(settings: Settings, conversation: str | None, *, look: bool) -> int:
    """Let go what was announced long enough ago, or only show it; answers an exit status.

    Nothing goes earlier, whoever calls: that is refused and told.
    """
    await require_schema(settings)
    clock, console = SystemClock(), Console()
    database = Database.open(settings.storage.url, connections=1)
    try:
        async with contextlib.AsyncExitStack() as stack:
            archive = await open_archive(settings, stack)
            units = SqlUnits(
                database,
                clock=clock,
                nudge=MemoryNudge(),
                sealing=await sealing_for(database, settings.keys, clock),
                archive=archive,
            )
            blobs = await open_blobs(settings.files, stack)
            log = await stack.enter_async_context(opened_log(settings))

            async def witness(ending: Ending) -> None:
                await log.append([purge_record(ending, clock)])

            keeps = keeping(
                settings=settings, units=units, clock=clock, blobs=blobs, archive=archive, witness=witness
            )
            if look:
                _listed(console, await keeps.due())
                return 0
            names = [conversation] if conversation else [each.subject.id for each in await keeps.due()]
            gone = [
                await keeps.purge(name)
                for name in track(names, "清除 / purging", console=console, disable=not names)
            ]
    except Refusal as refused:
        words = Words.read()
        said = " / ".join(words.say(refused.code, refused.facts, accept=each) for each in ("zh-CN", "en"))
        raise CannotStart(f"{refused.code}: {said}") from refused
    finally:
        await database.close()
    console.print(f"{len(gone)} conversations purged", highlight=False)
    return 0


def _listed(console: Console, due: Sequence[Ending]) -> None:
    table = Table("conversation", "class", "ended", "announced", "messages", box=None)
    for each in due:
        ended = each.subject.ended_at
        table.add_row(
            each.subject.id,
            each.subject.class_.value,
            "" if ended is None else ended.date().isoformat(),
            each.announced_at.date().isoformat(),
            str(each.subject.messages),
        )
    console.print(table)


def _told(found: list[tuple[str, list[Finding]]], *, messages: int | None = None) -> int:
    console = Console()
    troubles = [(name, each) for name, findings in found for each in findings]
    for name, finding in troubles:
        chinese, english = _WORDS[finding.what]
        console.print(f"{name} #{finding.seq}: {chinese} / {english}", style="red", highlight=False)
    if not troubles:
        counted = f"{len(found)} conversations" if messages is None else f"{messages} messages"
        console.print(f"{counted}: 未发现改动 / nothing was changed", style="green", highlight=False)
    return 1 if troubles else 0
