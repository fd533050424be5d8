"""Living and ending well: alone in a folder; SIGTERM and Ctrl-C become an event that the role waits for."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from server.outcomes import CannotStart


def keep_files_private() -> None:
    """What this process writes from now on is for its own user only: tickets and masked names are in it."""
    os.umask(0o077)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the data folder. Raises ``CannotStart`` when another process does; a dead one holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "in-use").open("a+", encoding="ascii") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            mark.seek(0)
            raise CannotStart(
                f"data: {folder} is in use by process {mark.read().strip()}; end it or give another --data"
            ) from error
        mark.truncate(0)
        mark.write(str(os.getpid()))
        mark.flush()
        yield


@contextlib.asynccontextmanager
async def stop_signal() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets; the previous handlers come back afterwards."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    try:
        yield stopped
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)
