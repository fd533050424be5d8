"""The private servers of the tests themselves: they start, survive their fault handles, and end."""

import os

import pymysql
import pytest

from tests.services.mariadb import MariadbServer
from tests.services.process import ProgramIsMissing, program
from tests.services.redis import RedisServer


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.redis
def test_a_redis_comes_back_empty_on_the_same_port(redis_server: RedisServer, redis_url: str) -> None:
    assert redis_url.endswith(f":{redis_server.port}/0")
    assert redis_server.say("SET", "a", 1)
    first = redis_server.pid
    redis_server.restart()
    assert not _alive(first)
    assert redis_server.say("GET", "a") is None


@pytest.mark.redis
def test_a_stopped_redis_leaves_nothing_behind() -> None:
    server = RedisServer.start_private()
    pid, folder = server.pid, server._folder
    server.pause()
    server.stop()
    assert not _alive(pid)
    assert not folder.exists()


@pytest.mark.mariadb
def test_a_mariadb_keeps_what_was_committed_when_it_is_killed(mariadb_server: MariadbServer) -> None:
    name = mariadb_server.create_database()
    mariadb_server.execute(f"CREATE TABLE {name}.t (a INT PRIMARY KEY)")
    mariadb_server.execute(f"INSERT INTO {name}.t VALUES (7)")
    first = mariadb_server.pid
    mariadb_server.restart()
    assert not _alive(first)
    with pytest.raises(pymysql.IntegrityError):
        mariadb_server.execute(f"INSERT INTO {name}.t VALUES (7)")
    mariadb_server.drop_database(name)


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(
        ProgramIsMissing, match=r"no-such-server is not installed \(apt-get install some-package\)"
    ):
        program("no-such-server", package="some-package")
