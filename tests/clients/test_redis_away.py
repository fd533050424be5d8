"""Redis goes away and comes back: clients keep their connections, are told enough, and lose nothing."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.redis.broker import RedisBroker
from realtime.broker import BrokerUnavailable
from tests.clients.python_client import PythonClient
from tests.clients.served import PATIENT, Served, token
from tests.services.redis import RedisServer
from tests.services.redis_groups import WatchedRedis

LINE = "log:L0301"
pytestmark = pytest.mark.redis


REDIS = {
    "one": "redis_server",
    "shards": "redis_shards",
    "cluster": "redis_cluster",
    "sentinels": "watched_redis",
}
Pair = tuple[Served, Served]


@contextlib.asynccontextmanager
async def pair_at(urls: Sequence[str]) -> AsyncIterator[Pair]:
    """Two processes of one installation."""
    prefix = f"t{secrets.token_hex(4)}"

    def broker() -> RedisBroker:
        return RedisBroker(urls, prefix=prefix, probe_seconds=0.5, reply_seconds=1.5)

    async with Served(broker()) as one, Served(broker()) as other:
        yield one, other


@pytest.fixture
async def pair(redis_server: RedisServer) -> AsyncIterator[Pair]:
    redis_server.ensure_running()
    async with pair_at(redis_server.urls) as both:
        yield both
    redis_server.ensure_running()


@pytest.fixture(params=REDIS)
async def pair_anywhere(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    redis = request.getfixturevalue(REDIS[request.param])
    redis.ensure_running()
    async with pair_at(redis.urls) as both:
        yield both


@pytest.fixture
async def client() -> AsyncIterator[PythonClient]:
    made = PythonClient()
    yield made
    await made.close()


def offsets(client: PythonClient, channel: str = LINE) -> list[int]:
    told = client.events.all
    return [e["offset"] for e in told if e["event"] == "publication" and e["channel"] == channel]


async def until_published(served: Served, channel: str, data: bytes, key: str) -> None:
    """As the relay does it: again and again under the same key."""
    async with asyncio.timeout(30):
        while True:
            try:
                await served.publish(channel, data, key=key)
            except BrokerUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_two_processes_share_channels_and_presence(pair_anywhere: Pair, client: PythonClient) -> None:
    one, other = pair_anywhere
    await client.connect(one.url, (token(PATIENT),))
    await client.subscribe(LINE)
    await client.events.until("subscribed", channel=LINE)
    for number in range(20):
        await other.publish(LINE, b'{"n":%d}' % number)
        await other.publish("user:#u42", b'{"n":%d}' % number)
    # Shards promise no order between channels.
    await client.events.until("publication", channel=LINE, offset=20)
    await client.events.until("publication", channel="user:#u42", offset=20)
    assert offsets(client) == offsets(client, "user:#u42") == list(range(1, 21))
    assert (await one.hub.presence_stats(LINE)).clients == 1
    assert (await other.hub.presence_stats(LINE)).clients == 1


async def test_a_cut_subscription_loses_nothing(
    redis_server: RedisServer, pair: Pair, client: PythonClient
) -> None:
    one, other = pair
    await client.connect(one.url)
    await client.subscribe(LINE)
    await client.events.until("subscribed", channel=LINE)
    await other.publish(LINE, b"{}")
    await client.events.until("publication", offset=1)
    broker = one.broker
    assert isinstance(broker, RedisBroker)
    [server] = broker._redis._servers.values()
    server.ear.drop()
    for _ in range(3):
        await other.publish(LINE, b"{}")
    await client.events.until("subscribing", channel=LINE, code=2500)
    await client.events.until("publication", offset=4)
    assert offsets(client) == [1, 2, 3, 4]
    assert [e["event"] for e in client.events.all].count("connected") == 1


async def test_a_redis_that_lost_everything_makes_clients_reload(
    redis_server: RedisServer, pair: Pair, client: PythonClient
) -> None:
    one, other = pair
    await client.connect(one.url)
    await client.subscribe(LINE)
    await client.events.until("subscribed", channel=LINE)
    await other.publish(LINE, b"{}")
    await client.events.until("publication", offset=1)
    redis_server.kill()
    with pytest.raises(BrokerUnavailable):
        await other.publish(LINE, b"{}")
    await client.subscribe("log:L2")
    await client.events.until("subscription_error", channel="log:L2", code=100)
    assert [e["event"] for e in client.events.all].count("connected") == 1
    redis_server.ensure_running()
    await client.events.until("subscribing", channel=LINE, code=2500)
    told = await client.events.until("subscribed", channel=LINE)
    assert told["was_recovering"]
    assert not told["recovered"]
    await other.publish(LINE, b"{}")
    await client.events.until("publication", channel=LINE, offset=1)
    assert [e["event"] for e in client.events.all].count("connected") == 1


async def test_a_redis_that_stands_still_costs_time_and_nothing_else(
    redis_server: RedisServer, pair: Pair, client: PythonClient
) -> None:
    """A minute away, shortened: answers are waited for 1.5 s instead of 5."""
    one, other = pair
    await client.connect(one.url)
    await client.subscribe(LINE)
    await client.events.until("subscribed", channel=LINE)
    await other.publish(LINE, b"{}")
    await client.events.until("publication", offset=1)
    redis_server.pause()
    with pytest.raises(BrokerUnavailable):
        await other.publish(LINE, b"{}", key="row 2")
    await client.subscribe("queue:L2")
    await client.events.until("subscription_error", channel="queue:L2", code=100)
    async with asyncio.timeout(30):
        while one.broker.hears:  # its ear has noticed too
            await asyncio.sleep(0.02)
    redis_server.resume()
    for number in (2, 3, 4):
        await until_published(other, LINE, b"{}", f"row {number}")
    await client.events.until("publication", offset=4)
    async with asyncio.timeout(30):
        while not any(e["event"] == "subscribed" and e["channel"] == "queue:L2" for e in client.events.all):
            await asyncio.sleep(0.02)
    assert offsets(client) == [1, 2, 3, 4]
    told = [e for e in client.events.all if e["event"] == "subscribed" and e["channel"] == LINE]
    assert all(e["recovered"] for e in told[1:])
    assert [e["event"] for e in client.events.all].count("connected") == 1


async def test_a_replaced_master_makes_clients_reload_once(
    watched_redis: WatchedRedis, client: PythonClient
) -> None:
    watched_redis.ensure_running()
    async with pair_at(watched_redis.urls) as (one, other):
        await client.connect(one.url, (token(PATIENT),))
        await client.subscribe(LINE)
        await client.events.until("subscribed", channel=LINE)
        for number in range(1, 6):
            await other.publish(LINE, b"{}", key=f"row {number}")
        await client.events.until("publication", channel=LINE, offset=5)
        watched_redis.master.kill()
        await until_published(other, LINE, b"{}", "row 6")
        await client.events.until("subscribing", channel=LINE, code=2500)
        told = await client.events.until("subscribed", channel=LINE)
        assert told["was_recovering"]
        before = offsets(client)
        await until_published(other, LINE, b'{"last":true}', "row 7")
        await client.events.until("publication", channel=LINE, data={"last": True})
        assert before[:5] == [1, 2, 3, 4, 5]
        # Its own channel is a server-side subscription: that is told by closing (3010).
        assert [e["event"] for e in client.events.all].count("connected") <= 2
