"""A Redis that is away, stalls, loses its memory or its connections: what callers and listeners are told."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from adapters.redis.broker import RedisBroker
from realtime.broker import BrokerUnavailable, Keep
from realtime.stream import Position, Publication
from tests.contract.hearing import KEEP, listening, until_ok
from tests.services.redis import RedisServer

pytestmark = pytest.mark.redis


@pytest.fixture
async def troubled(redis_server: RedisServer) -> AsyncIterator[Callable[[], RedisBroker]]:
    redis_server.ensure_running()
    made: list[RedisBroker] = []
    prefix = f"t{secrets.token_hex(4)}"

    def make() -> RedisBroker:
        made.append(RedisBroker(redis_server.url, prefix=prefix, probe_seconds=0.3, reply_seconds=1.0))
        return made[-1]

    yield make
    redis_server.ensure_running()
    for broker in made:
        await broker.close()


async def test_a_redis_that_is_away_is_said_so_and_found_again(
    redis_server: RedisServer, troubled: Callable[[], RedisBroker]
) -> None:
    writer, reader = troubled(), troubled()
    ear = await listening(reader, "queue:a", "queue:b")
    before = await writer.publish("queue:a", b"1", keep=KEEP)
    await ear.until(lambda: len(ear.heard) == 1)
    redis_server.kill()
    for attempt in (
        lambda: writer.publish("queue:a", b"2", keep=KEEP),
        lambda: writer.history("queue:a", keep=KEEP),
        lambda: writer.presence_stats("queue:a"),
        writer.ping,
    ):
        with pytest.raises(BrokerUnavailable):
            await attempt()
    await asyncio.sleep(0.1)
    with pytest.raises(BrokerUnavailable):
        await reader.subscribe(["queue:c"])
    assert not reader.hears
    redis_server.ensure_running()
    await until_ok(writer.ping)
    await ear.until(lambda: ear.interruptions == 1)
    after = await writer.publish("queue:a", b"2", keep=KEEP)
    await writer.publish("queue:b", b"3", keep=KEEP)
    await ear.until(lambda: len(ear.heard) == 3)
    assert after.offset == 1
    assert after.epoch != before.epoch
    await reader.subscribe(["queue:c"])
    await writer.publish("queue:c", b"4", keep=KEEP)
    await ear.until(lambda: len(ear.heard) == 4)


async def test_a_redis_that_stalls_costs_one_timeout_and_loses_nothing_that_was_accepted(
    redis_server: RedisServer, troubled: Callable[[], RedisBroker]
) -> None:
    writer, reader = troubled(), troubled()
    ear = await listening(reader, "queue:a")
    redis_server.pause()
    with pytest.raises(BrokerUnavailable):
        await writer.publish("queue:a", b"1", keep=KEEP, idempotency_key="row")
    redis_server.resume()
    await until_ok(lambda: writer.publish("queue:a", b"1", keep=KEEP, idempotency_key="row"))
    await ear.until(lambda: reader.hears and (bool(ear.heard) or ear.interruptions > 0))
    assert (await writer.history("queue:a", keep=KEEP)).position.offset == 1


async def test_a_cut_subscription_is_remade(
    redis_server: RedisServer, troubled: Callable[[], RedisBroker]
) -> None:
    writer, reader = troubled(), troubled()
    ear = await listening(reader, *(f"queue:{number}" for number in range(1_200)))
    redis_server.say("CLIENT", "KILL", "TYPE", "pubsub")
    await ear.until(lambda: ear.interruptions == 1)
    await writer.publish("queue:0", b"1", keep=KEEP)
    await writer.publish("queue:1199", b"2", keep=KEEP)
    await ear.until(lambda: len(ear.heard) == 2)


async def test_a_subscription_that_went_deaf_is_noticed(
    redis_server: RedisServer, troubled: Callable[[], RedisBroker]
) -> None:
    writer, reader = troubled(), troubled()
    ear = await listening(reader, "queue:a")
    [server] = reader._redis._servers.values()
    wire = server.ear.current  # the connection stands, but nothing comes over it any more
    assert wire is not None
    wire.order("UNSUBSCRIBE", [*server.ear.wanted, server.ear._probe_name()])
    await ear.until(lambda: ear.interruptions == 1)
    await writer.publish("queue:a", b"1", keep=KEEP)
    await ear.until(lambda: bool(ear.heard))


async def test_history_of_another_redis_run_is_never_counted_on(
    redis_server: RedisServer, troubled: Callable[[], RedisBroker]
) -> None:
    """A restart from an old snapshot: the same keys, but another run id."""
    broker = troubled()
    before = await broker.publish("queue:a", b"1", keep=KEEP)
    meta = f"{broker._name('queue:a')}:meta"
    redis_server.say("HSET", meta, "epoch", f"00000000{before.epoch[8:]}")
    history = await broker.history("queue:a", keep=KEEP, limit=9)
    assert history.position.offset == 0
    assert history.position.epoch not in (before.epoch, "")
    assert history.publications == ()
    assert (await broker.publish("queue:a", b"2", keep=KEEP)).offset == 1


async def test_a_redis_that_was_emptied_under_us_begins_a_new_epoch(
    redis_server: RedisServer, troubled: Callable[[], RedisBroker]
) -> None:
    writer, reader = troubled(), troubled()
    ear = await listening(reader, "queue:a")
    before = [await writer.publish("queue:a", b"1", keep=KEEP) for _ in range(3)]
    redis_server.empty()
    top = await reader.history("queue:a", keep=KEEP)
    after = await writer.publish("queue:a", b"2", keep=KEEP)
    assert after.offset == 1
    assert after.epoch == top.position.epoch != before[-1].epoch
    await ear.until(lambda: len(ear.heard) == 4)
    assert ear.heard[-1][1].epoch == after.epoch


async def test_a_redis_restored_from_an_older_copy_never_counts_on(
    troubled: Callable[[], RedisBroker],
) -> None:
    server = RedisServer.start_private()
    broker = RedisBroker(server.url, probe_seconds=0.3, reply_seconds=1.0)
    try:
        ear = await listening(broker, "queue:a")
        for _ in range(3):
            await broker.publish("queue:a", b"old", keep=KEEP)
        server.say("SAVE")
        for _ in range(3):
            last = await broker.publish("queue:a", b"newer than the copy", keep=KEEP)
        server.restart()
        assert server.say("EXISTS", f"{broker._name('queue:a')}:stream") == 1
        await ear.until(lambda: ear.interruptions == 1)
        history = await broker.history("queue:a", keep=KEEP, since=last, limit=9)
        assert history.position.offset == 0
        assert history.position.epoch != last.epoch
        assert history.publications == ()
        after = await broker.publish("queue:a", b"new", keep=KEEP)
        assert (after.offset, after.epoch) == (1, history.position.epoch)
    finally:
        await broker.close()
        server.stop()


async def test_connections_cut_under_a_burst_mix_up_nothing(
    redis_server: RedisServer, troubled: Callable[[], RedisBroker]
) -> None:
    writer, reader = troubled(), troubled()
    channels = [f"queue:{number}" for number in range(20)]
    ear = await listening(reader, *channels)
    wide = Keep(items=1_000, ttl_seconds=60)
    published: list[tuple[str, bytes, Position]] = []
    numbers = iter(range(3_000))

    async def publish() -> None:
        for number in numbers:
            channel, data = channels[number % 20], b"%d" % number

            async def attempt(channel: str = channel, data: bytes = data) -> None:
                key = data.decode()
                position = await writer.publish(channel, data, keep=wide, idempotency_key=key)
                published.append((channel, data, position))

            await until_ok(attempt)

    async def cut() -> None:
        for count in range(1, 6):
            while len(published) < 500 * count:
                await asyncio.sleep(0.005)
            await asyncio.to_thread(redis_server.say, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    await asyncio.gather(cut(), *(publish() for _ in range(100)))
    for channel in channels:
        history = await writer.history(channel, keep=wide, limit=1_000)
        told = {position.offset: data for name, data, position in published if name == channel}
        assert told == {one.offset: one.data for one in history.publications}
        assert sorted(told) == list(range(1, 151))
    await ear.until(lambda: len(ear.heard) >= 3_000)
    for channel in channels:
        assert [one.offset for name, one in ear.heard if name == channel] == list(range(1, 151))


@pytest.mark.parametrize("topology", ["redis_server", "redis_cluster"])
async def test_ten_thousand_channels_are_heard_by_one_process(
    request: pytest.FixtureRequest, topology: str
) -> None:
    redis = request.getfixturevalue(topology)
    redis.ensure_running()
    prefix = f"t{secrets.token_hex(4)}"
    writer, reader = (RedisBroker(redis.urls, prefix=prefix) for _ in range(2))
    channels = [f"queue:{number}" for number in range(10_000)]
    heard: dict[str, list[bytes]] = {channel: [] for channel in channels}
    counted = 0
    told: set[str] = set()

    def hear(channel: str, publication: Publication) -> None:
        nonlocal counted
        counted += 1
        heard[channel].append(publication.data)

    async def publish_to_all(what: bytes) -> None:
        left, expected = iter(channels), counted + len(channels)

        async def some() -> None:
            for channel in left:
                await writer.publish(channel, what, keep=KEEP)

        await asyncio.gather(*(some() for _ in range(200)))
        async with asyncio.timeout(60):
            while counted < expected:
                await asyncio.sleep(0.02)

    try:
        await reader.start(hear, told.update)
        await reader.subscribe(channels[:5_000])
        await asyncio.gather(*(reader.subscribe([channel]) for channel in channels[5_000:]))
        await publish_to_all(b"1")
        nodes = redis.nodes if topology == "redis_cluster" else [redis]
        for node in nodes:
            node.say("CLIENT", "KILL", "TYPE", "pubsub")
        async with asyncio.timeout(60):
            while len(told) < 10_000:
                await asyncio.sleep(0.02)
        await publish_to_all(b"2")
    finally:
        await writer.close()
        await reader.close()
    assert set(map(tuple, heard.values())) == {(b"1", b"2")}
