"""Whoever has a socket may say anything to the conversations: it gets a no that means something.

Every method of ``im.`` is asked strange things, in strange frames; none of it is a fault of ours (error 100,
an error in the log), and nothing tells a conversation of others from one that does not exist.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from core.actor import Actor, Role
from server.api import ROUTES
from server.bootstrap import Roles
from tests.fault.im.people import consult, practise
from tests.flow.signed_in import House, a_house
from tests.flow.test_talk import LI, begins, colleagues

METHODS = sorted(route.live for route in ROUTES if route.live is not None and route.live.startswith("im."))
STRANGER = Actor(id="01STRANGER", role=Role.PATIENT)
DEEP = 20_000
STRANGE: list[str] = [
    "null", "true", "0", '""', "[]", "{}", "-1e400", "1" * 400, '"\\ud800"', "[[]]", '{"":{}}',
    '{"conversation":null}', '{"conversation":7}', '{"conversation":[]}', '{"conversation":{"id":"x"}}',
    '{"conversation":""}', '{"conversation":"' + "x" * 60_000 + '"}', '{"conversation":"../../x"}',
    '{"conversation":"x\' OR 1=1 --"}', '{"conversation":"\\u0000"}', '{"conversation":"\\ud800"}',
    "[" * DEEP + "]" * DEEP,
    '{"body":' * 3_000 + "1" + "}" * 3_000,
    '{"__class__":"x","__proto__":{"role":"nurse"}}',
]  # fmt: skip
"""What is not even the right shape."""
NUMBERS: list[Any] = [-1, 0, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**300, 0.5, "1", None, [], True]
WORDS = ["\u0000", "\ud800", "\u202e", "💊" * 2_000, "a\u0301" * 2_000, "", " ", "<script>", "%s%n", "';--"]


class Wire:
    """A socket of somebody, frame by frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._id = 1

    async def asks(self, method: str, data: str) -> dict[str, Any]:
        """The reply to one call whose data is given as it is, or how the connection ended."""
        self._id += 1
        return await self.told(f'{{"id":{self._id},"rpc":{{"method":"{method}","data":{data}}}}}')

    async def told(self, frame: str) -> dict[str, Any]:
        try:
            await self._socket.send(frame)
            async with asyncio.timeout(20):
                while True:
                    for line in str(await self._socket.recv()).split("\n"):
                        found: dict[str, Any] = json.loads(line)
                        if found.get("id") == self._id:
                            return found
        except ConnectionClosed as over:
            return {"closed": 0 if over.rcvd is None else over.rcvd.code}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    with capture_logs() as lines:
        async with a_house(tmp_path, web__requests_scale=0) as made:
            await made.opens(Roles.ALL)
            yield made
    assert [line for line in lines if line["log_level"] in ("error", "critical")] == []


async def a_wire(house: House, actor: Actor) -> Wire:
    device = await house.device_of(actor)
    url = f"ws://127.0.0.1:{device.web.port}/connection/websocket"
    wire = Wire(await connect(url, proxy=None, max_size=None))
    asked = {"id": 1, "connect": {"token": await device.socket_token()}}
    assert "connect" in await wire.told(json.dumps(asked))
    return wire


def is_a_no(told: dict[str, Any]) -> bool:
    """An error of the application or of the protocol, not of ours; or the end of who broke that."""
    if "closed" in told:
        return told["closed"] in (1009, 3501, 3013, 3509)
    return "error" in told and told["error"]["code"] != 100 and told["error"]["message"] != ""


async def test_no_method_stumbles_over_a_strange_shape(house: House) -> None:
    await colleagues(house)
    wire = await a_wire(house, LI)
    for method in METHODS:
        for data in STRANGE:
            told = await wire.asks(method, data)
            assert is_a_no(told) or "rpc" in told, (method, data[:60], told)
            if "closed" in told:
                wire = await a_wire(house, LI)
        # Fifty commands a second are allowed, and whoever errs on and on is sent away.
        await asyncio.sleep(0.5)
        told = await wire.asks("im.sync", '{"uver":0}')
        assert "rpc" in told, told


async def test_no_field_of_the_right_name_with_a_strange_value_is_a_fault_of_ours(house: House) -> None:
    await colleagues(house)
    conversation = await begins(await house.device_of(LI))
    wire = await a_wire(house, LI)

    async def is_answered(method: str, **fields: object) -> None:
        nonlocal wire
        own = method not in ("im.sync", "im.join", "im.start")
        given = fields | ({"conversation": conversation} if own else {})
        told = await wire.asks(method, json.dumps(given))
        assert is_a_no(told) or "rpc" in told, (method, str(fields)[:80], told)
        if "closed" in told:
            wire = await a_wire(house, LI)
        await asyncio.sleep(0.02)

    for number in NUMBERS:
        for method, field in (("pull", "after"), ("pull", "before"), ("read", "seq"), ("ack", "seq")):
            await is_answered(f"im.{method}", **{field: number})
        await is_answered("im.pull", after=0, limit=number)
        await is_answered("im.recall", seq=number, cid="recall-0001")
        await is_answered("im.sync", uver=number)
    for at, text in enumerate(WORDS):
        await is_answered("im.send", cid=f"words-{at:04}", body={"type": "text", "text": text})
        await is_answered("im.send", cid=text, body={"type": "text", "text": "x"})
        await is_answered("im.send", cid=f"words-{at:04}", body={"type": text, "text": "x"})
        await is_answered("im.search", text=text)
        await is_answered("im.invite", user=text)
        await is_answered("im.join", code=text)
        await is_answered("im.start", cid=f"start-{at:04}", kind="team", users=["nurse.wu"], title=text)
    for body in ({}, [], None, {"type": "event", "code": "im.ended"}, {"type": "image", "files": ["x"] * 10}):
        await is_answered("im.send", cid="body-0001", body=body)
    for users in ([], [LI.id], ["nurse.wu"] * 500, ["system"], ["01STRANGER"], [""], "nurse.wu"):
        await is_answered("im.start", cid="users-0001", kind="team", users=users, title="x")


async def test_a_conversation_of_others_answers_like_one_that_does_not_exist(house: House) -> None:
    await colleagues(house)
    await practise(house.settings, "doctor.2001")
    team = await begins(await house.device_of(LI))
    consultation = await consult(house.settings, user="01PATIENT", doctor="doctor.2001", patient="01FAMILY")
    asked: dict[str, dict[str, object]] = {
        "im.open": {}, "im.pull": {"after": 0}, "im.ack": {"seq": 1}, "im.read": {"seq": 1},
        "im.send": {"cid": "cid-00001", "body": {"type": "text", "text": "x"}},
        "im.recall": {"cid": "cid-00002", "seq": 1}, "im.typing": {"on": True}, "im.presence": {},
        "im.mute": {"on": True}, "im.pin": {"on": True}, "im.search": {"text": "头疼"},
        "im.invite": {"user": "nurse.wu"}, "im.leave": {}, "im.invite-code": {},
    }  # fmt: skip
    for actor in (STRANGER, Actor(id="nurse.chen", role=Role.NURSE)):
        wire = await a_wire(house, actor)
        for method, fields in asked.items():
            told = []
            for conversation in ("01NOSUCHCONVERSATION", team, consultation):
                reply = await wire.asks(method, json.dumps({"conversation": conversation} | fields))
                assert "error" in reply, (actor.role, method, reply)
                told.append(reply["error"])
            assert told[0] == told[1] == told[2], (actor.role, method, told)
