"""Bounds by address and by user: exact whatever happens, and gone when everybody is."""

from collections import Counter
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from structlog.testing import capture_logs

from core import limits
from core.clock import ManualClock
from realtime.crowds import NOWHERE, Crowd, Crowds, TurnedAway
from realtime.floods import Floods
from realtime.roster import Roster
from tests.protocol.stage import NOON

HERE = b"\x01\x02\x03\x04"
ADDRESSES = st.sampled_from([HERE, b"\x01\x02\x03\x05", b"\0" * 8, NOWHERE])


def crowds(clock: ManualClock, **bounds: float) -> Crowds:
    given: dict[str, float] = {"most_open": 4, "most_unconnected": 2, "connects_per_second": 1}
    return Crowds(clock, **(given | bounds))  # type: ignore[arg-type]


class AnyOrder(RuleBasedStateMachine):
    """Sockets begin, connect and end in any order; a plain count says what must be known of each address."""

    sockets = Bundle("sockets")

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(NOON)
        self.crowds = crowds(self.clock)
        self.open: Counter[bytes] = Counter()
        self.unconnected: Counter[bytes] = Counter()
        self.tokens: dict[bytes, float] = {}
        self.now = 0.0

    @rule(target=sockets, address=ADDRESSES)
    def begin(self, address: bytes) -> tuple[Crowd | None, bytes, bool] | None:
        away = self.crowds.turns_away(address)
        assert away is self._expected(address)
        if away is not None:
            return None
        crowd = self.crowds.enter(address)
        self.open[address] += 1
        self.unconnected[address] += 1
        return crowd, address, False

    def _expected(self, address: bytes) -> TurnedAway | None:
        """A bucket of four that one drop a second fills."""
        if address == NOWHERE:
            return None
        before = self.tokens.get(address, 4.0)
        if before < 1:
            return TurnedAway.RATE
        self.tokens[address] = before - 1
        if self.open[address] >= 4:
            return TurnedAway.OPEN
        return TurnedAway.UNCONNECTED if self.unconnected[address] >= 2 else None

    @rule(target=sockets, socket=consumes(sockets))
    def connect(
        self, socket: tuple[Crowd | None, bytes, bool] | None
    ) -> tuple[Crowd | None, bytes, bool] | None:
        if socket is None or socket[2]:
            return socket
        self.crowds.connected(socket[0])
        self.unconnected[socket[1]] -= 1
        return (socket[0], socket[1], True)

    @rule(socket=consumes(sockets))
    def end(self, socket: tuple[Crowd | None, bytes, bool] | None) -> None:
        if socket is None:
            return
        crowd, address, connected = socket
        self.crowds.leave(crowd, connected=connected)
        self.open[address] -= 1
        self.unconnected[address] -= not connected

    @rule(seconds=st.integers(1, 6))
    def wait(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        self.tokens = {address: min(4.0, had + seconds) for address, had in self.tokens.items()}

    @invariant()
    def every_count_is_exact(self) -> None:
        held = self.crowds._crowds
        for address, count in self.open.items():
            crowd = held.get(address)
            known = (crowd.open, crowd.unconnected) if crowd is not None else (0, 0)
            assert address == NOWHERE or known == (count, self.unconnected[address])


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_an_address_that_left_is_forgotten() -> None:
    clock = ManualClock(NOON)
    several = crowds(clock, most_open=3_000_000)
    for number in range(3 * limits.REALTIME_ADDRESSES_REMEMBERED):
        address = number.to_bytes(4, "big")
        assert several.turns_away(address) is None
        several.leave(several.enter(address), connected=False)
        clock.advance(timedelta(milliseconds=1))
    # Those of the last second have not earned their connect again.
    assert len(several) <= limits.REALTIME_ADDRESSES_REMEMBERED
    clock.advance(timedelta(seconds=2))
    assert several.turns_away(HERE) is None
    crowd = several.enter(HERE)
    clock.advance(timedelta(seconds=2))
    several.leave(crowd, connected=False)
    assert HERE not in several._crowds


def test_a_full_house_may_come_back_at_once_but_no_two() -> None:
    clock = ManualClock(NOON)
    house = crowds(clock, most_open=1_000, most_unconnected=1_000, connects_per_second=100)
    for _ in range(1_000):
        assert house.turns_away(HERE) is None
    assert house.turns_away(HERE) is TurnedAway.RATE
    clock.advance(timedelta(seconds=0.05))
    assert [house.turns_away(HERE) for _ in range(6)] == [None] * 5 + [TurnedAway.RATE]


# Users.


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=40))
def test_a_user_keeps_the_newest_connections(moves: list[tuple[str, bool]]) -> None:
    roster: Roster[object] = Roster(per_user=3)
    model: dict[str, list[object]] = {}
    for user, enters in moves:
        mine = model.setdefault(user, [])
        if enters:
            newcomer = object()
            gone = roster.enter(user, newcomer)
            assert gone is (mine.pop(0) if len(mine) == 3 else None)
            mine.append(newcomer)
        elif mine:
            roster.leave(user, mine.pop(len(mine) // 2))
        roster.leave(user, object())
        assert list(roster.of(user)) == mine
    assert len(roster) == sum(1 for mine in model.values() if mine)


# What is said of floods.


def test_a_flood_is_one_line_a_minute() -> None:
    clock = ManualClock(NOON)
    floods = Floods(clock, pause_seconds=60)
    with capture_logs() as lines:
        for _ in range(1_000):
            floods.note("invalid_token")
            clock.advance(timedelta(milliseconds=100))
        floods.note("connection_limit")
    assert [(line["kind"], line["times"]) for line in lines] == [
        ("invalid_token", 1),
        ("invalid_token", 600),
        ("connection_limit", 1),
    ]
