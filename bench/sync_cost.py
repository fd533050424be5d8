"""What pulling a hospital costs, and how fast: 200 lines of 50 tickets, asked each second.

    python -m bench.sync_cost [--lines 200] [--seconds 15]

Three processes over real mutual TLS: a hospital that commits (SQLite), its front machine, and this one: link
and sync with a mirror that only takes the time. Printed for a quiet hospital, a usual one (every tenth line
moves each second) and one where every line moves: CPU share of platform and front machine (of one core), and
the time from the hospital's commit to the hand-over.
"""

import argparse
import asyncio
import contextlib
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

import structlog

from adapters.his.registry import open_his
from core.clock import SystemClock
from front_machine.contract import Directory, PastDay
from front_machine.gateway import build_gateway, serve
from front_machine.link import HospitalLink, client_context
from front_machine.mirror import Observation
from front_machine.settings import load_settings
from front_machine.sync import HospitalSync
from server.pki import files_of, make_pki

TICKETS = 50
MAPPING = Path(__file__).parents[1] / "conf" / "front-machine.demo.toml"
SCHEMA = Path(__file__).parents[1] / "demo" / "schema.sql"
TICKS = 100.0
"""Clock ticks a second of /proc on Linux."""


class Stopwatch:
    """A mirror that reads the commit time out of the tickets and keeps the age."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.tickets = 0
        self.whole = asyncio.Event()

    async def apply(self, observation: Observation) -> Collection[str]:
        now = time.time()
        for state in observation.changed:
            self.tickets += len(state.tickets)
            committed = max(float(ticket.visit) for ticket in state.tickets)
            if self.whole.is_set():
                self.ages.append(now - committed)
        self.whole.set()
        return ()

    async def directory(self, directory: Directory) -> None:
        """Not measured."""

    async def unreachable(self, since: object) -> None:
        raise RuntimeError("the hospital went away")

    async def past_wanted(self) -> Sequence[date]:
        return ()

    async def past(self, day: date, told: Sequence[PastDay]) -> None:
        """Not measured."""

    async def past_ended(self) -> None:
        """Not measured."""


def make_hospital(file: Path, lines: int) -> None:
    """The demo hospital's schema, filled with strangers."""
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(SCHEMA.read_text("utf-8"))
        day = f"{SystemClock().now():%Y%m%d}"
        database.execute("INSERT INTO XT_CSB VALUES ('YWRQ', '', ?), ('DQSJ', '', ?)", (day, f"{day}093000"))
        database.execute(
            "INSERT INTO GY_KSDM VALUES ('01', ?, '', '1', '', '0')", ("内科".encode("gb18030"),)
        )
        database.executemany(
            "INSERT INTO PD_DLDM VALUES (?, '队列', '1', '01', '', '1', 0)",
            [(f"{line:06}  ",) for line in range(lines)],
        )
        database.executemany(
            "INSERT INTO MZ_PDXX VALUES (NULL, ?, ?, ?, '0', ?, '1 ', '1', '', ?, '', '', '0900', '0930',"
            " '091500', NULL, NULL, NULL, 0, 0, '', '')",
            [
                (day, f"{line:06}  ", f"A{number:03}    ", "欧阳金雀".encode("gb18030"), float(number))
                for line in range(lines)
                for number in range(TICKETS)
            ],
        )


async def play(file: Path, moving: int) -> None:
    """Every second, at a random moment, move a ticket in so many lines; its visit is the time of commit."""
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    lines = database.execute("SELECT COUNT(*) FROM PD_DLDM").fetchone()[0]
    turn = 0
    while True:
        second = time.monotonic()
        await asyncio.sleep(random.random())
        stamp = f"{time.time():.4f}"
        moved = [f"{(turn + step) % lines:06}  " for step in range(moving)]
        marks = ", ".join("?" * len(moved))
        database.execute(
            f"UPDATE MZ_PDXX SET GHXH = ?, PDZT = ? WHERE DLDM IN ({marks}) AND HZXH = ?",
            (stamp, "3 " if turn % 2 else "1 ", *moved, f"A{turn % TICKETS:03}    "),
        )
        turn += moving
        await asyncio.sleep(max(0.0, second + 1.0 - time.monotonic()))


async def front_machine(folder: Path, port: int) -> None:
    """The hospital side, alone in its process."""
    pki = files_of(folder / "pki")
    settings = load_settings(
        MAPPING,
        environment={},
        overrides={
            "listen.port": port,
            "his.clock_still_seconds": 0.0,
            "his.link.url": f"sqlite:///{folder / 'his.db'}",
            "tls.ca": str(pki.ca),
            "tls.certificate": str(pki.front_machine),
            "tls.key": str(pki.front_machine_key),
        },
    )
    await serve(build_gateway(settings, open_his(settings.his), clock=SystemClock()))


def cpu_of(process: int) -> float:
    """CPU seconds that another process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def measure(folder: Path, port: int, front: int, moving: int, seconds: float) -> None:
    """One row of the table."""
    pki = files_of(folder / "pki")
    link = HospitalLink(
        url=f"https://localhost:{port}",
        context=client_context(ca=pki.ca, certificate=pki.platform, key=pki.platform_key),
        clock=SystemClock(),
        chance=random.random,
    )
    mirror = Stopwatch()
    sync = HospitalSync(link, mirror, clock=SystemClock())
    running = asyncio.create_task(sync.run())
    await mirror.whole.wait()
    player = subprocess.Popen([sys.executable, "-m", "bench.sync_cost", "--play", str(moving), str(folder)])
    try:
        await asyncio.sleep(2.0)
        mirror.tickets, mirror.ages = 0, []
        began, ours, theirs, pulls = time.monotonic(), time.process_time(), cpu_of(front), sync.health.pulls
        await asyncio.sleep(seconds)
        took = time.monotonic() - began
        ours, theirs = time.process_time() - ours, cpu_of(front) - theirs
    finally:
        player.terminate()
        player.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await link.close()
    ages = sorted(mirror.ages) or [float("nan")]
    median, late = statistics.median(ages), ages[int(len(ages) * 0.99)]
    print(
        f"{moving:>14} {mirror.tickets / took:>12.0f} {(sync.health.pulls - pulls) / took:>8.2f}"
        f" {ours / took:>11.1%} {theirs / took:>15.1%} {median:>10.3f} {late:>8.3f}"
    )


async def main(lines: int, seconds: float) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        make_pki(folder / "pki")
        make_hospital(folder / "his.db", lines)
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        front = subprocess.Popen(
            [sys.executable, "-m", "bench.sync_cost", "--front-machine", str(port), str(folder)],
            stdout=subprocess.DEVNULL,
        )
        try:
            await asyncio.sleep(4.0)
            print(f"{lines} lines × {TICKETS} tickets, hospital asked each second, {seconds:g} s a row")
            print(
                f"{'lines moved/s':>14} {'tickets/s':>12} {'pulls/s':>8} {'platform':>11}"
                f" {'front machine':>15} {'median s':>10} {'p99 s':>8}"
            )
            for moving in (0, lines // 10, lines):
                await measure(folder, port, front.pid, moving, seconds)
        finally:
            front.terminate()
            front.wait()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--lines", type=int, default=200)
    arguments.add_argument("--seconds", type=float, default=15.0)
    arguments.add_argument("--play", type=int)
    arguments.add_argument("--front-machine", type=int)
    arguments.add_argument("folder", nargs="?")
    given = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with contextlib.suppress(KeyboardInterrupt):
        if given.play is not None:
            asyncio.run(play(Path(given.folder) / "his.db", given.play))
        elif given.front_machine is not None:
            asyncio.run(front_machine(Path(given.folder), given.front_machine))
        else:
            asyncio.run(main(given.lines, given.seconds))
