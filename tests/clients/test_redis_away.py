"""Redis goes away and comes back: clients keep their connections, are told enough, and lose nothing."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.redis.broker import RedisBroker
from realtime.broker import BrokerUnavailable
from tests.clients.served import PATIENT, Served, token
from tests.clients.stock import PythonClient
from tests.services.process import ProgramIsMissing
from tests.services.redis import RedisServer

LINE = "log:L0301"
pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    try:
        server = RedisServer.start_private()
    except ProgramIsMissing as missing:
        pytest.skip(str(missing))
    yield server
    server.stop()


@pytest.fixture
async def pair(redis: RedisServer) -> AsyncIterator[tuple[Served, Served]]:
    prefix = f"t{secrets.token_hex(4)}"

    def broker() -> RedisBroker:
        return RedisBroker(redis.url, prefix=prefix, probe_seconds=0.3, reply_seconds=1.0)

    async with Served(broker()) as one, Served(broker()) as other:
        yield one, other
    redis.ensure_running()


@pytest.fixture
async def client() -> AsyncIterator[PythonClient]:
    made = PythonClient()
    yield made
    await made.close()


def offsets(client: PythonClient, channel: str = LINE) -> list[int]:
    told = client.events.all
    return [e["offset"] for e in told if e["event"] == "publication" and e["channel"] == channel]


async def test_two_processes_share_channels_and_presence(
    pair: tuple[Served, Served], client: PythonClient
) -> None:
    one, other = pair
    await client.connect(one.url, (token(PATIENT),))
    await client.subscribe(LINE)
    await client.events.until("subscribed", channel=LINE)
    for number in range(20):
        await other.publish(LINE, b'{"n":%d}' % number)
        await other.publish("user:#u42", b'{"n":%d}' % number)
    await client.events.until("publication", channel="user:#u42", offset=20)
    assert offsets(client) == offsets(client, "user:#u42") == list(range(1, 21))
    assert (await one.hub.presence_stats(LINE)).clients == 1
    assert (await other.hub.presence_stats(LINE)).clients == 1


async def test_a_cut_subscription_loses_nothing(
    redis: RedisServer, pair: tuple[Served, Served], client: PythonClient
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
    redis: RedisServer, pair: tuple[Served, Served], client: PythonClient
) -> None:
    one, other = pair
    await client.connect(one.url)
    await client.subscribe(LINE)
    await client.events.until("subscribed", channel=LINE)
    await other.publish(LINE, b"{}")
    await client.events.until("publication", offset=1)
    redis.kill()
    with pytest.raises(BrokerUnavailable):
        await other.publish(LINE, b"{}")
    await client.subscribe("log:L2")
    await client.events.until("subscription_error", channel="log:L2", code=100)
    assert [e["event"] for e in client.events.all].count("connected") == 1
    redis.ensure_running()
    await client.events.until("subscribing", channel=LINE, code=2500)
    told = await client.events.until("subscribed", channel=LINE)
    assert told["was_recovering"]
    assert not told["recovered"]
    await other.publish(LINE, b"{}")
    await client.events.until("publication", channel=LINE, offset=1)
    assert [e["event"] for e in client.events.all].count("connected") == 1
