"""One database of ours: which URL it has, how its sessions are set, and its pool.

**SQLite** (embedded): WAL, so readers never wait for the writer; ``synchronous=FULL``, because a command is
acknowledged after commit and must survive a power cut (the price is one ``fsync`` a commit; see
bench/storage.py); foreign keys on; a writer of another process is awaited ``SQL_BUSY_SECONDS``.

**MariaDB / MySQL**: READ COMMITTED, because every write transaction takes its row locks explicitly and gap
locks would only add deadlocks; strict mode; utf8mb4 compared byte by byte, as SQLite does; every transaction
is begun and ended in words. A process that stands still in the middle of a transaction loses its connection,
and with it its row locks, after ``SQL_IDLE_TRANSACTION_SECONDS`` (MariaDB only). A connection that a firewall
has forgotten ends there after ``SQL_UNUSED_SECONDS``, instead of taking a place for eight hours.
"""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from core import limits

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "mysql": "mysql+aiomysql",
    "mariadb": "mysql+aiomysql",
    "mysql+aiomysql": "mysql+aiomysql",
}

_MYSQL_SESSION = (
    "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION', time_zone='+00:00', innodb_lock_wait_timeout={busy}, "
    "wait_timeout={unused} "
    # MySQL has no such setting, and takes this for a comment.
    "/*M!100301 , idle_transaction_timeout={idle} */"
)


class BadDatabaseUrl(ValueError):
    """The URL names no database we can use. The text never repeats the URL, which may hold a password."""


def database_url(url: str) -> URL:
    """Read ``sqlite:///FILE`` or ``mysql://user:password@host:port/name`` as a URL of our async drivers."""
    try:
        given = make_url(url)
        drivername = _DRIVERS[given.drivername]
    except (ArgumentError, KeyError, ValueError):
        raise BadDatabaseUrl("use sqlite:///FILE or mysql://user:password@host:port/name") from None
    if not given.database or (drivername.startswith("sqlite") and given.database == ":memory:"):
        raise BadDatabaseUrl("the database needs a name (a file, for SQLite)")
    if drivername.startswith("mysql"):
        given = given.update_query_dict({"charset": "utf8mb4"})
    return given.set(drivername=drivername)


def open_engine(url: str, *, connections: int, busy_seconds: float = limits.SQL_BUSY_SECONDS) -> AsyncEngine:
    """Make the engine behind ``transaction.Database``. Connects lazily.

    Transactions are ended by their owner, never by the pool; connections are not pinged before use, because
    the first statement of a transaction finds a dead one and is repeated on a fresh one.
    """
    return create_async_engine(
        _prepared(database_url(url)),
        connect_args=_connect_arguments(url, busy_seconds),
        **_isolation(url),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=busy_seconds,
        pool_reset_on_return=None,
    )


def open_plain_engine(url: str) -> AsyncEngine:
    """Make an engine for migrations and administration: SQLAlchemy's own transactions, no pool."""
    engine = create_async_engine(
        _prepared(database_url(url)),
        connect_args=_connect_arguments(url, limits.SQL_BUSY_SECONDS),
        **_isolation(url),
        poolclass=NullPool,
    )
    if engine.dialect.name == "sqlite":
        event.listen(
            engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
        )
    return engine


def _prepared(url: URL) -> URL:
    if url.drivername.startswith("sqlite") and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    return url


def _connect_arguments(url: str, busy_seconds: float) -> dict[str, Any]:
    if database_url(url).drivername.startswith("sqlite"):
        return {"timeout": busy_seconds, "isolation_level": None, "factory": _SqliteConnection}
    return {
        "autocommit": True,
        "connect_timeout": limits.SQL_CONNECT_SECONDS,
        "init_command": _MYSQL_SESSION.format(
            busy=max(1, round(busy_seconds)),
            idle=limits.SQL_IDLE_TRANSACTION_SECONDS,
            unused=limits.SQL_UNUSED_SECONDS,
        ),
    }


def _isolation(url: str) -> dict[str, Any]:
    if database_url(url).drivername.startswith("sqlite"):
        return {}
    return {"isolation_level": "READ COMMITTED"}


class _SqliteConnection(sqlite3.Connection):
    """A connection that has its session settings from its first moment, whoever opened it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for setting in ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            self.execute(f"PRAGMA {setting}")
        self._write_ahead()

    def _write_ahead(self) -> None:
        """Turn on WAL. Two who create a file at once refuse each other, whatever the busy timeout says."""
        until = time.monotonic() + limits.SQL_BUSY_SECONDS
        while True:
            try:
                self.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return
