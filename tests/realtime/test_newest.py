"""Channels of which only the newest publication matters: whoever was away gets that one, at once."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from realtime.broker import Keep
from realtime.channels import Policy, Recovery, everyone, houzhen_channels
from realtime.feed import Feed, Joined
from realtime.stream import History, Position, Publication, brought_up_to_date, newest
from tests.realtime.test_hub import House, Phone, settle

BOARD = "queue:L1"
BOARD_KEEP = houzhen_channels().find(BOARD)[0].keep
assert BOARD_KEEP is not None


def one(offset: int, epoch: str = "e1") -> Publication:
    return Publication(b"%d" % offset, offset, epoch)


# The rules.


@pytest.mark.parametrize(
    ("since", "history", "expected"),
    [
        (Position(7, "e1"), History(Position(7, "e1"), (one(7),)), ()),
        (Position(7, ""), History(Position(7, "e1"), (one(7),)), ()),
        (Position(0, "e1"), History(Position(0, "e1")), ()),
        (Position(2, "e1"), History(Position(7, "e1"), (one(7),)), (one(7),)),
        (Position(0, ""), History(Position(7, "e1"), (one(7),)), (one(7),)),
        (Position(9, "e0"), History(Position(7, "e1"), (one(7),)), (one(7),)),
        (Position(7, "e0"), History(Position(7, "e1"), (one(7),)), (one(7),)),
        (Position(9, "e1"), History(Position(7, "e1"), (one(7),)), (one(7),)),
        (Position(2, "e1"), History(Position(7, "e1")), None),
        (Position(2, "e0"), History(Position(0, "e1")), None),
    ],
)
def test_what_somebody_gets_who_was_away(
    since: Position, history: History, expected: tuple[Publication, ...] | None
) -> None:
    assert newest(since, history) == expected


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ([], History(Position(5, "e1"), (one(5),))),
        ([one(4), one(5)], History(Position(5, "e1"), (one(5),))),
        ([one(6)], History(Position(6, "e1"), (one(6),))),
        ([one(6), one(9)], History(Position(9, "e1"), (one(9),))),
        ([one(1, "e2")], None),
    ],
)
def test_what_came_while_the_history_was_read(live: list[Publication], expected: History | None) -> None:
    assert brought_up_to_date(History(Position(5, "e1"), (one(5),)), live) == expected


def test_the_newest_must_be_kept() -> None:
    with pytest.raises(ValueError, match="newest"):
        Policy("hint", keep=None, may_subscribe=everyone, recovery=Recovery.CACHE)


def test_a_line_is_a_whole_board_and_a_screen_is_not() -> None:
    policies = {name: houzhen_channels().find(f"{name}:x")[0] for name in ("queue", "screen", "user")}
    assert policies["queue"].recovery is Recovery.CACHE
    assert policies["screen"].recovery is policies["user"].recovery is Recovery.STREAM


# On a hub.


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    async with made.hub:
        yield made


async def publish(house: House, times: int = 1) -> None:
    for _ in range(times):
        await house.broker.publish(BOARD, b'{"line":"L1"}', keep=BOARD_KEEP)
    await settle()


async def join(house: House, phone: Phone, since: Position | None) -> None:
    joined = house.hub.join_now(phone, {BOARD: since})
    if joined is not None:
        phone.joined = joined[BOARD]
        return

    def answer(results: object) -> None:
        phone.joined = results[BOARD]  # type: ignore[index]
        assert phone.heard == []

    await house.hub.join(phone, {BOARD: since}, answer)


@pytest.mark.parametrize(
    "since", [Position(0, "e1"), Position(40, "e1"), Position(99, "e1"), Position(3, "e0")]
)
async def test_a_phone_that_was_away_however_long_gets_the_newest_board_at_once(
    house: House, since: Position
) -> None:
    await publish(house, 80)
    phone = Phone("c")
    await join(house, phone, since)
    assert phone.joined is not None
    assert phone.joined.recovered
    assert phone.offsets == [80]
    await publish(house)
    assert phone.offsets == [80, 81]


async def test_who_missed_nothing_gets_nothing_again(house: House) -> None:
    await publish(house, 3)
    phone = Phone("c")
    await join(house, phone, Position(3, "e1"))
    assert phone.joined == Joined(Position(3, "e1"), recovered=True)


async def test_when_the_newest_is_kept_no_more_that_is_said(house: House) -> None:
    await publish(house, 3)
    house.streams._streams[BOARD].kept.clear()
    phone = Phone("c")
    await join(house, phone, Position(2, "e1"))
    assert phone.joined == Joined(Position(3, "e1"))


async def test_one_read_serves_everyone_wherever_they_were(house: House) -> None:
    await publish(house, 9)
    house.broker.gate = asyncio.Event()
    phones = [Phone(f"c{number}") for number in range(60)]
    sinces = [None, *(Position(number % 9, "e1") for number in range(58)), Position(4, "e0")]
    joining = [
        asyncio.create_task(join(house, phone, since)) for phone, since in zip(phones, sinces, strict=True)
    ]
    await settle()
    await house.broker.publish(BOARD, b"{}", keep=BOARD_KEEP)
    house.broker.gate.set()
    await asyncio.gather(*joining)
    assert house.broker.reads == 1
    assert phones[0].offsets == []
    assert all(phone.offsets == [10] for phone in phones[1:])


async def test_a_gap_is_no_loss(house: House) -> None:
    phone = Phone("c")
    await join(house, phone, None)
    await publish(house)
    house.streams.ignore(BOARD, house.hub._hear)
    await publish(house, 2)
    house.streams.listen(BOARD, house.hub._hear)
    await publish(house)
    assert (phone.offsets, phone.lost_channels) == ([1, 4], [])


async def test_what_was_missed_in_silence_is_brought(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.limits.REALTIME_POSITION_GRACE_SECONDS", 0.01)
    phone = Phone("c")
    await join(house, phone, None)
    house.streams.ignore(BOARD, house.hub._hear)
    await publish(house, 3)
    house.streams.listen(BOARD, house.hub._hear)
    house.hub._interrupted([BOARD])
    await until(lambda: phone.offsets == [3])
    assert phone.lost_channels == []
    await publish(house)
    assert phone.offsets == [3, 4]


async def test_a_history_that_begins_anew_in_silence_brings_its_newest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.limits.REALTIME_POSITION_GRACE_SECONDS", 0.01)
    phone, newcomer = Phone("c"), Phone("n")
    await join(house, phone, None)
    await publish(house, 5)
    house.streams.ignore(BOARD, house.hub._hear)
    house.streams.forget_everything()
    house.streams._new_epoch = lambda: "e2"
    await publish(house, 2)
    house.streams.listen(BOARD, house.hub._hear)
    await join(house, newcomer, Position(2, "e1"))
    assert newcomer.offsets == [5], "as far as this process knows"
    house.hub._interrupted([BOARD])
    await until(lambda: phone.offsets[5:] == [2])
    assert newcomer.offsets == [5, 2]
    assert phone.lost_channels == newcomer.lost_channels == []
    house.hub._interrupted([BOARD])
    await asyncio.sleep(0.05)
    assert phone.offsets[5:] == [2]


async def test_a_history_that_was_lost_sends_everyone_to_reload(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.limits.REALTIME_POSITION_GRACE_SECONDS", 0.01)
    phone = Phone("c")
    await publish(house, 5)
    await join(house, phone, None)
    house.streams.forget_everything()
    house.streams._new_epoch = lambda: "e2"
    house.hub._interrupted([BOARD])
    await until(lambda: phone.lost_channels == [BOARD])
    back = Phone("c")
    await join(house, back, Position(5, "e1"))
    assert back.joined == Joined(Position(0, "e2"))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


# At random.

KEEP = Keep(items=3, ttl_seconds=60)
POLICY = Policy("test", keep=KEEP, may_subscribe=everyone, recovery=Recovery.CACHE)


@dataclass(eq=False)
class ModelClient:
    """What an SDK and a page do: keep the newest board, and say where they were."""

    position: Position | None = None
    board: Publication | None = None
    live: bool = False
    joining: bool = False

    def take(self, publication: Publication) -> None:
        assert self.live
        assert self.position is not None
        if publication.epoch == self.position.epoch:
            assert publication.offset > self.position.offset, "never twice, never backwards"
        self.position = Position(publication.offset, publication.epoch)
        self.board = publication


@dataclass(eq=False)
class Joining:
    client: ModelClient
    since: Position | None
    history: History | None = None


class OneBoard(RuleBasedStateMachine):
    """One channel of one process whose broker loses what it likes; only a restart loses the board itself."""

    joinings = Bundle("joinings")
    clients = Bundle("clients")

    def __init__(self) -> None:
        super().__init__()
        self.offset = 0
        self.kept: deque[Publication] = deque(maxlen=KEEP.items)
        self.under_way: deque[Publication] = deque()
        self.feed: Feed[ModelClient] = Feed("test:a", POLICY)
        self.everyone: list[ModelClient] = []
        self.pending: list[Joining] = []

    @property
    def newest(self) -> History:
        return History(Position(self.offset, "e"), tuple(self.kept)[-1:])

    @rule()
    def publish(self) -> None:
        self.offset += 1
        self.kept.append(one(self.offset, "e"))
        self.under_way.append(self.kept[-1])

    @rule()
    def arrive(self) -> None:
        if self.under_way:
            self.hear(self.under_way.popleft())

    @rule(count=st.integers(1, 3))
    def lose_on_the_way(self, count: int) -> None:
        for _ in range(min(count, len(self.under_way))):
            self.under_way.popleft()

    def hear(self, publication: Publication) -> None:
        heard = self.feed.hear(publication)
        assert not heard.lost
        for client in heard.receivers:
            client.take(publication)

    @rule(target=clients)
    def a_client_comes(self) -> ModelClient:
        self.everyone.append(ModelClient())
        return self.everyone[-1]

    @rule(target=joinings, client=clients)
    def it_subscribes(self, client: ModelClient) -> Joining:
        joining = Joining(client, client.position)
        if not client.live and not client.joining:
            client.joining = True
            self.feed.hold()
            self.pending.append(joining)
        return joining

    @rule(joining=joinings)
    def the_newest_is_read(self, joining: Joining) -> None:
        if joining in self.pending and not self.feed.joinable_at_once(joining.since):
            joining.history = self.newest

    @rule(joining=consumes(joinings))
    def the_newest_is_there(self, joining: Joining) -> None:
        if joining in self.pending:
            self.complete(joining)

    def complete(self, joining: Joining) -> None:
        client, history = joining.client, joining.history
        if history is None and not self.feed.joinable_at_once(joining.since):
            history = self.newest
        joined = self.feed.join(client, since=joining.since, history=history)
        if joined is None:
            # Somebody else's history was newer; the hub then reads again.
            joined = self.feed.join(client, since=joining.since, history=self.newest)
        self.pending.remove(joining)
        self.feed.release()
        client.joining = False
        assert joined is not None
        assert joined.position is not None
        client.live = True
        if joining.since is None:
            # A first subscription begins with the snapshot, loaded before.
            client.position = joined.position
            return
        assert joined.recovered
        for publication in joined.publications:
            client.take(publication)
        assert client.position == joined.position

    @rule(client=clients)
    def it_leaves(self, client: ModelClient) -> None:
        self.feed.leave(client)
        client.live = False

    @rule()
    def positions_are_checked(self) -> None:
        if self.feed.behind(self.newest.position):
            self.hear(self.kept[-1])

    @invariant()
    def whoever_listens_is_not_behind_the_feed(self) -> None:
        assert {client for client in self.everyone if client.live} == set(self.feed.subscribers)
        for client in self.everyone:
            if client.live and self.feed.position is not None:
                assert client.position is not None
                assert client.position.offset >= self.feed.position.offset

    def teardown(self) -> None:
        for joining in tuple(self.pending):
            self.complete(joining)
        while self.under_way:
            self.hear(self.under_way.popleft())
        self.positions_are_checked()
        for client in self.everyone:
            if client.live:
                assert client.position == self.newest.position
            self.it_leaves(client=client)
        assert self.feed.vacant


OneBoard.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None, database=None)
TestOneBoard = OneBoard.TestCase


def test_nobody_who_comes_back_to_a_line_that_is_heard_needs_a_read() -> None:
    feed: Feed[str] = Feed("queue:L1", POLICY)
    feed.join("first", since=None, history=History(Position(3, "e1")))
    assert not feed.joinable_at_once(Position(1, "e1")), "what the newest says is not known yet"
    board = Publication(b"{}", 4, "e1")
    feed.hear(board)
    assert feed.joinable_at_once(Position(1, "e1"))
    back = feed.join("back", since=Position(1, "e1"), history=None)
    assert back == Joined(Position(4, "e1"), recovered=True, publications=(board,))
    assert feed.join("same", since=Position(4, "e1"), history=None) == Joined(
        Position(4, "e1"), recovered=True
    )
    for elsewhere in (Position(1, "e0"), Position(5, "e1")):
        assert not feed.joinable_at_once(elsewhere)
    feed.restart(Position(9, "e2"))
    assert not feed.joinable_at_once(Position(8, "e2"))
