"""``core.quota.Quotas`` in memory and through Redis: all names or none, at once and by many."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from adapters.memory.quotas import MemoryQuotas
from adapters.redis.quotas import RedisQuotas
from adapters.redis.topology import topology_at
from core import limits
from core.clock import SystemClock
from core.quota import Allowance, Quotas, Wish
from tests.services.redis import RedisServer

REDIS = {"one": "redis_server", "shards": "redis_shards", "cluster": "redis_cluster"}
HOUR = Allowance(5, 5 / 3600)

Make = Callable[[], Quotas]


def hashed(name: str) -> bytes:
    return name.encode()[::-1]


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.redis) for name in REDIS)])
async def process(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """Makes the quotas of one more process; in memory all are one."""
    clock = SystemClock()
    if request.param == "memory":
        alone = MemoryQuotas(clock)
        yield lambda: alone
        return
    redis = request.getfixturevalue(REDIS[request.param])
    redis.ensure_running()
    opened = []
    prefix = f"t{secrets.token_hex(4)}"

    def make() -> Quotas:
        opened.append(topology_at(redis.urls))
        return RedisQuotas(opened[-1], hashed=hashed, clock=clock, prefix=prefix)

    yield make
    for each in opened:
        await each.close()


async def test_every_process_counts_the_same(process: Make) -> None:
    several = [process() for _ in range(3)]
    waits = [await several[number % 3].take([Wish("a", HOUR)]) for number in range(8)]
    assert waits[:5] == [0] * 5
    assert all(0 < wait <= 720.1 for wait in waits[5:])
    assert await several[0].take([Wish("b", HOUR)]) == 0


async def test_all_names_or_none(process: Make) -> None:
    quotas = process()
    both = [Wish("wide", Allowance(3, 0.001)), Wish("narrow", Allowance(1, 0.001))]
    assert await quotas.take(both) == 0
    for _ in range(5):
        assert await quotas.take(both) > 0
    # Nothing was taken of the wide one meanwhile.
    assert [await quotas.take(both[:1]) == 0 for _ in range(3)] == [True, True, False]


async def test_the_longest_wait_is_told(process: Make) -> None:
    quotas = process()
    for name, every in (("long", 1000.0), ("short", 10.0)):
        assert await quotas.take([Wish(name, Allowance(1, 1 / every))]) == 0
    wait = await quotas.take([Wish("short", Allowance(1, 0.1)), Wish("long", Allowance(1, 0.001))])
    assert 900 < wait <= 1000


async def test_many_at_once_get_no_more(process: Make) -> None:
    several = [process() for _ in range(4)]
    waits = await asyncio.gather(*(several[number % 4].take([Wish("x", HOUR)]) for number in range(100)))
    assert waits.count(0) == 5


async def test_it_comes_back_with_time(process: Make) -> None:
    quotas, fast = process(), Allowance(2, 20.0)
    assert [await quotas.take([Wish("f", fast)]) == 0 for _ in range(3)] == [True, True, False]
    async with asyncio.timeout(20):
        while await quotas.take([Wish("f", fast)]) > 0:
            await asyncio.sleep(0.02)


@pytest.mark.redis
async def test_without_redis_a_process_counts_for_itself(redis_server: RedisServer) -> None:
    redis_server.ensure_running()
    redis = topology_at(redis_server.urls)
    quotas = RedisQuotas(redis, hashed=hashed, clock=SystemClock(), prefix=f"t{secrets.token_hex(4)}")
    try:
        assert await quotas.take([Wish("a", HOUR)]) == 0
        await asyncio.to_thread(redis_server.kill)
        waits = [await quotas.take([Wish("a", HOUR)]) for _ in range(7)]
        assert waits.count(0) == 5
        await asyncio.to_thread(redis_server.ensure_running)
        async with asyncio.timeout(30):
            # Redis has counted nothing since it was started anew.
            while await quotas.take([Wish("a", HOUR)]):
                await asyncio.sleep(0.1)
    finally:
        redis_server.ensure_running()
        await redis.close()


@pytest.mark.redis
async def test_a_silent_redis_holds_nobody_up(redis_server: RedisServer) -> None:
    redis_server.ensure_running()
    redis = topology_at(redis_server.urls)
    quotas = RedisQuotas(redis, hashed=hashed, clock=SystemClock(), prefix=f"t{secrets.token_hex(4)}")
    try:
        assert await quotas.take([Wish("a", HOUR)]) == 0
        redis_server.pause()
        async with asyncio.timeout(limits.QUOTA_REPLY_SECONDS + 10):
            for _ in range(4):
                assert await quotas.take([Wish("a", HOUR)]) == 0
    finally:
        redis_server.resume()
        await redis.close()


@pytest.mark.redis
async def test_redis_sees_hashes_and_forgets_them(redis_server: RedisServer) -> None:
    redis_server.ensure_running()
    redis = topology_at(redis_server.urls)
    prefix = f"t{secrets.token_hex(4)}"
    quotas = RedisQuotas(redis, hashed=lambda name: b"\1" * 16, clock=SystemClock(), prefix=prefix)
    try:
        assert await quotas.take([Wish("account|change|01JDPERSON", Allowance(9, 0.1))]) == 0
        [key] = redis_server.say("KEYS", f"{prefix}:*")
        assert key == f"{prefix}:{{quota}}:{'01' * 16}"
        assert 0 < redis_server.say("PTTL", key) <= 10_000
    finally:
        await redis.close()


async def test_memory_is_bounded_and_forgives_whoever_was_longest_away() -> None:
    quotas = MemoryQuotas(SystemClock(), names=3)
    once, twice = Allowance(1, 0.001), Allowance(2, 0.001)
    for name in ("a", "b", "c"):
        assert await quotas.take([Wish(name, twice if name == "a" else once)]) == 0
    assert await quotas.take([Wish("a", twice)]) == 0  # used again: b is now the oldest
    assert await quotas.take([Wish("d", once)]) == 0
    assert [await quotas.take([Wish(name, once)]) > 0 for name in ("c", "d", "b")] == [True, True, False]
