"""People talk through two processes: over sockets and HTTP, with stock clients, and the log tells of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.actor import Actor, Role
from server.bootstrap import Roles
from tests.fault.im.history import History
from tests.fault.im.phone import Phone, Refused
from tests.flow.signed_in import Device, House, a_house

LI = Actor(id="nurse.li", role=Role.NURSE)
WU = Actor(id="nurse.wu", role=Role.NURSE)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as made:
        await made.opens(Roles.ALL)
        yield made


async def colleagues(house: House) -> None:
    """Accounts of the people who talk."""
    from tests.fault.im.people import employ

    await employ(house.settings, [LI.id.partition(".")[2], WU.id.partition(".")[2]])


async def begins(device: Device) -> str:
    body = {"cid": "team-0001", "kind": "team", "users": [WU.id], "title": "一病区"}
    status, told = await device.posts("/v1/im/start", body)
    assert status == 200, told
    return str(told["id"])


async def phone_of(house: House, device: Device, user: str, conversation: str, *, over: str) -> Phone:
    return Phone(
        user,
        user=user,
        port=device.web.port,
        token=await device.socket_token() if over == "rpc" else device.access_token,
        conversations=[conversation],
        over=over,
        history=History(),
    )


async def test_what_is_said_over_one_way_is_heard_over_the_other(house: House) -> None:
    await colleagues(house)
    li, wu = await house.device_of(LI), await house.device_of(WU)
    conversation = await begins(li)
    phones = [
        await phone_of(house, device, who.id, conversation, over="rpc")
        for device, who in ((li, LI), (wu, WU))
    ]
    try:
        for phone in phones:
            await phone.start()
        for turn in range(5):
            await phones[turn % 2].says(conversation, f"cid-{turn:05}")
        status, told = await wu.posts(
            "/v1/im/send",
            {"conversation": conversation, "cid": "http-0001", "body": {"type": "text", "text": "经网页"}},
        )
        assert (status, told["seq"]) == (200, 6)
        async with asyncio.timeout(20):
            while any(len(phone.conversations[conversation]) < 6 for phone in phones):
                await asyncio.sleep(0.02)
        assert phones[0].conversations == phones[1].conversations
        with pytest.raises(Refused) as refused:
            await phones[0].asks("open", {"conversation": "01NOTMINE"})
        assert refused.value.code == "im.no_such_conversation"
    finally:
        for phone in phones:
            await phone.stop()


async def test_a_call_over_the_socket_and_over_http_answer_alike(house: House) -> None:
    await colleagues(house)
    li = await house.device_of(LI)
    conversation = await begins(li)
    phone = await phone_of(house, li, LI.id, conversation, over="rpc")
    await phone.start()
    try:
        calls: list[tuple[str, dict[str, Any]]] = [
            ("sync", {"uver": 0}),
            ("open", {"conversation": conversation}),
            ("pull", {"conversation": conversation, "after": 0}),
            ("read", {"conversation": conversation, "seq": 0}),
            ("mute", {"conversation": conversation, "on": False}),
        ]
        for verb, body in calls:
            status, over_http = await li.posts(f"/v1/im/{verb}", body)
            assert status == 200
            assert await phone.asks(verb, body) == over_http
    finally:
        await phone.stop()
