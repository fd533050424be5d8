"""Everything that a socket can ask for HTTP can too, and everything that is told is documented."""

import json
from typing import Any, get_args

import msgspec
import pytest

from handlers.live_calls import LiveCalls
from im import wire
from realtime import veil
from server.api import CHANNELS, ROUTES, documents

METHODS = LiveCalls(ROUTES)
OPENAPI: dict[str, Any] = json.loads(documents()["openapi.json"])
ASYNCAPI: dict[str, Any] = json.loads(documents()["asyncapi.json"])
PLAN = {
    f"im.{verb}"
    for verb in (
        *("open", "send", "sync", "pull", "ack", "read", "recall", "typing"),
        *("accept", "reject", "extend", "close", "search"),
    )
}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_each_method_of_the_socket_is_a_documented_request(method: str) -> None:
    [route] = [route for route in ROUTES if route.live == method]
    operation = OPENAPI["paths"][route.path][route.method.lower()]
    assert operation["x-rpc"] == method
    assert operation["summary"]
    assert route.path == f"/v1/im/{method.removeprefix('im.')}" or route.path.startswith("/v1/consultations/")


def test_everything_of_the_plan_is_a_method() -> None:
    assert set(METHODS) >= PLAN
    documented = {
        each["x-rpc"] for path in OPENAPI["paths"].values() for each in path.values() if "x-rpc" in each
    }
    assert documented == set(METHODS)


def test_each_kind_of_event_is_documented() -> None:
    [user] = [channel for channel in CHANNELS if channel.address == "user:#{user}"]
    told = (*get_args(wire.Event), wire.UnreadableEvent)
    assert set(user.payloads) == set(told)
    messages = ASYNCAPI["channels"][user.name]["messages"]
    for event in told:
        schema = ASYNCAPI["components"]["schemas"][
            messages[event.__name__]["payload"]["$ref"].rpartition("/")[2]
        ]
        assert schema["properties"]["event"]["enum"] == [event.__struct_config__.tag]


def test_what_the_veil_says_is_the_documented_event() -> None:
    assert msgspec.json.encode(wire.UnreadableEvent()) == veil._UNREADABLE
