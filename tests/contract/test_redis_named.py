"""Which of several Redis is away is said by name: at ``/readyz`` and by ``run.py check``."""

from pathlib import Path

import pytest

from adapters.redis.broker import RedisBroker
from conf.loader import load
from conf.settings import Settings
from core.outbox import Backlog
from handlers.wire import Dependency
from realtime.broker import Broker
from server.checks import CHECKS
from server.standing import Standing
from tests.services.redis_groups import RedisCluster, RedisShards

pytestmark = pytest.mark.redis


def settings_with(urls: tuple[str, ...]) -> Settings:
    return load(overrides={"broker.url": urls}, environment={})


class Outbox:
    """Nothing waits."""

    async def backlog(self) -> Backlog:
        return Backlog(0, None)


async def parts_of(broker: Broker) -> list[Dependency]:
    async def database() -> None:
        return

    standing = Standing(units=None, outbox=Outbox(), clock=None, pages=Path(), mirrors=False)  # type: ignore[arg-type]
    answer = await standing.readiness(database=database, broker=broker.servers)()
    assert answer.ready
    return [each for each in answer.dependencies if each.name == "broker"]


async def test_a_shard_that_is_away_is_named(redis_shards: RedisShards) -> None:
    redis_shards.ensure_running()
    check, settings = CHECKS["broker"], settings_with(redis_shards.urls)
    names = [f"{shard.address}/0" for shard in redis_shards.shards]
    found = await check(settings)
    assert found.ok
    assert all(name in found.what for name in names)
    broker = RedisBroker(redis_shards.urls, reply_seconds=1.0)
    try:
        assert {part.part: part.ok for part in await parts_of(broker)} == dict.fromkeys(names, True)
        redis_shards.shards[2].kill()
        assert {part.part: part.ok for part in await parts_of(broker)} == {
            names[0]: True, names[1]: True, names[2]: False,
        }  # fmt: skip
        found = await check(settings)
        assert not found.ok
        assert names[2] in found.what
        assert names[0] not in found.what
    finally:
        await broker.close()
        redis_shards.ensure_running()


async def test_a_node_that_is_away_is_named(redis_cluster: RedisCluster) -> None:
    redis_cluster.ensure_running()
    check, settings = CHECKS["broker"], settings_with(redis_cluster.urls)
    assert (await check(settings)).ok
    victim = redis_cluster.nodes[2]
    broker = RedisBroker(redis_cluster.urls, reply_seconds=1.0)
    try:
        assert all(part.ok for part in await parts_of(broker))
        victim.kill()
        away = [part.part for part in await parts_of(broker) if not part.ok]
        assert away == [victim.address]
        found = await check(settings)
        assert not found.ok
        assert victim.address in found.what
    finally:
        await broker.close()
        redis_cluster.ensure_running()


async def test_one_redis_needs_no_name_and_none_at_all_is_said(redis_shards: RedisShards) -> None:
    redis_shards.ensure_running()
    [url, *_] = redis_shards.urls
    broker = RedisBroker(url, reply_seconds=1.0)
    try:
        assert [(part.part, part.ok) for part in await parts_of(broker)] == [(None, True)]
        redis_shards.shards[0].kill()
        [part] = await parts_of(broker)
        assert (part.ok, part.code) == (False, "realtime.broker_unavailable")
    finally:
        await broker.close()
        redis_shards.ensure_running()


async def test_an_address_that_means_nothing_is_said_before_anything_is_opened() -> None:
    found = await CHECKS["broker"](settings_with(("redis://a:1/0#x", "redis://b:1/0#x")))
    assert (found.ok, found.mend) == (False, "broker.url")
    assert "name x" in found.what
