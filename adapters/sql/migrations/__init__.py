"""Alembic, driven from code: no ``alembic.ini``, no logging of its own, any engine of ours.

await upgrade(url)   bring a database to the newest schema; several processes at once are harmless
await current(url)   the revision a database is at, ``None`` when it is empty
head()               the newest revision of this program
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from adapters.sql.engine import open_plain_engine
from core import limits
from core.refusals import StorageUnavailable

_LOCK = "houzhen.migrations"


class MigrationIsRunning(StorageUnavailable):
    """Another process is migrating and did not finish in time."""


def head() -> str:
    """The newest revision of this program."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


async def current(url: str) -> str | None:
    """The revision a database is at; ``None`` when it was never migrated."""
    engine = open_plain_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_revision)
    except DBAPIError as error:
        raise StorageUnavailable(why="away") from error
    finally:
        await engine.dispose()


async def upgrade(url: str) -> str:
    """Bring a database to the newest schema and answer its revision. Harmless when it is there already.

    On SQLite the whole upgrade is one transaction. MariaDB commits every table by itself: an upgrade that
    was cut off is repeated from the last revision that was completed.
    """
    engine = open_plain_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    except DBAPIError as error:
        raise StorageUnavailable(why="away") from error
    finally:
        await engine.dispose()
    return head()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    with _alone(connection):
        command.upgrade(_config(connection), "head")


@contextlib.contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep other migrating processes out; on SQLite the transaction itself does."""
    if connection.dialect.name == "sqlite":
        yield
        return
    taken = connection.execute(
        text("SELECT GET_LOCK(:name, :seconds)"), {"name": _LOCK, "seconds": limits.SQL_MIGRATION_SECONDS}
    ).scalar()
    if taken != 1:
        raise MigrationIsRunning(why="locked")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": _LOCK})
