"""Decisions of one process carried out by all: whom they reach, what is passed over, how it is said."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from core import limits
from core.actor import ANONYMOUS, Actor, Role
from core.clock import ManualClock
from realtime.channels import BadChannel, UnknownChannel, houzhen_channels
from realtime.codes import CLOSINGS, Disconnect
from realtime.control import CHANNEL, Control, Decision, End, Subscribe, Unsubscribe, outgoing, revoke
from realtime.metrics import RealtimeMetrics
from realtime.revocations import Of, RevocableTokens, Revocation, Revoked, TokenRevoked
from realtime.roster import Member, Roster
from realtime.session import Session
from realtime.tokens import Identity
from tests.protocol.stage import NOON, BookOfTokens, Stage


@dataclass(eq=False)
class Phone:
    """A connection that remembers what was done to it."""

    id: str
    user: str = ""
    token_id: str = ""
    issued_at: float | None = NOON.timestamp() - 60
    done: list[object] = field(default_factory=list)
    broken: bool = False

    @property
    def identity(self) -> Identity:
        actor = Actor(id=self.user, role=Role.PATIENT) if self.user else ANONYMOUS
        return Identity(actor, token_id=self.token_id, issued_at=self.issued_at)

    def close(self, why: Disconnect) -> None:
        if self.broken:
            raise RuntimeError("a fault of ours")
        self.done.append((why.code, why.reason, why.name))

    def server_subscribe(self, channel: str, *, expires_at: float | None = None) -> None:
        houzhen_channels().find(channel)
        self.done.append(("subscribe", channel, expires_at))

    def server_unsubscribe(self, channel: str) -> None:
        self.done.append(("unsubscribe", channel))


class House:
    """One process's connections."""

    def __init__(self, *phones: Phone) -> None:
        self.clock = ManualClock(NOON)
        self.phones = phones
        self.revoked = Revoked()
        self.metrics = RealtimeMetrics(CollectorRegistry())
        roster: Roster[Member] = Roster(per_user=9)
        for phone in phones:
            if phone.user:
                roster.enter(phone.user, phone)
        self.control = Control(
            roster=roster,
            everyone=lambda: list(self.phones),
            revoked=self.revoked,
            clock=self.clock,
            metrics=self.metrics,
        )

    def hear(self, decision: Decision) -> None:
        self.control.hear(outgoing(decision).data)

    def heard(self, kind: str) -> float:
        value: float = self.metrics.control.labels(kind)._value.get()
        return value

    @property
    def done(self) -> list[list[object]]:
        return [phone.done for phone in self.phones]


FORCED = (3503, "force disconnect", "force_disconnect")
VOID = (3500, "invalid token", "invalid_token")


def house() -> House:
    return House(Phone("c1", "u1", "t1"), Phone("c2", "u1", "t2"), Phone("c3", "u2", "t1"), Phone("c4"))


def test_no_client_can_name_the_channel() -> None:
    with pytest.raises((UnknownChannel, BadChannel)):
        houzhen_channels().find(CHANNEL)


@pytest.mark.parametrize(
    ("whom", "closed"),
    [
        ({"user": "u1"}, {"c1", "c2"}),
        ({"token_id": "t1"}, {"c1", "c3"}),
        ({"client": "c4"}, {"c4"}),
        ({"user": "nobody"}, set()),
    ],
)
def test_ends_reach_whom_they_name(whom: dict[str, str], closed: set[str]) -> None:
    all_of_us = house()
    all_of_us.hear(End(at=NOON, **whom))
    assert {phone.id for phone in all_of_us.phones if phone.done == [FORCED]} == closed
    assert all(phone.done == [] for phone in all_of_us.phones if phone.id not in closed)


def test_a_code_may_ask_to_come_back_and_the_application_has_its_own() -> None:
    all_of_us = house()
    all_of_us.hear(End(at=NOON, client="c1", code=3011))
    all_of_us.hear(End(at=NOON, client="c2", code=4501, reason="shift is over"))
    assert all_of_us.done[:2] == [
        [(3011, "force reconnect", "force_reconnect")],
        [(4501, "shift is over", "application")],
    ]


def test_subscriptions_of_a_user() -> None:
    all_of_us = house()
    all_of_us.hear(Subscribe(at=NOON, user="u1", channel="queue:L1", expires_at=9.0))
    all_of_us.hear(Unsubscribe(at=NOON, user="u1", channel="queue:L2"))
    both = [("subscribe", "queue:L1", 9.0), ("unsubscribe", "queue:L2")]
    assert all_of_us.done == [both, both, [], []]


def test_a_channel_of_a_later_version_is_passed_over() -> None:
    all_of_us = house()
    all_of_us.hear(Subscribe(at=NOON, user="u1", channel="later:x"))
    assert all_of_us.done == [[], [], [], []]
    assert all_of_us.heard("unknown") == 2


def test_one_that_fails_leaves_the_others_alone() -> None:
    all_of_us = house()
    all_of_us.phones[0].broken = True
    all_of_us.hear(End(at=NOON, user="u1"))
    assert all_of_us.done == [[], [FORCED], [], []]


def test_an_end_that_comes_too_late_is_not_for_those_who_came_since() -> None:
    all_of_us = house()
    all_of_us.clock.advance(timedelta(seconds=limits.CONTROL_LATE_SECONDS + 1))
    all_of_us.hear(End(at=NOON, user="u1"))
    all_of_us.hear(Unsubscribe(at=NOON, user="u1", channel="queue:L2"))
    assert all_of_us.done[0] == [("unsubscribe", "queue:L2")]
    assert all_of_us.heard("late") == 1


# What is passed over.


def encoded(**changes: object) -> bytes:
    message: dict[str, Any] = json.loads(outgoing(End(at=NOON, user="u1")).data)
    return json.dumps({name: value for name, value in (message | changes).items() if value != ""}).encode()


def test_the_form_is_kept_for_other_versions() -> None:
    assert json.loads(outgoing(End(at=NOON, user="u1")).data) == {
        "do": "end",
        "v": 1,
        "at": "2026-11-23T12:00:00+08:00",
        "user": "u1",
        "token_id": None,
        "client": None,
        "code": 3503,
        "reason": "",
    }
    all_of_us = house()
    all_of_us.control.hear(encoded(new_field=[1]))
    assert all_of_us.done[0] == [FORCED]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"do":"dance","v":1,"at":"2026-11-23T12:00:00+08:00"}',
        encoded(v=2),
        encoded(at=""),
        encoded(at="soon"),
        encoded(at="2026-11-23T12:00:00"),
        encoded(user=None),
        encoded(client="c4"),
        encoded(user=7),
        encoded(code=1000),
        encoded(code=4000),
        encoded(code=4000, reason="true"),
        encoded(code=3500, reason="my own words"),
    ],
)
def test_what_is_not_understood_changes_nothing(data: bytes) -> None:
    all_of_us = house()
    all_of_us.control.hear(data)
    assert all_of_us.done == [[], [], [], []]
    assert all_of_us.heard("unknown") == 1


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_nothing_that_is_heard_raises(data: bytes) -> None:
    house().control.hear(data)


@settings(deadline=None)
@given(code=st.integers(0, 70_000), reason=st.text(max_size=130))
def test_whatever_ends_a_socket_is_understood_by_sdks(code: int, reason: str) -> None:
    """A code we know, words that are not empty, short and no JSON, a metric label of a closed set."""
    try:
        why = End(at=NOON, user="u", code=code, reason=reason).why
    except ValueError:
        assert code not in {one.code for one in CLOSINGS} or reason
        return
    assert why in CLOSINGS or 4_000 <= why.code < 5_000
    assert why.reason.strip()
    assert len(why.reason.encode()) <= 123
    with pytest.raises(ValueError):
        json.loads(why.reason)
    assert why.name in {one.name for one in CLOSINGS} | {"application"}


# Tokens that are taken back.


def of_user(user: str, seconds: float = 0.0) -> Revocation:
    return Revocation(Of.USER, user, NOON + timedelta(seconds=seconds))


def test_a_user_is_closed_everywhere_but_for_what_was_issued_since() -> None:
    old, fresh = Phone("c1", "u1"), Phone("c2", "u1", issued_at=NOON.timestamp())
    unsaid, other = Phone("c3", "u1", issued_at=None), Phone("c4", "u2")
    all_of_us = House(old, fresh, unsaid, other)
    for _ in range(2):
        all_of_us.hear(revoke(of_user("u1"), at=NOON))
    assert all_of_us.done == [[VOID], [], [VOID], []]
    assert all_of_us.metrics.revocations._value.get() == 1


def test_a_token_is_closed_whoever_holds_it() -> None:
    all_of_us = house()
    all_of_us.hear(revoke(Revocation(Of.TOKEN, "t1", NOON), at=NOON))
    assert all_of_us.done == [[VOID], [], [VOID], []]


def test_what_is_read_again_closes_nothing_again() -> None:
    all_of_us = house()
    all_of_us.control.take_back([of_user("u1")])
    all_of_us.phones[0].done.clear()
    all_of_us.control.take_back([of_user("u1", -5), of_user("u1")])
    assert all_of_us.done[0] == []
    all_of_us.control.take_back([of_user("u1", 1)])
    assert all_of_us.done[0] == [VOID]


def test_a_revoked_token_is_refused_and_a_newer_one_is_not() -> None:
    def token(issued_at: float | None, token_id: str = "") -> Identity:
        return Identity(Actor(id="u1", role=Role.PATIENT), token_id=token_id, issued_at=issued_at)

    at = NOON.timestamp()
    book = BookOfTokens(
        {"old": token(at - 0.000_001), "new": token(at), "unsaid": token(None), "one": token(at, "t1")}
    )
    revoked = Revoked()
    tokens = RevocableTokens(book, revoked)
    assert {tokens.verify(text, at=NOON).actor.id for text in book.known} == {"u1"}
    revoked.learn([of_user("u1"), Revocation(Of.TOKEN, "t1", NOON)])
    for text in ("old", "unsaid", "one"):
        with pytest.raises(TokenRevoked):
            tokens.verify(text, at=NOON)
    tokens.verify("new", at=NOON)


def test_a_refresh_with_a_revoked_token_ends_the_connection() -> None:
    stage = Stage()
    revoked = Revoked()
    stage.tokens.known["void"] = msgspec.structs.replace(stage.tokens.known["hour"], token_id="t9")
    stage.session = Session(replace(stage.terms, tokens=RevocableTokens(stage.tokens, revoked)))
    stage.connect("hour")
    revoked.learn([Revocation(Of.TOKEN, "t9", NOON)])
    stage.say({"id": 2, "refresh": {"token": "void"}})
    assert stage.closed == (3500, "invalid token")


def test_a_revocation_is_forgotten_when_no_token_it_concerns_can_be_good() -> None:
    revoked = Revoked()
    revoked.learn([of_user("u1"), Revocation(Of.TOKEN, "t1", NOON)])
    lifetime = timedelta(seconds=limits.TOKEN_SECONDS)
    revoked.forget(at=NOON + lifetime - timedelta(microseconds=1))
    assert len(revoked) == 2
    revoked.forget(at=NOON + lifetime)
    assert len(revoked) == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(Of), st.sampled_from("ab"), st.integers(0, 5)), max_size=20),
    st.permutations(range(20)),
)
def test_the_order_in_which_revocations_are_heard_does_not_matter(
    decided: list[tuple[Of, str, int]], order: list[int]
) -> None:
    decisions = [Revocation(of, name, NOON + timedelta(seconds=at)) for of, name, at in decided]
    shuffled = [decisions[at] for at in order if at < len(decisions)]
    one, other = Revoked(), Revoked()
    one.learn(decisions)
    for decision in shuffled:
        other.learn([decision])
    for user in "ab":
        for seconds in range(7):
            issued = (NOON + timedelta(seconds=seconds)).timestamp()
            identity = Identity(Actor(id=user, role=Role.PATIENT), token_id=user, issued_at=issued)
            assert (identity in one) == (identity in other)
