"""Deliveries: joined while busy, sliced, fair to the small: nobody gets too much, too little or too late."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from core import limits
from core.elsewhere import Elsewhere
from realtime.channels import houzhen_channels
from realtime.delivery import Deliveries, Told
from realtime.fanout import Push, Subscriber, fan_out
from realtime.feed import Feed, Heard
from realtime.stream import History, Position, Publication

POLICY, _ = houzhen_channels().find("queue:L1")
SLICE = 3
LEFT = -1


@dataclass(eq=False)
class Channel:
    """A feed and what waits for it."""

    name: str
    pending: list[Publication] | None = None
    under_way: int = 0
    offset: int = 0
    feed: Feed["Ear"] = field(init=False)

    def __post_init__(self) -> None:
        self.feed = Feed(self.name, POLICY)
        self.feed.hold()
        self.feed.position = Position(0, "e")


@dataclass(eq=False)
class Ear:
    """A subscriber that remembers what it got, and in how many writes."""

    client: str = ""
    user: str = ""
    open_fd: int = -1
    got: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    writes: int = 0

    def deliver(self, push: Push) -> None:
        self.writes += 1
        for part in push.parts:
            channel, _, offset = part.payload.decode().partition("/")
            self.got[channel].append(int(offset))

    def go_on(self, push: Push, sent: int) -> None:
        raise AssertionError

    def lost(self, channel: str) -> None:
        raise AssertionError

    def fail(self) -> None:
        raise AssertionError


class Town:
    """Channels, ears and the deliveries between them, with a loop that turns when told."""

    def __init__(self, channels: int, ears: int) -> None:
        self.channels = [Channel(f"queue:L{number}") for number in range(channels)]
        self.ears = [Ear(str(number)) for number in range(ears)]
        self.now = 0.0
        self.deliveries: Deliveries[Channel] = Deliveries(
            hear=self._hear, fan_out=fan_out, monotonic=self._watch, slice_receivers=SLICE
        )
        self.since: dict[tuple[int, int], int] = {}

    def _watch(self) -> float:
        return self.now

    def _hear(self, channel: Channel, publications: Sequence[Publication]) -> list[Told]:
        told: list[Told] = []
        for one in publications:
            heard: Heard[Ear] = channel.feed.hear(one)
            assert not heard.lost
            told.append((heard.receivers, [Push.of(f"{channel.name}/{one.offset}".encode())]))
        return told

    def publish(self, channel: int) -> None:
        source = self.channels[channel]
        source.offset += 1
        self.deliveries.take(source, Publication(b"{}", source.offset, "e"))

    def join(self, channel: int, ear: int) -> None:
        source = self.channels[channel]
        if self.ears[ear] in source.feed:
            return
        joined = source.feed.join(self.ears[ear], since=None, history=None)
        assert joined is not None
        assert joined.position is not None
        self.since[channel, ear] = joined.position.offset
        self.ears[ear].got[source.name] = []

    def leave(self, channel: int, ear: int) -> None:
        source = self.channels[channel]
        if self.since.pop((channel, ear), None) is None:
            return
        source.feed.leave(self.ears[ear])
        self.deliveries.drop(source, self.ears[ear])
        self.ears[ear].got[source.name] = [LEFT]

    def everything_is_right(self) -> None:
        for number, source in enumerate(self.channels):
            assert (source.pending, source.under_way) == (None, 0)
            for at, ear in enumerate(self.ears):
                since = self.since.get((number, at))
                got = ear.got[source.name]
                if since is None:
                    assert got in ([], [LEFT]), "nothing comes after leaving"
                else:
                    assert got == list(range(since + 1, source.offset + 1)), (source.name, at)


CHANNELS, EARS = 3, 8
numbers = st.tuples(st.integers(0, CHANNELS - 1), st.integers(0, EARS - 1))
moves = st.one_of(
    st.tuples(st.just("publish"), numbers),
    st.tuples(st.just("join"), numbers),
    st.tuples(st.just("leave"), numbers),
    st.tuples(st.just("turn"), numbers),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(moves, max_size=60))
def test_everyone_gets_exactly_what_was_published_while_listening(
    story: list[tuple[str, tuple[int, int]]],
) -> None:
    async def play() -> None:
        town = Town(CHANNELS, EARS)
        for what, (channel, ear) in story:
            match what:
                case "publish":
                    town.publish(channel)
                case "join":
                    town.join(channel, ear)
                case "leave":
                    town.leave(channel, ear)
                case _:
                    await asyncio.sleep(0)
        for _ in range(len(story) * EARS):
            await asyncio.sleep(0)
        town.everything_is_right()

    asyncio.run(play())


async def settle(times: int = 20) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def test_what_comes_in_one_turn_is_one_write() -> None:
    town = Town(2, 1)
    town.join(0, 0)
    town.join(1, 0)
    for _ in range(5):
        town.publish(0)
        town.publish(1)
    await settle()
    town.everything_is_right()
    assert town.ears[0].writes == 1


async def test_what_comes_during_a_delivery_is_joined_for_the_next() -> None:
    town = Town(1, 4 * SLICE)
    for ear in range(len(town.ears)):
        town.join(0, ear)
    town.publish(0)
    await asyncio.sleep(0)
    for _ in range(3):
        town.publish(0)
        await asyncio.sleep(0)
    await settle()
    town.everything_is_right()
    assert {ear.writes for ear in town.ears} == {2}


async def test_a_message_to_one_overtakes_a_delivery_to_many() -> None:
    town = Town(2, 6 * SLICE)
    for ear in range(1, len(town.ears)):
        town.join(0, ear)
    town.join(1, 0)
    town.publish(0)
    await asyncio.sleep(0)
    town.publish(1)
    await asyncio.sleep(0)
    assert town.ears[0].got["queue:L1"] == [1]
    assert sum(ear.writes for ear in town.ears) <= 2 * SLICE + 1
    await settle()
    town.everything_is_right()


async def test_too_much_waiting_holds_up_whoever_brings_more() -> None:
    town = Town(1, 1)
    town.join(0, 0)
    source = town.channels[0]
    large = b"x" * (limits.REALTIME_HEARD_BYTES // 4)
    for offset in range(1, 6):
        town.deliveries.take(source, Publication(large, offset, "e"))
    assert town.ears[0].got[source.name] == [1, 2, 3, 4, 5]


def test_joined_pushes_are_cut_into_bounded_writes_in_order() -> None:
    pushes = [Push.of(b"%d" % number + b"x" * 20_000) for number in range(10)]
    huge = Push.of(b"y" * (2 * limits.REALTIME_WRITE_BYTES))
    writes = Push.joined([*pushes, huge, pushes[0]])
    assert b"".join(one.frame for one in writes) == b"".join(one.frame for one in (*pushes, huge, pushes[0]))
    assert all(len(one.frame) <= limits.REALTIME_WRITE_BYTES or one is huge for one in writes)
    assert writes[-1] is pushes[0]
    assert [part for one in writes for part in one.parts] == [*pushes, huge, pushes[0]]
    assert Push.joined([pushes[0]]) == [pushes[0]]


def test_a_seam_is_found_while_publications_wait() -> None:
    feed: Feed[Ear] = Feed("queue:L1", POLICY)
    feed.hold()
    ear = Ear()
    # The history already holds what the feed has not been told of.
    joined = feed.join(ear, since=Position(0, "e"), history=History(Position(0, "e")))
    assert joined is not None
    other = Ear()
    later = feed.join(other, since=None, history=History(Position(2, "e")))
    assert later is not None
    assert later.position == Position(2, "e")
    assert feed.hear(Publication(b"{}", 1, "e")).receivers == (ear,)
    assert feed.hear(Publication(b"{}", 2, "e")).receivers == (ear,)
    assert set(feed.hear(Publication(b"{}", 3, "e")).receivers) == {ear, other}


async def test_a_busy_loop_is_answered_with_as_much_delivering() -> None:
    town = Town(1, 20 * SLICE)
    for ear in range(len(town.ears)):
        town.join(0, ear)
    town.publish(0)
    await asyncio.sleep(0)
    assert sum(ear.writes for ear in town.ears) == SLICE
    town.now += limits.REALTIME_SLICE_SECONDS / 2

    def tick() -> float:
        town.now += limits.REALTIME_SLICE_SECONDS / 16
        return town.now

    town.deliveries._monotonic = tick
    await asyncio.sleep(0)
    assert 4 * SLICE < sum(ear.writes for ear in town.ears) < 12 * SLICE
    await settle(60)
    town.everything_is_right()


async def test_what_takes_several_turns_gets_them_one_after_the_other() -> None:
    town = Town(1, 20 * SLICE)
    for ear in range(len(town.ears)):
        town.join(0, ear)

    def written() -> int:
        return sum(ear.writes for ear in town.ears)

    def slowly(receivers: Sequence[Subscriber], push: Push) -> None:
        fan_out(receivers, push)
        town.now += 2 * limits.REALTIME_OTHERS_SECONDS

    town.deliveries._fan_out = slowly
    town.publish(0)
    await asyncio.sleep(0)
    assert written() == SLICE
    turns, pause = 5, limits.REALTIME_OTHERS_SECONDS / 10
    for _ in range(turns):
        town.now += pause
        await asyncio.sleep(0)
        assert written() == SLICE
    # A turn in which nobody did anything ends it; and nobody goes on for ever.
    await asyncio.sleep(0)
    assert written() == 2 * SLICE
    for _ in range(12):
        town.now += pause
        await asyncio.sleep(0)
    assert written() == 3 * SLICE
    await settle(60)
    town.everything_is_right()


async def test_a_large_delivery_leaves_the_processor_to_other_threads_for_a_moment() -> None:
    town, elsewhere = Town(1, 20 * SLICE), Elsewhere()
    for ear in range(len(town.ears)):
        town.join(0, ear)
    town.deliveries._busy_elsewhere = elsewhere.busy
    town.publish(0)
    with elsewhere:
        await asyncio.sleep(0)
        written = sum(ear.writes for ear in town.ears)
        assert 0 < written < len(town.ears)
        await asyncio.sleep(5 * limits.REALTIME_NAP_SECONDS)
        assert sum(ear.writes for ear in town.ears) == written
        town.now += limits.REALTIME_OTHERS_SECONDS
        await asyncio.sleep(5 * limits.REALTIME_NAP_SECONDS)
        assert sum(ear.writes for ear in town.ears) == written
        town.now += limits.REALTIME_ELSEWHERE_SECONDS
        async with asyncio.timeout(10):
            while sum(ear.writes for ear in town.ears) == written:
                await asyncio.sleep(limits.REALTIME_NAP_SECONDS)
    async with asyncio.timeout(10):
        while town.deliveries._awake:
            await asyncio.sleep(limits.REALTIME_NAP_SECONDS)
    town.everything_is_right()
