"""Devices of one person on several processes: renewed, listed, signed out; sockets close with them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from core import limits
from core.actor import Actor, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.bootstrap import Roles
from server.issue import revoke_tokens
from server.tokens import Issuer, token_key
from tests.flow.signed_in import House, a_house, is_sent_away
from tests.services import RedisServer

PERSON = Actor(id="01JDPERSON", role=Role.PATIENT)
OTHER = Actor(id="01JDOTHER", role=Role.PATIENT)
NURSE = Actor(id="nurse.0007", role=Role.NURSE)


@pytest.fixture(params=["one process", pytest.param("two processes", marks=pytest.mark.redis)])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    if request.param == "one process":
        async with a_house(tmp_path) as alone:
            await alone.opens(Roles.ALL)
            yield alone
        return
    async with a_house(tmp_path, broker__url=request.getfixturevalue("redis_url")) as several:
        for roles in (Roles.WEB, Roles.WEB, Roles.WORKER):
            await several.opens(roles)
        yield several


async def test_signing_out_on_one_process_closes_the_sockets_on_the_other(house: House) -> None:
    phone = await house.device_of(PERSON)
    same_phone_elsewhere = await house.device_of(PERSON, web=-1)
    same_phone_elsewhere.access_token, same_phone_elsewhere.session = phone.access_token, phone.session
    tablet, stranger = await house.device_of(PERSON, web=-1), await house.device_of(OTHER, web=-1)
    async with (
        phone.connected() as near,
        same_phone_elsewhere.connected() as far,
        tablet.connected() as kept,
        stranger.connected() as others,
    ):
        assert (await phone.posts("/v1/session/end"))[0] == 200
        for client in (near, far):
            await is_sent_away(client)
        for device in (phone, same_phone_elsewhere):
            await device.is_out()
        assert await tablet.code("/v1/sessions") == (200, None)
        for client in (kept, others):
            assert [one["event"] for one in client.events.all].count("disconnected") == 0


async def test_a_device_is_seen_and_ended_from_another_and_everywhere(house: House) -> None:
    phone, tablet = await house.device_of(PERSON), await house.device_of(PERSON, web=-1)
    stranger = await house.device_of(OTHER)
    status, told = await phone.gets("/v1/sessions")
    assert status == 200
    listed = {one["id"]: one for one in told["sessions"]}
    assert listed[phone.session]["current"] is True
    assert listed[tablet.session]["current"] is False
    assert stranger.session not in listed
    assert listed[phone.session]["address"] == "203.0.113.7"
    for foreign in (stranger.session, "0" * 26, "x"):
        status, told = await phone.posts(f"/v1/sessions/{foreign}/end")
        assert (status, told["code"], told.get("params", {})) == (404, "core.not_found", {})
    async with tablet.connected() as socket:
        assert (await phone.posts(f"/v1/sessions/{tablet.session}/end"))[0] == 200
        await is_sent_away(socket)
    await tablet.is_out()
    status, told = await tablet.renews()
    assert (status, told["code"], told["params"]) == (
        401,
        "accounts.session_over",
        {"why": "from_another_device"},
    )
    third = await house.device_of(PERSON, web=-1)
    assert await phone.posts("/v1/sessions/end-all", {"keep_this": True}) == (200, {"ended": 1})
    await third.is_out()
    assert await phone.posts("/v1/sessions/end-all") == (200, {"ended": 1})
    await phone.is_out()
    assert await stranger.code("/v1/sessions") == (200, None)


async def test_a_device_renews_and_a_stolen_token_ends_it(house: House) -> None:
    phone = await house.device_of(PERSON)
    stolen = phone.refresh_token
    for _ in range(2):
        status, told = await phone.renews()
        assert (status, told["session"], told["is_new"]) == (200, phone.session, False)
        assert await phone.code("/v1/sessions") == (200, None)
    thief = await house.device_of(PERSON, web=-1)
    thief.refresh_token = stolen
    status, told = await thief.renews()
    assert (status, told["code"], told["params"]) == (401, "accounts.session_over", {"why": "token_reused"})
    await phone.is_out()
    assert (await phone.renews())[0] == 401
    for nonsense in ("x", "0" * 100, "é" * 30):
        phone.refresh_token = nonsense
        status, told = await phone.renews()
        assert (status, told["code"]) == (401, "accounts.refresh_token_unknown")


async def test_the_sockets_token_opens_no_endpoint_and_stand_alone_tokens_no_session(house: House) -> None:
    phone = await house.device_of(PERSON)
    status, told = await phone.gets("/v1/sessions", token=await phone.socket_token())
    assert (status, told["code"]) == (401, "core.unauthenticated")
    key = token_key(Path(house.settings.keys.tokens))
    alone = Issuer(HmacTokens([key]), SystemClock()).issue(NURSE, good_for=timedelta(hours=1)).token
    for path in ("/v1/session/end", "/v1/realtime/token"):
        status, told = await phone.posts(path, token=alone)
        assert (status, told["code"]) == (401, "accounts.no_session")
        assert (await phone.posts(path, token=""))[0] == 401


async def test_a_socket_outlives_its_tokens_as_long_as_the_session_does(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ACCESS_TOKEN_SECONDS", 2)
    phone = await house.device_of(PERSON, web=-1)
    given: list[str] = []

    async def another() -> str:
        assert (await phone.renews())[0] == 200
        given.append(await phone.socket_token())
        return given[-1]

    async with phone.connected(another) as socket:
        async with asyncio.timeout(60):
            while len(given) < 3:
                await asyncio.sleep(0.05)
        events = [one["event"] for one in socket.events.all]
        assert (events.count("connected"), events.count("disconnected")) == (1, 0)
        assert await phone.posts("/v1/session/end") == (200, {"ended": 1})
        await is_sent_away(socket)


async def test_what_an_administrator_took_back_is_not_renewed(house: House) -> None:
    phone, stranger = await house.device_of(PERSON, web=-1), await house.device_of(OTHER)
    await revoke_tokens(house.settings, user=PERSON.id, token_id=None)
    await phone.is_out()
    status, told = await phone.renews()
    assert (status, told["code"], told["params"]) == (
        401,
        "accounts.session_over",
        {"why": "by_administrator"},
    )
    back = await house.device_of(PERSON)
    for device in (back, stranger):
        assert (await device.renews())[0] == 200


@pytest.mark.redis
async def test_losing_redis_loses_no_session(
    tmp_path: Path, redis_server: RedisServer, redis_url: str
) -> None:
    async with a_house(tmp_path, broker__url=redis_url) as house:
        for roles in (Roles.WEB, Roles.WEB, Roles.WORKER):
            await house.opens(roles)
        phone, tablet = await house.device_of(PERSON), await house.device_of(PERSON, web=1)
        try:
            await asyncio.to_thread(redis_server.kill)
            assert (await phone.renews())[0] == 200
            assert len((await phone.gets("/v1/sessions"))[1]["sessions"]) == 2
            assert (await phone.posts(f"/v1/sessions/{tablet.session}/end"))[0] == 200
            # Nobody could tell the other process: it reads it.
            await tablet.is_out()
        finally:
            await asyncio.to_thread(redis_server.ensure_running)
        assert (await phone.renews())[0] == 200
        assert await phone.code("/v1/sessions") == (200, None)
