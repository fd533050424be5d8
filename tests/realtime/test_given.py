"""Subscriptions that the server gives and takes away while a client is connected."""

from datetime import timedelta

import pytest

from realtime.channels import BadChannel, UnknownChannel
from realtime.codes import CLOSINGS, UNSUBSCRIBINGS, Closings, Disconnect, Errors, Unsubscribings
from realtime.effects import Join, Leave
from realtime.feed import Joined
from realtime.stream import Position
from realtime.subscription import GIVEN, By, Subscription
from tests.protocol.house import House
from tests.protocol.stage import NOON, TOP, Stage, connected

LINE = "queue:L1"
GIVEN_PUSH = {
    "push": {
        "channel": LINE,
        "subscribe": {"recoverable": True, "positioned": True, "epoch": "k3Fq", "offset": 57},
    }
}
TAKEN_PUSH = {"push": {"channel": LINE, "unsubscribe": {"code": 2000, "reason": "server unsubscribe"}}}
SUBSCRIBE = {"id": 2, "subscribe": {"channel": LINE}}


def test_a_client_is_told_of_a_subscription_that_the_server_gives_and_takes_away() -> None:
    stage = connected("patient")
    assert stage.do(stage.session.give(LINE)) == [GIVEN_PUSH]
    assert stage.session.subscriptions[LINE].by is By.SERVER
    assert stage.do(stage.session.take_away(LINE)) == [TAKEN_PUSH]
    assert stage.asked == [Leave(LINE)]
    assert LINE not in stage.session.subscriptions
    assert stage.do(stage.session.take_away(LINE)) == []


def test_a_given_subscription_cannot_be_asked_for_again_and_one_asked_for_is_not_given() -> None:
    stage = connected()
    stage.do(stage.session.give(LINE))
    assert stage.say(SUBSCRIBE)[0]["error"]["code"] == 105
    assert stage.do(stage.session.give(LINE)) == []
    other = connected()
    other.say(SUBSCRIBE)
    assert other.do(other.session.give(LINE)) == []
    assert other.session.subscriptions[LINE].by is By.CLIENT


def test_a_client_may_leave_what_it_was_given() -> None:
    stage = connected()
    stage.do(stage.session.give(LINE))
    assert stage.say({"id": 2, "unsubscribe": {"channel": LINE}}) == [{"id": 2, "unsubscribe": {}}]
    assert stage.asked == [Leave(LINE)]


def test_what_the_client_asked_for_can_be_taken_away_too() -> None:
    stage = connected()
    stage.say(SUBSCRIBE)
    (push,) = stage.do(stage.session.take_away(LINE, Unsubscribings.STATE_INVALIDATED))
    assert push["push"]["unsubscribe"] == {"code": 2502, "reason": "state invalidated"}
    assert "subscribe" in stage.say({**SUBSCRIBE, "id": 3})[0]


def test_a_gift_stands_behind_what_waits_and_before_what_comes_later() -> None:
    stage = Stage(answer=False)
    stage.say({"id": 1, "connect": {"token": "patient"}})
    stage.do(stage.session.give(LINE))
    stage.say({"id": 2, "unsubscribe": {"channel": "queue:other"}})
    assert stage.asked == [Join({"user:#u42": None}, GIVEN)]
    (connect,) = stage.do(stage.session.joined({"user:#u42": TOP}))
    assert list(connect["connect"]["subs"]) == ["user:#u42"]
    assert stage.asked[-1] == Join({LINE: None}, GIVEN)
    assert stage.do(stage.session.joined({LINE: TOP})) == [GIVEN_PUSH, {"id": 2, "unsubscribe": {}}]


def test_a_subscription_taken_away_while_it_begins_ends_at_once() -> None:
    stage = Stage(answer=False)
    stage.connect_silently()
    stage.say(SUBSCRIBE)
    assert stage.do(stage.session.take_away(LINE)) == []
    reply, push = stage.do(stage.session.joined({LINE: TOP}))
    assert "subscribe" in reply
    assert push == TAKEN_PUSH
    assert stage.asked[-1] == Leave(LINE)


def test_a_personal_channel_taken_away_while_it_begins_ends_behind_the_connect() -> None:
    stage = Stage(answer=False)
    stage.say({"id": 1, "connect": {"token": "patient"}})
    stage.do(stage.session.take_away("user:#u42"))
    reply, push = stage.do(stage.session.joined({"user:#u42": TOP}))
    assert "connect" in reply
    assert push["push"]["unsubscribe"]["code"] == 2000
    assert not stage.session.subscriptions


def test_a_gift_still_in_line_is_not_given_when_it_was_taken_away() -> None:
    stage = Stage(answer=False)
    stage.connect_silently()
    stage.say(SUBSCRIBE)
    stage.do(stage.session.give("queue:L2"))
    stage.do(stage.session.take_away("queue:L2"))
    stage.do(stage.session.joined({LINE: TOP}))
    assert stage.asked == [Join({LINE: None})]
    assert not stage.session.congested


@pytest.mark.parametrize("phase", ["new", "refused", "closed"])
def test_who_is_not_connected_is_given_nothing(phase: str) -> None:
    stage = Stage()
    if phase == "refused":
        stage.connect("past")
    elif phase == "closed":
        stage.do(stage.session.close(Closings.FORCE_DISCONNECT))
    assert stage.session.give(LINE) == []
    assert stage.session.take_away(LINE) == []
    assert stage.asked == []


@pytest.mark.parametrize(("name", "no"), [("nothing:x", UnknownChannel), ("queue:a b", BadChannel)])
def test_only_channels_that_exist_can_be_given(name: str, no: type[Exception]) -> None:
    with pytest.raises(no):
        connected().session.give(name)


def test_more_given_channels_than_a_client_may_have_is_3505() -> None:
    stage = Stage(given_channels_per_client=3)
    stage.connect("patient")
    for number in range(2):
        assert len(stage.do(stage.session.give(f"queue:{number}"))) == 1
    stage.do(stage.session.give("queue:more"))
    assert stage.closed == (3505, "channel limit")


def test_gifts_in_line_count_too() -> None:
    stage = Stage(answer=False, given_channels_per_client=3)
    stage.connect_silently()
    for number in range(3):
        stage.do(stage.session.give(f"queue:{number}"))
    stage.do(stage.session.give("queue:more"))
    assert stage.closed == (3505, "channel limit")


def test_a_gift_that_cannot_be_given_brings_the_client_back() -> None:
    stage = Stage(answer=False)
    stage.connect_silently()
    stage.do(stage.session.give(LINE))
    stage.do(stage.session.refused(Errors.INTERNAL))
    assert stage.closed == (3004, "internal server error")


def test_a_gift_that_does_not_exist_is_passed_over() -> None:
    stage = Stage(answer=False)
    stage.connect_silently()
    stage.do(stage.session.give(LINE))
    stage.say({"id": 2, "unsubscribe": {"channel": "queue:L2"}})
    assert stage.do(stage.session.refused(Errors.UNKNOWN_CHANNEL)) == [{"id": 2, "unsubscribe": {}}]
    assert stage.closed is None


def test_a_gap_in_a_given_subscription_is_3010() -> None:
    stage = connected()
    stage.do(stage.session.give(LINE))
    stage.do(stage.session.lost(LINE))
    assert stage.closed == (3010, "insufficient state")


def test_a_gift_whose_history_does_not_join_is_3010() -> None:
    stage = connected(**{LINE: None})
    stage.do(stage.session.give(LINE))
    assert stage.closed == (3010, "insufficient state")


def test_a_given_subscription_that_is_over_is_3006() -> None:
    stage = connected()
    until = (NOON + timedelta(seconds=10)).timestamp()
    stage.do(stage.session.give(LINE, Subscription(By.SERVER, until)))
    assert stage.session.due == pytest.approx(stage.clock.monotonic() + 18.75)
    stage.do(stage.session.give("queue:L2", Subscription(By.SERVER, until - 8)))
    stage.after(18.75)
    stage.say("{}")
    stage.do(stage.session.take_away("queue:L2"))
    assert stage.after(10) == []
    assert stage.closed is None
    assert stage.session.due == pytest.approx(stage.clock.monotonic() + 6.25)
    stage.after(6.25)
    assert stage.closed == (3006, "subscription expired")


def test_a_channel_without_history_has_no_position() -> None:
    stage = connected(**{LINE: Joined(None)})
    assert stage.do(stage.session.give(LINE)) == [{"push": {"channel": LINE, "subscribe": {}}}]


def test_after_a_reconnect_the_client_has_what_its_token_gives_it() -> None:
    stage = Stage(hub={"user:#u42": Joined(Position(3, "e"), recovered=True)})
    held = {"recover": True, "epoch": "e", "offset": 3}
    reply = stage.connect("patient", subs={"user:#u42": held, LINE: held})
    assert list(reply["connect"]["subs"]) == ["user:#u42"]


@pytest.mark.parametrize("why", CLOSINGS, ids=lambda why: str(why.code))
async def test_the_server_may_end_a_connection_with_every_code_there_is(why: Disconnect) -> None:
    house = House()
    async with house.hub:
        wire = await house.client("patient")
        await wire.answers(SUBSCRIBE)
        wire.protocol.close(why)
        assert wire.closed == (why.code, why.reason)
        assert wire.protocol.session.due == float("inf")
        assert len(house.hub._taps[LINE].feed) == 0
        wire.protocol.close(Closings.SHUTDOWN)
        assert wire.closed == (why.code, why.reason)


@pytest.mark.parametrize("why", UNSUBSCRIBINGS, ids=lambda why: str(why.code))
async def test_the_server_may_end_a_subscription_with_every_code_there_is(why: Disconnect) -> None:
    house = House()
    async with house.hub:
        wire = await house.client("patient")
        await wire.answers(SUBSCRIBE)
        wire.protocol.server_unsubscribe(LINE, why)
        told = {"channel": LINE, "unsubscribe": {"code": why.code, "reason": why.reason}}
        assert wire.heard == [{"push": told}]
        assert len(house.hub._taps[LINE].feed) == 0
        assert "subscribe" in (await wire.answers({**SUBSCRIBE, "id": 3}))[0]
