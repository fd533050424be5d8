"""``im.file_store.Blobs`` in a folder; of several machines' it must be the same one (a share).

A name's file is in a folder of its last two characters before the dot, so that no folder grows large. It
appears whole: written beside, flushed, renamed.
"""

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from core import limits
from im.file_store import Stored
from im.refusals import FilesAway

_NAME = re.compile(r"[A-Za-z0-9_-]{2,64}(?:\.[A-Za-z0-9]{1,32})*")
T = TypeVar("T")


class FolderBlobs:
    """One folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(limits.FILE_STORE_THREADS, thread_name_prefix="files")

    def close(self) -> None:
        """End its threads; what they do is done first."""
        self._threads.shutdown()

    async def put(self, name: str, content: bytes) -> None:
        await self._away(lambda: _put(self._path(name), content))

    async def read(self, name: str, start: int, length: int) -> bytes:
        return await self._away(lambda: _read(self._path(name), start, length))

    async def drop(self, name: str) -> None:
        await self._away(lambda: self._path(name).unlink(missing_ok=True))

    async def names(self, *, after: str, limit: int) -> Sequence[Stored]:
        return await self._away(lambda: self._names(after, limit))

    async def answers(self) -> None:
        await self._away(lambda: self._folder.mkdir(parents=True, exist_ok=True))

    async def _away(self, work: Callable[[], T]) -> T:
        """In a thread. Raises ``KeyError`` for a name that is not there, ``FilesAway`` for other trouble."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except FileNotFoundError as missing:
            raise KeyError from missing
        except OSError as error:
            raise FilesAway() from error

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise KeyError(name)
        stem = name.partition(".")[0]
        return self._folder / stem[-2:].lower() / name

    def _names(self, after: str, limit: int) -> list[Stored]:
        """In the order of folder and name: ``after`` is where the last listing ended."""
        found: list[Stored] = []
        begin = self._path(after) if after else None
        for file in _walked(self._folder, begin):
            found.append(Stored(file.name, datetime.fromtimestamp(file.stat().st_mtime, UTC)))
            if len(found) == limit:
                break
        return found


def _walked(folder: Path, after: Path | None) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for shelf in sorted(each for each in folder.iterdir() if each.is_dir()):
        if after is not None and shelf < after.parent:
            continue
        for file in sorted(shelf.iterdir()):
            if after is None or file > after:
                yield file


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Left behind by a killed process it is a name like any other, which no row knows.
    draft = path.with_name(f"{path.name}.part{secrets.token_hex(4)}")
    try:
        with draft.open("xb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    shelf = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(shelf)
    finally:
        os.close(shelf)


def _read(path: Path, start: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(length)
