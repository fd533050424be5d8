"""Living and ending well: alone in a folder; SIGTERM and Ctrl-C become an event that the role waits for."""

import asyncio
import contextlib
import fcntl
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import structlog

from core import limits
from server.outcomes import CannotStart

log = structlog.get_logger()


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


def end_within(seconds: float = limits.DRAIN_SECONDS) -> None:
    """From now on this process has so long to end; then it says what it waited for and ends all the same.

    Whatever was acknowledged is committed by then, so ending hard loses nothing; not ending would hold up
    whoever restarts us. A thread, because the loop itself may be what does not go on.
    """
    insisting = threading.Timer(seconds, _insist, [asyncio.get_running_loop()])
    insisting.daemon = True
    insisting.start()


def _insist(loop: asyncio.AbstractEventLoop) -> None:
    with contextlib.suppress(Exception):
        log.error("role.did_not_end", waiting=[_where(task) for task in asyncio.all_tasks(loop)])
    os._exit(1)


def _where(task: asyncio.Task[object]) -> str:
    """A task's name and the line of code it stands at."""
    places = [f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}" for frame in task.get_stack()]
    return " ".join([task.get_name(), *places])
