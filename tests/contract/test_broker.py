"""What every broker promises: in memory, on one Redis, on shards, on a cluster, under Sentinels."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from itertools import count

import pytest

from adapters.memory.broker import MemoryBroker, MemoryStreams
from adapters.redis.broker import RedisBroker
from core.clock import CHINA, ManualClock
from realtime.broker import Broker, PresenceStats, Present
from realtime.stream import Position, Publication
from tests.contract.hearing import KEEP, listening

NOON = datetime(2026, 11, 23, 12, tzinfo=CHINA)
Maker = Callable[[], Broker]
REDIS = {
    "one": "redis_server",
    "shards": "redis_shards",
    "cluster": "redis_cluster",
    "sentinels": "watched_redis",
}


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.redis) for name in REDIS)])
async def broker_of(request: pytest.FixtureRequest) -> AsyncIterator[Maker]:
    """Makes brokers that share one backend, as the processes of one installation do."""
    made: list[Broker] = []
    if request.param == "memory":
        numbers = count()
        streams = MemoryStreams(clock=ManualClock(NOON), new_epoch=lambda: f"e{next(numbers)}")

        def make() -> Broker:
            made.append(MemoryBroker(streams))
            return made[-1]
    else:
        redis = request.getfixturevalue(REDIS[request.param])
        redis.ensure_running()
        prefix = f"t{secrets.token_hex(4)}"

        def make() -> Broker:
            made.append(RedisBroker(redis.urls, prefix=prefix))
            return made[-1]

    yield make
    for broker in made:
        await broker.close()


async def test_publications_are_numbered_from_one_without_holes(broker_of: Maker) -> None:
    broker = broker_of()
    positions = [await broker.publish("queue:a", b"{}", keep=KEEP) for _ in range(4)]
    assert [position.offset for position in positions] == [1, 2, 3, 4]
    assert len({position.epoch for position in positions}) == 1
    other = await broker.publish("queue:b", b"{}", keep=KEEP)
    assert other.offset == 1
    assert other.epoch != positions[0].epoch


async def test_another_process_hears_them_in_order_with_their_positions(broker_of: Maker) -> None:
    writer, reader = broker_of(), broker_of()
    ear = await listening(reader, "queue:a")
    sent = [b'{"n":%d}' % number for number in range(50)]
    positions = [await writer.publish("queue:a", data, keep=KEEP) for data in sent]
    await writer.publish("queue:b", b"{}", keep=KEEP)
    await ear.until(lambda: len(ear.heard) >= 50)
    assert ear.heard == [
        ("queue:a", Publication(data, position.offset, position.epoch))
        for data, position in zip(sent, positions, strict=True)
    ]


async def test_the_publisher_hears_itself(broker_of: Maker) -> None:
    broker = broker_of()
    ear = await listening(broker, "queue:a")
    await broker.publish("queue:a", b"{}", keep=KEEP)
    await ear.until(lambda: ear.offsets == [1])


async def test_what_is_published_after_subscribe_returned_arrives(broker_of: Maker) -> None:
    writer, reader = broker_of(), broker_of()
    ear = await listening(reader)
    for number in range(30):
        await reader.subscribe([f"queue:{number}"])
        await writer.publish(f"queue:{number}", b"{}", keep=KEEP)
    await ear.until(lambda: len(ear.heard) == 30)


async def test_after_unsubscribe_nothing_comes_and_subscribing_again_works(broker_of: Maker) -> None:
    writer, reader = broker_of(), broker_of()
    ear = await listening(reader, "queue:a", "queue:b")
    await reader.unsubscribe(["queue:a"])
    await reader.unsubscribe(["queue:never"])
    await reader.subscribe(["queue:c"])
    await writer.publish("queue:a", b"1", keep=KEEP)
    await writer.publish("queue:c", b"2", keep=KEEP)
    await ear.until(lambda: bool(ear.heard))
    await reader.subscribe(["queue:a"])
    await writer.publish("queue:a", b"3", keep=KEEP)
    await ear.until(lambda: len(ear.heard) == 2)
    assert [publication.data for _, publication in ear.heard] == [b"2", b"3"]


async def test_only_the_newest_are_kept(broker_of: Maker) -> None:
    broker = broker_of()
    for number in range(8):
        await broker.publish("queue:a", b"%d" % number, keep=KEEP)
    history = await broker.history("queue:a", keep=KEEP, limit=100)
    assert history.position.offset == 8
    assert [(one.offset, one.data) for one in history.publications] == [
        (4, b"3"), (5, b"4"), (6, b"5"), (7, b"6"), (8, b"7"),
    ]  # fmt: skip
    assert {one.epoch for one in history.publications} == {history.position.epoch}


@pytest.mark.parametrize(
    ("since", "limit", "reverse", "expected"),
    [
        (None, 0, False, []),
        (None, 2, False, [4, 5]),
        (None, 2, True, [8, 7]),
        (6, 10, False, [7, 8]),
        (6, 10, True, [5, 4]),
        (6, 1, True, [5]),
        (8, 10, False, []),
        (1, 2, False, [4, 5]),
        (0, 10, True, []),
    ],
)
async def test_history_is_read_from_either_end(
    broker_of: Maker, since: int | None, limit: int, reverse: bool, expected: list[int]
) -> None:
    broker = broker_of()
    for _ in range(8):
        last = await broker.publish("queue:a", b"{}", keep=KEEP)
    position = None if since is None else Position(since, last.epoch)
    history = await broker.history("queue:a", keep=KEEP, since=position, limit=limit, reverse=reverse)
    assert [one.offset for one in history.publications] == expected
    assert history.position == last


async def test_a_position_of_another_epoch_brings_only_the_top(broker_of: Maker) -> None:
    broker = broker_of()
    top = await broker.publish("queue:a", b"{}", keep=KEEP)
    other = await broker.history("queue:a", keep=KEEP, since=Position(0, "other"), limit=9)
    assert (other.position, other.publications) == (top, ())
    anyone = await broker.history("queue:a", keep=KEEP, since=Position(0, ""), limit=9)
    assert [one.offset for one in anyone.publications] == [1]


async def test_a_channel_never_heard_of_has_an_epoch_that_stays(broker_of: Maker) -> None:
    broker = broker_of()
    first = (await broker.history("queue:a", keep=KEEP)).position
    assert first.offset == 0
    assert first.epoch
    assert await broker.publish("queue:a", b"{}", keep=KEEP) == Position(1, first.epoch)


async def test_the_same_key_publishes_once(broker_of: Maker) -> None:
    writer, reader = broker_of(), broker_of()
    ear = await listening(reader, "queue:a")
    first = await writer.publish("queue:a", b"1", keep=KEEP, idempotency_key="row-1")
    again = await writer.publish("queue:a", b"1", keep=KEEP, idempotency_key="row-1")
    await writer.publish("queue:a", b"2", keep=KEEP, idempotency_key="row-2")
    await ear.until(lambda: len(ear.heard) == 2)
    assert first == again
    assert ear.offsets == [1, 2]


async def test_without_keep_nothing_is_numbered_or_kept(broker_of: Maker) -> None:
    writer, reader = broker_of(), broker_of()
    ear = await listening(reader, "typing:a")
    assert await writer.publish("typing:a", b"[1:2]", keep=None) == Position(0, "")
    await ear.until(lambda: bool(ear.heard))
    assert ear.heard == [("typing:a", Publication(b"[1:2]"))]
    assert (await writer.history("typing:a", keep=KEEP, limit=9)).publications == ()


async def test_payloads_pass_unchanged(broker_of: Maker) -> None:
    broker = broker_of()
    ear = await listening(broker, "queue:a")
    data = '{"a":"号:：\\n","b":"%s"}'.encode() % (b"x" * 70_000)
    await broker.publish("queue:a", data, keep=KEEP)
    await ear.until(lambda: bool(ear.heard))
    assert ear.heard[0][1].data == data
    assert (await broker.history("queue:a", keep=KEEP, limit=1)).publications[0].data == data


async def test_presence_counts_connections_and_users_of_all_processes(broker_of: Maker) -> None:
    one, other = broker_of(), broker_of()
    assert await one.presence_stats("queue:a") == PresenceStats(0, 0)
    await one.add_presence("queue:a", {"c1": Present("u1"), "c2": Present("")})
    await other.add_presence("queue:a", {"c3": Present("u1", b'{"user":"u1"}')})
    await other.add_presence("queue:a", {"c3": Present("u1", b'{"user":"u1"}')})
    assert await other.presence_stats("queue:a") == PresenceStats(3, 2)
    await one.remove_presence("queue:a", ["c1", "c2", "unknown"])
    assert await one.presence_stats("queue:a") == PresenceStats(1, 1)


async def test_presence_lists_who_watches_as_they_were_told(broker_of: Maker) -> None:
    one, other = broker_of(), broker_of()
    assert await one.presence("queue:a", limit=5) == {}
    shown = '{"user":"u1","client":"c1","conn_info":{"name":"号\\n:"}}'.encode()
    await one.add_presence("queue:a", {"c1": Present("u1", shown), "c2": Present("")})
    await other.add_presence("queue:a", {"c3": Present("u.3@x")})
    assert await other.presence("queue:a", limit=3) == {
        "c1": Present("u1", shown), "c2": Present(""), "c3": Present("u.3@x"),
    }  # fmt: skip
    assert await other.presence("queue:a", limit=2) is None
    await one.add_presence("queue:a", {"c1": Present("u1", b"{}")})
    await other.remove_presence("queue:a", ["c2", "c3"])
    assert await one.presence("queue:a", limit=2) == {"c1": Present("u1", b"{}")}
    assert await one.presence_stats("queue:a") == PresenceStats(1, 1)


async def test_a_crowd_is_counted_and_not_listed(broker_of: Maker) -> None:
    broker = broker_of()
    await broker.add_presence("queue:a", {f"c{n}": Present(f"u{n % 7}") for n in range(1_200)})
    assert await broker.presence_stats("queue:a") == PresenceStats(1_200, 7)
    assert await broker.presence("queue:a", limit=1_000) is None
    everyone = await broker.presence("queue:a", limit=1_200)
    assert everyone is not None
    assert len(everyone) == 1_200


async def test_who_published_comes_with_the_publication(broker_of: Maker) -> None:
    writer, reader = broker_of(), broker_of()
    ear = await listening(reader, "queue:a", "typing:a")
    info = '{"user":"u1","client":"c:1","conn_info":"号:3:"}'.encode()
    first = await writer.publish("queue:a", b'{"n":1}', keep=KEEP, info=info)
    second = await writer.publish("queue:a", b"2", keep=KEEP)
    await writer.publish("typing:a", b"true", keep=None, info=info)
    await ear.until(lambda: len(ear.heard) == 3)
    kept = (Publication(b'{"n":1}', 1, first.epoch, info), Publication(b"2", 2, second.epoch))
    assert [one for channel, one in ear.heard if channel == "queue:a"] == list(kept)
    assert [one for channel, one in ear.heard if channel == "typing:a"] == [Publication(b"true", info=info)]
    assert (await writer.history("queue:a", keep=KEEP, limit=9)).publications == kept


async def test_many_publish_at_once(broker_of: Maker) -> None:
    writers = [broker_of() for _ in range(3)]
    reader = broker_of()
    ear = await listening(reader, "queue:a")
    await asyncio.gather(
        *(writer.publish("queue:a", b"{}", keep=KEEP) for writer in writers for _ in range(40))
    )
    await ear.until(lambda: len(ear.heard) == 120)
    assert ear.offsets == list(range(1, 121))


async def test_memory_forgets_by_age() -> None:
    clock = ManualClock(NOON)
    broker = MemoryBroker(MemoryStreams(clock=clock, new_epoch=lambda: "e"))
    await broker.publish("queue:a", b"1", keep=KEEP, idempotency_key="k")
    await broker.add_presence("queue:a", {"c": Present("u")})
    clock.advance(timedelta(seconds=61))
    history = await broker.history("queue:a", keep=KEEP, limit=9)
    assert (history.position.offset, history.publications) == (1, ())
    assert await broker.presence_stats("queue:a") == PresenceStats(0, 0)
    clock.advance(timedelta(seconds=300))
    assert (await broker.publish("queue:a", b"1", keep=KEEP, idempotency_key="k")).offset == 2
