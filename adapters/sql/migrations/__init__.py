"""Alembic, driven from code: no ``alembic.ini``, no logging of its own, any engine of ours.

await upgrade(url)   bring a database to the newest schema; several processes at once are harmless
await current(url)   the revision a database is at, ``None`` when it is empty
head()               the newest revision of this program

Each takes which ``Scripts``: the platform's own database, or the log's (``AUDIT``). Alembic itself (10 MB, a
quarter of a second) is loaded where something is to be upgraded: every process asks which schema there is.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table, text
from sqlalchemy.exc import DBAPIError

from adapters.sql.engine import open_plain_engine
from core import limits
from core.refusals import StorageUnavailable

if TYPE_CHECKING:
    from alembic.config import Config


@dataclass(frozen=True, slots=True)
class Scripts:
    """One schema's migrations. Two schemas may share a database: each counts its versions by itself."""

    folder: Path
    version_table: str
    lock: str


PLATFORM = Scripts(Path(__file__).parent, "alembic_version", "houzhen.migrations")
AUDIT = Scripts(Path(__file__).parents[1] / "audit_migrations", "audit_version", "houzhen.audit_migrations")


class MigrationIsRunning(StorageUnavailable):
    """Another process is migrating and did not finish in time."""


def head(scripts: Scripts = PLATFORM) -> str:
    """The newest revision of this program. Revisions are numbered, and their files begin with the number."""
    return max(file.name for file in (scripts.folder / "versions").glob("[0-9]*.py")).partition("_")[0]


async def current(url: str, scripts: Scripts = PLATFORM) -> str | None:
    """The revision a database is at; ``None`` when it was never migrated."""
    engine = open_plain_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_revision, scripts)
    except DBAPIError as error:
        raise StorageUnavailable(why="away") from error
    finally:
        await engine.dispose()


async def upgrade(url: str, scripts: Scripts = PLATFORM) -> str:
    """Bring a database to the newest schema and answer its revision. Harmless when it is there already.

    On SQLite the whole upgrade is one transaction. MariaDB commits every table by itself: an upgrade that
    was cut off is repeated from the last revision that was completed.
    """
    if await current(url, scripts) == head(scripts):
        return head(scripts)
    engine = open_plain_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, scripts)
    except DBAPIError as error:
        raise StorageUnavailable(why="away") from error
    finally:
        await engine.dispose()
    return head(scripts)


def _config(scripts: Scripts, connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts.folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = scripts.version_table
    return config


def _revision(connection: Connection, scripts: Scripts) -> str | None:
    if not inspect(connection).has_table(scripts.version_table):
        return None
    version: str | None = connection.scalar(
        select(column("version_num")).select_from(table(scripts.version_table))
    )
    return version


def _upgrade(connection: Connection, scripts: Scripts) -> None:
    from alembic import command

    with _alone(connection, scripts.lock):
        command.upgrade(_config(scripts, connection), "head")


@contextlib.contextmanager
def _alone(connection: Connection, lock: str) -> Iterator[None]:
    """Keep other migrating processes out; on SQLite the transaction itself does."""
    if connection.dialect.name == "sqlite":
        yield
        return
    taken = connection.execute(
        text("SELECT GET_LOCK(:name, :seconds)"), {"name": lock, "seconds": limits.SQL_MIGRATION_SECONDS}
    ).scalar()
    if taken != 1:
        raise MigrationIsRunning(why="locked")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": lock})
