"""A model of one stream, one process's feed and its clients, driven at random.

The broker is modelled as its real self: publications enter the stream at once and arrive here later, in
order, and sometimes not at all. History reads take a snapshot that is answered later. Whatever happens, a
client that follows the rules holds, at every moment, exactly a prefix of the stream, and ends with all of it.
"""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from realtime.broker import Keep
from realtime.channels import Policy, everyone
from realtime.feed import Feed
from realtime.stream import History, Position, Publication

KEEP = Keep(items=6, ttl_seconds=60)
POLICY = Policy("test", keep=KEEP, may_subscribe=everyone)


@dataclass(eq=False)
class ModelClient:
    """What an SDK does: counts on from its position, keeps what it was given."""

    position: Position | None = None
    log: list[Publication] = field(default_factory=list)
    live: bool = False
    joining: bool = False
    reloads: int = 0

    def take(self, publication: Publication) -> None:
        assert self.live
        assert self.position is not None
        assert publication.epoch == self.position.epoch
        assert publication.offset == self.position.offset + 1, "each exactly once, in order"
        self.position = Position(publication.offset, publication.epoch)
        self.log.append(publication)


@dataclass(eq=False)
class Joining:
    client: ModelClient
    since: Position | None
    history: History | None = None


class OneChannel(RuleBasedStateMachine):
    """One channel of one process."""

    joinings = Bundle("joinings")
    clients = Bundle("clients")

    def __init__(self) -> None:
        super().__init__()
        self.epoch = 0
        self.offset = 0
        self.truth: list[Publication] = []
        self.kept: deque[Publication] = deque(maxlen=KEEP.items)
        self.under_way: deque[Publication] = deque()
        self.feed: Feed[ModelClient] = Feed("test:a", POLICY)
        self.everyone: list[ModelClient] = []
        self.pending: list[Joining] = []

    @property
    def top(self) -> Position:
        return Position(self.offset, f"e{self.epoch}")

    @rule()
    def publish(self) -> None:
        self.offset += 1
        one = Publication(b"%d" % self.offset, self.offset, f"e{self.epoch}")
        self.truth.append(one)
        self.kept.append(one)
        self.under_way.append(one)

    @rule()
    def the_broker_restarts_empty(self) -> None:
        self.epoch += 1
        self.offset = 0
        self.truth.clear()
        self.kept.clear()
        self.under_way.clear()

    @rule(count=st.integers(1, 3))
    def arrive(self, count: int) -> None:
        for _ in range(min(count, len(self.under_way))):
            self.hear(self.under_way.popleft())

    def hear(self, one: Publication) -> None:
        heard = self.feed.hear(one)
        for client in heard.receivers:
            client.take(one)
        self.lose(heard.lost)

    def lose(self, lost: object) -> None:
        for client in lost:  # type: ignore[attr-defined]
            assert client.live
            client.live = False

    @rule()
    def lose_one_on_the_way(self) -> None:
        if self.under_way:
            self.under_way.popleft()

    @rule(target=clients)
    def a_client_comes(self) -> ModelClient:
        client = ModelClient()
        self.everyone.append(client)
        return client

    @rule(target=joinings, client=clients)
    def it_subscribes(self, client: ModelClient) -> Joining:
        joining = Joining(client, client.position)
        if not client.live and not client.joining:
            client.joining = True
            self.feed.hold()
            self.pending.append(joining)
        return joining

    @rule(joining=joinings)
    def its_history_is_read(self, joining: Joining) -> None:
        if joining in self.pending and not self.feed.joinable_at_once(joining.since):
            joining.history = History(self.top, tuple(self.kept))

    @rule(joining=consumes(joinings))
    def its_history_arrives(self, joining: Joining) -> None:
        if joining in self.pending:
            self.complete(joining)

    def complete(self, joining: Joining) -> None:
        client = joining.client
        history = joining.history
        if history is None and not self.feed.joinable_at_once(joining.since):
            history = History(self.top, tuple(self.kept))
        if history is not None and self.feed.contradicted_by(history.position):
            self.lose(self.feed.restart(history.position))
        joined = self.feed.join(client, since=joining.since, history=history)
        self.pending.remove(joining)
        self.feed.release()
        client.joining = False
        if joined is None:
            return
        assert joined.position is not None
        client.live = True
        if joining.since is not None and joined.recovered:
            for one in joined.publications:
                client.take(one)
            assert client.position is not None
            assert client.position.offset == joined.position.offset
        else:
            assert not joined.publications
            client.reloads += 1
            client.position = joined.position
            client.log = [
                one
                for one in self.truth
                if one.epoch == joined.position.epoch and one.offset <= joined.position.offset
            ]

    @rule(client=clients)
    def it_leaves(self, client: ModelClient) -> None:
        self.feed.leave(client)
        client.live = False

    @rule()
    def positions_are_checked(self) -> None:
        self.check()

    def check(self) -> None:
        if self.feed.behind(self.top):
            self.lose(self.feed.restart(self.top))

    @invariant()
    def everyone_holds_a_prefix(self) -> None:
        for client in self.everyone:
            if client.position is not None and client.position.epoch == f"e{self.epoch}":
                assert [one.offset for one in client.log] == list(range(1, client.position.offset + 1))

    @invariant()
    def the_feed_knows_exactly_who_is_live(self) -> None:
        assert {one for one in self.everyone if one.live} == set(self.feed.subscribers)

    def teardown(self) -> None:
        """When everything has calmed down nobody lacks anything, and nothing is left behind."""
        for joining in tuple(self.pending):
            self.complete(joining)
        while self.under_way:
            self.hear(self.under_way.popleft())
        self.check()
        for client in self.everyone:
            for _ in range(3):
                if not client.live:
                    self.feed.hold()
                    client.joining = True
                    joining = Joining(client, client.position)
                    self.pending.append(joining)
                    self.complete(joining)
            assert client.live
            assert client.position == self.top
            assert [one.offset for one in client.log] == list(range(1, self.offset + 1))
        for client in self.everyone:
            self.it_leaves(client=client)
        assert len(self.feed) == 0
        assert self.feed.vacant


OneChannel.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None, database=None)
TestOneChannel = OneChannel.TestCase
