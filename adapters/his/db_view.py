"""A hospital that opens views of its database: questions are SQL, asked over any SQLAlchemy sync driver.

Oracle, SQL Server, MySQL and the rest have no common async driver, so SQL runs in a thread pool of its own.
Every bound is kept here: threads, callers waiting for one, rows of an answer, time of an answer. A driver
that hangs costs one thread until its own time-out; when all hang, callers are refused instead of queueing.
"""

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, exc, text

from adapters.his.engines import EngineSettings, code_of, is_away, open_engine
from core import limits
from front_machine.his import HisBroken, HisTrouble, HisUnavailable, OutcomeUnknown, Question, Rows
from front_machine.mapping import Part
from front_machine.settings import His, typed

Answer = TypeVar("Answer")


class DbViewSettings(Part, frozen=True, kw_only=True):
    """``[his.link]`` of the ``db_view`` transport."""

    url: str
    """A SQLAlchemy URL such as ``oracle+oracledb://reader:${HIS_PASSWORD}@10.1.1.5:1521/?service_name=HIS``."""
    write_url: str = ""
    """The account that may insert into interface tables; empty: the same as ``url``."""
    threads: int = 4
    read_only: bool = True
    """Ask the database itself to refuse writes on reading connections, where it can."""
    session: tuple[str, ...] = ()
    """Statements run on every new connection, such as ``ALTER SESSION SET NLS_DATE_FORMAT = …``."""
    connect_args: dict[str, Any] = msgspec.field(default_factory=dict)
    """Handed to the driver as they are."""
    text_errors: Literal["strict", "surrogateescape"] = "strict"
    """SQLite only: ``surrogateescape`` lets text through that is not UTF-8, for ``mislabelled`` fields."""


def open_db_view(settings: His) -> "DbView":
    """Make the link; nothing is connected before the first question. Raises ``MappingRefused``."""
    link = typed(settings.link, DbViewSettings, "his.link")

    def engine(url: str, *, read_only: bool) -> Engine:
        return open_engine(
            EngineSettings(
                url=url,
                threads=link.threads,
                read_only=read_only,
                seconds=settings.reply_seconds,
                session=link.session,
                connect_args=link.connect_args,
                text_errors=link.text_errors,
            )
        )

    return DbView(
        reading=engine(link.url, read_only=link.read_only),
        writing=engine(link.write_url or link.url, read_only=False),
        threads=link.threads,
        seconds=settings.reply_seconds,
    )


class _Call:
    """One piece of work in a thread, and how it is told that nobody waits any more."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.sent = False

    def give_up(self) -> None:
        """Interrupt the driver if it can be interrupted from another thread."""
        connection = self.connection
        driver = connection.connection.driver_connection if connection is not None else None
        stop = getattr(driver, "interrupt", None) or getattr(driver, "cancel", None)
        if stop is not None:
            stop()


class DbView:
    """``HisLink`` over SQL. Questions asked together are asked in one transaction."""

    def __init__(self, *, reading: Engine, writing: Engine, threads: int, seconds: float) -> None:
        self._reading = reading
        self._writing = writing
        self._threads = threads
        self._seconds = seconds
        self._under_way = 0
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="his")

    async def ask(self, questions: Sequence[Question]) -> list[Rows]:
        """Answer the questions as of one moment where the database keeps snapshots."""
        return await self._in_thread(lambda call: self._ask(call, questions))

    async def tell(self, statement: Question) -> None:
        """Execute and commit. A key that is there already counts as told."""
        await self._in_thread(lambda call: self._tell(call, statement))

    async def close(self) -> None:
        """Drop every connection. A thread that hangs in its driver is left to the driver's time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._dispose)

    def _dispose(self) -> None:
        self._reading.dispose()
        self._writing.dispose()

    async def _in_thread(self, work: Callable[[_Call], Answer]) -> Answer:
        if self._under_way >= self._threads + limits.HIS_CALLERS_WAITING:
            raise HisUnavailable("busy")
        call = _Call()
        job = self._pool.submit(work, call)
        self._under_way += 1
        loop = asyncio.get_running_loop()
        job.add_done_callback(lambda _: _soon(loop, self._done))
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            call.give_up()
            raise OutcomeUnknown("timeout") if call.sent else HisUnavailable("timeout") from None

    def _done(self) -> None:
        self._under_way -= 1

    def _ask(self, call: _Call, questions: Sequence[Question]) -> list[Rows]:
        try:
            with self._reading.connect() as connection:
                call.connection = connection
                try:
                    return [_rows(connection, question) for question in questions]
                finally:
                    call.connection = None
        except exc.SQLAlchemyError as error:
            raise _trouble(error) from None

    def _tell(self, call: _Call, statement: Question) -> None:
        try:
            with self._writing.connect() as connection:
                call.connection = connection
                try:
                    call.sent = True
                    connection.execute(text(statement.query), statement.parameters)
                    connection.commit()
                finally:
                    call.connection = None
        except exc.IntegrityError:
            return
        except exc.SQLAlchemyError as error:
            lost = isinstance(error, exc.DBAPIError) and error.connection_invalidated
            raise OutcomeUnknown(code_of(error)) if lost and call.sent else _trouble(error) from None


def _soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)


def _rows(connection: Connection, question: Question) -> Rows:
    result = connection.execute(text(question.query), question.parameters)
    rows = result.fetchmany(limits.HIS_ROWS + 1)
    return Rows(
        columns=tuple(result.keys()),
        rows=[tuple(row) for row in rows[: limits.HIS_ROWS]],
        cut=len(rows) > limits.HIS_ROWS,
    )


def _trouble(error: exc.SQLAlchemyError) -> HisTrouble:
    """What a database error means to us. The driver's text is dropped: it may quote values."""
    return HisUnavailable(code_of(error)) if is_away(error) else HisBroken(code_of(error))
