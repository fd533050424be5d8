"""The demo hospital's command: ``python -m demo.hospital --db FILE --speed 10``.

A stranger to Houzhen: own process, own file. demo/README.md is its interface document.
"""

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path

from demo import database, hiccups
from demo.codes import seconds_of
from demo.driver import Driver, Settings, WrongFile
from demo.ticket import CHINA

_LOCK_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Run the hospital until it is told to stop; answers the exit code."""
    options = _parser().parse_args(arguments)
    path: Path = options.db
    path.parent.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    began = time.monotonic()
    with _alone(path) as alone:
        if not alone:
            return _fail(f"another hospital is at work on {path}")
        if options.fresh:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        with contextlib.closing(_Connection(path)) as connection:
            driver = Driver(
                connection.sqlite,
                _settings(options),
                today=datetime.now(CHINA).date(),
                wait=_waiting(stop, with_parent=options.exit_with_parent),
                say=lambda line: print(line, flush=True),
            )
            try:
                driver.open()
            except WrongFile as wrong:
                return _fail(f"{wrong}; give --fresh to begin anew")
            print(f"open: {driver.day.date} on {path} after {time.monotonic() - began:.1f} s", flush=True)
            driver.run()
    print("closed", flush=True)
    return 0


class _Connection:
    """Closes the way the vendor does: with the write-ahead log folded in."""

    def __init__(self, path: Path) -> None:
        self.sqlite = database.connect(path)

    def close(self) -> None:
        database.close(self.sqlite)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Hold the file for this process; answers False when another keeps it for too long."""
    with path.with_name(path.name + ".lock").open("w") as lock:
        until = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield False
                    return
                time.sleep(0.1)
            else:
                yield True
                return


def _waiting(stop: threading.Event, *, with_parent: bool) -> Callable[[float], bool]:
    parent = os.getppid()

    def wait(seconds: float) -> bool:
        return stop.wait(seconds) or (with_parent and os.getppid() != parent)

    return wait


def _fail(why: str) -> int:
    print(why, file=sys.stderr)
    return 2


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        speed=0.0 if options.instant else options.speed,
        start=options.start,
        day=options.day,
        seed=options.seed,
        departments=options.departments,
        until=options.until,
        days=options.days,
        history_days=options.history_days,
        hiccups=options.hiccups,
        hiccup_every=options.hiccup_every,
        keep_nights=options.keep_nights,
        report_every=options.report_every,
    )


def _time(text: str) -> int:
    return seconds_of(datetime.strptime(text, "%H:%M").strftime("%H%M%S"))  # noqa: DTZ007  (a time of day)


def _day(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007  (a calendar day has no zone)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo.hospital", description="An invented hospital's HIS."
    )
    add = parser.add_argument
    add("--db", type=Path, required=True, metavar="FILE", help="the HIS's SQLite file; made when missing")
    add("--speed", type=float, default=1.0, metavar="X", help="hospital seconds in a real one; 0 = --instant")
    add("--instant", action="store_true", help="play as fast as possible to --until or the evening, and end")
    add("--start", type=_time, default=_time("07:30"), metavar="HH:MM", help="where the day begins to move")
    add("--day", type=_day, metavar="yyyyMMdd", help="first day (default: today in China)")
    add("--seed", type=int, metavar="N", help="which hospital and days (default: the file's, else 1)")
    add("--until", type=_time, metavar="HH:MM", help="end at this time of the last day")
    add("--days", type=int, default=0, metavar="N", help="end after so many days (default: never)")
    add("--history-days", type=int, default=5, metavar="N", help="past days to write at the first start")
    add("--departments", type=int, default=0, metavar="N", help="only the first N departments, for tests")
    add("--hiccups", type=hiccups.parse, default=(), metavar="KINDS", help=f"all, or of {_kinds()}")
    add("--hiccup-every", type=float, default=60.0, metavar="SECONDS", help="real seconds between two")
    add("--keep-nights", action="store_true", help="let the night pass instead of skipping it")
    add("--report-every", type=float, default=30.0, metavar="SECONDS", help="real seconds between two lines")
    add("--exit-with-parent", action="store_true", help="end when the process that started this one is gone")
    add("--fresh", action="store_true", help="throw the file away and begin anew")
    return parser


def _kinds() -> str:
    return ",".join(hiccups.Hiccup)


if __name__ == "__main__":
    sys.exit(main())
