"""Clients that publish: who may, what it costs, and what the others hear."""

import json
from collections.abc import AsyncIterator

import pytest

from adapters.memory.broker import MemoryStreams
from core import limits
from core.clock import ManualClock
from realtime.broker import BrokerUnavailable
from realtime.channels import houzhen_channels
from realtime.effects import Publish
from realtime.frames import client_info, push, push_head
from realtime.stream import Publication
from tests.protocol.house import House, Wire
from tests.protocol.stage import NOON, NURSE, Identity, Stage
from tests.protocol.table import KEEP, TALK, table

HINT = "hint:1"


def talking(token: str = "nurse") -> Stage:
    stage = Stage(channels=table())
    stage.tokens.known["nurse"] = Identity(NURSE, info=b'{"name":"Li"}')
    stage.connect(token)
    stage.sent.clear()
    return stage


def publish(channel: str, data: object, number: int = 6) -> dict[str, object]:
    return {"id": number, "publish": {"channel": channel, "data": data}}


def test_a_publication_is_answered_when_the_broker_has_accepted_it() -> None:
    stage = talking()
    assert stage.say(publish(TALK, {"typing": True})) == []
    info = b'{"user":"n1","client":"client-1","conn_info":{"name":"Li"}}'
    assert stage.asked == [Publish(TALK, b'{"typing": true}', KEEP, info)]
    assert stage.do(stage.session.published()) == [{"id": 6, "publish": {}}]


def test_who_publishes_an_unkept_hint_needs_no_name() -> None:
    stage = talking("")
    stage.say(publish(HINT, None))
    assert stage.asked == [Publish(HINT, b"null", None, b'{"user":"","client":"client-1"}')]


@pytest.mark.parametrize(
    ("token", "ask", "code"),
    [
        ("patient", {"channel": TALK, "data": 1}, 103),
        ("", {"channel": TALK, "data": 1}, 103),
        ("nurse", {"channel": "$ward:A", "data": 1}, 108),
        ("nurse", {"channel": "nothing:1", "data": 1}, 102),
        ("nurse", {"channel": "talk:a b", "data": 1}, 107),
        ("nurse", {"channel": TALK}, 107),
        ("nurse", {"channel": TALK, "data": "x" * limits.REALTIME_PUBLISH_BYTES}, 106),
    ],
)
def test_what_is_not_published(token: str, ask: dict[str, object], code: int) -> None:
    stage = talking(token)
    (reply,) = stage.say({"id": 6, "publish": ask})
    assert reply["error"]["code"] == code
    assert stage.asked == []


def test_payloads_that_are_no_json_end_the_connection() -> None:
    stage = talking()
    stage.say('{"id":6,"publish":{"channel":"talk:1","data":{"a":}}}')
    assert stage.closed == (3501, "bad request")


@pytest.mark.parametrize("namespace", ["queue:L1", "screen:hall-3f", "user:#n1"])
def test_nobody_publishes_on_the_products_own_channels(namespace: str) -> None:
    assert not houzhen_channels().find(namespace)[0].takes_publications


def test_a_publication_costs_more_than_another_command() -> None:
    stage = Stage(channels=table())
    stage.connect("nurse")
    many = limits.REALTIME_COMMAND_BURST // limits.REALTIME_PUBLISH_COMMANDS
    for number in range(many):
        assert stage.say(publish(TALK, number)) == []
        stage.do(stage.session.published())
    (reply,) = stage.say(publish(TALK, "more"))
    assert reply["error"]["code"] == 111


def test_a_push_says_who_published_it() -> None:
    info = client_info("n1", "c1", b'{"name":"Li"}', b'{"bed":7}')
    assert json.loads(push(push_head(TALK), Publication(b'{"t":\n"hi"}', 3, "e", info))) == {
        "push": {
            "channel": TALK,
            "pub": {
                "data": {"t": "hi"},
                "offset": 3,
                "info": {"user": "n1", "client": "c1", "conn_info": {"name": "Li"}, "chan_info": {"bed": 7}},
            },
        }
    }


# The whole way.


@pytest.fixture
async def houses() -> AsyncIterator[tuple[House, House]]:
    """Two processes on one broker."""
    streams = MemoryStreams(clock=ManualClock(NOON), new_epoch=lambda: "e1")
    one, other = House(streams, table(), name="one"), House(streams, table(), name="other")
    async with one.hub, other.hub:
        yield one, other


def publications(wire: Wire) -> list[dict[str, object]]:
    return [one["push"]["pub"] for one in wire.heard if "pub" in one.get("push", {})]


async def test_everyone_hears_it_on_every_process_also_the_publisher(houses: tuple[House, House]) -> None:
    one, other = houses
    nurse, patient = await one.client("nurse"), await other.client("patient")
    for wire in (nurse, patient):
        await wire.answers({"id": 2, "subscribe": {"channel": TALK}})
    assert await nurse.answers(publish(TALK, {"t": "您好"})) == [{"id": 6, "publish": {}}]
    expected = {"data": {"t": "您好"}, "offset": 1, "info": {"user": "n1", "client": "one-1"}}
    for wire in (nurse, patient):
        await wire.until(lambda wire=wire: publications(wire) == [expected])
    history = {"id": 7, "history": {"channel": TALK, "limit": 5}}
    (reply,) = await patient.answers(history)
    assert reply["history"]["publications"] == [expected]
    late = await other.client()
    (reply,) = await late.answers(
        {"id": 2, "subscribe": {"channel": TALK, "recover": True, "epoch": "e1", "offset": 0}}
    )
    assert reply["subscribe"]["publications"] == [expected]


async def test_a_broker_that_is_away_is_a_temporary_error(
    houses: tuple[House, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = houses
    nurse = await one.client("nurse")

    async def away(*_: object, **__: object) -> None:
        raise BrokerUnavailable

    monkeypatch.setattr(one.broker, "publish", away)
    (reply,) = await nurse.answers(publish(TALK, 1))
    assert reply["error"] == {"code": 100, "message": "internal server error", "temporary": True}
