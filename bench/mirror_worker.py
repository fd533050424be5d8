"""What mirroring a large clinic costs: 200 lines × 50 tickets, every line changing each second, one worker.

    python -m bench.mirror_worker [--seconds 30] [--lines 200] [--database mariadb|sqlite]

Processes: a hospital that moves a ticket of every line each second (a SQLite file), ``run.py front-machine``
before it, and one worker as ``serve`` starts it: pulls, compares, commits, publishes through the relay. CPU
time is read from /proc. The last row's worker is interrupted a hundred times a CPU second to see where it is;
its parts are shares of that worker's own CPU time.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pymysql  # type: ignore[import-untyped]
from rich.progress import track
from rich.table import Table

from bench.clinic import (
    CONSOLE,
    RUN,
    cpu_of,
    front_machine,
    neighbours,
    play_for_ever,
    running,
    write_settings,
)

TICKETS = 50
ROOT = Path(__file__).parents[1]
SAMPLE_SECONDS = 0.01
PARTS = {
    "pull and decode": ("front_machine/",),
    "translate": ("server/mirroring.py",),
    "compare": ("queue_display/mirror.py", "queue_display/observed.py", "queue_display/draft.py"),
    "boards": ("queue_display/board.py", "queue_display/publishing.py", "queue_display/wire.py"),
    "waiting times": ("queue_display/estimate.py", "queue_display/pace.py", "queue_display/learning.py"),
    "other queue rules": ("queue_display/",),
    "database": ("adapters/sql/",),
    "relay": ("server/relay.py", "realtime/"),
    "Redis": ("adapters/redis/",),
}
"""By the innermost of our own files on the stack; the first that fits counts."""


def part_of(frame: FrameType | None) -> str:
    """Which part of ours the processor works for."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(str(ROOT)) and ".venv" not in file:
            for part, beginnings in PARTS.items():
                if file[len(str(ROOT)) + 1 :].startswith(beginnings):
                    return part
            return "loop and others"
        frame = frame.f_back
    return "loop and others"


def sampled_worker(settings: Path, into: Path) -> None:
    """The worker, looked at now and then; what was seen is written at the end."""
    from conf.loader import load
    from server.roles import run_worker

    seen: collections.Counter[str] = collections.Counter()
    signal.signal(signal.SIGPROF, lambda _, frame: seen.update([part_of(frame)]))
    signal.signal(signal.SIGUSR1, lambda *_: seen.clear())
    signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
    asyncio.run(run_worker(load(settings)))
    signal.setitimer(signal.ITIMER_PROF, 0)
    into.write_text(json.dumps(seen))


@contextlib.contextmanager
def stores(kind: str, folder: Path) -> Iterator[tuple[str, str]]:
    """The URLs of database and broker."""
    with neighbours() as (database, broker):
        yield (database if kind == "mariadb" else f"sqlite:///{folder / 'houzhen.db'}"), broker


def changes_so_far(database: str) -> int:
    """How many versions all lines have had together."""
    if database.startswith("sqlite"):
        import sqlite3

        with contextlib.closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection:
            return int(connection.execute("SELECT SUM(version) FROM line").fetchone()[0] or 0)
    host, _, name = database.rpartition("@")[2].partition("/")
    connection = pymysql.connect(
        host="127.0.0.1", port=int(host.partition(":")[2]), user="root", database=name
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT SUM(version) FROM line")
            return int(cursor.fetchone()[0] or 0)
    finally:
        connection.close()


def measure(kind: str, lines: int, seconds: float, *, sampled: bool, table: Table) -> None:
    """One row, and the parts."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database, broker = stack.enter_context(stores(kind, folder))
        player = ["-m", "bench.mirror_worker", "--play", str(folder), "--lines", str(lines)]
        stack.enter_context(running(*player, log=folder / "player.log"))
        while not (folder / "his.db").exists():
            time.sleep(0.1)
        time.sleep(2.0)
        front, front_port = stack.enter_context(front_machine(folder))
        file, _ = write_settings(
            folder, profile="production", database=database, broker=broker, front_port=front_port
        )
        with running(RUN, "migrate", "--config", str(file), log=folder / "migrate.log") as migrating:
            migrating.wait(60)
        command = [RUN, "worker", "--config", str(file)]
        if sampled:
            command = ["-m", "bench.mirror_worker", "--worker", str(file), str(folder / "parts.json")]
        with running(*command, log=folder / "worker.log") as worker:
            time.sleep(12.0)
            if sampled:
                worker.send_signal(signal.SIGUSR1)
            began, ours, theirs = time.monotonic(), cpu_of(worker.pid), cpu_of(front.pid)
            before = changes_so_far(database)
            for _ in track(range(int(seconds)), description=kind, console=CONSOLE, transient=True):
                time.sleep(1.0)
            took = time.monotonic() - began
            ours, theirs = cpu_of(worker.pid) - ours, cpu_of(front.pid) - theirs
            changed = changes_so_far(database) - before
        warnings = (folder / "worker.log").read_text("utf-8", errors="replace").splitlines()
        if warnings:
            CONSOLE.print(f"{kind}: the worker said {len(warnings)} lines, the last: {warnings[-1][:300]}")
        name = f"{kind}, looked at" if sampled else kind
        table.add_row(
            name,
            f"{changed / took:.0f}",
            f"{ours / took:.1%}",
            f"{ours / max(1, changed) * 1e6:.0f}",
            f"{theirs / took:.1%}",
        )
        if sampled:
            seen = collections.Counter(json.loads((folder / "parts.json").read_text()))
            parts = Table(title="where the worker's CPU time goes")
            parts.add_column("part")
            parts.add_column("share", justify="right")
            for part, count in seen.most_common():
                parts.add_row(part, f"{count / sum(seen.values()):.0%}")
            table.caption = None
            CONSOLE.print(parts)


def main(kind: str | None, lines: int, seconds: float) -> None:
    """Measure and print."""
    table = Table(title=f"{lines} lines × {TICKETS} tickets, every line changes each second, {seconds:g} s")
    for column in ("database", "changes/s", "worker", "µs a change", "front machine"):
        table.add_column(column, justify="left" if column == "database" else "right")
    for each in (kind,) if kind else ("sqlite", "mariadb"):
        measure(each, lines, seconds, sampled=False, table=table)
    measure(kind or "mariadb", lines, seconds, sampled=True, table=table)
    CONSOLE.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--database", choices=["mariadb", "sqlite"])
    parser.add_argument("--play", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.play is not None:
        play_for_ever(given.play, lines=given.lines, tickets=TICKETS)
    elif given.worker is not None:
        sampled_worker(*given.worker)
    else:
        main(given.database, given.lines, given.seconds)
