"""What sockets leave in the log: who connected, who asked for what is not theirs, whose token is not good."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.sql.audit_store import SqlAuditStore
from adapters.sql.transaction import Database
from audit.record import Record
from core.actor import Actor, Role
from server.bootstrap import Roles
from tests.flow.signed_in import House, a_house

PATIENT = Actor(id="01PATIENT", role=Role.PATIENT)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as made:
        await made.opens(Roles.ALL)
        yield made


async def records_of_sockets(house: House, *, count: int) -> list[Record]:
    """The newest records of sockets, once there are so many."""
    database = Database.open(house.settings.audit.url, connections=1)
    try:
        async with asyncio.timeout(20):
            while True:
                links = [link async for some in SqlAuditStore(database).links() for link in some]
                found = [link.record for link in links if link.record.action.startswith("socket.")]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.05)
    finally:
        await database.close()


async def test_a_person_who_connects_is_in_the_log_and_nobody_else(house: House) -> None:
    device = await house.device_of(PATIENT)
    async with device.connected():
        pass
    async with house.http.ws_connect(f"http://127.0.0.1:{device.web.port}/connection/websocket") as nobody:
        await nobody.send_json({"id": 1, "connect": {}})
        assert (await nobody.receive_json())["connect"]
    async with device.connected():
        pass
    found = await records_of_sockets(house, count=2)
    assert [(each.action, each.actor, each.result, each.address) for each in found] == [
        ("socket.connect", PATIENT.id, "done", "127.0.0.1")
    ] * 2
    assert device.session in found[0].facts


async def test_a_channel_that_is_not_theirs_is_in_the_log(house: House) -> None:
    device = await house.device_of(PATIENT)
    async with device.connected() as client:
        await client.subscribe("user:#13800138000")
        await client.subscribe("screen:hall")
        found = await records_of_sockets(house, count=3)
    refused = [each for each in found if each.result == "refused"]
    assert [(each.action, each.actor, each.object, each.code) for each in refused] == [
        ("socket.subscribe", PATIENT.id, "user:?", "core.forbidden"),
        ("socket.subscribe", PATIENT.id, "screen:hall", "core.forbidden"),
    ]


async def test_a_token_that_is_not_good_is_in_the_log_and_a_flood_of_them_is_not(house: House) -> None:
    device = await house.device_of(PATIENT)
    url = f"ws://127.0.0.1:{device.web.port}/connection/websocket"
    for _ in range(70):
        async with house.http.ws_connect(url) as socket:
            await socket.send_json({"id": 1, "connect": {"token": "not.a.token"}})
            await socket.receive()
            assert socket.close_code == 3500
    found = await records_of_sockets(house, count=60)
    assert {(each.action, each.actor, each.code) for each in found} == {
        ("socket.connect", "", "core.unauthenticated")
    }
    assert len(found) < 70
