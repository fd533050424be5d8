"""A token that is taken back: every process closes what it opened, refuses it, and finds out by itself."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conf.loader import load
from conf.settings import Settings
from core.actor import Actor, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.bootstrap import Platform, Roles, compose
from server.issue import revoke_tokens
from server.outcomes import CannotStart
from server.tokens import Issued, Issuer, staff_actor, token_key
from tests.clients.node_client import NodeClient
from tests.clients.python_client import PythonClient
from tests.clients.stock import Stock
from tests.services import RedisServer

HOUR = timedelta(hours=1)
NURSE = staff_actor(Role.NURSE, "0007")
OTHER = staff_actor(Role.NURSE, "0008")
ADMIN = staff_actor(Role.SECURITY_ADMIN, "1")


class House:
    """Some web processes (as far as they share nothing but database and broker) and a worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.webs: list[Platform] = []
        self.stack = contextlib.AsyncExitStack()
        self.http = aiohttp.ClientSession()
        self._issuer: Issuer | None = None

    async def opens(self, roles: Roles) -> Platform:
        platform = await self.stack.enter_async_context(compose(self.settings, roles))
        if platform.web is not None:
            self.webs.append(platform)
        return platform

    def token(self, actor: Actor) -> Issued:
        if self._issuer is None:
            key = token_key(Path(self.settings.keys.tokens))
            self._issuer = Issuer(HmacTokens([key]), SystemClock())
        return self._issuer.issue(actor, good_for=HOUR)

    def socket(self, web: Platform) -> str:
        return f"ws://127.0.0.1:{web.port}/connection/websocket"

    async def revokes(self, actor: Actor | None = ADMIN, **body: object) -> tuple[int, dict[str, Any]]:
        headers = {} if actor is None else {"Authorization": f"Bearer {self.token(actor).token}"}
        address = f"http://127.0.0.1:{self.webs[0].port}/v1/tokens/revocations"
        async with self.http.post(address, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def answers(self, web: Platform, token: str) -> tuple[int, str | None]:
        """Status and code that the token gets over HTTP."""
        address = f"http://127.0.0.1:{web.port}/v1/lines"
        async with self.http.get(address, headers={"Authorization": f"Bearer {token}"}) as response:
            return response.status, (await response.json()).get("code")

    async def until_refused(self, web: Platform, token: str) -> None:
        async with asyncio.timeout(20):
            while await self.answers(web, token) != (401, "core.token_revoked"):
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def a_house(folder: Path, **changes: object) -> AsyncIterator[House]:
    overrides = {"data": str(folder), "web.port": 0} | {k.replace("__", "."): v for k, v in changes.items()}
    house = House(load(overrides=overrides, environment={}))
    async with house.stack:
        yield house
    await house.http.close()


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


@contextlib.asynccontextmanager
async def watching(url: str, *tokens: str, node: bool = False) -> AsyncIterator[Stock]:
    """A stock client that is connected and has heard so."""
    client: Stock = NodeClient() if node else PythonClient()
    try:
        await client.connect(url, tokens)
        await client.events.until("connected")
        yield client
    finally:
        await client.close()


async def is_sent_away(client: Stock) -> None:
    """It gets 3500 and does not come back."""
    told = await client.events.until("disconnected", seconds=20)
    assert (told["code"], told["reason"]) == (3500, "invalid token")


def connects(client: Stock) -> int:
    return [each["event"] for each in client.events.all].count("connected")


@pytest.mark.parametrize("node", [False, pytest.param(True, marks=pytest.mark.node)], ids=["python", "node"])
async def test_a_revoked_user_is_sent_away_everywhere_and_stays_away(house: House, *, node: bool) -> None:
    if node and NodeClient.missing():
        pytest.skip(str(NodeClient.missing()))
    theirs, others = house.token(NURSE).token, house.token(OTHER).token
    async with contextlib.AsyncExitStack() as stack:
        clients, bystanders = [], []
        for web in house.webs:
            url = house.socket(web)
            clients += [await stack.enter_async_context(watching(url, theirs, theirs, node=node))]
            bystanders += [await stack.enter_async_context(watching(url, others, node=node))]
        began = time.monotonic()
        status, told = await house.revokes(user=NURSE.id)
        assert (status, told["of"]) == (201, "user")
        for client in clients:
            await is_sent_away(client)
        print(f"closed on {len(clients)} processes after {time.monotonic() - began:.3f} s")
        for web in house.webs:
            await house.until_refused(web, theirs)
            assert await house.answers(web, others) == (200, None)
        fresh = house.token(NURSE).token
        async with watching(house.socket(house.webs[-1]), fresh):
            assert await house.answers(house.webs[-1], fresh) == (200, None)
        again = PythonClient()
        stack.push_async_callback(again.close)
        await again.connect(house.socket(house.webs[0]), (theirs,))
        await is_sent_away(again)
        assert [connects(client) for client in (*clients, *bystanders)] == [1] * 2 * len(house.webs)


async def test_one_token_is_taken_back_and_the_users_others_go_on(house: House) -> None:
    one, other = house.token(NURSE), house.token(NURSE)
    web = house.webs[-1]
    async with (
        watching(house.socket(web), one.token, one.token) as lost,
        watching(house.socket(web), other.token) as kept,
    ):
        assert (await house.revokes(token_id=one.id))[0] == 201
        await is_sent_away(lost)
        await house.until_refused(web, one.token)
        assert await house.answers(web, other.token) == (200, None)
        assert (connects(lost), connects(kept)) == (1, 1)


@pytest.mark.redis
async def test_a_process_that_could_not_hear_it_finds_out_by_itself(
    tmp_path: Path, redis_server: RedisServer, redis_url: str
) -> None:
    """Redis is away: the process that was asked closes at once, the other reads, a third knows at start."""
    async with a_house(tmp_path, broker__url=redis_url) as house:
        for roles in (Roles.WEB, Roles.WEB, Roles.WORKER):
            await house.opens(roles)
        token = house.token(NURSE).token
        urls = [house.socket(web) for web in house.webs]
        async with watching(urls[0], token, token) as near, watching(urls[1], token, token) as far:
            try:
                await asyncio.to_thread(redis_server.kill)
                assert (await house.revokes(user=NURSE.id))[0] == 201
                await is_sent_away(near)
                await is_sent_away(far)
                third = await house.opens(Roles.WEB)
                assert await house.answers(third, token) == (401, "core.token_revoked")
                late = PythonClient()
                await late.connect(house.socket(third), (token,))
                await is_sent_away(late)
                await late.close()
            finally:
                await asyncio.to_thread(redis_server.ensure_running)
            assert (connects(near), connects(far)) == (1, 1)


# Who may, and how it is asked.


async def test_only_administrators_take_tokens_back_and_only_what_makes_sense(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await house.opens(Roles.ALL)
        assert await _code(house.revokes(None, user="u")) == (401, "core.unauthenticated")
        assert await _code(house.revokes(NURSE, user="u")) == (403, "core.forbidden")
        for body, field in SENSELESS:
            status, told = await house.revokes(**body)
            assert (status, told["code"], told["field"]) == (422, "core.bad_input", field), body
        assert await _status(house.revokes(user="u", issued_before="2026-01-01T00:00:00+08:00")) == 201


SENSELESS: tuple[tuple[dict[str, object], str], ...] = (
    ({}, "$"),
    ({"user": "u", "token_id": "t"}, "$"),
    ({"token_id": "t", "issued_before": "2026-01-01T00:00:00+08:00"}, "$"),
    ({"user": ""}, "$.user"),
    ({"user": "张三"}, "$.user"),
    ({"user": "u", "issued_before": "2026-01-01T00:00:00"}, "$.issued_before"),
    ({"user": "u", "issued_before": "2999-01-01T00:00:00+08:00"}, "$.issued_before"),
    ({"users": ["u"]}, "$.users"),
)


async def _status(answer: Any) -> int:
    return int((await answer)[0])


async def _code(answer: Any) -> tuple[int, str]:
    status, told = await answer
    return status, told["code"]


async def test_the_command_line_takes_back_and_says_what_it_did(house: House) -> None:
    one, other = house.token(NURSE), house.token(OTHER)
    web = house.webs[-1]
    async with watching(house.socket(web), one.token, one.token) as client:
        said = await revoke_tokens(house.settings, user=NURSE.id, token_id=None)
        assert said.endswith("every process that runs has been told")
        await is_sent_away(client)
    await revoke_tokens(house.settings, user=None, token_id=other.id)
    await house.until_refused(web, other.token)
    for wrong in (
        {"user": None, "token_id": None},
        {"user": "u", "token_id": "t"},
        {"user": "", "token_id": None},
    ):
        with pytest.raises(CannotStart, match="--token-id"):
            await revoke_tokens(house.settings, **wrong)


async def test_the_command_line_without_a_worker_keeps_it_for_later(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        with pytest.raises(CannotStart, match=r"run\.py migrate"):
            await revoke_tokens(house.settings, user=NURSE.id, token_id=None)
        token = house.token(NURSE).token
        web = await house.opens(Roles.WEB)
        assert await house.answers(web, token) == (200, None)
        said = await revoke_tokens(house.settings, user=NURSE.id, token_id=None)
        assert "no worker" in said
        await house.until_refused(web, token)
