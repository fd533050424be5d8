"""Migrations build the schema of ``tables.py`` on both databases, also when two processes try at once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from adapters.sql import migrations
from adapters.sql.engine import BadDatabaseUrl, database_url, open_plain_engine
from adapters.sql.schema import metadata
from core.refusals import StorageUnavailable


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Both databases in turn, without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new folder' / 'empty.db'}"
    url: str = request.getfixturevalue("mariadb_url")
    return url


def _differences(
    connection: Connection, schema: MetaData = metadata, version_table: str = "alembic_version"
) -> list[Any]:
    context = MigrationContext.configure(
        connection,
        opts={"compare_type": True, "compare_server_default": True, "version_table": version_table},
    )
    return list(compare_metadata(context, schema))


async def test_migrations_build_the_schema_of_the_tables(empty_url: str) -> None:
    assert await migrations.current(empty_url) is None
    assert await migrations.upgrade(empty_url) == migrations.head()
    assert await migrations.current(empty_url) == migrations.head()
    engine = open_plain_engine(empty_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await engine.dispose()


async def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    await migrations.upgrade(empty_url)
    assert await migrations.upgrade(empty_url) == migrations.head()


async def test_two_processes_may_migrate_at_once(empty_url: str) -> None:
    await asyncio.gather(migrations.upgrade(empty_url), migrations.upgrade(empty_url))
    assert await migrations.current(empty_url) == migrations.head()


async def test_a_database_that_is_away_is_said_to_be_away() -> None:
    with pytest.raises(StorageUnavailable):
        await migrations.upgrade("mysql://nobody:secret@127.0.0.1:1/nothing")
    with pytest.raises(StorageUnavailable):
        await migrations.current("mysql://nobody:secret@127.0.0.1:1/nothing")


@pytest.mark.parametrize(
    "url", ["", "postgresql://x/y", "sqlite://", "sqlite:///:memory:", "mysql://h", "mysql://u:geheim@h:x/y"]
)
def test_a_url_that_names_no_database_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadDatabaseUrl) as refused:
        database_url(url)
    assert "geheim" not in str(refused.value)


def test_the_short_forms_of_urls_name_our_drivers() -> None:
    assert database_url("sqlite:////tmp/a.db").drivername == "sqlite+aiosqlite"
    mysql = database_url("mysql://u:p@h:3306/d")
    assert mysql.drivername == "mysql+aiomysql"
    assert mysql.query["charset"] == "utf8mb4"


@pytest.mark.parametrize("scripts", [migrations.PLATFORM, migrations.AUDIT])
def test_the_newest_revision_is_the_one_that_alembic_finds(scripts: migrations.Scripts) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts.folder))
    assert migrations.head(scripts) == ScriptDirectory.from_config(config).get_current_head()
