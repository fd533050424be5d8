"""What the benches of whole processes share: a hospital's file, its front machine, a platform before it.

Everything runs as it does in production, in processes of its own; all end with the bench.
"""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from bench.sync_cost import MAPPING, make_hospital
from server.pki import files_of, make_pki
from tests.services.mariadb import MariadbServer
from tests.services.process import free_port
from tests.services.redis import RedisServer

RUN = str(Path(__file__).parents[1] / "run.py")
TICKS = os.sysconf("SC_CLK_TCK")
CONSOLE = Console(width=110)

SETTINGS = """
profile = "{profile}"
data = "{folder}/data"
[web]
port = {port}
processes = 2
[storage]
url = "{database}"
[broker]
url = "{broker}"
[log]
format = "json"
level = "warning"
[hospital]
name = {{ zh = "医院", en = "Hospital" }}
front_machine = "https://127.0.0.1:{front_port}"
ca = "{folder}/pki/ca.crt"
certificate = "{folder}/pki/platform.crt"
key = "{folder}/pki/platform.key"
"""


class Hospital:
    """The hospital's own hand: lines of tickets in its file, and its clock, which must not stand still."""

    def __init__(self, folder: Path, *, lines: int) -> None:
        self.lines = [f"{line:06}" for line in range(lines)]
        make_hospital(folder / "his.db", lines)
        self._database = sqlite3.connect(folder / "his.db", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA synchronous = NORMAL")
        # That hospital gives its tickets no visit until they move; a visit is what a ticket is known by.
        self._database.execute("UPDATE MZ_PDXX SET GHXH = TRIM(DLDM) || TRIM(HZXH)")

    def tick(self) -> None:
        """Renew the hospital's clock."""
        now = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 8 * 3600))
        self._database.execute("UPDATE XT_CSB SET CSZ = ? WHERE CSDM = 'DQSJ'", (now,))

    @contextlib.contextmanager
    def ticking(self) -> Iterator[None]:
        """Keep the clock going, in a thread: to a front machine a clock that stands still is a fault."""
        ended = threading.Event()

        def tick_on() -> None:
            while not ended.wait(1.0):
                self.tick()

        thread = threading.Thread(target=tick_on, daemon=True)
        self.tick()
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def move(self, lines: Sequence[str], number: str, state: str) -> None:
        """Give one ticket of each line another state; committed when it returns."""
        marks = ", ".join("?" * len(lines))
        self._database.execute(
            f"UPDATE MZ_PDXX SET PDZT = ? WHERE DLDM IN ({marks}) AND HZXH = ?",
            (state.ljust(2), *(line.ljust(8) for line in lines), number.ljust(8)),
        )


def play_for_ever(folder: Path, *, lines: int, tickets: int) -> None:
    """Each second, on the second, move one ticket in every line: every pull meets all of them changed."""
    hospital = Hospital(folder, lines=lines)
    turn, second = 0, time.monotonic()
    while True:
        hospital.tick()
        hospital.move(hospital.lines, f"A{turn % tickets:03}", "3" if (turn // tickets) % 2 == 0 else "1")
        turn += 1
        second += 1.0
        time.sleep(max(0.0, second - time.monotonic()))


@contextlib.contextmanager
def running(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that ends with the block, and with us should we be killed."""
    kill_with_us = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    with log.open("ab") as out:
        process = subprocess.Popen([*kill_with_us, sys.executable, *command], stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def front_machine(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """``run.py front-machine`` before the file, asking the hospital each second; process and port."""
    make_pki(folder / "pki")
    pki, port = files_of(folder / "pki"), free_port()
    values = {
        "listen.port": port,
        "his.link.url": f"sqlite:///{folder / 'his.db'}",
        "tls.ca": pki.ca,
        "tls.certificate": pki.front_machine,
        "tls.key": pki.front_machine_key,
    }
    command = [RUN, "front-machine", "--config", str(MAPPING), *(f"--set={k}={v}" for k, v in values.items())]
    with running(*command, log=folder / "front-machine.log") as process:
        yield process, port


@contextlib.contextmanager
def neighbours() -> Iterator[tuple[str, str]]:
    """A private MariaDB and Redis; the URLs of an empty database and of the broker."""
    with contextlib.ExitStack() as stack:
        redis, mariadb = RedisServer.start_private(), None
        stack.callback(redis.stop)
        mariadb = MariadbServer.start_private()
        stack.callback(mariadb.stop)
        yield f"mysql://root@127.0.0.1:{mariadb.port}/{mariadb.create_database()}", redis.url


def write_settings(
    folder: Path, *, profile: str, database: str, broker: str, front_port: int
) -> tuple[Path, int]:
    """A settings file of the platform; answers it and the port."""
    port, file = free_port(), folder / f"{profile}.toml"
    file.write_text(
        SETTINGS.format(
            folder=folder, profile=profile, database=database, broker=broker, front_port=front_port, port=port
        ),
        "utf-8",
    )
    return file, port


def cpu_of(process: int) -> float:
    """CPU seconds that another process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
