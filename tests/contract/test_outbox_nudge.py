"""``core.nudge.Nudge`` in memory and through Redis: hints arrive, many are one, some may be lost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.redis.nudge import RedisNudge
from adapters.redis.topology import topology_at
from core.nudge import Nudge
from tests.services.redis import RedisServer
from tests.services.redis_groups import RedisShards

REDIS = {
    "one": "redis_server",
    "shards": "redis_shards",
    "cluster": "redis_cluster",
    "sentinels": "watched_redis",
}


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.redis) for name in REDIS)])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Nudge, Nudge]]:
    """A sender and a listener; in memory they are the same object."""
    if request.param == "memory":
        nudge = MemoryNudge()
        yield nudge, nudge
        return
    redis = request.getfixturevalue(REDIS[request.param])
    redis.ensure_running()
    async with pair_at(redis.urls) as both:
        yield both


@contextlib.asynccontextmanager
async def pair_at(urls: Sequence[str]) -> AsyncIterator[tuple[RedisNudge, RedisNudge]]:
    """Two processes' nudges."""
    topologies = [topology_at(urls) for _ in range(2)]
    sender, listener = (RedisNudge(topology) for topology in topologies)
    await listener.start()
    assert await listener.wait(5)
    while await listener.wait(0.2):
        pass  # each server that begins to be heard is a hint
    yield sender, listener
    for nudge in (sender, listener):
        await nudge.close()
    for topology in topologies:
        await topology.close()


async def test_a_hint_arrives(pair: tuple[Nudge, Nudge]) -> None:
    sender, listener = pair
    waiting = asyncio.create_task(listener.wait(5))
    await asyncio.sleep(0.01)
    sender.send()
    assert await waiting


async def test_no_hint_no_waking(pair: tuple[Nudge, Nudge]) -> None:
    _, listener = pair
    assert not await listener.wait(0.05)


async def test_many_hints_are_few_wakings(pair: tuple[Nudge, Nudge]) -> None:
    sender, listener = pair
    for _ in range(1_000):
        sender.send()
    await asyncio.sleep(0.5)
    assert await listener.wait(1)
    assert not await listener.wait(0.1)


@pytest.mark.redis
async def test_hints_are_lost_with_redis_and_come_again_with_it(redis_server: RedisServer) -> None:
    async with pair_at(redis_server.urls) as (sender, listener):
        redis_server.kill()
        sender.send()
        await asyncio.sleep(0.1)
        redis_server.ensure_running()
        async with asyncio.timeout(60):
            while not await listener.wait(0.2):
                sender.send()
        # Listening again is itself a hint; after it, single hints arrive.
        while await listener.wait(0.3):
            pass
        sender.send()
        assert await listener.wait(2)


@pytest.mark.redis
async def test_a_shard_that_is_away_takes_no_hints_with_it(redis_shards: RedisShards) -> None:
    async with pair_at(redis_shards.urls) as (sender, listener):
        for shard in redis_shards.shards:
            shard.kill()
            await asyncio.sleep(0.1)
            while await listener.wait(0.1):
                pass
            sender.send()
            assert await listener.wait(5)
            shard.ensure_running()
            # Listening again is itself a hint.
            assert await listener.wait(5)
