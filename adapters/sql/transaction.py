"""Transactions that send their writes together.

``Database`` owns the pool; ``Transaction`` queues statements and makes a trip only when an answer is needed
or at commit, so a command costs a handful of trips whatever it writes.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from adapters.sql.driver import CONNECT_TROUBLE, Answer, Driver, MysqlDriver, Row, SqliteDriver, Step
from adapters.sql.engine import open_engine
from adapters.sql.statement import Prepared, Statement, Statements, Values
from core import limits
from core.elsewhere import Elsewhere
from core.refusals import StorageUnavailable

_COMMIT = Step(Prepared("COMMIT", (), {}))

_BEGIN_WRITE = {"sqlite": ["BEGIN IMMEDIATE"], "mysql": ["START TRANSACTION"]}

# A reader sees one moment of the database in all its statements.
_BEGIN_READ = {
    "sqlite": ["BEGIN"],
    "mysql": ["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION READ ONLY"],
}


class Database:
    """One database: its pool, its compiled statements and its transactions.

    On SQLite the writers of this process take turns in order of arrival instead of polling for the file's
    lock; a writer that waits longer than ``busy_seconds`` gets ``StorageUnavailable``.
    """

    def __init__(self, engine: AsyncEngine, *, connections: int, busy_seconds: float) -> None:
        self.engine = engine
        self.statements = Statements(engine.dialect)
        self.kind = engine.dialect.name
        """``sqlite`` or ``mysql``."""
        self._attempts = connections + 1
        self._busy_seconds = busy_seconds
        self._turn = asyncio.Lock() if self.kind == "sqlite" else None
        # The pool's own queue lets who has just given a connection back take it before those who wait.
        self._places = asyncio.Semaphore(connections)
        self._doubted_before = 0.0
        self.elsewhere = Elsewhere()
        """What SQLite's threads do for the loop now. A server's process is none of them."""
        self._begin_write = [Step(Prepared(text, (), {})) for text in _BEGIN_WRITE[self.kind]]
        self._begin_read = [Step(Prepared(text, (), {})) for text in _BEGIN_READ[self.kind]]

    @classmethod
    def open(
        cls,
        url: str,
        *,
        connections: int = limits.SQL_POOL_CONNECTIONS,
        busy_seconds: float = limits.SQL_BUSY_SECONDS,
    ) -> "Database":
        """Open a database by its URL. Connects at the first transaction; ``close`` it in the end."""
        engine = open_engine(url, connections=connections, busy_seconds=busy_seconds)
        return cls(engine, connections=connections, busy_seconds=busy_seconds)

    async def close(self) -> None:
        """Close the pooled connections."""
        await self.engine.dispose()

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator["Transaction"]:
        """A write transaction; leaving without ``commit`` rolls back."""
        async with (
            self._writers_turn(),
            contextlib.aclosing(Transaction(self, self._begin_write)) as transaction,
        ):
            yield transaction

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator["Transaction"]:
        """A transaction that sees one moment of the database."""
        async with contextlib.aclosing(Transaction(self, self._begin_read)) as transaction:
            yield transaction

    async def answers(self) -> None:
        """Make one trip to the database; raises ``StorageUnavailable`` when it does not answer."""
        async with self.read() as transaction:
            await transaction.send()

    @contextlib.asynccontextmanager
    async def _writers_turn(self) -> AsyncIterator[None]:
        if self._turn is None:
            yield
            return
        try:
            async with asyncio.timeout(self._busy_seconds):
                await self._turn.acquire()
        except TimeoutError:
            raise StorageUnavailable(why="locked") from None
        try:
            yield
        finally:
            self._turn.release()

    async def first_trip(self, steps: Sequence[Step]) -> tuple["Connection", Answer]:
        """Take a connection and make a transaction's first trip.

        A pooled connection may have died since its last use. Nothing is committed by a first trip, so it is
        repeated until a connection answers; once a *new* connection fails too, the database is away.
        """
        for attempt in range(self._attempts):
            connection = await self._connect()
            began = time.monotonic()
            try:
                return connection, await connection.driver.trip(steps)
            except BaseException as error:
                self.doubt(error, began)
                await connection.end(broken=_is_broken(error))
                if not connection.is_used or not _is_away(error) or attempt == self._attempts - 1:
                    raise
        raise AssertionError("unreachable")

    def doubt(self, error: BaseException, since: float) -> None:
        """A trip that began then got no answer: whoever was not heard since is not asked any more.

        Behind a firewall that forgot them all connections are dead, and each would cost its own wait.
        """
        if _is_broken(error) and isinstance(error, StorageUnavailable):
            self._doubted_before = max(self._doubted_before, since)

    async def _connect(self) -> "Connection":
        try:
            async with asyncio.timeout(self._busy_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise StorageUnavailable(why="busy") from None
        try:
            pooled = await self._trusted()
        except BaseException:
            self._places.release()
            raise
        driver_connection: Any = pooled.driver_connection
        driver: Driver = (
            SqliteDriver(driver_connection, self.elsewhere)
            if self.kind == "sqlite"
            else MysqlDriver(driver_connection)
        )
        return Connection(pooled, driver, self._places.release)

    async def _trusted(self) -> PoolProxiedConnection:
        """One of the pool that is new, or was heard since the last trouble."""
        while True:
            pooled = await self._pooled()
            if pooled.info.get("given_back", self._doubted_before) >= self._doubted_before:
                return pooled
            await greenlet_spawn(pooled.invalidate)
            await greenlet_spawn(pooled.close)

    async def _pooled(self) -> PoolProxiedConnection:
        try:
            async with asyncio.timeout(limits.SQL_CONNECT_SECONDS + self._busy_seconds):
                return await self.engine.raw_connection()
        except PoolTimeout:
            raise StorageUnavailable(why="busy") from None
        except CONNECT_TROUBLE as error:
            raise StorageUnavailable(why="away") from error


class Connection:
    """A driver connection on loan from the pool."""

    __slots__ = ("_given_back", "_pooled", "driver", "is_used")

    def __init__(self, pooled: PoolProxiedConnection, driver: Driver, given_back: Callable[[], None]) -> None:
        """``given_back`` is called once, when it is in the pool again."""
        self._pooled = pooled
        self._given_back = given_back
        self.driver = driver
        self.is_used = bool(pooled.info.get("used"))
        """Whether it has served before, and so may have died in the pool."""
        pooled.info["used"] = True

    async def end(self, *, broken: bool) -> None:
        """Roll back what is not committed and return it to the pool; a broken one is closed instead."""
        try:
            if not broken:
                await self.driver.roll_back()
        except BaseException as error:
            broken = True
            if not isinstance(error, StorageUnavailable):
                raise
        finally:
            await self.give_back(broken=broken)

    async def give_back(self, *, broken: bool) -> None:
        """Return it to the pool without a word; a broken one is closed instead."""
        try:
            if broken:
                await greenlet_spawn(self._pooled.invalidate)
            else:
                self._pooled.info["given_back"] = time.monotonic()
            await greenlet_spawn(self._pooled.close)
        finally:
            self._given_back()


class Transaction:
    """One transaction. Made by ``Database``; not shared between tasks.

    ``later`` queues, ``rows`` and ``run`` send what is queued with their own statement and answer, ``commit``
    sends the rest. After any exception only leaving is allowed, and it rolls back.
    """

    def __init__(self, database: Database, begin: Sequence[Step]) -> None:
        self._database = database
        self._begin = begin
        self._queue: list[Step] = list(begin)
        self._connection: Connection | None = None
        self._broken = False
        self._done = False

    def later(self, statement: Statement, **values: Any) -> None:
        """Queue a write."""
        prepared = self._database.statements[statement]
        self._queue.append(Step(prepared, prepared.bind(values)))

    def later_each(self, statement: Statement, rows: Sequence[Values]) -> None:
        """Queue a write for many rows, each with its values in the order of the statement's placeholders."""
        if rows:
            self._queue.append(Step(self._database.statements[statement], rows=rows))

    async def rows(self, statement: Statement, **values: Any) -> Sequence[Row]:
        """Send what is queued and this query; answer its rows."""
        self.later(statement, **values)
        return (await self._trip()).rows

    async def row(self, statement: Statement, **values: Any) -> Row | None:
        """As ``rows``, for a query that finds at most one."""
        rows = await self.rows(statement, **values)
        return rows[0] if rows else None

    async def run(self, statement: Statement, **values: Any) -> int:
        """Send what is queued and this write; answer how many rows it matched."""
        self.later(statement, **values)
        return (await self._trip()).matched

    async def send(self) -> None:
        """Send what is queued now, for those who need its failure before the commit."""
        if self._queue:
            await self._trip()

    async def commit(self) -> None:
        """Send what is queued and commit. When this returns, the database has it."""
        if self._connection is None:
            if self._queue == self._begin:
                return
            # Nothing may be committed by a trip that can be repeated on another connection.
            await self._trip()
        self._queue.append(_COMMIT)
        await self._trip()
        self._done = True

    async def aclose(self) -> None:
        """Roll back unless committed, and give the connection back."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._done:
            await connection.give_back(broken=False)
        else:
            await connection.end(broken=self._broken)

    async def _trip(self) -> Answer:
        steps, self._queue = self._queue, []
        if self._connection is None:
            self._connection, answer = await self._database.first_trip(steps)
            return answer
        began = time.monotonic()
        try:
            return await self._connection.driver.trip(steps)
        except BaseException as error:
            self._database.doubt(error, began)
            self._broken = self._broken or _is_broken(error)
            raise


def _is_away(error: BaseException) -> bool:
    return isinstance(error, StorageUnavailable) and error.facts.get("why") == "away"


def _is_broken(error: BaseException) -> bool:
    """Whether the connection's state is unknown: it failed, or its task was cancelled in the middle."""
    if isinstance(error, StorageUnavailable):
        return error.facts.get("why") in {"away", "stalled"}
    return not isinstance(error, Exception)
