"""Every row of the protocol's table of bad input, with its exact code; pings and tokens."""

import json
from datetime import timedelta

import pytest

from core import limits
from core.actor import Actor, Role
from core.ids import LineId, ScreenId
from realtime.codes import CLOSINGS, ERRORS, UNSUBSCRIBINGS
from realtime.tokens import Identity
from tests.protocol.stage import NOON, NURSE, PATIENT, Stage, connected

NEXT = timedelta(seconds=0.02)
BAD = (3501, "bad request")
LATER = NOON.timestamp() + 3_600


@pytest.mark.parametrize(
    "command",
    [{"id": 1, "subscribe": {"channel": "queue:L1"}}, {}, {"send": {}}, {"id": 1, "rpc": {}}, {"id": 1}],
)
def test_anything_before_connect_is_3501(command: dict[str, object]) -> None:
    stage = Stage()
    stage.say(command)
    assert stage.closed == BAD


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "\n",
        "x",
        "[]",
        "1",
        "null",
        '{"id":2,"nonsense":{}}',
        '{"id":2}',
        '{"id":2,"subscribe":null}',
        '{"id":"2","subscribe":{"channel":"queue:L1"}}',
        '{"id":-1,"subscribe":{"channel":"queue:L1"}}',
        '{"id":4294967296,"subscribe":{"channel":"queue:L1"}}',
        '{"id":2,"subscribe":{"channel":7}}',
        '{"id":2,"subscribe":{}}',
        '{"id":2,"unsubscribe":{}}',
        '{"id":2,"history":{}}',
        '{"id":2,"presence_stats":{}}',
        '{"id":2,"presence":{}}',
        '{"id":2,"publish":{"data":1}}',
        '{"id":2,"sub_refresh":{}}',
        '{"id":2,"connect":{}}',
        '{"id":2,"refresh":{"token":"day"}}',
        '{"id":2,"subscribe":{"channel":"queue:L1","offset":-1,"recover":true}}',
        '{"id":2,"subscribe":{"channel":"queue:L1","delta":"other"}}',
        '{"id":2,"subscribe":{"channel":"queue:L1"}}\n\n{"id":3,"subscribe":{"channel":"queue:L2"}}',
        '{"id":2,"subscribe":{"channel":"queue:L1"}',
        '{"id":2,"x":' + "[" * 30_000 + "]" * 30_000 + "}",
        "{}",
    ],
)
def test_what_no_client_of_this_protocol_sends_is_3501(frame: str) -> None:
    stage = connected()
    stage.say(frame)
    assert stage.closed == BAD
    assert stage.sent == []


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"subscribe": {"channel": "queue:" + "x" * 250}}, 107),
        ({"subscribe": {"channel": "queue:号" + "x" * 10}}, 107),
        ({"subscribe": {"channel": "queue:a b"}}, 107),
        ({"subscribe": {"channel": "queue:"}}, 107),
        ({"subscribe": {"channel": "queue:L1", "tf": {"k": 1}}}, 107),
        ({"history": {"channel": "queue:L1", "limit": -2}}, 107),
        ({"subscribe": {"channel": "nothing:x"}}, 102),
        ({"subscribe": {"channel": "queue"}}, 102),
        ({"history": {"channel": "nothing:x"}}, 102),
        ({"publish": {"channel": "nothing:x", "data": 1}}, 102),
        ({"subscribe": {"channel": "queue:L1", "type": 1}}, 108),
        ({"publish": {"channel": "queue:L1", "data": {}}}, 108),
        ({"presence": {"channel": "queue:L1"}}, 108),
        ({"ping": {}}, 108),
        ({"subscribe": {"channel": "screen:hall-3f"}}, 103),
        ({"subscribe": {"channel": "user:#u42"}}, 103),
        ({"history": {"channel": "user:#u42", "limit": 1}}, 103),
        ({"presence_stats": {"channel": "queue:L1"}}, 103),
        ({"sub_refresh": {"channel": "queue:L1", "token": "x"}}, 103),
        ({"rpc": {"method": "im.send"}}, 104),
    ],
)
def test_a_command_that_is_answered_with_an_error(command: dict[str, object], code: int) -> None:
    stage = connected()
    (reply,) = stage.say({"id": 2, **command})
    assert reply["id"] == 2
    assert reply["error"]["code"] == code
    assert reply["error"]["message"]
    assert stage.closed is None


def test_who_may_hear_what() -> None:
    screen = connected("screen")
    assert "subscribe" in screen.say({"id": 2, "subscribe": {"channel": "screen:hall-3f"}})[0]
    assert screen.say({"id": 3, "subscribe": {"channel": "screen:hall-4f"}})[0]["error"]["code"] == 103
    nurse = connected("nurse")
    assert "subscribe" in nurse.say({"id": 2, "subscribe": {"channel": "screen:hall-4f"}})[0]
    patient = connected("patient")
    assert patient.say({"id": 2, "subscribe": {"channel": "user:#u43"}})[0]["error"]["code"] == 103
    assert patient.say({"id": 3, "subscribe": {"channel": "screen:hall-4f"}})[0]["error"]["code"] == 103


def test_subscribing_twice_is_105_on_either_side() -> None:
    stage = connected("patient")
    stage.say({"id": 2, "subscribe": {"channel": "queue:L1"}})
    (again,) = stage.say({"id": 3, "subscribe": {"channel": "queue:L1"}})
    (server_side,) = stage.say({"id": 4, "subscribe": {"channel": "user:#u42"}})
    assert (again["error"]["code"], server_side["error"]["code"]) == (105, 105)


def test_more_channels_than_allowed_is_106() -> None:
    stage = connected("patient")
    for number in range(limits.REALTIME_CHANNELS_PER_CLIENT):
        stage.clock.advance(NEXT)
        assert "subscribe" in stage.say({"id": number + 2, "subscribe": {"channel": f"queue:{number}"}})[0]
    (reply,) = stage.say({"id": 999, "subscribe": {"channel": "queue:more"}})
    assert reply["error"]["code"] == 106


def test_send_is_3508() -> None:
    stage = connected()
    stage.say({"send": {"data": {"any": 1}}})
    assert stage.closed == (3508, "not available")


def test_sub_refresh_of_a_subscription_without_a_token_is_3501() -> None:
    stage = connected()
    stage.say({"id": 2, "subscribe": {"channel": "queue:L1"}})
    stage.say({"id": 3, "sub_refresh": {"channel": "queue:L1", "token": "x"}})
    assert stage.closed == BAD


def test_an_invalid_token_is_3500() -> None:
    stage = Stage()
    stage.say({"id": 1, "connect": {"token": "forged"}})
    assert stage.closed == (3500, "invalid token")


def test_nobody_connecting_is_3502() -> None:
    stage = Stage()
    assert stage.after(limits.REALTIME_CONNECT_SECONDS - 0.1) == []
    stage.after(0.2)
    assert stage.closed == (3502, "stale")


def test_a_connect_that_we_do_not_answer_in_time_is_not_final() -> None:
    stage = Stage(answer=False)
    stage.say({"id": 1, "connect": {"token": "patient"}})
    stage.after(limits.REALTIME_CONNECT_SECONDS)
    assert stage.closed == (3004, "internal server error")


def test_after_a_refused_connect_everything_is_3501_and_silence_3502() -> None:
    talking, silent = Stage(), Stage()
    for stage in (talking, silent):
        stage.connect("past")
    talking.say({"id": 2, "connect": {}})
    silent.after(limits.REALTIME_CONNECT_SECONDS)
    assert (talking.closed, silent.closed) == (BAD, (3502, "stale"))


def test_too_many_commands_are_111_and_a_flood_is_3013() -> None:
    stage = connected()
    burst = limits.REALTIME_COMMAND_BURST
    replies = [stage.say({"id": n, "unsubscribe": {"channel": "queue:x"}})[0] for n in range(2, burst + 12)]
    assert [reply.get("error", {}).get("code") for reply in replies] == [None] * burst + [111] * 10
    assert replies[-1]["error"]["temporary"] is True
    stage.clock.advance(NEXT)
    assert "unsubscribe" not in stage.say({"id": 999, "unsubscribe": {"channel": "queue:x"}})[0]
    while stage.closed is None:
        stage.say({"id": 1_000, "unsubscribe": {"channel": "queue:x"}})
    assert stage.closed == (3013, "too many requests")


def test_whoever_is_refused_all_the_time_is_3509() -> None:
    stage = connected()
    ask = {"id": 2, "subscribe": {"channel": "screen:hall-3f"}}
    for _ in range(limits.REALTIME_ERRORS_IN_A_ROW):
        stage.clock.advance(NEXT)
        assert stage.say(ask)[0]["error"]["code"] == 103
    stage.clock.advance(NEXT)
    assert stage.say({"id": 3, "unsubscribe": {"channel": "queue:L1"}}) == [{"id": 3, "unsubscribe": {}}]
    for _ in range(limits.REALTIME_ERRORS_IN_A_ROW):
        stage.clock.advance(NEXT)
        assert stage.say(ask)[0]["error"]["code"] == 103
    stage.clock.advance(NEXT)
    assert stage.say(ask) == []
    assert stage.closed == (3509, "too many errors")


def test_being_told_to_wait_is_no_error_of_the_client() -> None:
    stage = connected()
    for _ in range(limits.REALTIME_COMMAND_BURST + limits.REALTIME_ERRORS_IN_A_ROW):
        stage.say({"id": 2, "unsubscribe": {"channel": "queue:x"}})
        stage.clock.advance(NEXT / 4)
    assert stage.closed is None


# Pings.


def test_pings_come_at_their_interval_and_the_first_somewhere_in_its_second_half() -> None:
    stage = connected()
    assert stage.session.due == pytest.approx(0.75 * 25)
    assert stage.after(18.75) == [{}]
    stage.say("{}")
    assert stage.after(24.9) == []
    assert stage.after(0.1) == [{}]


def test_a_missing_pong_is_3012() -> None:
    stage = connected()
    stage.after(18.75)
    assert stage.after(9.9) == []
    assert stage.session.due == pytest.approx(28.75)
    stage.after(0.1)
    assert stage.closed == (3012, "no pong")


@pytest.mark.parametrize("pong", ["{}", '{"id":0}', '{"subscribe":{"channel":"queue:L1"}}'])
def test_a_pong_nobody_asked_for_is_3501(pong: str) -> None:
    stage = connected()
    stage.after(18.75)
    stage.say(pong)
    assert stage.closed is None
    stage.say(pong)
    assert stage.closed == BAD


def test_a_pong_does_not_wait_behind_commands() -> None:
    stage = Stage(answer=False)
    stage.connect()
    stage.after(18.75)
    stage.say(*({"id": n, "subscribe": {"channel": f"queue:{n}"}} for n in range(2, 5)), "{}")
    assert stage.session.congested
    assert stage.after(10) == []
    assert stage.closed is None


# Tokens.


def test_a_token_not_refreshed_in_time_is_3005() -> None:
    stage = connected("hour")
    for _ in range(144):
        stage.after(25)
        stage.say("{}")
    assert stage.closed is None
    stage.after(25)
    assert stage.closed == (3005, "connection expired")


@pytest.mark.parametrize(
    ("token", "closing"), [("past", 3005), ("forged", 3500), ("other", 3500), ("", 3501)]
)
def test_a_refresh_that_fails_ends_the_connection(token: str, closing: int) -> None:
    stage = connected("hour")
    stage.say({"id": 2, "refresh": {"token": token}})
    assert stage.closed is not None
    assert stage.closed[0] == closing


@pytest.mark.parametrize(
    "changed",
    [
        Identity(Actor(id="n1", role=Role.DOCTOR), LATER),
        Identity(Actor(id="n1", role=Role.NURSE, lines=frozenset({LineId("L1")})), LATER),
        Identity(Actor(id="n1", role=Role.SCREEN, screen=ScreenId("hall-3f")), LATER),
        Identity(Actor(id="n1", role=Role.NURSE), LATER, channels=("queue:L1",)),
    ],
)
def test_a_refresh_with_other_rights_sends_the_client_back_to_be_judged_anew(changed: Identity) -> None:
    stage = Stage()
    stage.tokens.known |= {
        "nurse": Identity(NURSE, NOON.timestamp() + 60),
        "changed": changed,
        "same": Identity(NURSE, LATER, info=b'{"desk":2}'),
    }
    stage.connect("nurse")
    assert "refresh" in stage.say({"id": 2, "refresh": {"token": "same"}})[0]
    stage.say({"id": 3, "refresh": {"token": "changed"}})
    assert stage.closed == (3011, "force reconnect")


def test_a_connection_whose_time_is_over_already_is_110() -> None:
    stage = Stage()
    stage.tokens.known |= {"good": Identity(PATIENT, NOON.timestamp() + 60)}
    stage.connect("good")
    stage.clock.advance(timedelta(seconds=10))
    stage.tokens.judges_ends = False
    stage.tokens.known |= {"over": Identity(PATIENT, NOON.timestamp() + 1)}
    assert stage.say({"id": 2, "refresh": {"token": "over"}}) == [
        {"id": 2, "error": {"code": 110, "message": "expired"}}
    ]
    late = Stage()
    late.tokens.judges_ends = False
    assert late.connect("past") == {"id": 1, "error": {"code": 110, "message": "expired"}}
    late.say({"id": 2, "connect": {}})
    assert late.closed == BAD


def test_refresh_where_nothing_expires_is_3501() -> None:
    stage = connected("patient")
    stage.say({"id": 2, "refresh": {"token": "day"}})
    assert stage.closed == BAD


# T18: what SDKs read from a close frame.


@pytest.mark.acceptance("T18")
def test_every_reason_is_there_is_not_json_and_fits() -> None:
    everyone = (*CLOSINGS, *UNSUBSCRIBINGS)
    assert len({one.code for one in everyone}) == len(everyone)
    assert all(3000 <= one.code < 5000 for one in CLOSINGS)
    assert all(2000 <= one.code < 3000 for one in UNSUBSCRIBINGS)
    for one in everyone:
        assert one.reason.strip()
        assert len(one.reason.encode()) <= 123
        with pytest.raises(ValueError):
            json.loads(one.reason)


def test_every_error_has_a_message_and_only_the_right_ones_are_temporary() -> None:
    assert {one.code for one in ERRORS if one.temporary} == {100, 111}
    assert all(one.message for one in ERRORS)
    assert len({one.code for one in ERRORS}) == len(ERRORS)
