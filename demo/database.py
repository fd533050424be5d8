"""The vendor's SQLite file: opening it, one transaction at a time, and what the driver remembers in it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from demo.codes import day_code, hhmmss, seconds_of
from demo.ticket import clock

_BUSY_MILLISECONDS = 5_000
_LARGEST_WAL_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a file stands: enough to play its day again up to the same second."""

    day: date
    second: int
    seed: int
    departments: int


def connect(path: Path) -> sqlite3.Connection:
    """Open (or make) the file in WAL mode, so that readers and the driver never block each other."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_MILLISECONDS / 1000)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_WAL_BYTES}")
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'V_BRDA'").fetchone() is None:
        connection.executescript(Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Take the write lock first, then work; everything or nothing is kept."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def load_saved(connection: sqlite3.Connection) -> Saved | None:
    """What the file says about itself; None for a new one."""
    values = dict(connection.execute("SELECT CSDM, CSZ FROM XT_CSB"))
    if "MNZZ" not in values or "YWRQ" not in values:
        return None
    return Saved(_day(values["YWRQ"]), seconds_of(values["DQSJ"]), int(values["MNZZ"]), int(values["MNKS"]))


def save(connection: sqlite3.Connection, *, seed: int, departments: int) -> None:
    """Remember what cannot change during the life of a file."""
    _parameters(connection, ("MNZZ", "模拟种子", str(seed)), ("MNKS", "模拟科室数", str(departments)))


def set_clock(connection: sqlite3.Connection, day: date, second: int) -> None:
    """Move the hospital's clock (V_XT_SJ). A second past midnight still counts for its business day."""
    stamp = day_code(day) + hhmmss(min(second, clock(24) - 1))
    _parameters(connection, ("DQSJ", "当前时间", stamp), ("YWRQ", "业务日期", day_code(day)))


def close(connection: sqlite3.Connection) -> None:
    """Fold the write-ahead log into the file, as far as readers let us, and close."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def days_in_history(connection: sqlite3.Connection) -> set[date]:
    return {_day(code) for (code,) in connection.execute("SELECT DISTINCT PDRQ FROM PD_LSXX")}


def _day(code: str) -> date:
    return datetime.strptime(code, "%Y%m%d").date()  # noqa: DTZ007  (a calendar day has no zone)


def _parameters(connection: sqlite3.Connection, *rows: tuple[str, str, str]) -> None:
    connection.executemany(
        "INSERT INTO XT_CSB (CSDM, CSMC, CSZ) VALUES (?, ?, ?) "
        "ON CONFLICT (CSDM) DO UPDATE SET CSZ = excluded.CSZ",
        rows,
    )
