"""Databases with our schema for tests: the same test on SQLite and on MariaDB.

The schema is built once a session by the real migrations; a test gets a copied file, or the emptied tables.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.services.mariadb import MariadbServer

if TYPE_CHECKING:
    from adapters.sql.transaction import Database

# The database packages are imported where they are used: tests of pure rules load this plugin too.


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the newest schema and no rows; copy it."""
    from adapters.sql import migrations

    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(migrations.upgrade(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def migrated_mariadb_name(mariadb_server: MariadbServer) -> Iterator[str]:
    """The name of a MariaDB database with the newest schema, shared by the tests of a session."""
    from adapters.sql import migrations

    mariadb_server.ensure_running()
    name = mariadb_server.create_database()
    asyncio.run(migrations.upgrade(mariadb_server.url(name)))
    yield name
    mariadb_server.ensure_running()
    mariadb_server.drop_database(name)


@pytest.fixture
def sqlite_database_url(migrated_sqlite_file: Path, tmp_path: Path) -> str:
    """The URL of a SQLite database with our schema and no rows."""
    file = tmp_path / "houzhen.db"
    shutil.copy(migrated_sqlite_file, file)
    return f"sqlite:///{file}"


@pytest.fixture
def mariadb_database_url(mariadb_server: MariadbServer, migrated_mariadb_name: str) -> str:
    """The URL of a MariaDB database with our schema and no rows."""
    from adapters.sql.schema import metadata

    mariadb_server.ensure_running()
    tables = [f"`{migrated_mariadb_name}`.`{table.name}`" for table in metadata.sorted_tables]
    mariadb_server.execute(*[f"DELETE FROM {table}" for table in tables])
    return mariadb_server.url(migrated_mariadb_name)


@pytest.fixture(scope="session")
def migrated_audit_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the log's schema and no rows; copy it."""
    from adapters.sql import migrations

    file = tmp_path_factory.mktemp("audit") / "template.db"
    asyncio.run(migrations.upgrade(f"sqlite:///{file}", migrations.AUDIT))
    return file


@pytest.fixture(scope="session")
def migrated_mariadb_audit(mariadb_server: MariadbServer) -> Iterator[str]:
    """The name of a MariaDB database with the log's schema, shared by the tests of a session."""
    from adapters.sql import migrations

    mariadb_server.ensure_running()
    name = mariadb_server.create_database()
    asyncio.run(migrations.upgrade(mariadb_server.url(name), migrations.AUDIT))
    yield name
    mariadb_server.ensure_running()
    mariadb_server.drop_database(name)


@pytest.fixture
def sqlite_audit_url(migrated_audit_file: Path, tmp_path: Path) -> str:
    """The URL of a SQLite database with the log's schema and no rows."""
    file = tmp_path / "audit.db"
    shutil.copy(migrated_audit_file, file)
    return f"sqlite:///{file}"


@pytest.fixture
def mariadb_audit_url(mariadb_server: MariadbServer, migrated_mariadb_audit: str) -> str:
    """The URL of a MariaDB database with the log's schema and no rows."""
    mariadb_server.ensure_running()
    # Only root may: a DELETE is refused by the log's triggers.
    tables = ("audit_record", "audit_head", "audit_review")
    mariadb_server.execute(*[f"TRUNCATE `{migrated_mariadb_audit}`.{table}" for table in tables])
    return mariadb_server.url(migrated_mariadb_audit)


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def audit_url(request: pytest.FixtureRequest) -> str:
    """Both databases in turn, with the log's schema and no rows."""
    url: str = request.getfixturevalue(f"{request.param}_audit_url")
    return url


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Both databases in turn, with our schema and no rows."""
    url: str = request.getfixturevalue(f"{request.param}_database_url")
    return url


@pytest.fixture
async def database(database_url: str) -> "AsyncIterator[Database]":
    """An open ``Database`` on each kind in turn, closed after the test."""
    from adapters.sql.transaction import Database

    opened = Database.open(database_url, busy_seconds=20)
    yield opened
    await opened.close()
