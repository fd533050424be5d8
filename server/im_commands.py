"""``run.py im verify``: are conversations what they were? All, one, or an exported record."""

from pathlib import Path

import msgspec
from rich.console import Console

from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.settings import Settings
from core.clock import SystemClock
from core.refusals import StorageUnavailable
from im.record import Finding, Record, What, verify
from im.recording import Recording
from server.audit_commands import recorded_command
from server.outcomes import CannotStart
from server.sealing_parts import sealing_for
from server.storage import require_schema

_WORDS = {
    What.EDITED: ("内容被改", "the body was edited"),
    What.REPLACED: ("记录被换", "another message was put in its place"),
    What.MISSING: ("消息缺失", "a message is missing"),
    What.TRUNCATED: ("末尾被截断", "the end is missing"),
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
            units = SqlUnits(database, clock=clock, nudge=MemoryNudge(), sealing=sealing)
            found = [each async for each in Recording(units=units, clock=clock).check(conversation)]
    except StorageUnavailable as away:
        raise CannotStart(f"storage.url: the database does not answer ({away.facts.get('why')})") from away
    finally:
        await database.close()
    return _told(found)


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
