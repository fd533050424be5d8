"""The process tree: a parent that starts roles as fresh commands, restarts what dies, and ends in order.

The parent does nothing else: it opens no port and no database, so nothing can bring it down with its
children. A role that cannot stay up is restarted with growing pauses, and after too many failures in a row
the whole tree ends with a clear line, so that systemd or a person learns of it. When the parent itself is
killed, the kernel ends the children too (Linux): no stray process keeps the port or the lease.

Starting Python and importing everything takes a second, more on a busy machine. So a tree may keep
*spares*: processes that have imported everything and wait for a line that tells what to become.
"""

import asyncio
import contextlib
import ctypes
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from core import limits

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Child:
    """One command to keep running."""

    name: str
    command: Sequence[str]
    folder: Path | None = None
    """Where it runs; its environment is the parent's."""


@dataclass(slots=True)
class _Life:
    """How the restarts of one child have gone."""

    failures: int = 0
    pids: list[int] = field(default_factory=list)


class GivenUp(Exception):
    """A child died too often in a row; ``name`` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} does not stay up; see its last lines above")
        self.name = name


def pause_before_restart(failures: int) -> float:
    """Seconds to wait before the next start: nothing after a first death, then doubling up to a bound.

    The first restart is at once, because one killed process must be back within two seconds.
    """
    if failures <= 1:
        return 0.0
    return min(limits.RESTART_PAUSE_SECONDS * 2.0 ** (failures - 2), limits.RESTART_PAUSE_MAX_SECONDS)


_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """Ask the kernel to end this process when its parent is gone (prctl(2)). Runs before exec."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _started(
    command: Sequence[str], *, folder: Path | None = None, stdin: int = asyncio.subprocess.DEVNULL
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=stdin,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


class Tree:
    """Keeps children running until told to stop."""

    def __init__(self, children: Sequence[Child], *, spare: Sequence[str] = (), spares: int = 1) -> None:
        """``spare`` is a command that reads the arguments it shall run with from its input: a line of JSON.

        It can become any child whose command begins like its own, all but the last word.
        """
        self._children = children
        self._spare_command = spare
        self._spares_wanted = spares if spare else 0
        self._spares: list[asyncio.subprocess.Process] = []
        self._lives = {child.name: _Life() for child in children}
        self._stopping = asyncio.Event()
        self._running: dict[str, asyncio.subprocess.Process] = {}

    def pid(self, name: str) -> int | None:
        """The process id of a running child."""
        process = self._running.get(name)
        return process.pid if process else None

    @property
    def spares(self) -> list[int]:
        """The process ids of the spares that wait."""
        return [spare.pid for spare in self._spares if spare.returncode is None]

    def stop(self) -> None:
        """Begin the orderly end; ``run`` returns when every child has gone."""
        self._stopping.set()

    async def run(self) -> None:
        """Keep every child running. Returns after ``stop``; raises ``GivenUp`` when one cannot stay up."""
        try:
            async with asyncio.TaskGroup() as group:
                if self._spares_wanted:
                    group.create_task(self._keep_spares(), name="tree:spares")
                for child in self._children:
                    group.create_task(self._keep(child), name=f"tree:{child.name}")
        except* GivenUp as gone:
            await self._end_all()
            raise gone.exceptions[0] from None

    async def _keep(self, child: Child) -> None:
        life = self._lives[child.name]
        try:
            while not self._stopping.is_set():
                began = asyncio.get_running_loop().time()
                code = await self._live(child)
                if self._stopping.is_set():
                    return
                lived = asyncio.get_running_loop().time() - began
                life.failures = 1 if lived > limits.RESTART_HEALTHY_SECONDS else life.failures + 1
                log.error("tree.child_died", child=child.name, code=code, lived_s=round(lived, 1))
                if life.failures > limits.RESTART_FAILURES:
                    raise GivenUp(child.name)
                await self._wait(pause_before_restart(life.failures))
        except asyncio.CancelledError:
            await self._end(child.name)
            raise

    async def _live(self, child: Child) -> int:
        process = self._from_spare(child) or await _started(child.command, folder=child.folder)
        self._running[child.name] = process
        log.info("tree.child_started", child=child.name, pid=process.pid)
        ended = asyncio.ensure_future(process.wait())
        stop = asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait({ended, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not ended.done():
            await self._end(child.name)
        code = await ended
        self._running.pop(child.name, None)
        return code

    def _from_spare(self, child: Child) -> asyncio.subprocess.Process | None:
        """Let a waiting spare become this child; ``None`` when there is none that can."""
        begins = len(self._spare_command) - 1
        self._spares = [spare for spare in self._spares if spare.returncode is None]
        if not self._spares or child.folder is not None:
            return None
        if list(child.command[:begins]) != list(self._spare_command[:begins]):
            return None
        spare = self._spares.pop(0)
        assert spare.stdin is not None
        spare.stdin.write(json.dumps(list(child.command[begins:])).encode() + b"\n")
        spare.stdin.close()
        return spare

    async def _keep_spares(self) -> None:
        """Look now and then whether a spare is wanted. Not at once: what the last became needs the time."""
        try:
            while not self._stopping.is_set():
                await self._wait(limits.RESTART_SPARE_SECONDS)
                if self._stopping.is_set():
                    return
                self._spares = [spare for spare in self._spares if spare.returncode is None]
                if len(self._spares) < self._spares_wanted:
                    self._spares.append(await _started(self._spare_command, stdin=asyncio.subprocess.PIPE))
        finally:
            for spare in self._spares:
                with contextlib.suppress(ProcessLookupError):
                    spare.kill()
                await spare.wait()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _end(self, name: str) -> None:
        """Ask the child to end, and after the draining time insist."""
        process = self._running.get(name)
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(limits.DRAIN_SECONDS + limits.DRAIN_SLACK_SECONDS):
                await process.wait()
        except TimeoutError:
            log.error("tree.child_killed", child=name)
            process.kill()
            await process.wait()

    async def _end_all(self) -> None:
        self._stopping.set()
        await asyncio.gather(*(self._end(child.name) for child in self._children))
