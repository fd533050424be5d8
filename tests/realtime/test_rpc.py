"""Methods of the application: what a client is answered, in which order, and in what time."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from core.actor import ANONYMOUS, Actor
from core.refusals import BadInput, Forbidden, Kind, NotFound, Refusal, Unauthenticated, Unavailable
from realtime.calls import Calls
from realtime.codes import Errors, application_error
from realtime.effects import Call
from realtime.terms import Asking
from tests.protocol.house import House, Wire
from tests.protocol.stage import PATIENT, connected


async def echo(asking: Asking, data: bytes) -> bytes:
    return data


async def nothing(asking: Asking, data: bytes) -> bytes:
    return b""


METHODS = {"echo": echo, "nothing": nothing}


# The session.


def test_a_call_and_its_answer() -> None:
    stage = connected("patient", terms={"rpc": METHODS})
    assert stage.say({"id": 10, "rpc": {"method": "echo", "data": {"cid": "01J"}}}) == []
    assert stage.asked == [Call("echo", echo, PATIENT, b'{"cid": "01J"}')]
    assert stage.do(stage.session.returned(b'{"seq":31,\n"mid":"m1"}')) == [
        {"id": 10, "rpc": {"data": {"seq": 31, "mid": "m1"}}}
    ]


def test_a_call_without_data_and_an_answer_without_any() -> None:
    stage = connected(terms={"rpc": METHODS})
    stage.say({"id": 10, "rpc": {"method": "nothing"}})
    assert stage.asked == [Call("nothing", nothing, ANONYMOUS, b"")]
    assert stage.do(stage.session.returned(b"")) == [{"id": 10, "rpc": {}}]


@pytest.mark.parametrize("ask", [{}, {"method": ""}, {"method": "ech"}, {"method": "no", "data": 1}])
def test_an_unknown_method_is_104(ask: dict[str, object]) -> None:
    stage = connected(terms={"rpc": METHODS})
    assert stage.say({"id": 10, "rpc": ask}) == [
        {"id": 10, "error": {"code": 104, "message": "method not found"}}
    ]


def test_calls_keep_their_order_and_others_wait_behind_them() -> None:
    stage = connected(terms={"rpc": METHODS})
    stage.say(
        {"id": 2, "rpc": {"method": "echo", "data": 1}},
        {"id": 3, "rpc": {"method": "echo", "data": 2}},
        {"id": 4, "unsubscribe": {"channel": "queue:L1"}},
    )
    assert [call.data for call in stage.asked if isinstance(call, Call)] == [b"1"]
    assert stage.session.congested
    assert stage.do(stage.session.returned(b"1")) == [{"id": 2, "rpc": {"data": 1}}]
    assert stage.do(stage.session.refused(Errors.INTERNAL)) == [
        {"id": 3, "error": {"code": 100, "message": "internal server error", "temporary": True}},
        {"id": 4, "unsubscribe": {}},
    ]


# What a refusal becomes.


class SessionClosed(Refusal):
    """For this test."""

    code = "im.session_closed"
    kind = Kind.CONFLICT


@pytest.mark.parametrize(
    ("refusal", "code", "message", "temporary"),
    [
        (BadInput(field="$.a", why="b"), 1422, "core.bad_input", False),
        (Unauthenticated(), 1401, "core.unauthenticated", False),
        (Forbidden(), 1403, "core.forbidden", False),
        (NotFound(), 1404, "core.not_found", False),
        (SessionClosed(), 1409, "im.session_closed", False),
        (Unavailable(), 1503, "core.unavailable", True),
    ],
)
def test_a_refusal_is_its_kind_and_its_stable_code(
    refusal: Refusal, code: int, message: str, temporary: bool
) -> None:
    error = application_error(refusal)
    assert (error.code, error.message, error.temporary) == (code, message, temporary)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_number_that_belongs_to_applications(kind: Kind) -> None:
    class Refused(Refusal):
        pass

    Refused.kind = kind
    error = application_error(Refused())
    assert 1_000 <= error.code <= 1_999
    assert error.temporary is (kind in (Kind.TOO_MANY, Kind.UNAVAILABLE))


# The whole way.


class Gate:
    """A method that waits until it is let go."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.begun = 0
        self.cancelled = 0

    async def __call__(self, asking: Asking, data: bytes) -> bytes:
        self.begun += 1
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return b'"done"'


async def refusing(asking: Asking, data: bytes) -> bytes:
    raise SessionClosed


async def broken(asking: Asking, data: bytes) -> bytes:
    raise RuntimeError("a fault of ours")


async def endless(asking: Asking, data: bytes) -> bytes:
    return b'"%b"' % (b"x" * 200_000)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    async with made.hub:
        yield made


def call(method: str, number: int = 2, data: object = None) -> dict[str, Any]:
    return {"id": number, "rpc": {"method": method, "data": data}}


async def test_a_method_is_told_who_asks_and_its_answer_comes_back(house: House) -> None:
    async def who(asking: Asking, data: bytes) -> bytes:
        return json.dumps([asking.actor.id, json.loads(data)]).encode()

    wire = await house.client("patient", rpc={"who": who})
    assert await wire.answers(call("who", data="a")) == [{"id": 2, "rpc": {"data": ["u42", "a"]}}]


async def test_a_refusal_comes_back_as_an_error(house: House) -> None:
    wire = await house.client(rpc={"refusing": refusing})
    assert await wire.answers(call("refusing")) == [
        {"id": 2, "error": {"code": 1409, "message": "im.session_closed"}}
    ]


@pytest.mark.parametrize("method", [broken, endless])
async def test_a_fault_of_ours_is_100_and_the_connection_lives_on(
    house: House, method: Callable[[Actor, bytes], Awaitable[bytes]]
) -> None:
    wire = await house.client(rpc={"method": method, "echo": echo})
    (answer,) = await wire.answers(call("method"))
    assert answer["error"]["code"] == 100
    assert await wire.answers(call("echo", 3, 7)) == [{"id": 3, "rpc": {"data": 7}}]


async def test_a_method_that_takes_too_long_is_stopped_and_answered(house: House) -> None:
    gate = Gate()
    house.hub.calls = Calls(house.metrics, seconds=0.05)
    wire = await house.client(rpc={"gate": gate})
    (answer,) = await wire.answers(call("gate"))
    assert answer["error"] == {"code": 100, "message": "internal server error", "temporary": True}
    assert (gate.begun, gate.cancelled) == (1, 1)


async def test_a_call_that_never_got_its_turn_is_111(house: House) -> None:
    gate = Gate()
    house.hub.calls = Calls(house.metrics, at_once=1, seconds=60)
    first, second = await house.client(rpc={"gate": gate}), await house.client(rpc={"echo": echo})
    first.say(call("gate"))
    await first.until(lambda: gate.begun == 1)
    house.hub.calls._seconds = 0.05
    (answer,) = await second.answers(call("echo"))
    assert answer["error"] == {"code": 111, "message": "too many requests", "temporary": True}
    gate.open.set()
    assert await second.answers(call("echo", 3, 7)) == [{"id": 3, "rpc": {"data": 7}}]


async def test_a_call_ends_with_its_connection(house: House) -> None:
    gate = Gate()
    wire = await house.client(rpc={"gate": gate})
    wire.say(call("gate"))
    await wire.until(lambda: gate.begun == 1)
    wire.protocol.gone()
    await wire.until(lambda: gate.cancelled == 1)
    assert wire.heard == []


async def test_calls_of_different_clients_run_beside_each_other(house: House) -> None:
    gate = Gate()
    wires: list[Wire] = [await house.client(rpc={"gate": gate}) for _ in range(5)]
    for wire in wires:
        wire.say(call("gate"))
    await wires[0].until(lambda: gate.begun == 5)
    gate.open.set()
    for wire in wires:
        await wire.until(lambda wire=wire: len(wire.heard) == 1)
