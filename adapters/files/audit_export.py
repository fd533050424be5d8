"""The export of the log as a folder, meant to be a share of another machine.

    public-key.pem                                       who signed
    heads/2026-11/00000123.json                          one signed head
    records/2026-11-25.000000000001-000000001234.jsonl   the records up to a day's end, a line each

A file appears whole (written beside, flushed, renamed) and is never written again.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import msgspec

from audit.chain import Link, line_of, link_of
from audit.head import Head
from audit.moments import moment

_RECORDS = re.compile(r"\d{4}-\d\d-\d\d\.(\d+)-(\d+)\.jsonl")
_HEAD = re.compile(r"(\d+)\.json")


class AuditExport:
    """One folder."""

    def __init__(self, folder: Path, *, pem: str) -> None:
        self._folder = folder
        self._pem = pem

    async def last_head(self) -> int:
        return await asyncio.to_thread(self._last, "heads/*/*.json", _HEAD, 1)

    async def last_record(self) -> int:
        return await asyncio.to_thread(self._last, "records/*.jsonl", _RECORDS, 2)

    async def put_head(self, head: Head) -> None:
        month = moment(head.at_us).strftime("%Y-%m")
        file = self._folder / "heads" / month / f"{head.number:08d}.json"
        await asyncio.to_thread(self._put, file, msgspec.json.encode(head) + b"\n")

    async def put_records(
        self, day: str, first: int, last: int, pages: AsyncIterator[Sequence[Link]]
    ) -> None:
        file = self._folder / "records" / f"{day}.{first:012d}-{last:012d}.jsonl"
        draft = await asyncio.to_thread(self._draft, file)
        async for page in pages:
            await asyncio.to_thread(_append, draft, page)
        await asyncio.to_thread(_publish, draft, file)

    def _last(self, pattern: str, name: re.Pattern[str], group: int) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        found = (name.fullmatch(file.name) for file in self._folder.glob(pattern))
        return max((int(each[group]) for each in found if each), default=0)

    def _put(self, file: Path, content: bytes) -> None:
        key = self._folder / "public-key.pem"
        if not key.exists():
            draft = self._draft(key)
            draft.write_text(self._pem)
            _publish(draft, key)
        draft = self._draft(file)
        draft.write_bytes(content)
        _publish(draft, file)

    def _draft(self, file: Path) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.part")
        draft.unlink(missing_ok=True)
        return draft


def _append(draft: Path, page: Sequence[Link]) -> None:
    with draft.open("ab") as out:
        out.writelines(map(line_of, page))


def _publish(draft: Path, file: Path) -> None:
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(file)


def exported_heads(folder: Path) -> list[Head]:
    """Every head in the folder, by number. Raises ``ValueError`` that names a file that is none."""
    return [_read_head(file) for file in sorted(folder.glob("heads/*/*.json"), key=lambda each: each.name)]


def exported_links(folder: Path) -> Iterator[Link]:
    """Every record in the folder, in its files' order. Raises ``ValueError`` that names file and line."""
    files = [file for file in folder.glob("records/*.jsonl") if _RECORDS.fullmatch(file.name)]
    for file in sorted(files, key=lambda each: each.name.partition(".")[2]):
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield link_of(line)
                except ValueError as error:
                    raise ValueError(f"{file.name}, line {number}: {error}") from error


def _read_head(file: Path) -> Head:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Head)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{file.name}: not a head") from error
