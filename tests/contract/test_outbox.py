"""From commit to broker on both databases: nothing lost, nothing twice, in order, whatever fails."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.outbox import SqlOutbox
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.clock import ManualClock
from core.events import Outgoing
from core.leases import Fence, LeaseLost
from core.outbox import Waiting
from core.refusals import Unavailable
from server.relay import Relay, RelayGauges
from tests.contract.sql_examples import NOON, a_line, moved, new


@dataclass
class Listening:
    """A broker that writes down what it is told, once per key, and can be away."""

    told: list[tuple[str, bytes]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    away: bool = False
    poison: bytes = b"never"
    stalled: frozenset[str] = frozenset()
    asked: int = 0
    busy: int = 0
    busiest: int = 0

    async def publish(self, channel: str, data: bytes, key: str) -> None:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        self.asked += 1
        if channel in self.stalled:
            await asyncio.Event().wait()
        if self.away:
            raise Unavailable
        if data == self.poison:
            raise ValueError("a defect")
        if key not in self.keys:
            self.keys.add(key)
            self.told.append((channel, data))

    def of(self, channel: str) -> list[bytes]:
        return [data for name, data in self.told if name == channel]


@pytest.fixture
def nudge() -> MemoryNudge:
    return MemoryNudge()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def units(database: Database, nudge: MemoryNudge, clock: ManualClock) -> SqlUnits:
    return SqlUnits(database, clock=clock, nudge=nudge)


@pytest.fixture
def outbox(database: Database) -> SqlOutbox:
    return SqlOutbox(database)


@pytest.fixture
def broker() -> Listening:
    return Listening()


@pytest.fixture
def relay(outbox: SqlOutbox, broker: Listening, nudge: MemoryNudge, clock: ManualClock) -> Relay:
    return Relay(outbox, publish=broker.publish, nudge=nudge, clock=clock)


async def publish(units: SqlUnits, *outgoing: tuple[str, bytes]) -> None:
    async with units.begin() as unit:
        unit.publish(*[Outgoing(channel, data) for channel, data in outgoing])
        await unit.commit()


async def test_only_what_is_committed_is_published(
    units: SqlUnits, relay: Relay, broker: Listening, nudge: MemoryNudge
) -> None:
    async with units.begin() as unit:
        unit.publish(Outgoing("queue:L1", b"never"))
    assert not await nudge.wait(0.01)
    await publish(units, ("queue:L1", b'{"a":"\xe5\x8f\xb7\\"}'), ("screen:s", bytes(range(256))))
    assert await nudge.wait(0.01)
    assert await relay.sweep()
    assert broker.told == [("queue:L1", b'{"a":"\xe5\x8f\xb7\\"}'), ("screen:s", bytes(range(256)))]
    assert await relay.sweep()
    assert len(broker.told) == 2


async def test_a_line_and_its_publication_are_one_transaction(
    units: SqlUnits, outbox: SqlOutbox, relay: Relay, broker: Listening
) -> None:
    line = a_line(tickets=30)
    async with units.begin() as unit:
        await unit.lines.keep(new(line))
        await unit.commit()

    async def call(at: int) -> None:
        async with units.begin() as unit:
            before = await unit.lines.load_for_change(line.id)
            change = moved(before, f"A{at + 1:03d}")
            await unit.lines.keep(change)
            unit.publish(Outgoing("queue:L0301", str(change.after.version).encode()))
            await asyncio.sleep(0.001 * (at % 3))
            await unit.commit()

    async def sweep_often() -> None:
        while len(broker.told) < 30:
            await relay.sweep()

    async with asyncio.timeout(60):
        await asyncio.gather(sweep_often(), *[call(at) for at in range(30)])
    assert [int(version) for version in broker.of("queue:L0301")] == list(range(2, 32))
    assert (await outbox.backlog()).rows == 0


async def test_more_than_a_batch_goes_out_in_order_channels_side_by_side(
    units: SqlUnits, relay: Relay, broker: Listening
) -> None:
    rows = [(f"queue:L{n % 100}", str(n).encode()) for n in range(2 * limits.RELAY_BATCH_ROWS + 1)]
    await publish(units, *rows)
    assert await relay.sweep()
    assert sorted(broker.told) == sorted(rows)
    for channel in {channel for channel, _ in rows}:
        assert broker.of(channel) == [data for name, data in rows if name == channel]
    assert 1 < broker.busiest <= limits.RELAY_CHANNELS_AT_ONCE


async def test_a_broker_that_is_away_loses_nothing(
    units: SqlUnits, outbox: SqlOutbox, broker: Listening, nudge: MemoryNudge, clock: ManualClock
) -> None:
    behind: list[tuple[int, float]] = []
    published: list[tuple[int, float]] = []
    gauges = RelayGauges(
        published=lambda count, lag: published.append((count, lag)),
        behind=lambda rows, lag: behind.append((rows, lag)),
    )
    relay = Relay(outbox, publish=broker.publish, nudge=nudge, clock=clock, gauges=gauges)
    broker.away = True
    await publish(units, ("queue:L1", b"1"), ("queue:L2", b"2"))
    clock.advance(timedelta(seconds=3))
    assert not await relay.sweep()
    await publish(units, ("queue:L1", b"3"))
    broker.away = False
    assert await relay.sweep()
    assert broker.of("queue:L1") == [b"1", b"3"]
    assert behind == [(2, 3.0), (0, 0.0)]
    assert published == [(3, 3.0)]


async def test_a_publication_that_always_fails_holds_up_only_its_channel(
    units: SqlUnits, relay: Relay, broker: Listening
) -> None:
    broker.poison = b"poison"
    many = [("queue:bad", b"later")] * limits.RELAY_BATCH_ROWS
    await publish(units, ("queue:bad", b"poison"), *many, ("queue:good", b"fine"))
    assert not await relay.sweep()
    assert broker.told == [("queue:good", b"fine")]
    broker.poison = b"nothing"
    assert await relay.sweep()
    assert len(broker.of("queue:bad")) == limits.RELAY_BATCH_ROWS + 1


async def test_a_broker_that_stalls_for_some_channels_holds_up_only_those(
    units: SqlUnits, relay: Relay, broker: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAY_PUBLISH_SECONDS", 0.1)
    monkeypatch.setattr(limits, "RELAY_STUCK_SECONDS", 0.01)
    broker.stalled = frozenset(f"queue:S{n}" for n in range(50))
    for channel in sorted(broker.stalled):
        await publish(units, (channel, b"1"))
    running = asyncio.create_task(relay.run())
    try:
        for number in range(20):
            await publish(units, ("queue:good", b"%d" % number), ("queue:S0", b"2"))
            async with asyncio.timeout(20):
                while len(broker.of("queue:good")) <= number:
                    await asyncio.sleep(0.005)
        assert {channel for channel, _ in broker.told} == {"queue:good"}
        broker.stalled = frozenset()
        async with asyncio.timeout(20):
            while len(broker.told) < 20 + 50 + 20:
                await asyncio.sleep(0.005)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert broker.of("queue:S0") == [b"1", *[b"2"] * 20]


async def test_a_long_backlog_of_stuck_channels_is_not_read_each_time(
    units: SqlUnits, outbox: SqlOutbox, broker: Listening, nudge: MemoryNudge, clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(limits, "RELAY_BATCH_ROWS", 10)
    monkeypatch.setattr(limits, "RELAY_LATE_ROWS", 20)
    pages = 0

    class Counted(SqlOutbox):
        async def waiting(self, *, after: int, limit: int) -> list[Waiting]:
            nonlocal pages
            pages += 1
            return await super().waiting(after=after, limit=limit)

    relay = Relay(Counted(outbox._database), publish=broker.publish, nudge=nudge, clock=clock)
    broker.poison = b"stuck"
    await publish(units, *[(f"queue:bad{n % 7}", b"stuck") for n in range(200)])
    assert not await relay.sweep()
    assert pages > 20
    asked, pages = broker.asked, 0
    await publish(units, ("queue:good", b"fine"))
    assert not await relay.sweep()
    assert broker.told == [("queue:good", b"fine")]
    assert pages <= 5
    assert broker.asked - asked <= 8
    broker.poison = b"nothing"
    assert await relay.sweep()
    assert len(broker.told) == 201


async def test_what_was_published_but_not_yet_deleted_is_not_told_twice(
    units: SqlUnits, outbox: SqlOutbox, broker: Listening, nudge: MemoryNudge, clock: ManualClock
) -> None:
    def lost() -> Fence:
        raise LeaseLost(lease="relay")

    await publish(units, ("queue:L1", b"1"))
    dying = Relay(outbox, publish=broker.publish, nudge=nudge, clock=clock, fence=lost)
    with pytest.raises(LeaseLost):
        await dying.sweep()
    assert (await outbox.backlog()).rows == 1
    assert await Relay(outbox, publish=broker.publish, nudge=nudge, clock=clock).sweep()
    assert broker.told == [("queue:L1", b"1")]


async def test_ids_are_never_used_again(units: SqlUnits, outbox: SqlOutbox, relay: Relay) -> None:
    keys = set()
    for _ in range(3):
        await publish(units, ("queue:L1", b"same"))
        waiting = await outbox.waiting(after=0, limit=10)
        keys |= {each.key for each in waiting}
        await relay.sweep()
    assert len(keys) == 3


async def test_the_running_relay_follows_nudges_and_does_not_wait_for_its_sweep(
    units: SqlUnits, relay: Relay, broker: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAY_SWEEP_SECONDS", 60)
    running = asyncio.create_task(relay.run())
    await asyncio.sleep(0.05)
    await publish(units, ("queue:L1", b"1"))
    async with asyncio.timeout(60):
        while not broker.told:
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_running_relay_finds_what_nobody_nudged_about(
    units: SqlUnits, database: Database, relay: Relay, broker: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RELAY_SWEEP_SECONDS", 0.05)
    monkeypatch.setattr(limits, "RELAY_RETRY_SECONDS", 0.05)
    running = asyncio.create_task(relay.run())
    broker.away = True
    other_process = SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())
    await publish(other_process, ("queue:L1", b"1"))
    await asyncio.sleep(0.2)
    broker.away = False
    async with asyncio.timeout(60):
        while not broker.told:
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
