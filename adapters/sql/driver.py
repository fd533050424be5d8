"""The two drivers behind one small port: run a queue of statements in one trip, answer the last one's rows.

A trip is one hop to aiosqlite's thread, or one multi-statement packet to MariaDB. An error ends the trip: the
statements behind it are not executed. Trouble of the database leaves here as
``core.refusals.StorageUnavailable``, an existing key as ``Duplicate``; what is left is a defect of ours.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

import aiosqlite
import pymysql  # type: ignore[import-untyped]
from aiomysql import Connection as MysqlConnection  # type: ignore[import-untyped]
from pymysql.constants import ER  # type: ignore[import-untyped]
from sqlalchemy.exc import DBAPIError

from adapters.sql.statement import Prepared, Values
from core import limits
from core.elsewhere import Elsewhere
from core.keys import KeyTaken
from core.refusals import StorageUnavailable

Row = tuple[Any, ...]

CONNECT_TROUBLE = (DBAPIError, sqlite3.Error, pymysql.MySQLError, OSError, TimeoutError, EOFError)
"""What opening a connection may raise when the database is not there, or not ours."""


class Duplicate(KeyTaken):
    """A row with this key exists already. Stores turn it into a refusal that names what it was."""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a trip: run once with ``values``, or for each of ``rows``.

    Values are not shown: aiosqlite's debugging lines show every call with its arguments.
    """

    prepared: Prepared
    values: Values = field(default=(), repr=False)
    rows: Sequence[Values] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the last step gave: its rows, and how many rows it matched."""

    rows: Sequence[Row]
    matched: int


class Driver(Protocol):
    """One connection of the pool."""

    async def trip(self, steps: Sequence[Step]) -> Answer:
        """Run the steps in order, at least one. After an exception ``roll_back`` is still possible."""

    async def roll_back(self) -> None:
        """End the transaction without a trace. Harmless when there is none."""


def _raise_for(error: Exception, refusal: Exception) -> NoReturn:
    """Raise what a store should see. MariaDB's text of a duplicate repeats the values: it stays here."""
    if refusal is error:
        raise error
    raise refusal from (None if isinstance(refusal, Duplicate) else error)


class SqliteDriver:
    """SQLite through aiosqlite: one hop to the connection's thread a trip."""

    def __init__(self, connection: aiosqlite.Connection, elsewhere: Elsewhere) -> None:
        self._connection = connection
        self._elsewhere = elsewhere
        # aiosqlite's own queue: its public calls hop once a statement, which doubles a command's cost.
        self._execute: Any = connection._execute  # noqa: SLF001

    async def trip(self, steps: Sequence[Step]) -> Answer:
        answer: Answer = await self._in_thread(self._run, steps)
        return answer

    async def roll_back(self) -> None:
        await self._in_thread(self._roll_back)

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        try:
            with self._elsewhere:
                return await self._execute(work, *arguments)
        except (sqlite3.Error, ValueError) as error:
            _raise_for(error, _sqlite_refusal(error))

    def _run(self, steps: Sequence[Step]) -> Answer:
        connection = self._connection._conn  # noqa: SLF001
        for step in steps[:-1]:
            _run_sqlite(connection, step)
        cursor = _run_sqlite(connection, steps[-1])
        return Answer(cursor.fetchall(), cursor.rowcount)

    def _roll_back(self) -> None:
        # A full disk or an I/O error may have rolled back already; a second ROLLBACK would be an error.
        connection = self._connection._conn  # noqa: SLF001
        if connection.in_transaction:
            connection.rollback()


def _run_sqlite(connection: sqlite3.Connection, step: Step) -> sqlite3.Cursor:
    if step.rows is None:
        return connection.execute(step.prepared.text, step.values)
    return connection.executemany(step.prepared.text, step.rows)


def _sqlite_refusal(error: Exception) -> Exception:
    if isinstance(error, sqlite3.IntegrityError):
        if error.sqlite_errorname in {"SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}:
            return Duplicate()
        return error
    if isinstance(error, (sqlite3.ProgrammingError, sqlite3.InterfaceError)):
        return error
    if (
        isinstance(error, sqlite3.OperationalError)
        and getattr(error, "sqlite_errorname", "") == "SQLITE_ERROR"
    ):
        return error
    name = getattr(error, "sqlite_errorname", None)
    why = {"SQLITE_BUSY": "locked", "SQLITE_LOCKED": "locked", "SQLITE_FULL": "full"}.get(str(name), "away")
    return StorageUnavailable(why=why)


class MysqlDriver:
    """MariaDB through aiomysql: one multi-statement packet a trip (``CLIENT.MULTI_STATEMENTS`` is on there).

    Values are escaped by the driver into their places; text of a statement never comes from outside.
    """

    def __init__(self, connection: MysqlConnection) -> None:
        self._connection = connection

    async def trip(self, steps: Sequence[Step]) -> Answer:
        packets = _packets([text for step in steps for text in self._texts(step)])
        try:
            async with asyncio.timeout(limits.SQL_REPLY_SECONDS):
                async with self._connection.cursor() as cursor:
                    for packet in packets:
                        await cursor.execute(packet)
                        while await cursor.nextset():
                            pass
                    return Answer(await cursor.fetchall(), cursor.rowcount)
        except (pymysql.MySQLError, OSError, TimeoutError, EOFError, RuntimeError) as error:
            _raise_for(error, _mysql_refusal(error))

    async def roll_back(self) -> None:
        try:
            async with asyncio.timeout(limits.SQL_REPLY_SECONDS):
                await self._connection.rollback()
        except (pymysql.MySQLError, OSError, TimeoutError, EOFError, RuntimeError) as error:
            _raise_for(error, _mysql_refusal(error))

    def _texts(self, step: Step) -> Sequence[str]:
        escape = self._literal
        prepared = step.prepared
        if step.rows is None:
            return [prepared.text % tuple([escape(value) for value in step.values])]
        if prepared.insert is None:
            return [prepared.text % tuple([escape(value) for value in row]) for row in step.rows]
        before, one_row, after = prepared.insert
        rows = [one_row % tuple([escape(value) for value in row]) for row in step.rows]
        return [f"{before}{','.join(chunk)}{after}" for chunk in _chunks(rows, limits.SQL_PACKET_CHARACTERS)]

    def _literal(self, value: Any) -> str:
        # aiomysql 0.3 fails on bytes with PyMySQL 1.2, which took away the function it calls.
        if type(value) is bytes:
            return f"_binary X'{value.hex()}'"
        text: str = self._connection.literal(value)
        return text


def _chunks(texts: Sequence[str], characters: int) -> list[list[str]]:
    """Cut a list so that every part holds at most that many characters (or one text)."""
    chunks: list[list[str]] = []
    left = 0
    for text in texts:
        if not chunks or left < len(text):
            chunks.append([])
            left = characters
        chunks[-1].append(text)
        left -= len(text)
    return chunks


def _packets(texts: Sequence[str]) -> list[bytes]:
    return [
        ";".join(chunk).encode("utf-8", "surrogateescape")
        for chunk in _chunks(texts, limits.SQL_PACKET_CHARACTERS)
    ]


_LOCKED = frozenset({ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK})
_FULL = frozenset({ER.DISK_FULL, ER.RECORD_FILE_FULL})
_DEFECTS = (pymysql.ProgrammingError, pymysql.DataError, pymysql.NotSupportedError)


def _mysql_refusal(error: Exception) -> Exception:
    if isinstance(error, pymysql.IntegrityError):
        return Duplicate() if error.args[0] == ER.DUP_ENTRY else error
    if isinstance(error, _DEFECTS) or (isinstance(error, RuntimeError) and not _is_closed(error)):
        return error
    if isinstance(error, TimeoutError):
        return StorageUnavailable(why="stalled")
    number = error.args[0] if error.args else None
    if number in _LOCKED:
        return StorageUnavailable(why="locked")
    return StorageUnavailable(why="full" if number in _FULL else "away")


def _is_closed(error: RuntimeError) -> bool:
    return "closed" in str(error).lower() or "not connected" in str(error).lower()
