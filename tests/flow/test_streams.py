"""Somebody whose network lets no WebSocket through talks over a stream and small requests."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.actor import Actor, Role
from server.bootstrap import Roles
from tests.clients.test_streams import Down
from tests.fault.im.people import employ
from tests.flow.signed_in import House, a_house

LI = Actor(id="nurse.li", role=Role.NURSE)
WU = Actor(id="nurse.wu", role=Role.NURSE)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as made:
        await made.opens(Roles.ALL)
        await employ(made.settings, ["li", "wu"])
        yield made


async def test_a_message_is_said_and_heard_without_a_socket(house: House) -> None:
    li, wu = await house.device_of(LI), await house.device_of(WU)
    begun = {"cid": "team-0001", "kind": "team", "users": [WU.id], "title": "一病区"}
    status, told = await li.posts("/v1/im/start", begun)
    assert status == 200, told
    base = f"http://127.0.0.1:{li.web.port}"
    connect = json.dumps({"id": 1, "connect": {"token": await wu.socket_token()}})
    async with house.http.post(f"{base}/connection/http_stream", data=connect) as response:
        assert response.status == 200
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Cache-Control"] == "no-store"
        down = Down(house.http, response)
        place = (await down.next())["connect"]
        said = {"conversation": told["id"], "cid": "cid-00001", "body": {"type": "text", "text": "收到"}}
        command = json.dumps({"id": 2, "rpc": {"method": "im.send", "data": said}})
        body = {"session": place["session"], "node": place["node"], "data": command}
        async with house.http.post(f"{base}/emulation", json=body) as answer:
            assert answer.status == 204
        heard = [await down.next() for _ in range(2)]
        assert {"rpc", "push"} <= {key for each in heard for key in each}
        event = next(each["push"]["pub"]["data"] for each in heard if "push" in each)
        assert event["message"]["body"]["text"] == "收到"
        large = {"session": place["session"], "node": place["node"], "data": "x" * 70_000}
        async with house.http.post(f"{base}/emulation", json=large) as answer:
            assert answer.status == 413
        # The process goes away: whoever hears is told so and comes back elsewhere.
        async with asyncio.timeout(20):
            draining = asyncio.create_task(li.web.drain())
            end = await down.next()
            await draining
        assert end["push"]["disconnect"]["code"] == 3001
