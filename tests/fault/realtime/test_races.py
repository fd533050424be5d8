"""T5 and T6: subscribing while publications come, and a broker that drops some of them.

Real sockets and time, with the memory broker and with Redis. Each phone judges for itself that every
publication comes exactly once after its position (``tests.clients.phone``); at the end all stand at the top.
"""

import asyncio
import json
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from adapters.memory.broker import MemoryBroker
from adapters.redis.broker import RedisBroker
from core.actor import Actor, Role
from realtime.broker import Broker, OnInterrupted
from realtime.stream import Position, Publication
from tests.clients.online import Online, until
from tests.clients.phone import Phone
from tests.clients.served import CHANNELS, Served, streams, token
from tests.fault.realtime.truth import Truth
from tests.services.redis import RedisServer

LINES = ("log:L1", "log:L2")
PHONES = 12
BEHIND = 24
"""How far the slowest may be behind: what is kept of a line is more than twice as much."""

Brokers = Callable[[], Broker]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def brokers(request: pytest.FixtureRequest) -> Brokers:
    """Makes brokers that share their streams."""
    if request.param == "memory":
        shared = streams()
        return lambda: MemoryBroker(shared)
    server: RedisServer = request.getfixturevalue("redis_server")
    server.ensure_running()
    prefix = f"t{secrets.token_hex(4)}"
    return lambda: RedisBroker(server.url, prefix=prefix)


class Publisher:
    """Publishes numbered messages through a broker of its own and notes the truth."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.truth = Truth()
        self.tops: dict[str, Position] = {}
        self.count = 0

    async def start(self) -> None:
        await self._broker.start(lambda channel, publication: None, lambda: None)

    async def close(self) -> None:
        await self._broker.close()

    async def publish(self, channel: str) -> None:
        self.count += 1
        data = {"n": self.count}
        policy, _ = CHANNELS.find(channel)
        at = await self._broker.publish(channel, json.dumps(data).encode(), keep=policy.keep)
        self.truth.note(channel, at, data)
        self.tops[channel] = at


@pytest.fixture
async def publisher(brokers: Brokers) -> AsyncIterator[Publisher]:
    made = Publisher(brokers())
    await made.start()
    yield made
    await made.close()


def all_at_the_top(phones: list[Online], tops: dict[str, Position]) -> bool:
    return all(
        following.live and following.position == tops[channel]
        for one in phones
        for channel, following in one.phone.channels.items()
        if following.wanted and channel in tops
    )


async def settle(phones: list[Online], publisher: Publisher) -> None:
    """Everybody ends at the top with everything since the state was loaded."""
    await until(lambda: all_at_the_top(phones, publisher.tops), phones)
    for one in phones:
        publisher.truth.judge(one.phone, publisher.tops)


# T5.


async def come_and_go(one: Online, chance: random.Random) -> None:
    """One cycle: leave the channel or lose the connection, and be back a moment later."""
    channel = chance.choice(LINES)
    if chance.random() < 0.2:
        one.cut()
    else:
        one.say(one.phone.unsubscribe(channel))
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        one.say(one.phone.subscribe(channel))
    await asyncio.sleep(chance.random() * 0.01)


@pytest.mark.sized
@pytest.mark.acceptance("T5")
async def test_publications_racing_subscribes_come_exactly_once(
    brokers: Brokers, publisher: Publisher, long_run: bool, printed: Callable[[str], None]
) -> None:
    publishes, cycles = (100_000, 1_000) if long_run else (2_000, 60)
    chance = random.Random(1)
    async with Served(brokers(), commands_per_second=100_000, command_burst=100_000) as server:
        for line in LINES:
            await publisher.publish(line)
        phones = [Online(Phone(channels=LINES), lambda: server.port, first_pause=0.05) for _ in range(PHONES)]
        for one in phones:
            one.go()
        await until(lambda: all_at_the_top(phones, publisher.tops), phones)
        done = 0

        async def publish(line: str) -> None:
            while publisher.count < publishes or done < cycles:
                await publisher.publish(line)
                if publisher.count % 8 == 0:
                    await asyncio.sleep(0)

        async def cycle() -> None:
            nonlocal done
            while done < cycles or publisher.count < publishes:
                done += 1
                await come_and_go(chance.choice(phones), chance)
                if any(one.fault for one in phones):
                    return

        async with asyncio.timeout(1_800):
            await asyncio.gather(*(publish(line) for line in LINES), cycle())
        await settle(phones, publisher)
        recovered = sum(each.recoveries for one in phones for each in one.phone.channels.values())
        reloads = sum(each.reloads for one in phones for each in one.phone.channels.values())
        for one in phones:
            await one.leave()
        await server.until(lambda: len(server.sockets) == 0)
    assert recovered
    name = type(server.broker).__name__
    printed(
        f"publications racing subscribes, {name}: {publisher.count} publications, {done} cycles of"
        f" {PHONES} phones, {recovered} recovered and {reloads} fresh subscriptions; none lost, none twice"
    )


# T6.


def dropping(broker: Broker, every: int) -> Counter[str]:
    """Let every so many-th publication be lost between this broker and its hub; answers how many were."""
    lost: Counter[str] = Counter()
    heard: Counter[str] = Counter()
    start = broker.start

    async def start_dropping(
        on_publication: Callable[[str, Publication], None], on_interrupted: OnInterrupted
    ) -> None:
        def hear(channel: str, publication: Publication) -> None:
            heard[channel] += 1
            if heard[channel] % every:
                on_publication(channel, publication)
            else:
                lost[channel] += 1

        await start(hear, on_interrupted)

    broker.start = start_dropping  # type: ignore[method-assign]
    return lost


@pytest.mark.sized
@pytest.mark.acceptance("T6")
async def test_a_broker_that_drops_messages_costs_nobody_any(
    brokers: Brokers, publisher: Publisher, long_run: bool, printed: Callable[[str], None]
) -> None:
    publishes, every = (6_000, 17) if long_run else (400, 17)
    broker = brokers()
    lost = dropping(broker, every)
    users = [Actor(id=f"u{number}", role=Role.PATIENT) for number in range(3)]
    channels = (*LINES, *(f"user:#{user.id}" for user in users))
    async with Served(broker, position_check_seconds=1.0) as server:
        for channel in channels:
            await publisher.publish(channel)
        phones = [
            Online(
                Phone(token=token(user) if user else "", channels=LINES),
                lambda: server.port,
                first_pause=0.05,
            )
            for user in (*users, *users, None, None)
        ]
        for one in phones:
            one.go()
        await until(
            lambda: all(len(one.phone.channels) == (3 if one.phone.token else 2) for one in phones), phones
        )
        await until(lambda: all_at_the_top(phones, publisher.tops), phones)

        def nobody_is_far_behind() -> bool:
            return all(
                following.position is not None
                and following.position.offset > publisher.tops[channel].offset - BEHIND
                for one in phones
                for channel, following in one.phone.channels.items()
            )

        while publisher.count < publishes:
            for channel in channels:
                await publisher.publish(channel)
            await until(nobody_is_far_behind, phones)
        # What is lost last is found by comparing positions.
        await settle(phones, publisher)
        told = sum((one.phone.told for one in phones), Counter[int]())
        for one in phones:
            assert all(following.reloads == 1 for following in one.phone.channels.values()), "never reloaded"
            await one.leave()
    assert sum(lost.values()) >= publishes // every // 2
    assert told[2500]
    assert told[3010]
    printed(
        f"a broker that drops each {every}th message, {type(broker).__name__}:"
        f" {publisher.count} publications, {sum(lost.values())} dropped;"
        f" 2500 told {told[2500]} times, 3010 {told[3010]}; all logs whole"
    )
