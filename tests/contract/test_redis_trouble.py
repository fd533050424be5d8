"""A Redis that is away, stalls, loses its memory or its connections: what callers and listeners are told."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from adapters.redis.broker import RedisBroker
from realtime.broker import BrokerUnavailable
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
