"""Processes on one database with people who are signed in, and what their devices do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp

from accounts.session import SessionBounds
from accounts.sessions import Opened, Sessions
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.loader import load
from conf.settings import Settings
from core.actor import Actor
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.bootstrap import Platform, Roles, compose
from server.tokens import token_key
from tests.clients.python_client import PythonClient
from tests.clients.stock import Stock

BOUNDS = SessionBounds(idle=timedelta(hours=1), absolute=timedelta(days=1))
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit MicroMessenger/8.0.50"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"

Answer = tuple[int, dict[str, Any]]


@dataclass
class Device:
    """A phone that is signed in at one of the processes."""

    house: "House"
    web: Platform
    access_token: str = ""
    refresh_token: str = ""
    session: str = ""
    agent: str = IPHONE
    cookie: str = ""
    is_new: bool = False
    heard: dict[str, str] = field(default_factory=dict)
    """The headers of the last answer."""

    async def posts(self, path: str, body: object | None = None, *, token: str | None = None) -> Answer:
        return await self._asks("POST", path, body, token)

    async def gets(self, path: str, *, token: str | None = None) -> Answer:
        return await self._asks("GET", path, None, token)

    async def _asks(self, method: str, path: str, body: object | None, token: str | None) -> Answer:
        token = self.access_token if token is None else token
        headers = {"User-Agent": self.agent} | ({"Authorization": f"Bearer {token}"} if token else {})
        if self.cookie:
            headers["Cookie"] = self.cookie
        url = f"http://127.0.0.1:{self.web.port}{path}"
        async with self.house.http.request(method, url, json=body, headers=headers) as response:
            self.cookie = response.headers.get("Set-Cookie", self.cookie).partition(";")[0]
            self.heard = dict(response.headers)
            return response.status, await response.json()

    def takes(self, told: dict[str, Any]) -> None:
        """Keep what a sign-in or a renewal gave."""
        self.access_token, self.refresh_token = told["access_token"], told["refresh_token"]
        self.session, self.is_new = told["session"], told["is_new"]

    async def renews(self) -> Answer:
        status, told = await self.posts(
            "/v1/session/refresh", {"refresh_token": self.refresh_token}, token=""
        )
        if status == 200:
            self.takes(told)
        return status, told

    @contextlib.asynccontextmanager
    async def connected(self, another: Callable[[], Awaitable[str]] | None = None) -> AsyncIterator[Stock]:
        """A socket opened with the token that is for sockets; ``another`` gets the next."""
        client, tokens = PythonClient(), (await self.socket_token(), await self.socket_token())
        try:
            url = f"ws://127.0.0.1:{self.web.port}/connection/websocket"
            await client.connect(url, tokens, another=another)
            await client.events.until("connected")
            yield client
        finally:
            await client.close()

    async def socket_token(self) -> str:
        status, told = await self.posts("/v1/realtime/token")
        assert status == 200, told
        return str(told["token"])

    async def is_out(self) -> None:
        """Wait until this process refuses the device."""
        async with asyncio.timeout(20):
            while await self.code("/v1/sessions") != (401, "core.token_revoked"):
                await asyncio.sleep(0.02)

    async def code(self, path: str) -> tuple[int, str | None]:
        status, told = await self.gets(path)
        return status, told.get("code")


class House:
    """Some processes that share nothing but database and broker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.webs: list[Platform] = []
        self.stack = contextlib.AsyncExitStack()
        # Each device keeps its own cookies.
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self.database = Database.open(settings.storage.url, connections=1)

    async def opens(self, roles: Roles) -> Platform:
        platform = await self.stack.enter_async_context(compose(self.settings, roles))
        if platform.web is not None:
            self.webs.append(platform)
        return platform

    def device(self, web: int = 0, *, agent: str = IPHONE) -> Device:
        """A device of nobody yet."""
        return Device(self, self.webs[web], agent=agent)

    async def device_of(self, actor: Actor, web: int = 0) -> Device:
        """A device of somebody who has just signed in."""
        opened = await self.sign_in(actor)
        return Device(self, self.webs[web], opened.access_token, opened.refresh_token, opened.session.id)

    async def sign_in(self, actor: Actor) -> Opened:
        clock = SystemClock()
        units = SqlUnits(self.database, clock=clock, nudge=MemoryNudge())
        tokens = HmacTokens([token_key(Path(self.settings.keys.tokens))])
        sessions = Sessions(units=units, clock=clock, tokens=tokens)
        async with units.begin() as unit:
            opened = await sessions.open(
                unit, actor, bounds=BOUNDS, device="iPhone", address="203.0.113.7", at=clock.now()
            )
            await unit.commit()
        return opened


@contextlib.asynccontextmanager
async def a_house(folder: Path, *, of: type[House] = House, **changes: object) -> AsyncIterator[House]:
    """A house without processes yet; ``changes`` are settings, ``__`` for the dot."""
    overrides = {"data": str(folder), "web.port": 0} | {k.replace("__", "."): v for k, v in changes.items()}
    house = of(load(overrides=overrides, environment={}))
    try:
        async with house.stack:
            yield house
    finally:
        await house.http.close()
        await house.database.close()


async def is_sent_away(client: Stock) -> None:
    """It gets 3500 and does not come back."""
    told = await client.events.until("disconnected", seconds=20)
    assert (told["code"], told["reason"]) == (3500, "invalid token")
