"""``core.nudge.Nudge`` in memory and through Redis: hints arrive, many are one, some may be lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.memory.nudge import MemoryNudge
from adapters.redis.nudge import RedisNudge
from core.nudge import Nudge
from tests.services.redis import RedisServer


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Nudge, Nudge]]:
    """A sender and a listener; in memory they are the same object."""
    if request.param == "memory":
        nudge = MemoryNudge()
        yield nudge, nudge
        return
    url = request.getfixturevalue("redis_url")
    clients = [Redis.from_url(url) for _ in range(2)]
    sender, listener = (RedisNudge(client) for client in clients)
    await listener.start()
    assert await listener.wait(5)
    yield sender, listener
    for nudge in (sender, listener):
        await nudge.close()
    for client in clients:
        await client.aclose()


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
async def test_hints_are_lost_with_redis_and_come_again_with_it(
    redis_server: RedisServer, pair: tuple[Nudge, Nudge]
) -> None:
    sender, listener = pair
    if isinstance(sender, MemoryNudge):
        return
    redis_server.kill()
    sender.send()
    await asyncio.sleep(0.1)
    redis_server.ensure_running()
    async with asyncio.timeout(10):
        while not await listener.wait(0.2):
            sender.send()
    # Listening again is itself a hint; after it, single hints arrive.
    while await listener.wait(0.3):
        pass
    sender.send()
    assert await listener.wait(2)
