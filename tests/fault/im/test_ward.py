"""T7, T8, T9 and T11 of the fault tests: a ward talks while what it stands on is killed, again and again.

Short here; ``make test-fault`` takes the full size. What must hold is the same: nothing acknowledged is lost,
nothing is there twice, no number is missing, everybody sees the same, every count is right.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from tests.fault.im.scene import Ward, a_ward
from tests.services.mariadb import MariadbServer
from tests.services.redis import RedisServer

pytestmark = [
    pytest.mark.process,
    pytest.mark.redis,
    pytest.mark.mariadb,
    pytest.mark.sized,
    pytest.mark.asyncio(loop_scope="module"),
]

PAUSE = 0.4
"""Seconds between two messages of one person, on average."""


# Servers are started on the test's own thread: they die with the thread that started them.


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ward(
    tmp_path_factory: pytest.TempPathFactory,
    redis_server: RedisServer,
    mariadb_server: MariadbServer,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Ward]:
    """One ward for the module: what one test did to it the next one has to live with."""
    redis_server.ensure_running()
    redis_server.empty()
    mariadb_server.ensure_running()
    people, conversations = (20, 10) if request.config.getoption("--long") else (8, 4)
    async with a_ward(
        tmp_path_factory.mktemp("ward"),
        redis_server,
        mariadb_server,
        people=people,
        conversations=conversations,
    ) as made:
        yield made


async def ends_well(ward: Ward, name: str, printed: Callable[[str], None], *, within: float) -> None:
    """Hush, let everything settle, and judge."""
    await ward.hush()
    troubles, counts, took = await ward.settles()
    syncs, pulls = (sum(getattr(phone, what) for phone in ward.phones) for what in ("syncs", "pulls"))
    repeated = sum(phone.told_twice for phone in ward.phones)
    printed(
        f"{name}: {counts}; equal {took:.1f} s after the last word; {repeated} told twice, "
        f"{syncs} syncs, {pulls} pulls; {len(troubles)} troubles"
    )
    assert troubles == [], [str(trouble) for trouble in troubles[:20]]
    assert ward.acknowledged > 50
    assert took < within


@pytest.mark.acceptance("T7")
async def test_t7_web_processes_are_killed(
    ward: Ward, long_run: bool, printed: Callable[[str], None]
) -> None:
    ward.talk(pause=PAUSE, prefix="t7")
    for turn in range(12 if long_run else 3):
        await ward.goes_on(20)
        webs = await ward.serve.webs()
        victims = webs if turn % 4 == 2 else [random.choice(webs)]
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        await ward.serve.webs(besides=victims)
        await asyncio.sleep(5.0 if long_run else 0.2)
    await ends_well(ward, "T7 web killed", printed, within=30)


@pytest.mark.acceptance("T8")
async def test_t8_redis_is_killed_emptied_paused_and_cut_off(
    ward: Ward, long_run: bool, printed: Callable[[str], None]
) -> None:
    redis = ward.redis
    ward.talk(pause=PAUSE, prefix="t8")
    await ward.goes_on(20)
    for _ in range(3 if long_run else 1):
        redis.kill()
        began = time.monotonic()
        await ward.goes_on(15)
        assert time.monotonic() - began < 30, "sends go on while Redis is away"
        redis.ensure_running()
        await ward.goes_on(15)
        redis.empty()
        await ward.goes_on(15)
        redis.say("CLIENT", "KILL", "TYPE", "pubsub")
        await ward.goes_on(15)
        redis.pause()
        await asyncio.sleep(2.0)
        redis.resume()
        await ward.goes_on(15)
    await ends_well(ward, "T8 Redis", printed, within=30)


@pytest.mark.acceptance("T9")
async def test_t9_mariadb_is_killed_and_its_connections_cut(
    ward: Ward, long_run: bool, printed: Callable[[str], None]
) -> None:
    ward.talk(pause=PAUSE, prefix="t9")
    await ward.goes_on(20)
    for _ in range(4 if long_run else 1):
        ward.mariadb.kill()
        await asyncio.sleep(1.0)
        ward.mariadb.ensure_running()
        await ward.goes_on(20)
        ward.cut_connections()
        await ward.goes_on(20)
    await ends_well(ward, "T9 MariaDB", printed, within=30)


@pytest.mark.acceptance("T11")
async def test_t11_the_worker_is_killed_between_commit_and_publication(
    ward: Ward, long_run: bool, printed: Callable[[str], None]
) -> None:
    ward.talk(pause=PAUSE, prefix="t11")
    for _ in range(8 if long_run else 2):
        await ward.goes_on(20)
        for victim in ward.serve.pids("worker"):
            os.kill(victim, signal.SIGKILL)
        await asyncio.sleep(0.5)
    await ends_well(ward, "T11 worker killed", printed, within=30)
