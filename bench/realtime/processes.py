"""Servers and load clients as processes on cores of their own that end with the bench, whatever ends it."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".build" / "bench"
STOP_SECONDS = 10.0

SERVER_CORE = min(os.sched_getaffinity(0))
LOAD_CORE = max(os.sched_getaffinity(0))
"""Load clients, and whatever else is not measured. Both are asked once: a bench pins itself later."""

Command = Sequence[str | Path]


class Missing(Exception):
    """This machine cannot run a part; the text says why and what would help."""


def prepare(files: int) -> None:
    """Allow both ends a descriptor per subscriber, and end in order when told to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, files)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def ended(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, ended)


def compiled(source: Path, name: str, *options: str) -> Path:
    """Build a C program unless it is newer than its source."""
    program = BUILT / name
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing("no C compiler (apt install gcc)")
    BUILT.mkdir(parents=True, exist_ok=True)
    built = subprocess.run(
        [compiler, "-O2", "-o", program, source, *options], capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        raise Missing(f"{source.name} does not compile: {built.stderr.strip().splitlines()[-1]}")
    return program


@contextlib.contextmanager
def running(
    command: Command, *, core: int, log: Path, stdin: int | None = subprocess.DEVNULL, nice: int = 0
) -> Iterator[subprocess.Popen[str]]:
    """A process pinned to a core; it ends with the block, and with us should we be killed."""

    def placed() -> None:
        os.sched_setaffinity(0, {core})
        # A session of its own, so that Ctrl-C reaches only the bench, which ends its processes in order.
        os.setsid()
        if nice:
            os.setpriority(os.PRIO_PROCESS, 0, nice)
            with contextlib.suppress(OSError):
                # Where the kernel groups sessions, a priority counts only inside its session.
                Path("/proc/self/autogroup").write_text(str(nice))

    kill_with_us = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*kill_with_us, *command],
            cwd=ROOT,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            preexec_fn=placed,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def said(process: subprocess.Popen[str], log: Path) -> str:
    """The next line of a process, which must come."""
    out: IO[str] | None = process.stdout
    line = "" if out is None else out.readline().strip()
    if not line:
        tail = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise Missing("it did not start: " + " / ".join(tail))
    return line
