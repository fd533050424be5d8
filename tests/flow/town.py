"""A whole town for a test: a hospital's file, its front machine, a platform, phones, screens and staff.

Everything is real and on loopback: TLS, sockets, databases. Only the hospital's hand is the test's.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp
from centrifuge import (
    Client,
    ClientEventHandler,
    PublicationContext,
    SubscribedContext,
    SubscriptionEventHandler,
)

from conf.loader import load
from conf.settings import Settings
from core.actor import Actor, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.bootstrap import Platform, Roles, compose
from server.pki import files_of
from server.tokens import Issuer, screen_actor, staff_actor, token_key
from tests.flow.front_machine.machines import FrontMachine
from tests.services.stranger import Stranger, a_hospital

SOON_SECONDS = 60.0
"""For whatever comes as soon as a busy machine lets it."""

OWN_LINE = {
    "id": "blood",
    "name": "采血",
    "department": "lab",
    "department_name": "检验科",
    "rooms": [{"id": "w1", "name": "1号窗"}, {"id": "w2", "name": "2号窗"}],
    "settings": {"number_prefix": "C", "lock_places": 0, "pass_after_seconds": 0, "recalls_before_pass": 0},
}
SECOND_LINE = {**OWN_LINE, "id": "x-ray", "rooms": [{"id": "x1", "name": "X光室"}]}
SCREEN = {"id": "hall", "kind": "hall", "title": {"zh": "厅", "en": "Hall"}, "lines": ["L1", "blood"]}


def town_settings(data: Path, front_port: int, pki: Path, **more: object) -> Settings:
    """Settings of a platform beside a front machine on that port."""
    keys = files_of(pki)
    overrides: dict[str, object] = {
        "data": str(data),
        "web.port": 0,
        "log.level": "warning",
        "hospital.front_machine": f"https://127.0.0.1:{front_port}",
        "hospital.ca": str(keys.ca),
        "hospital.certificate": str(keys.platform),
        "hospital.key": str(keys.platform_key),
        "own_lines": [OWN_LINE, SECOND_LINE],
        "screens": [SCREEN],
    }
    changes = {key.replace("__", "."): value for key, value in more.items()}
    return load(overrides=overrides | changes, environment={})


class Phone(SubscriptionEventHandler):
    """One stock client on one channel: keeps every publication, and waits for what a test expects."""

    def __init__(self, address: str, channel: str, token: str = "") -> None:
        self.published: list[dict[str, Any]] = []
        self.subscribed = asyncio.Event()
        self.recoveries: list[SubscribedContext] = []
        self._news = asyncio.Event()
        self.client = Client(address, events=ClientEventHandler(), token=token)
        self._subscription = self.client.new_subscription(channel, events=self, recoverable=True)

    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        self.recoveries.append(ctx)
        self.subscribed.set()

    async def on_publication(self, ctx: PublicationContext) -> None:
        self.published.append(ctx.pub.data)
        self._news.set()

    async def __aenter__(self) -> Self:
        await self.client.connect()
        await self._subscription.subscribe()
        async with asyncio.timeout(SOON_SECONDS):
            await self.subscribed.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.disconnect()

    @property
    def board(self) -> dict[str, Any]:
        """What the phone shows now."""
        return self.published[-1]

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the newest publication is as expected; answer it."""
        try:
            async with asyncio.timeout(SOON_SECONDS):
                while not (self.published and holds(self.published[-1])):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            last = self.published[-1] if self.published else None
            raise AssertionError(f"never came; the last publication was {last}") from None
        return self.published[-1]


class Town:
    """The parts, and short ways to use them."""

    def __init__(self, platform: Platform, settings: Settings, front: FrontMachine) -> None:
        self.platform = platform
        self.settings = settings
        self.front = front
        self.his = front.stranger
        self.http = aiohttp.ClientSession(f"http://127.0.0.1:{platform.port}")
        self._issuer = Issuer(HmacTokens([token_key(Path(settings.keys.tokens))]), SystemClock())

    @property
    def sockets(self) -> str:
        """Where the sockets are."""
        return f"ws://127.0.0.1:{self.platform.port}/connection/websocket"

    def token(self, actor: Actor) -> str:
        """A token for that actor, good for an hour."""
        return self._issuer.issue(actor, good_for=timedelta(hours=1)).token

    def nurse(self, *lines: str) -> dict[str, str]:
        """Headers of a nurse who works at these lines (none: all)."""
        return {"Authorization": f"Bearer {self.token(staff_actor(Role.NURSE, 'n1', lines))}"}

    def phone(self, line: str) -> Phone:
        """An anonymous phone that watches a line."""
        return Phone(self.sockets, f"queue:{line}")

    def screen(self, screen: str) -> Phone:
        """A clinic screen."""
        return Phone(self.sockets, f"screen:{screen}", self.token(screen_actor(screen)))

    async def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and body of a GET."""
        async with self.http.get(path, headers=headers or {}) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and body of a POST as a nurse."""
        async with self.http.post(path, json=body, headers=headers or self.nurse()) as response:
            return response.status, await response.json()

    async def board(self, line: str) -> dict[str, Any]:
        """A fresh snapshot's board."""
        status, view = await self.get(f"/v1/lines/{line}")
        assert status == 200, view
        board: dict[str, Any] = view["board"]
        return board

    async def knows(self, line: str) -> None:
        """Wait until the platform has the line with people in it."""
        async with asyncio.timeout(SOON_SECONDS):
            while True:
                status, view = await self.get(f"/v1/lines/{line}")
                if status == 200 and view["version"] > 0:
                    return
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def a_town(
    folder: Path,
    *,
    mapping: Mapping[str, object] | None = None,
    fill: Callable[[Stranger], None] | None = None,
    **more: object,
) -> AsyncIterator[Town]:
    """Start everything; ends it in reverse.

    ``mapping`` changes the front machine's settings; ``fill`` is what the hospital did before.
    """
    front = FrontMachine(folder / "hospital", a_hospital_in(folder / "hospital"), **(mapping or {}))
    if fill is not None:
        await asyncio.to_thread(fill, front.stranger)
    await front.start()
    settings = town_settings(folder / "data", front.port, folder / "hospital" / "pki", **more)
    try:
        async with compose(settings, Roles.ALL) as platform:
            town = Town(platform, settings, front)
            try:
                yield town
            finally:
                await town.http.close()
    finally:
        await front.stop()


def a_hospital_in(folder: Path) -> Any:
    """Two lines with three tickets each, in a file of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    return a_hospital(folder / "his.db")


def fresh_key() -> dict[str, str]:
    """An Idempotency-Key nobody used."""
    return {"Idempotency-Key": secrets.token_hex(8)}
