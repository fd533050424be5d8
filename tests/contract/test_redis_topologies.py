"""Several Redis: one of them goes away, is replaced, or gives a slot away, while publications go on."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from adapters.redis.broker import RedisBroker
from adapters.redis.slots import slot_of
from realtime.broker import BrokerUnavailable
from tests.contract.hearing import KEEP, listening, until_ok
from tests.contract.witness import Witness
from tests.services.redis_groups import RedisCluster, RedisShards, WatchedRedis

pytestmark = pytest.mark.redis
Make = Callable[[Sequence[str]], RedisBroker]
CHANNELS = [f"queue:{number}" for number in range(12)]
QUIET = [f"quiet:{number}" for number in range(60)]


@pytest.fixture
async def broker_at() -> AsyncIterator[Make]:
    made: list[RedisBroker] = []
    prefix = f"t{secrets.token_hex(4)}"

    def make(urls: Sequence[str]) -> RedisBroker:
        made.append(RedisBroker(urls, prefix=prefix, probe_seconds=0.5, reply_seconds=1.5))
        return made[-1]

    yield make
    for broker in made:
        await broker.close()


# Shards.


@pytest.fixture
def shards(redis_shards: RedisShards) -> RedisShards:
    redis_shards.ensure_running()
    return redis_shards


def at_home(broker: RedisBroker, shard: str) -> list[str]:
    return [channel for channel in CHANNELS if broker._redis.home(broker._name(channel)).name == shard]


async def test_a_shard_that_is_away_takes_only_its_own_channels(shards: RedisShards, broker_at: Make) -> None:
    writer, reader = broker_at(shards.urls), broker_at(shards.urls)
    ear = await listening(reader, *CHANNELS)
    lost = shards.shards[1]
    theirs = at_home(writer, f"{lost.address}/0")
    others = [channel for channel in CHANNELS if channel not in theirs]
    assert theirs
    assert others
    lost.kill()
    for channel in theirs:
        with pytest.raises(BrokerUnavailable):
            await writer.publish(channel, b"1", keep=KEEP)
    for channel in others:
        await writer.publish(channel, b"1", keep=KEEP)
    await ear.until(lambda: len(ear.heard) == len(others))
    assert not reader.hears
    asked = await writer.servers()
    assert len(asked) == 3
    for name, ask in asked.items():
        if name == f"{lost.address}/0":
            with pytest.raises(BrokerUnavailable):
                await ask()
        else:
            await ask()
    lost.ensure_running()
    await ear.until(lambda: ear.interruptions == 1)
    assert sorted(ear.doubtful) == sorted(theirs)
    for channel in theirs:
        await until_ok(lambda channel=channel: writer.publish(channel, b"2", keep=KEEP))
    await ear.until(lambda: len(ear.heard) == len(CHANNELS))


async def test_a_shard_that_stalls_keeps_nobody_else_waiting(shards: RedisShards, broker_at: Make) -> None:
    writer, reader = broker_at(shards.urls), broker_at(shards.urls)
    ear = await listening(reader, *CHANNELS)
    stalled = shards.shards[0]
    theirs = at_home(writer, f"{stalled.address}/0")
    others = [channel for channel in CHANNELS if channel not in theirs]
    await asyncio.gather(*(writer.publish(channel, b"0", keep=KEEP) for channel in CHANNELS))
    stalled.pause()
    waiting = [asyncio.ensure_future(writer.publish(channel, b"1", keep=KEEP)) for channel in theirs]
    await asyncio.sleep(0)
    for channel in others * 5:
        await writer.publish(channel, b"1", keep=KEEP)
    assert not any(each.done() for each in waiting)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, BrokerUnavailable) for each in ended)
    for channel in theirs:
        # Known to be away by now: refused without waiting for anything.
        with pytest.raises(BrokerUnavailable):
            writer.publish(channel, b"1", keep=KEEP).send(None)
    stalled.resume()
    for channel in theirs:
        await until_ok(lambda channel=channel: writer.publish(channel, b"2", keep=KEEP))
    await ear.until(lambda: ear.interruptions > 0 or len(ear.heard) >= len(CHANNELS) + len(others) * 5)


async def test_several_processes_agree_on_the_shards_in_whatever_order_they_are_told(
    shards: RedisShards, broker_at: Make
) -> None:
    writer, reader = broker_at(shards.urls), broker_at(tuple(reversed(shards.urls)))
    ear = await listening(reader, *CHANNELS)
    for channel in CHANNELS:
        await writer.publish(channel, b"1", keep=KEEP)
    await ear.until(lambda: len(ear.heard) == len(CHANNELS))


# Sentinels.


@pytest.fixture
def watched(watched_redis: WatchedRedis) -> WatchedRedis:
    watched_redis.ensure_running()
    return watched_redis


async def test_a_master_that_dies_is_replaced_and_nothing_is_silently_lost(
    watched: WatchedRedis, broker_at: Make
) -> None:
    witness = Witness(broker_at(watched.urls), broker_at(watched.urls), CHANNELS, QUIET)
    async with witness.publishing():
        await witness.publish_quietly(1)
        old = watched.master
        old.kill()
        await witness.publish_quietly(2)
        await witness.until_heard_again(CHANNELS)
    assert watched.master is not old
    await witness.judge()


async def test_a_master_that_stood_still_and_was_replaced_gets_no_more_publications(
    watched: WatchedRedis, broker_at: Make
) -> None:
    witness = Witness(broker_at(watched.urls), broker_at(watched.urls), CHANNELS, QUIET)
    idle = broker_at(watched.urls)
    before = await idle.publish("queue:idle", b"1", keep=KEEP)
    async with witness.publishing():
        await witness.publish_quietly(1)
        old = watched.master
        # The Sentinels cannot tell it that it was replaced: it goes on as a master that nobody hears.
        old.say("ACL SETUSER", "default", "-replicaof", "-slaveof")
        old.pause()
        await witness.publish_quietly(2)
        await witness.until_heard_again(CHANNELS)
        old.resume()
        # Whoever was idle meanwhile still has a connection to the old master: it is left.
        [server] = idle._redis._servers.values()
        async with asyncio.timeout(20):
            while server.writing.current is not None and server.writing.current.at == old.address:
                await asyncio.sleep(0.01)
        assert old.say("ROLE")[0] == "master"
        old.say("ACL SETUSER", "default", "+@all")
    await witness.judge()
    after = await idle.publish("queue:idle", b"2", keep=KEEP)
    assert after.epoch != before.epoch


# A cluster.


@pytest.fixture
def cluster(redis_cluster: RedisCluster) -> RedisCluster:
    redis_cluster.ensure_running()
    return redis_cluster


def at_node(cluster: RedisCluster, broker: RedisBroker, port: int) -> list[str]:
    """The channels whose slot the node has."""
    ranges = [
        (first, last)
        for first, last, master, *_ in cluster.nodes[1].say("CLUSTER SLOTS")
        if master[1] == port
    ]
    slots = {channel: slot_of(broker._name(channel)) for channel in CHANNELS}
    return [channel for channel, slot in slots.items() if any(a <= slot <= b for a, b in ranges)]


async def test_a_node_that_dies_is_replaced_by_its_replica_and_nothing_is_silently_lost(
    cluster: RedisCluster, broker_at: Make
) -> None:
    writer = broker_at(cluster.urls)
    witness = Witness(writer, broker_at(cluster.urls), CHANNELS, QUIET)
    victim = next(node for node in (cluster.nodes[0], cluster.nodes[3]) if node.say("ROLE")[0] == "master")
    theirs = at_node(cluster, writer, victim.port)
    assert theirs
    async with witness.publishing():
        await witness.publish_quietly(1)
        victim.kill()
        await witness.publish_quietly(2)
        await witness.until_heard_again(theirs)
    await witness.judge()


async def test_a_node_that_hands_over_is_followed(cluster: RedisCluster, broker_at: Make) -> None:
    witness = Witness(broker_at(cluster.urls), broker_at(cluster.urls), CHANNELS, QUIET)
    pair = (cluster.nodes[0], cluster.nodes[3])
    heir = next(node for node in pair if node.say("ROLE")[0] == "slave")
    old = next(node for node in pair if node is not heir)
    theirs = at_node(cluster, witness._writer, old.port)
    async with witness.publishing():
        await witness.publish_quietly(1)
        heir.say("CLUSTER FAILOVER")
        await witness.publish_quietly(2)
        await witness.until_heard_again(theirs)
    await witness.judge()


async def test_a_node_without_a_replica_takes_only_its_own_channels(
    cluster: RedisCluster, broker_at: Make
) -> None:
    writer = broker_at(cluster.urls)
    witness = Witness(writer, broker_at(cluster.urls), CHANNELS, QUIET)
    victim = cluster.nodes[1]
    theirs = at_node(cluster, writer, victim.port)
    async with witness.publishing():
        await witness.publish_quietly(1)
        victim.kill()
        await asyncio.sleep(0.3)
        asked = await writer.servers()
        with pytest.raises(BrokerUnavailable):
            await asked[victim.address]()
        await witness.until_accepted_on(set(CHANNELS) - set(theirs))
        victim.ensure_running()
        await witness.publish_quietly(2)
        await witness.until_heard_again(theirs)
    await witness.judge()


async def test_a_slot_that_moves_takes_its_channel_with_it(cluster: RedisCluster, broker_at: Make) -> None:
    witness = Witness(broker_at(cluster.urls), broker_at(cluster.urls), CHANNELS, QUIET)
    source, target = cluster.nodes[1], cluster.nodes[2]
    [moved, *_] = at_node(cluster, witness._writer, source.port)
    slot = slot_of(witness._writer._name(moved))
    async with witness.publishing():
        await witness.publish_quietly(1)
        move_slot(slot, source, target, cluster)
        await witness.until_heard_again([moved])
        move_slot(slot, target, source, cluster)
        await asyncio.sleep(0.5)
    await witness.judge()
    assert len({position.epoch for position in witness.diaries[moved].of("heard")}) >= 2


def move_slot(slot: int, source: object, target: object, cluster: RedisCluster) -> None:
    """As ``redis-cli --cluster reshard`` does it: the keys go one by one while the slot is between two."""
    source_id, target_id = source.say("CLUSTER MYID"), target.say("CLUSTER MYID")
    target.say("CLUSTER SETSLOT", slot, "IMPORTING", source_id)
    source.say("CLUSTER SETSLOT", slot, "MIGRATING", target_id)
    while keys := source.say("CLUSTER GETKEYSINSLOT", slot, 10):
        for key in keys:
            source.say("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
    for node in (target, source, *cluster.masters):
        if node.say("ROLE")[0] == "master":
            node.say("CLUSTER SETSLOT", slot, "NODE", target_id)
