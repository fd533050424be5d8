"""Redis stands still, or the network to it is dead: clients keep their connections and lose nothing.

Publications are repeated under the same key until they are accepted, as the relay does.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from adapters.redis.broker import RedisBroker
from core import limits
from core.actor import Actor, Role
from realtime.broker import BrokerUnavailable
from tests.clients.online import Online, until
from tests.clients.phone import Phone
from tests.clients.served import CHANNELS, Served, token
from tests.fault.realtime.test_races import Publisher, all_at_the_top
from tests.services.proxy import Path
from tests.services.redis import RedisServer

LINES = ("log:L1", "log:L2")
USERS = [Actor(id=f"u{number}", role=Role.PATIENT) for number in range(2)]
EVERYTHING = (*LINES, *(f"user:#{user.id}" for user in USERS))
MOST = limits.QUEUE_HISTORY_ITEMS - 8
"""Publications on a line while it lasts: less than is kept of it."""

pytestmark = [pytest.mark.redis, pytest.mark.acceptance("T8", "T10")]


class Relay(Publisher):
    """Repeats each publication until it is accepted."""

    async def publish(self, channel: str) -> None:
        self.count += 1
        data, key = {"n": self.count}, str(self.count)
        policy, _ = CHANNELS.find(channel)
        while True:
            try:
                at = await self._broker.publish(
                    channel, json.dumps(data).encode(), keep=policy.keep, idempotency_key=key
                )
            except BrokerUnavailable:
                await asyncio.sleep(0.1)
                continue
            self.truth.note(channel, at, data)
            self.tops[channel] = at
            return


@pytest.fixture
def redis(redis_server: RedisServer) -> RedisServer:
    redis_server.ensure_running()
    return redis_server


@pytest.fixture
def prefix() -> str:
    return f"t{secrets.token_hex(4)}"


def broker(url: str, prefix: str) -> RedisBroker:
    return RedisBroker(url, prefix=prefix, probe_seconds=0.5, reply_seconds=1.0)


@pytest.fixture
async def relay(redis: RedisServer, prefix: str) -> AsyncIterator[Relay]:
    made = Relay(broker(redis.url, prefix))
    await made.start()
    yield made
    redis.resume()
    await made.close()


async def phones_on(server: Served, relay: Relay) -> list[Online]:
    """Users and nobodies, all of them at the top of everything."""
    phones = [
        Online(Phone(token=token(user) if user else "", channels=LINES), lambda: server.port)
        for user in (*USERS, None, None)
    ]
    for one in phones:
        one.go()
    await until(lambda: all(one.phone.connected for one in phones), phones)
    await until(lambda: all_at_the_top(phones, relay.tops), phones)
    return phones


async def whole_again(phones: list[Online], relay: Relay) -> None:
    """Everybody ends at the top, without having loaded the state anew."""
    await until(lambda: all_at_the_top(phones, relay.tops), phones, seconds=120)
    for one in phones:
        relay.truth.judge(one.phone, relay.tops)
        assert all(following.reloads == 1 for following in one.phone.channels.values())
        await one.leave()


@pytest.mark.sized
async def test_a_redis_that_stands_still_costs_nobody_a_connection_or_a_message(
    redis: RedisServer, prefix: str, relay: Relay, long_run: bool, printed: Callable[[str], None]
) -> None:
    seconds = 60.0 if long_run else 4.0
    for channel in EVERYTHING:
        await relay.publish(channel)
    async with Served(broker(redis.url, prefix)) as one, Served(broker(redis.url, prefix)) as other:
        phones = [*await phones_on(one, relay), *await phones_on(other, relay)]
        redis.pause()

        async def publish(channel: str) -> None:
            for _ in range(MOST // 4):
                await relay.publish(channel)

        publishing = [asyncio.create_task(publish(channel)) for channel in EVERYTHING]
        await asyncio.sleep(seconds)
        assert all(each.phone.connected for each in phones)
        assert not any(task.done() for task in publishing)
        redis.resume()
        await asyncio.gather(*publishing)
        await whole_again(phones, relay)
        connects = sum(len(each.connected_at) for each in phones)
    printed(
        f"Redis stood still for {seconds:.0f} s: {relay.count} publications accepted afterwards, all logs of"
        f" {len(phones)} phones whole, {connects - len(phones)} of them had to reconnect"
    )


@pytest.mark.sized
async def test_a_dead_network_between_a_process_and_redis_is_noticed_and_nothing_is_lost(
    redis: RedisServer, prefix: str, relay: Relay, long_run: bool, printed: Callable[[str], None]
) -> None:
    seconds = 30.0 if long_run else 4.0
    for channel in EVERYTHING:
        await relay.publish(channel)
    async with (
        Path(redis.port) as path,
        Served(broker(f"redis://127.0.0.1:{path.port}/0", prefix)) as cut_off,
        Served(broker(redis.url, prefix)) as other,
    ):
        lost, fine = await phones_on(cut_off, relay), await phones_on(other, relay)
        path.forget()
        rounds = MOST // 2
        for _ in range(rounds):
            for channel in EVERYTHING:
                await relay.publish(channel)
            await asyncio.sleep(seconds / rounds)
        await until(lambda: all_at_the_top(fine, relay.tops), fine)
        assert not all_at_the_top(lost, relay.tops)
        assert all(each.phone.connected for each in lost)
        path.heal()
        await whole_again([*lost, *fine], relay)
        told = {code: sum(each.phone.told[code] for each in lost) for code in (2500, 3010)}
        assert not any(each.phone.told[code] for each in fine for code in told), "the others noticed nothing"
    printed(
        f"dead network to Redis for {seconds:.0f} s: {relay.count} publications; the phones behind it were"
        f" told 2500 {told[2500]} times, 3010 {told[3010]}, and recovered everything;"
        f" the others heard it at once"
    )
