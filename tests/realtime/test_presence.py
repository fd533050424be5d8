"""Who watches: listed and counted, and told to those who asked to hear who comes and goes."""

from collections.abc import AsyncIterator

import pytest

from adapters.memory.broker import MemoryStreams
from core import limits
from core.clock import ManualClock
from realtime.broker import BrokerUnavailable, Present
from realtime.channels import UnknownChannel, companion, houzhen_channels
from realtime.effects import Join, Leave, ListPresence
from realtime.subscription import By, Subscription
from realtime.tokens import Grant, Identity
from tests.protocol.house import House, Wire
from tests.protocol.stage import NOON, NURSE, TOP, Stage
from tests.protocol.table import TALK, WARD, table

PRESENCE = {"id": 7, "presence": {"channel": TALK}}
STATS = {"id": 8, "presence_stats": {"channel": TALK}}
LISTEN = {"id": 2, "subscribe": {"channel": TALK, "join_leave": True}}
SUBSCRIBE = {"id": 2, "subscribe": {"channel": TALK}}
UNSUBSCRIBE = {"id": 3, "unsubscribe": {"channel": TALK}}


def on_talk(token: str, **terms: object) -> Stage:
    stage = Stage(channels=table(), **terms)
    stage.connect(token)
    stage.sent.clear()
    return stage


def test_who_watches_is_listed_by_client() -> None:
    stage = on_talk("nurse")
    assert stage.say(PRESENCE) == []
    assert stage.asked == [ListPresence(TALK)]
    members = {"9f0f": Present("u42", b'{"user":"u42","client":"9f0f","conn_info":{"name":"Li"}}')}
    assert stage.do(stage.session.listed(members)) == [
        {
            "id": 7,
            "presence": {
                "presence": {"9f0f": {"user": "u42", "client": "9f0f", "conn_info": {"name": "Li"}}}
            },
        }
    ]


def test_nobody_is_an_empty_list_and_a_crowd_is_106() -> None:
    stage = on_talk("nurse")
    stage.say(PRESENCE)
    assert stage.do(stage.session.listed({})) == [{"id": 7, "presence": {"presence": {}}}]
    stage.say(PRESENCE)
    (reply,) = stage.do(stage.session.listed(None))
    assert reply["error"] == {"code": 106, "message": "limit exceeded"}


@pytest.mark.parametrize(
    ("token", "channel", "code"),
    [("patient", TALK, 103), ("", TALK, 103), ("nurse", "hint:1", 108), ("nurse", "nothing:1", 102)],
)
def test_who_is_not_told(token: str, channel: str, code: int) -> None:
    stage = on_talk(token)
    (reply,) = stage.say({"id": 7, "presence": {"channel": channel}})
    assert reply["error"]["code"] == code


def test_nobody_sees_who_watches_a_line() -> None:
    policy, _ = houzhen_channels().find("queue:L1")
    assert not policy.lists_presence
    assert not any(
        houzhen_channels().find(name)[0].tells_joins for name in ("queue:L1", "screen:s", "user:#u")
    )


# Asking to hear who comes and goes.


def test_whoever_may_see_them_is_told_who_comes_and_goes() -> None:
    stage = on_talk("nurse")
    stage.answers = False
    stage.say(LISTEN)
    assert stage.asked == [
        Join({TALK: None, companion(TALK): None}, Subscription(By.CLIENT, hears_joins=True))
    ]
    (reply,) = stage.do(stage.session.joined({TALK: TOP, companion(TALK): TOP}))
    assert "subscribe" in reply
    stage.say(UNSUBSCRIBE)
    assert stage.asked[1:] == [Leave(TALK)]


@pytest.mark.parametrize(("token", "ask"), [("patient", LISTEN), ("nurse", SUBSCRIBE)])
def test_who_may_not_or_did_not_ask_is_subscribed_all_the_same(token: str, ask: dict[str, object]) -> None:
    stage = on_talk(token)
    stage.answers = False
    stage.say(ask)
    assert stage.asked == [Join({TALK: None})]


@pytest.mark.parametrize("command", ["subscribe", "history", "presence", "presence_stats", "publish"])
def test_the_processes_own_channels_are_no_clients(command: str) -> None:
    stage = on_talk("nurse")
    (reply,) = stage.say({"id": 2, command: {"channel": companion(TALK), "data": 1}})
    assert reply["error"]["code"] == 102
    with pytest.raises(UnknownChannel):
        stage.session.give(companion(TALK))


# The whole way.


@pytest.fixture
async def houses(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[House, House]]:
    """Two processes on one broker."""
    monkeypatch.setattr(limits, "REALTIME_JOINS_PAUSE_SECONDS", 0.02)
    streams = MemoryStreams(clock=ManualClock(NOON), new_epoch=lambda: "e1")
    one, other = House(streams, table(), name="one"), House(streams, table(), name="other")
    async with one.hub, other.hub:
        yield one, other


def told(wire: Wire) -> list[tuple[str, str]]:
    """Who came and went, as this client was told."""
    pushes = [one["push"] for one in wire.heard if "push" in one]
    return [
        (kind, push[kind]["info"]["client"]) for push in pushes for kind in ("join", "leave") if kind in push
    ]


async def test_presence_of_two_processes(houses: tuple[House, House]) -> None:
    one, other = houses
    other.tokens.known["nurse"] = Identity(NURSE, info=b'{"name":"Li"}')
    nurse, second, patient = (
        await one.client("nurse"),
        await other.client("nurse"),
        await one.client("patient"),
    )
    for wire in (nurse, second, patient):
        await wire.answers(SUBSCRIBE)
    await other.hub.presence_stats(TALK)
    assert await nurse.answers(PRESENCE, STATS) == [
        {
            "id": 7,
            "presence": {
                "presence": {
                    "one-1": {"user": "n1", "client": "one-1"},
                    "one-2": {"user": "u42", "client": "one-2"},
                    "other-1": {"user": "n1", "client": "other-1", "conn_info": {"name": "Li"}},
                }
            },
        },
        {"id": 8, "presence_stats": {"num_clients": 3, "num_users": 2}},
    ]
    second.protocol.gone()
    await other.hub.presence_stats(TALK)
    (reply,) = await nurse.answers(PRESENCE)
    assert sorted(reply["presence"]["presence"]) == ["one-1", "one-2"]


async def test_what_a_subscriptions_token_says_of_somebody_is_shown(houses: tuple[House, House]) -> None:
    one, _ = houses
    one.tokens.grants["ward"] = Grant("u42", WARD, info=b'{"bed":7}')
    patient = await one.client("patient")
    await patient.answers({"id": 2, "subscribe": {"channel": WARD, "token": "ward"}})
    (reply,) = await patient.answers({"id": 7, "presence": {"channel": WARD}})
    assert reply["presence"]["presence"] == {
        "one-1": {"user": "u42", "client": "one-1", "chan_info": {"bed": 7}}
    }


async def test_a_crowd_is_counted_and_not_listed(
    houses: tuple[House, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REALTIME_PRESENCE_ITEMS", 2)
    one, _ = houses
    wires = [await one.client("nurse") for _ in range(3)]
    for wire in wires:
        await wire.answers(SUBSCRIBE)
    listed, counted = await wires[0].answers(PRESENCE, STATS)
    assert listed["error"]["code"] == 106
    assert counted["presence_stats"]["num_clients"] == 3


async def test_those_who_asked_hear_who_comes_and_goes_on_every_process(houses: tuple[House, House]) -> None:
    one, other = houses
    nurse, deaf = await one.client("nurse"), await one.client("nurse")
    await nurse.answers(LISTEN)
    await deaf.answers(SUBSCRIBE)
    await nurse.until(lambda: sorted(told(nurse)) == [("join", "one-1"), ("join", "one-2")])
    patient = await other.client("patient")
    await patient.answers(SUBSCRIBE)
    await nurse.until(lambda: told(nurse)[2:] == [("join", "other-1")])
    await patient.answers(UNSUBSCRIBE)
    await nurse.until(lambda: told(nurse)[3:] == [("leave", "other-1")])
    await patient.answers(SUBSCRIBE)
    await nurse.until(lambda: told(nurse)[4:] == [("join", "other-1")])
    patient.protocol.gone()
    await nurse.until(lambda: told(nurse)[5:] == [("leave", "other-1")])
    assert told(deaf) == []
    assert nurse.heard[-1] == {
        "push": {"channel": TALK, "leave": {"info": {"user": "u42", "client": "other-1"}}}
    }


async def test_whoever_unsubscribes_hears_no_more_and_leaves_nothing_behind(
    houses: tuple[House, House],
) -> None:
    one, other = houses
    nurse, other_nurse = await one.client("nurse"), await other.client("nurse")
    await nurse.answers(LISTEN)
    await other_nurse.answers(LISTEN)
    await nurse.until(lambda: ("join", "other-1") in told(nurse))
    await nurse.answers(UNSUBSCRIBE)
    await other_nurse.until(lambda: ("leave", "one-1") in told(other_nurse))
    before = told(nurse)
    await other_nurse.answers(UNSUBSCRIBE)
    await other_nurse.until(lambda: not other.hub._attendance._doorways)
    await one.publish(TALK)
    assert told(nurse) == before
    assert len(one.hub._taps[companion(TALK)].feed) == len(other.hub._taps[companion(TALK)].feed) == 0


async def test_a_subscription_that_ends_by_itself_ends_the_hearing_too(houses: tuple[House, House]) -> None:
    one, other = houses
    nurse = await one.client("nurse")
    await nurse.answers(LISTEN)
    await one.publish(TALK)
    one.broker._streams.ignore(TALK, one.broker._on_publication)  # type: ignore[arg-type]
    await one.publish(TALK)
    one.broker._streams.listen(TALK, one.broker._on_publication)  # type: ignore[arg-type]
    await one.publish(TALK)
    await nurse.until(lambda: any("unsubscribe" in each.get("push", {}) for each in nurse.heard))
    assert len(one.hub._taps[companion(TALK)].feed) == 0
    await nurse.answers(LISTEN)
    patient = await other.client("patient")
    await patient.answers(SUBSCRIBE)
    await nurse.until(lambda: ("join", "other-1") in told(nurse))


async def test_who_comes_and_goes_at_once_is_not_told(houses: tuple[House, House]) -> None:
    one, other = houses
    nurse = await one.client("nurse")
    await nurse.answers(LISTEN)
    await nurse.until(lambda: told(nurse) == [("join", "one-1")])
    hasty, steady = await other.client("patient"), await other.client("patient")
    await hasty.answers(SUBSCRIBE)
    hasty.protocol.gone()
    await steady.answers(SUBSCRIBE)
    await nurse.until(lambda: len(told(nurse)) == 2)
    assert told(nurse)[1:] == [("join", "other-2")]


async def test_of_a_crowd_only_so_many_are_told(
    houses: tuple[House, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REALTIME_JOINS_AT_ONCE", 3)
    one, other = houses
    nurse = await one.client("nurse")
    await nurse.answers(LISTEN)
    await nurse.until(lambda: told(nurse) == [("join", "one-1")])
    monkeypatch.setattr(limits, "REALTIME_JOINS_PAUSE_SECONDS", 0.3)
    crowd = [await other.client("patient") for _ in range(5)]
    for wire in crowd:
        await wire.answers(SUBSCRIBE)
    await nurse.until(lambda: len(told(nurse)) == 4)
    assert other.metrics.joins_untold._value.get() == 2
    for wire in reversed(crowd):
        wire.protocol.gone()
    await nurse.until(lambda: len(told(nurse)) == 7)
    assert sorted(told(nurse)[4:]) == [("leave", f"other-{n}") for n in (1, 2, 3)]


async def test_what_the_broker_does_not_take_is_not_told_later(
    houses: tuple[House, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = houses
    nurse = await one.client("nurse")
    with monkeypatch.context() as patch:

        async def away(*_: object, **__: object) -> None:
            raise BrokerUnavailable

        patch.setattr(one.broker, "publish", away)
        await nurse.answers(LISTEN)
        await nurse.until(lambda: one.metrics.joins_untold._value.get() == 1)
    patient = await one.client("patient")
    await patient.answers(SUBSCRIBE)
    await nurse.until(lambda: bool(told(nurse)))
    assert told(nurse) == [("join", "one-2")]


async def test_presence_that_cannot_be_passed_on_is_renewed_later(
    houses: tuple[House, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = houses
    patient = await one.client("patient")
    attendance = one.hub._attendance
    with monkeypatch.context() as patch:

        async def away(*_: object, **__: object) -> None:
            raise BrokerUnavailable

        patch.setattr(one.broker, "add_presence", away)
        await patient.answers(SUBSCRIBE)
        with pytest.raises(BrokerUnavailable):
            await attendance.pass_all_on()
        assert not attendance._changes
    await attendance.pass_all_on(one.hub._taps.values())
    assert (await one.broker.presence_stats(TALK)).clients == 1
