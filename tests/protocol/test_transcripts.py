"""Golden transcripts: what goes in, what comes out, to the letter."""

import json

import pytest

from realtime.broker import PresenceStats
from realtime.codes import Errors
from realtime.effects import CountPresence, Join, Leave, ReadHistory
from realtime.feed import Joined
from realtime.frames import push, push_head
from realtime.stream import History, Position, Publication
from realtime.subscription import GIVEN
from tests.protocol.stage import Stage, connected

pytestmark = pytest.mark.acceptance("T3")

AT = Position(57, "k3Fq")


def recovered(*offsets: int) -> Joined:
    return Joined(
        Position(max(offsets, default=57), "k3Fq"),
        recovered=True,
        publications=tuple(Publication(b'{"n":%d}' % offset, offset, "k3Fq") for offset in offsets),
    )


CONNECT = {"id": 1, "connect": {"client": "client-1", "version": "1", "ping": 25, "pong": True}}


def test_an_anonymous_connect() -> None:
    assert Stage().connect() == CONNECT


def test_a_connect_with_server_side_subscriptions_recovers_them() -> None:
    stage = Stage(hub={"user:#u42": recovered(119)})
    reply = stage.connect("hour", subs={"user:#u42": {"recover": True, "epoch": "k3Fq", "offset": 118}})
    assert reply == {
        "id": 1,
        "connect": {
            "client": "client-1",
            "version": "1",
            "ping": 25,
            "pong": True,
            "expires": True,
            "ttl": 3600,
            "subs": {
                "user:#u42": {
                    "recoverable": True,
                    "positioned": True,
                    "epoch": "k3Fq",
                    "offset": 118,
                    "was_recovering": True,
                    "recovered": True,
                    "publications": [{"offset": 119, "data": {"n": 119}}],
                }
            },
        },
    }


def test_positions_of_channels_that_are_not_the_clients_any_more_are_ignored() -> None:
    stage = Stage()
    reply = stage.connect("patient", subs={"user:#u1": {"recover": True, "offset": 3}})
    assert list(reply["connect"]["subs"]) == ["user:#u42"]
    assert Stage().connect("", subs={"user:#u1": {"recover": True}}) == CONNECT


@pytest.mark.parametrize(
    ("joined", "asked", "expected"),
    [
        (Joined(AT), {}, {"epoch": "k3Fq", "offset": 57}),
        (Joined(Position(0, "k3Fq")), {}, {"epoch": "k3Fq"}),
        (
            recovered(58, 59),
            {"recover": True, "epoch": "k3Fq", "offset": 57},
            {
                "epoch": "k3Fq",
                "offset": 57,
                "was_recovering": True,
                "recovered": True,
                "publications": [{"offset": 58, "data": {"n": 58}}, {"offset": 59, "data": {"n": 59}}],
            },
        ),
        (
            recovered(),
            {"recover": True, "epoch": "k3Fq", "offset": 57},
            {"epoch": "k3Fq", "offset": 57, "was_recovering": True, "recovered": True},
        ),
        (
            Joined(Position(12, "zz81")),
            {"recover": True, "epoch": "k3Fq", "offset": 57},
            {"epoch": "zz81", "offset": 12, "was_recovering": True},
        ),
    ],
)
def test_a_subscribe(joined: Joined, asked: dict[str, object], expected: dict[str, object]) -> None:
    stage = connected(**{"queue:L1": joined})
    (reply,) = stage.say({"id": 2, "subscribe": {"channel": "queue:L1", "flag": 1, **asked}})
    assert reply == {"id": 2, "subscribe": {"recoverable": True, "positioned": True, **expected}}


def test_an_unrecoverable_position_can_be_an_error_instead() -> None:
    stage = connected(**{"queue:L1": Joined(AT)})
    ask = {"channel": "queue:L1", "flag": 3, "recover": True, "epoch": "old", "offset": 1}
    assert stage.say({"id": 2, "subscribe": ask}) == [
        {"id": 2, "error": {"code": 112, "message": "unrecoverable position"}}
    ]
    assert stage.asked == [Leave("queue:L1")]
    assert not stage.session.subscriptions


def test_a_frame_with_connect_and_three_subscribes_is_answered_in_order() -> None:
    stage = Stage(answer=False)
    stage.say(
        {"id": 1, "connect": {"token": "patient"}},
        *({"id": n, "subscribe": {"channel": f"queue:L{n}"}} for n in (2, 3, 4)),
    )
    assert stage.asked == [Join({"user:#u42": None}, GIVEN)]
    assert stage.session.congested
    stage.do(stage.session.joined({"user:#u42": Joined(AT)}))
    for n in (2, 3, 4):
        assert stage.asked[-1] == Join({f"queue:L{n}": None})
        stage.do(stage.session.joined({f"queue:L{n}": Joined(AT)}))
    assert [reply["id"] for reply in stage.sent] == [1, 2, 3, 4]
    assert not stage.session.congested


def test_after_a_connect_that_failed_the_rest_of_the_frame_is_not_executed() -> None:
    stage = Stage()
    stage.say({"id": 1, "connect": {"token": "past"}}, {"id": 2, "subscribe": {"channel": "queue:L1"}})
    assert stage.sent == [{"id": 1, "error": {"code": 109, "message": "token expired"}}]
    assert stage.asked == []
    assert stage.closed is None
    stage.say({"id": 2, "subscribe": {"channel": "queue:L1"}})
    assert stage.closed == (3501, "bad request")


def test_unsubscribe_always_succeeds() -> None:
    stage = connected()
    stage.say({"id": 2, "subscribe": {"channel": "queue:L1"}})
    assert stage.say({"id": 3, "unsubscribe": {"channel": "queue:L1"}}) == [{"id": 3, "unsubscribe": {}}]
    assert stage.say({"id": 4, "unsubscribe": {"channel": "queue:L1"}}) == [{"id": 4, "unsubscribe": {}}]
    assert stage.asked == [Leave("queue:L1")]


def test_history() -> None:
    stage = connected()
    ask = {"channel": "queue:L1", "limit": 20, "since": {"offset": 40, "epoch": "k3Fq"}, "reverse": True}
    stage.say({"id": 9, "history": ask})
    (effect,) = stage.asked
    assert isinstance(effect, ReadHistory)
    assert (effect.channel, effect.since, effect.limit, effect.reverse) == (
        "queue:L1", Position(40, "k3Fq"), 20, True,
    )  # fmt: skip
    reply = stage.do(
        stage.session.history_read(History(Position(61, "k3Fq"), (Publication(b'{"a":\n1}', 39, "k3Fq"),)))
    )
    assert reply == [
        {
            "id": 9,
            "history": {"epoch": "k3Fq", "offset": 61, "publications": [{"data": {"a": 1}, "offset": 39}]},
        }
    ]


@pytest.mark.parametrize(("asked", "limit"), [(0, 0), (7, 7), (-1, 300), (1_000, 300)])
def test_history_is_clamped(asked: int, limit: int) -> None:
    stage = connected()
    stage.say({"id": 9, "history": {"channel": "queue:L1", "limit": asked}})
    (effect,) = stage.asked
    assert isinstance(effect, ReadHistory)
    assert effect.limit == limit


def test_presence_stats() -> None:
    stage = connected("nurse")
    stage.say({"id": 8, "presence_stats": {"channel": "queue:L1"}})
    assert stage.asked == [CountPresence("queue:L1")]
    assert stage.do(stage.session.counted(PresenceStats(3, 2))) == [
        {"id": 8, "presence_stats": {"num_clients": 3, "num_users": 2}}
    ]


def test_refresh_keeps_the_client_id() -> None:
    stage = connected("hour")
    stage.after(10)
    stage.sent.clear()
    assert stage.say({"id": 11, "refresh": {"token": "day"}}) == [
        {"id": 11, "refresh": {"client": "client-1", "version": "1", "expires": True, "ttl": 86_390}}
    ]


def test_a_broker_that_is_away_is_a_temporary_error() -> None:
    stage = Stage(answer=False)
    stage.say({"id": 1, "connect": {"token": "patient"}}, {"id": 2, "subscribe": {"channel": "queue:L1"}})
    error = {"code": 100, "message": "internal server error", "temporary": True}
    assert stage.do(stage.session.refused(Errors.INTERNAL)) == [{"id": 1, "error": error}]
    stage.after(10)
    assert stage.closed == (3502, "stale")


def test_pushes() -> None:
    head = push_head("queue:L1")
    assert json.loads(push(head, Publication(b'{"now":"A017"}', 57, "e"))) == {
        "push": {"channel": "queue:L1", "pub": {"data": {"now": "A017"}, "offset": 57}}
    }
    assert push(head, Publication(b'{\n"a":1}')) == b'{"push":{"channel":"queue:L1","pub":{"data":{ "a":1}}}}'


def test_a_gap_ends_a_client_side_subscription_with_2500_and_a_server_side_one_with_3010() -> None:
    stage = connected("patient")
    stage.say({"id": 2, "subscribe": {"channel": "queue:L1"}})
    assert stage.do(stage.session.lost("queue:L1")) == [
        {"push": {"channel": "queue:L1", "unsubscribe": {"code": 2500, "reason": "insufficient state"}}}
    ]
    assert stage.do(stage.session.lost("queue:L1")) == []
    assert stage.closed is None
    stage.do(stage.session.lost("user:#u42"))
    assert stage.closed == (3010, "insufficient state")


def test_a_history_that_does_not_join_the_live_line_ends_with_3010() -> None:
    stage = connected(**{"queue:L1": None})
    stage.say({"id": 2, "subscribe": {"channel": "queue:L1"}})
    assert stage.closed == (3010, "insufficient state")
