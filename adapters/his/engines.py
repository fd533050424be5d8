"""How one kind of database is opened for a front machine, and what its errors mean."""

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, exc, make_url

from front_machine.mapping import MappingRefused

_READ_ONLY_SESSION = {
    "sqlite": "PRAGMA query_only = ON",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
}
_READ_ONLY_BEGIN = {"oracle": "SET TRANSACTION READ ONLY"}
_TIMEOUTS = {
    "pymysql": ("connect_timeout", "read_timeout", "write_timeout"),
    "mysqldb": ("connect_timeout", "read_timeout", "write_timeout"),
    "pymssql": ("timeout", "login_timeout"),
    "oracledb": ("tcp_connect_timeout",),
}
_SQLITE_AWAY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_INTERRUPT")
_SQLITE_AWAY_ALSO = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_FULL", "SQLITE_PROTOCOL")
_MYSQL_BROKEN = frozenset({1044, 1054, 1064, 1142, 1143, 1146, 1305, 1356})
_ORACLE_CODE = re.compile(r"\b(?:ORA|DPY)-\d{4,5}\b")
_ORACLE_BROKEN = frozenset({"ORA-00904", "ORA-00942", "ORA-00900", "ORA-00933", "ORA-00936", "ORA-01031"})


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What is needed to open one database."""

    url: str
    threads: int
    read_only: bool
    seconds: float
    session: tuple[str, ...]
    connect_args: dict[str, Any]
    text_errors: str


def open_engine(settings: EngineSettings) -> Engine:
    """Make an engine; connects to nothing yet. Raises ``MappingRefused`` for a URL that cannot be used."""
    try:
        url = make_url(settings.url)
        engine = _sqlite(url, settings) if url.get_backend_name() == "sqlite" else _server(url, settings)
    except exc.ArgumentError as error:
        raise MappingRefused("his.link.url", "is not a SQLAlchemy URL") from error
    except ModuleNotFoundError as error:
        raise MappingRefused("his.link.url", f"needs the Python package {error.name}") from error
    _prepare_sessions(engine, settings)
    return engine


def _sqlite(url: URL, settings: EngineSettings) -> Engine:
    """A file is opened anew for each answer: a pooled connection would go on reading a replaced file, and
    ``mode=rw`` never makes an empty file where the hospital's is missing.
    """
    if not url.database:
        raise MappingRefused("his.link.url", "names no file")
    name = f"file:{quote(url.database)}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            name, uri=True, timeout=settings.seconds / 2, check_same_thread=False, isolation_level=None
        )
        if settings.text_errors != "strict":
            connection.text_factory = partial(str, encoding="utf-8", errors=settings.text_errors)
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _server(url: URL, settings: EngineSettings) -> Engine:
    seconds = max(1, int(settings.seconds))
    timeouts = dict.fromkeys(_TIMEOUTS.get(url.get_driver_name(), ()), seconds)
    engine = create_engine(
        url,
        pool_size=settings.threads,
        max_overflow=0,
        pool_timeout=settings.seconds,
        pool_pre_ping=True,
        pool_recycle=300,
        hide_parameters=True,
        connect_args={**timeouts, **settings.connect_args},
    )
    begin = _READ_ONLY_BEGIN.get(engine.dialect.name)
    if settings.read_only and begin:
        event.listen(engine, "begin", _statement_at_begin(begin))
    return engine


def _statement_at_begin(statement: str) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


def _prepare_sessions(engine: Engine, settings: EngineSettings) -> None:
    read_only = _READ_ONLY_SESSION.get(engine.dialect.name) if settings.read_only else None
    statements = (*settings.session, *((read_only,) if read_only else ()))

    def prepare(connection: Any, _: object) -> None:
        if hasattr(connection, "call_timeout"):  # python-oracledb: milliseconds for one round trip
            connection.call_timeout = int(settings.seconds * 1000)
        cursor = connection.cursor()
        try:
            for statement in statements:
                cursor.execute(statement)
        finally:
            cursor.close()

    event.listen(engine, "connect", prepare)


def code_of(error: exc.SQLAlchemyError) -> str:
    """The database's own short code of an error; never its text."""
    original = getattr(error, "orig", None)
    name = getattr(original, "sqlite_errorname", None)
    if isinstance(name, str):
        return name
    arguments = getattr(original, "args", ())
    if arguments and isinstance(arguments[0], int):
        return str(arguments[0])
    oracle = _ORACLE_CODE.search(str(original)) if original is not None else None
    if oracle:
        return oracle[0]
    state = getattr(original, "sqlstate", None) or (arguments[0] if arguments else None)
    if isinstance(state, str) and re.fullmatch(r"[0-9A-Z]{5}", state):
        return state
    return type(original or error).__name__


def is_away(error: exc.SQLAlchemyError) -> bool:
    """Whether the database is away, slow or busy, as opposed to refusing this very question."""
    if isinstance(error, exc.TimeoutError):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    code = code_of(error)
    if code.startswith("SQLITE_"):
        return code.startswith((*_SQLITE_AWAY, *_SQLITE_AWAY_ALSO))
    if code in _ORACLE_BROKEN or (code.isdecimal() and int(code) in _MYSQL_BROKEN):
        return False
    return error.connection_invalidated or isinstance(error, exc.OperationalError | exc.InterfaceError)
