"""What is decided in a transaction reaches a user's connections at every process, through Redis."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.clock import SystemClock
from realtime.control import Decision, End, Subscribe, Unsubscribe, outgoing
from server.bootstrap import Roles
from tests.clients.node_client import NodeClient
from tests.clients.python_client import PythonClient
from tests.clients.stock import Stock
from tests.clients.test_revoked import NURSE, House, a_house, connects, watching

CLOCK = SystemClock()
pytestmark = pytest.mark.redis


@pytest.fixture
async def house(tmp_path: Path, redis_url: str) -> AsyncIterator[House]:
    async with a_house(tmp_path, broker__url=redis_url) as several:
        for roles in (Roles.WEB, Roles.WEB, Roles.WORKER):
            await several.opens(roles)
        yield several


@pytest.fixture
async def decides(house: House) -> AsyncIterator["Decides"]:
    database = Database.open(house.settings.storage.url)
    yield Decides(SqlUnits(database, clock=CLOCK, nudge=MemoryNudge()))
    await database.close()


class Decides:
    """Commits decisions as a use case does."""

    def __init__(self, units: SqlUnits) -> None:
        self._units = units

    async def __call__(self, *decisions: Decision, commit: bool = True) -> None:
        async with self._units.begin() as unit:
            unit.publish(*(outgoing(decision) for decision in decisions))
            if commit:
                await unit.commit()


@pytest.mark.parametrize("node", [False, pytest.param(True, marks=pytest.mark.node)], ids=["python", "node"])
async def test_subscriptions_are_given_and_taken_away_on_every_process(
    house: House, decides: Decides, *, node: bool
) -> None:
    if node and NodeClient.missing():
        pytest.skip(str(NodeClient.missing()))
    urls = [house.socket(web) for web in house.webs]
    token = house.token(NURSE).token
    async with watching(urls[0], token, node=node) as one, watching(urls[1], token, node=node) as other:
        await decides(Subscribe(at=CLOCK.now(), user=NURSE.id, channel="queue:not-committed"), commit=False)
        await decides(Subscribe(at=CLOCK.now(), user=NURSE.id, channel="screen:hall"))
        for client in (one, other):
            await client.events.until("subscribed", channel="screen:hall")
        await decides(Unsubscribe(at=CLOCK.now(), user=NURSE.id, channel="screen:hall"))
        for client in (one, other):
            await client.events.until("unsubscribed", channel="screen:hall")
            assert not [e for e in client.events.all if e.get("channel") == "queue:not-committed"]
        assert [connects(one), connects(other)] == [1, 1]


async def test_connections_are_asked_to_come_back_or_to_stay_away(house: House, decides: Decides) -> None:
    urls = [house.socket(web) for web in house.webs]
    token = house.token(NURSE).token
    async with watching(urls[0], token, token) as one, watching(urls[1], token, token) as other:
        clients: tuple[Stock, ...] = (one, other)
        await decides(End(at=CLOCK.now(), user=NURSE.id, code=3011))
        for client in clients:
            await client.events.until("connecting", code=3011)
            await client.events.until("connected")
        anonymous = PythonClient()
        await anonymous.connect(urls[1])
        id_of = (await anonymous.events.until("connected"))["client"]
        await decides(
            End(at=CLOCK.now(), client=id_of, code=4501, reason="shift is over"),
            End(at=CLOCK.now(), user=NURSE.id),
        )
        assert (await anonymous.events.until("disconnected"))["code"] == 4501
        for client in clients:
            told = await client.events.until("disconnected")
            assert (told["code"], told["reason"]) == (3503, "force disconnect")
        assert [connects(client) for client in clients] == [2, 2]
        await anonymous.close()
