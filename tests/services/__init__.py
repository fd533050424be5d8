"""Private servers for tests: real redis-servers and a real MariaDB, once per session, on free ports.

Use as a pytest plugin (``pytest_plugins = ["tests.services"]``). Each xdist worker has its own servers.
They listen on 127.0.0.1 only, live in a temporary folder, and end with the session: by their own process id,
and by the kernel should the test process itself be killed. Where a program is missing the tests that need it
are skipped with a sentence that names what was not run.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tests.services.databases import (
    audit_url,
    database,
    database_url,
    mariadb_audit_url,
    mariadb_database_url,
    migrated_audit_file,
    migrated_mariadb_audit,
    migrated_mariadb_name,
    migrated_sqlite_file,
    sqlite_audit_url,
    sqlite_database_url,
)
from tests.services.mariadb import MariadbServer
from tests.services.process import ProgramIsMissing
from tests.services.redis import RedisServer
from tests.services.redis_groups import RedisCluster, RedisShards, WatchedRedis

__all__ = [
    "MariadbServer",
    "RedisCluster",
    "RedisServer",
    "RedisShards",
    "WatchedRedis",
    "audit_url",
    "database",
    "database_url",
    "mariadb_audit_url",
    "mariadb_database_url",
    "mariadb_server",
    "mariadb_url",
    "migrated_audit_file",
    "migrated_mariadb_audit",
    "migrated_mariadb_name",
    "migrated_sqlite_file",
    "redis_cluster",
    "redis_server",
    "redis_shards",
    "redis_url",
    "sqlite_audit_url",
    "sqlite_database_url",
    "watched_redis",
]

Server = TypeVar("Server", RedisServer, RedisShards, RedisCluster, WatchedRedis, MariadbServer)


def _running(start: Callable[[], Server], what: str) -> Iterator[Server]:
    try:
        server = start()
    except ProgramIsMissing as missing:
        pytest.skip(f"{what} were not run: {missing}")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A private redis-server without persistence: a restart loses everything."""
    yield from _running(RedisServer.start_private, "The tests on Redis")


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of the private redis-server, running and emptied for this test."""
    redis_server.ensure_running()
    redis_server.empty()
    return redis_server.url


@pytest.fixture(scope="session")
def redis_shards() -> Iterator[RedisShards]:
    """Three private redis-servers that know nothing of each other."""
    yield from _running(RedisShards, "The tests on Redis shards")


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    """A private Redis Cluster: three masters, one replica of the first."""
    yield from _running(RedisCluster, "The tests on a Redis Cluster")


@pytest.fixture(scope="session")
def watched_redis() -> Iterator[WatchedRedis]:
    """A private master, its replica, and three Sentinels."""
    yield from _running(WatchedRedis, "The tests on Redis under Sentinels")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """A private MariaDB whose committed data survive ``kill()`` and ``restart()``."""
    yield from _running(MariadbServer.start_private, "The tests on MariaDB")


@pytest.fixture
def mariadb_url(mariadb_server: MariadbServer) -> Iterator[str]:
    """The SQLAlchemy URL of a new, empty database on the private MariaDB; dropped after the test."""
    mariadb_server.ensure_running()
    name = mariadb_server.create_database()
    yield mariadb_server.url(name)
    mariadb_server.ensure_running()
    mariadb_server.drop_database(name)
