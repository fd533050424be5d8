"""Each stock SDK talks with PyPI's in a conversation, through a network that is cut in the middle."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.bootstrap import Roles
from tests.clients.python_client import PythonClient
from tests.clients.stock import Stock
from tests.flow.signed_in import House, a_house
from tests.flow.test_talk import LI, WU, begins, colleagues
from tests.services.proxy import Path as Road

pytestmark = pytest.mark.acceptance("T2")

TURNS = 6


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as made:
        await made.opens(Roles.ALL)
        yield made


async def says(client: Stock, conversation: str, cid: str) -> dict[str, Any]:
    """Send until it is answered, as ``docs/messaging.md`` asks of any client."""
    asked = {"conversation": conversation, "cid": cid, "body": {"type": "text", "text": f"您好 {cid}"}}
    async with asyncio.timeout(30):
        while "data" not in (told := await client.rpc("im.send", asked)):
            assert (told["error"] or 0) < 1_000, told
            await asyncio.sleep(0.1)
    return dict(told["data"])


def heard(client: Stock) -> list[tuple[int, str, str]]:
    """The messages that a client was told, in the order of coming."""
    messages = [
        event["data"]["message"]
        for event in client.events.all
        if event["event"] == "publication" and event["data"]["event"] == "message"
    ]
    return [(each["seq"], each["sender"], each["body"]["text"]) for each in messages]


async def test_both_hear_everything_once_and_in_order_through_a_cut(client: Stock, house: House) -> None:
    await colleagues(house)
    li, wu = await house.device_of(LI), await house.device_of(WU)
    conversation = await begins(li)
    other = PythonClient()
    async with Road(li.web.port) as road:
        url = f"ws://127.0.0.1:{road.port}/connection/websocket"
        try:
            for who, device in ((client, li), (other, wu)):
                await who.connect(url, (await device.socket_token(), await device.socket_token()))
                await who.events.until("subscribed")
            wanted = []
            for turn in range(TURNS):
                for who, name in ((client, LI.id), (other, WU.id)):
                    cid = f"turn-{turn:02}-{name[-2:]}"
                    told = await says(who, conversation, cid)
                    wanted.append((told["seq"], name, f"您好 {cid}"))
                    assert await says(who, conversation, cid) == told, "the same cid is the same message"
                if turn == TURNS // 2:
                    road.cut()
            async with asyncio.timeout(30):
                while not heard(client) == heard(other) == wanted:
                    await asyncio.sleep(0.05)
            assert [seq for seq, _, _ in wanted] == list(range(1, 2 * TURNS + 1))
            nothing = await client.rpc("im.open", {"conversation": "01NOTTHERE"})
            assert nothing == {"error": 1404}
            pulled = await other.rpc("im.pull", {"conversation": conversation, "after": 0})
            assert [each["seq"] for each in pulled["data"]["messages"]] == [seq for seq, _, _ in wanted]
        finally:
            await other.close()
