"""A platform with staff who sign in as they do: password, code of an app, session."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pyotp
import pytest

from conf.loader import load
from conf.settings import Settings
from core import limits
from core.actor import Role
from server.bootstrap import Platform, Roles, compose
from server.staff_parts import first_link

Answer = tuple[int, dict[str, Any]]

PASSWORD = "correct horse battery staple"
NUMBERS = {
    Role.SYSTEM_ADMIN: "a1",
    Role.SECURITY_ADMIN: "a2",
    Role.AUDIT_ADMIN: "a3",
    Role.NURSE: "n1",
    Role.DOCTOR: "d1",
    Role.CASHIER: "c1",
    Role.SERVICE_DESK: "s1",
}


@dataclass
class Employee:
    """Somebody with a phone whose app knows the secret."""

    number: str
    password: str = PASSWORD
    secret: str = ""
    step: int = 0
    recovery_codes: list[str] = field(default_factory=list)
    signed_in: dict[str, Any] = field(default_factory=dict)

    @property
    def token(self) -> str:
        return str(self.signed_in["access_token"])

    async def next_code(self) -> str:
        """A code that was not used yet, of a half minute that is taken now."""
        while self.step >= int(time.time()) // 30 + 1:
            await asyncio.sleep(0.2)
        self.step = max(self.step + 1, int(time.time()) // 30 - 1)
        return pyotp.TOTP(self.secret).generate_otp(self.step)


class Hospital:
    """The platform over HTTP."""

    def __init__(self, platform: Platform, settings: Settings, http: aiohttp.ClientSession) -> None:
        self.platform = platform
        self.settings = settings
        self.http = http
        self.people: dict[Role, Employee] = {}

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.platform.port}"

    async def asks(
        self, method: str, path: str, body: object | None = None, *, token: str | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.request(method, self.base + path, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def posts(self, path: str, bearer: str | None = None, /, **body: object) -> Answer:
        return await self.asks("POST", path, body, token=bearer)

    async def gets(self, path: str, token: str | None = None) -> Answer:
        return await self.asks("GET", path, token=token)

    async def done(self, answer: Any, status: int = 200) -> dict[str, Any]:
        got, told = await answer
        assert got == status, told
        assert isinstance(told, dict)
        return told

    async def enrols(self, who: Employee, challenge: dict[str, Any]) -> Employee:
        """The second factor is set up with what the first step offered."""
        assert challenge["second"] == "enrol"
        who.secret, who.step = challenge["enrol"]["secret"], 0
        return await self.answers(who, challenge)

    async def answers(self, who: Employee, challenge: dict[str, Any]) -> Employee:
        code = await who.next_code()
        second = self.posts("/v1/staff/sign-in/second", challenge=challenge["challenge"], code=code)
        who.signed_in = await self.done(second)
        who.recovery_codes = who.signed_in.get("recovery_codes", []) or who.recovery_codes
        return who

    async def challenged(self, who: Employee) -> dict[str, Any]:
        return await self.done(self.posts("/v1/staff/sign-in", number=who.number, password=who.password))

    async def signs_in(self, who: Employee) -> Employee:
        return await self.answers(who, await self.challenged(who))

    async def sets_up(self, number: str = "a1") -> Employee:
        """The first start: the link that was printed makes the first system administrator."""
        line = await first_link(self.settings)
        assert line is not None
        told = self.posts(
            "/v1/staff/set-up",
            token=line.rpartition("=")[2],
            number=number,
            name="管理员甲",
            password=PASSWORD,
        )
        first = await self.enrols(Employee(number), await self.done(told))
        self.people[Role.SYSTEM_ADMIN] = first
        return first

    async def invites(self, role: Role, number: str, lines: tuple[str, ...] = ()) -> Employee:
        """The system administrator proposes, the security administrator grants, the colleague begins."""
        system = self.people[Role.SYSTEM_ADMIN].token
        body = {"number": number, "name": f"员工{number}", "role": role.value, "lines": list(lines)}
        invited = await self.done(self.posts("/v1/admin/staff", system, **body), 201)
        if not invited["staff"]["granted"]:
            security = self.people[Role.SECURITY_ADMIN].token
            await self.done(self.posts(f"/v1/admin/staff/{number}/role", security, role=role.value))
        token = invited["invitation"]["token"]
        accepted = await self.done(self.posts("/v1/staff/invitation", token=token, password=PASSWORD))
        return await self.enrols(Employee(number), accepted)

    async def everybody(self) -> None:
        """One of each role."""
        await self.sets_up()
        for role in (Role.SECURITY_ADMIN, Role.AUDIT_ADMIN, *(r for r in NUMBERS if r not in self.people)):
            if role not in self.people:
                self.people[role] = await self.invites(role, NUMBERS[role])


@contextlib.asynccontextmanager
async def a_hospital(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: object
) -> AsyncIterator[Hospital]:
    """Hashing is quick here; everything else is as it is."""
    monkeypatch.setattr(limits, "PASSWORD_HASH_KIB", 64)
    monkeypatch.setattr(limits, "PASSWORD_HASH_PASSES", 1)
    overrides = {"data": str(folder), "web.port": 0} | {k.replace("__", "."): v for k, v in changes.items()}
    settings = load(overrides=overrides, environment={})
    async with (
        compose(settings, Roles.ALL) as platform,
        aiohttp.ClientSession() as http,
    ):
        yield Hospital(platform, settings, http)
