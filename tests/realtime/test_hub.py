"""The hub against a broker that answers when the test says so: one read for many, races, gaps, trouble."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from adapters.memory.broker import MemoryBroker, MemoryStreams
from core.clock import ManualClock
from realtime.broker import BrokerUnavailable, Keep
from realtime.channels import houzhen_channels
from realtime.fanout import Push
from realtime.feed import Joined
from realtime.hub import Hub
from realtime.metrics import RealtimeMetrics
from realtime.stream import History, Position
from tests.protocol import house as protocol_house
from tests.protocol.stage import NOON

LINE = "screen:hall-3f"
CHANNELS = houzhen_channels()
KEEP = CHANNELS.find(LINE)[0].keep
assert KEEP is not None


class SlowBroker(MemoryBroker):
    """Memory, but history waits at a gate when there is one, and anything can be away."""

    immediate = False

    def __init__(self, streams: MemoryStreams) -> None:
        super().__init__(streams)
        self.gate: asyncio.Event | None = None
        self.reads = 0
        self.away = False

    async def history(
        self,
        channel: str,
        *,
        keep: Keep,
        since: Position | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> History:
        self.reads += 1
        if self.away:
            raise BrokerUnavailable
        read = await super().history(channel, keep=keep, since=since, limit=limit, reverse=reverse)
        if self.gate is not None:
            await self.gate.wait()
        return read


@dataclass(eq=False)
class Phone:
    """A subscriber that remembers."""

    client: str
    user: str = ""
    heard: list[bytes] = field(default_factory=list)
    joined: Joined | None = None
    lost_channels: list[str] = field(default_factory=list)
    failed: bool = False
    broken: bool = False
    open_fd: int = -1
    writes: int = 0

    def info(self, channel: str) -> bytes:
        return b'{"user":"%b"}' % self.user.encode()

    def deliver(self, push: Push) -> None:
        if self.broken:
            raise RuntimeError("a fault of ours")
        self.writes += 1
        self.heard += push.payload.split(b"\n")

    def go_on(self, push: Push, sent: int) -> None:
        raise AssertionError("nothing was sent to a descriptor")

    def lost(self, channel: str) -> None:
        self.lost_channels.append(channel)

    def fail(self) -> None:
        self.failed = True

    @property
    def offsets(self) -> list[int]:
        missed = self.joined.publications if self.joined is not None else ()
        return [one.offset for one in missed] + [
            int(payload.rsplit(b":", 1)[1].rstrip(b"}")) for payload in self.heard
        ]


class House:
    """A hub on a slow broker."""

    def __init__(self) -> None:
        self.streams = MemoryStreams(clock=ManualClock(NOON), new_epoch=lambda: "e1")
        self.broker = SlowBroker(self.streams)
        self.metrics = RealtimeMetrics(CollectorRegistry())
        self.hub = Hub(broker=self.broker, channels=CHANNELS, clock=ManualClock(NOON), metrics=self.metrics)

    async def publish(self, times: int = 1) -> None:
        for _ in range(times):
            await self.broker.publish(LINE, b'{"line":"L1"}', keep=KEEP)
        await settle()

    async def join(self, phone: Phone, since: int | None = None, *, epoch: str = "e1") -> None:
        position = None if since is None else Position(since, epoch)
        joined = self.hub.join_now(phone, {LINE: position})
        if joined is not None:
            phone.joined = joined[LINE]
            return

        def answer(results: object) -> None:
            phone.joined = results[LINE]  # type: ignore[index]
            assert phone.heard == []

        await self.hub.join(phone, {LINE: position}, answer)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    async with made.hub:
        yield made


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_that_come_back_at_once_cost_one_history_read(house: House) -> None:
    await house.publish(10)
    house.broker.gate = asyncio.Event()
    phones = [Phone(f"c{number}") for number in range(500)]
    joining = [asyncio.create_task(house.join(phone, 4)) for phone in phones]
    await settle()
    await house.publish(2)
    house.broker.gate.set()
    await asyncio.gather(*joining)
    assert house.broker.reads == 1
    for phone in phones:
        assert phone.joined is not None
        assert phone.joined.recovered
        assert phone.offsets == [5, 6, 7, 8, 9, 10, 11, 12]
    await house.publish()
    assert all(phone.offsets[-1] == 13 for phone in phones)


async def test_an_older_position_needs_a_wider_read(house: House) -> None:
    await house.publish(10)
    house.broker.gate = asyncio.Event()
    newer, older, fresh = Phone("n"), Phone("o"), Phone("f")
    joining = [
        asyncio.create_task(house.join(phone, since))
        for phone, since in ((newer, 8), (older, 2), (fresh, None))
    ]
    await settle()
    house.broker.gate.set()
    await asyncio.gather(*joining)
    assert house.broker.reads == 2
    assert (newer.offsets, older.offsets, fresh.offsets) == ([9, 10], [3, 4, 5, 6, 7, 8, 9, 10], [])


async def test_a_settled_channel_is_joined_without_any_read(house: House) -> None:
    await house.publish(3)
    await house.join(Phone("first"))
    reads = house.broker.reads
    again, new = Phone("again"), Phone("new")
    await house.join(again, 3)
    await house.join(new)
    assert house.broker.reads == reads
    assert again.joined == Joined(Position(3, "e1"), recovered=True)
    assert new.joined == Joined(Position(3, "e1"))


@pytest.mark.parametrize(("since", "epoch"), [(9, "e1"), (2, "old")])
async def test_a_position_that_cannot_be_is_not_recovered(house: House, since: int, epoch: str) -> None:
    await house.publish(3)
    phone = Phone("c")
    await house.join(phone, since, epoch=epoch)
    assert phone.joined == Joined(Position(3, "e1"))


async def test_a_publication_racing_the_subscribe_comes_exactly_once(house: House) -> None:
    for round_ in range(20):
        phone = Phone(f"c{round_}")
        top = (await house.broker.history(LINE, keep=KEEP)).position.offset
        house.broker.gate = asyncio.Event()
        joining = asyncio.create_task(house.join(phone, max(0, top - 1)))
        for _ in range(round_ % 4):
            await asyncio.sleep(0)
        await house.publish(3)
        house.broker.gate.set()
        await joining
        await house.publish(2)
        assert phone.offsets == list(range(max(0, top - 1) + 1, top + 6))


async def test_someone_who_gives_up_leaves_nothing_behind(house: House) -> None:
    await house.publish(3)
    house.broker.gate = asyncio.Event()
    joining = asyncio.create_task(house.join(Phone("c"), 1))
    await settle()
    joining.cancel()
    await asyncio.gather(joining, return_exceptions=True)
    house.broker.gate.set()
    await settle()
    tap = house.hub._taps[LINE]
    assert tap.feed.vacant
    assert tap.reading is None


async def test_a_broker_that_is_away_says_no_to_everyone_who_waits(house: House) -> None:
    house.broker.away = True
    for phone in (Phone("a"), Phone("b")):
        with pytest.raises(BrokerUnavailable):
            await house.join(phone, 1)
    house.broker.away = False
    back = Phone("c")
    await house.join(back)
    assert back.joined is not None


async def test_one_that_raises_ends_alone(house: House) -> None:
    good, bad = Phone("good"), Phone("bad", broken=True)
    for phone in (bad, good):
        await house.join(phone)
    await house.publish()
    assert bad.failed
    assert good.offsets == [1]


async def test_what_was_missed_in_silence_is_found_by_comparing_positions(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.limits.REALTIME_POSITION_GRACE_SECONDS", 0.01)
    phone = Phone("c")
    await house.join(phone)
    house.streams.ignore(LINE, house.hub._hear)
    await house.publish(2)
    house.streams.listen(LINE, house.hub._hear)
    house.hub._interrupted([LINE])
    await eventually(lambda: phone.lost_channels == [LINE])
    back = Phone("c")
    await house.join(back, 0)
    assert back.offsets == [1, 2]


async def test_presence_is_passed_on(house: House) -> None:
    phones = [Phone("a", "u1"), Phone("b", "u1"), Phone("c", "u2")]
    for phone in phones:
        await house.join(phone)
    stats = await house.hub.presence_stats(LINE)
    assert (stats.clients, stats.users) == (3, 2)
    house.hub.leave(phones[0], LINE)
    house.hub.leave(phones[2], LINE)
    stats = await house.hub.presence_stats(LINE)
    assert (stats.clients, stats.users) == (1, 1)


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(2):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_client_that_leaves_in_the_moment_it_asked_leaves_nothing_behind() -> None:
    house = protocol_house.House()
    async with house.hub:
        client = await house.client()
        client.say({"id": 2, "subscribe": {"channel": LINE}}, {"id": 3, "history": {"channel": LINE}})
        client.protocol.gone()
        await settle()
        gc.collect()
        assert all(tap.feed.vacant for tap in house.hub._taps.values())
