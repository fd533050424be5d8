"""Everybody who may ask: one of each role on a running platform, with tokens as they get them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from accounts.session import Session, SessionBounds
from accounts.sessions import Sessions
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.actor import Actor, Role
from core.clock import SystemClock
from core.ids import LineId
from realtime.tokens import HmacTokens
from server.tokens import Issuer, screen_actor, staff_actor, token_key
from tests.flow.employees import Hospital, a_hospital

MINE, OTHERS, NOWHERE = "blood", "fever", "nowhere"
"""A line of the nurse's and doctor's, one of somebody else's, and none."""

SETTINGS: dict[str, object] = {
    "web.requests_scale": 0,
    "own_lines": [
        {
            "id": line,
            "name": line,
            "department": line,
            "department_name": line,
            "rooms": [{"id": f"{line}-1", "name": f"{line}-1"}],
        }
        for line in (MINE, OTHERS)
    ],
    "screens": [
        {"id": "hall", "kind": "hall", "title": {"zh": "厅", "en": "Hall"}, "lines": [MINE]},
    ],
}
BOUNDS = SessionBounds(idle=timedelta(hours=1), absolute=timedelta(hours=2))


class Postman:
    """Delivers sign-in codes here."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}

    async def send(self, *, phone: str, code: str) -> None:
        self.codes[phone] = code


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    code: str | None
    body: bytes
    media_type: str


class Callers:
    """Who they are. ``fresh`` signs a role in once more: a request may end the session it came with."""

    def __init__(self, hospital: Hospital, http: aiohttp.ClientSession) -> None:
        settings = hospital.settings
        self.hospital = hospital
        self._http = http
        self._clock = SystemClock()
        self._key = token_key(Path(settings.keys.tokens))
        self._tokens = HmacTokens([self._key])
        self._database = Database.open(settings.storage.url, connections=1)
        self._units = SqlUnits(self._database, clock=self._clock, nudge=MemoryNudge())
        self._sessions = Sessions(units=self._units, clock=self._clock, tokens=self._tokens)
        self.actors: dict[Role, Actor] = {}
        self._kept: dict[Role, str] = {}
        self.other_patient: dict[str, Any] = {}
        self.patient: dict[str, Any] = {}
        self.expired = ""
        """Well signed, once good."""
        self.revoked = ""
        """Of a session that was ended."""

    async def close(self) -> None:
        await self._database.close()

    async def gather(self, postman: Postman) -> None:
        """Everybody comes."""
        await self.hospital.everybody()
        self.patient = await self._a_patient("13800138001", postman)
        self.other_patient = await self._a_patient("13800138002", postman)
        self.actors = {
            role: Actor(id=f"{role.value}.{who.number}", role=role, lines=self._lines(role))
            for role, who in self.hospital.people.items()
        }
        self.actors[Role.PATIENT] = Actor(id=self.patient["user"], role=Role.PATIENT)
        self.actors[Role.KIOSK] = staff_actor(Role.KIOSK, "lobby", [MINE])
        self.actors[Role.SCREEN] = screen_actor("hall")
        self.expired, self.revoked = self._expired(), await self._revoked()

    async def fresh(self, role: Role) -> str:
        """A token of this role that nothing was done with yet."""
        actor = self.actors[role]
        if role in {Role.KIOSK, Role.SCREEN}:
            return self.issuer.issue(actor, good_for=timedelta(hours=1)).token
        return (await self.session_of(actor))[0]

    async def kept(self, role: Role) -> str:
        """A token of this role for requests that are refused: always the same one while it is good."""
        if (
            role not in self._kept
            or (await self.asks("GET", "/v1/lines", token=self._kept[role])).status == 401
        ):
            self._kept[role] = await self.fresh(role)
        return self._kept[role]

    async def session_of(self, actor: Actor) -> tuple[str, Session]:
        """A session of somebody, and its access token."""
        async with self._units.begin() as unit:
            opened = await self._sessions.open(
                unit, actor, bounds=BOUNDS, device="", address="", at=self._clock.now()
            )
            await unit.commit()
        return opened.access_token, opened.session

    def _expired(self) -> str:
        past = self._clock.now() - timedelta(hours=1)
        return self._tokens.sign(
            self.actors[Role.NURSE],
            token_id="01JDEXPIRED",
            issued_at=past,
            expires_at=past + timedelta(minutes=1),
        )

    async def _revoked(self) -> str:
        token, _ = await self.session_of(self.actors[Role.NURSE])
        ended = await self.asks("POST", "/v1/session/end", token=token)
        assert ended.status == 200, ended
        return token

    async def own_family_member(self) -> str:
        """One of the patient's, added again if it was removed."""
        token, _ = await self.session_of(self.actors[Role.PATIENT])
        kept = await self.hospital.done(self.hospital.gets("/v1/patients", token))
        if kept["patients"]:
            return str(kept["patients"][0]["id"])
        body = a_person("13800138001")
        return str((await self.hospital.done(self.hospital.posts("/v1/patients", token, **body), 201))["id"])

    @property
    def issuer(self) -> Issuer:
        return Issuer(self._tokens, self._clock)

    @property
    def forged(self) -> str:
        """Signed by somebody else."""
        now = self._clock.now()
        return HmacTokens([bytes(32)]).sign(
            self.actors[Role.SECURITY_ADMIN],
            token_id="01JDFORGED",
            issued_at=now,
            expires_at=now + timedelta(hours=1),
        )

    async def asks(
        self,
        method: str,
        path: str,
        *,
        body: object | None = None,
        token: str | None = None,
        **more: str,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        async with self._http.request(
            method, self.hospital.base + path, json=body, headers=headers
        ) as response:
            text = await response.read()
            told = await response.json() if response.content_type.endswith("json") else {}
            code = told.get("code") if isinstance(told, dict) else None
            return Answer(response.status, code, text, response.content_type)

    def _lines(self, role: Role) -> frozenset[LineId]:
        return frozenset({LineId(MINE)}) if role in {Role.NURSE, Role.DOCTOR} else frozenset()

    async def _a_patient(self, phone: str, postman: Postman) -> dict[str, Any]:
        """Signed in by a code, with both consents and one family member."""
        asks = self.hospital
        status, _ = await asks.posts("/v1/sign-in/sms/code", phone=phone)
        assert status == 202
        code = postman.codes[f"+86{phone}"]
        signed_in = await asks.done(asks.posts("/v1/sign-in/sms", phone=phone, code=code))
        token = signed_in["access_token"]
        consents = await asks.done(asks.gets("/v1/consents", token))
        for each in consents["consents"]:
            path = f"/v1/consents/{each['kind']}/give"
            await asks.done(asks.posts(path, token, version=each["version"]))
        added = await asks.done(asks.posts("/v1/patients", token, **a_person(phone)), 201)
        me = await asks.done(asks.gets("/v1/me", token))
        identity = me["identities"][0]["id"]
        return signed_in | {"family_member": added["id"], "identity": identity}


def a_person(phone: str) -> dict[str, object]:
    """Somebody with a passport, so that no check digit needs to be right."""
    return {
        "name": "某某",
        "id_kind": "passport",
        "id_number": f"E{phone[-8:]}",
        "birth_date": "1990-01-01",
        "sex": "female",
        "phone": phone,
        "relation": "self",
    }


@contextlib.asynccontextmanager
async def everybody(folder: Path) -> AsyncIterator[Callers]:
    """A platform with one of each role; hashing is quick, limits of how often one may ask are off."""
    postman = Postman()

    async def delivers(*_: object) -> Postman:
        return postman

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("server.platforms_parts._sms", delivers)
        settings = {key.replace(".", "__"): value for key, value in SETTINGS.items()}
        async with (
            a_hospital(folder, monkeypatch, **settings) as hospital,
            aiohttp.ClientSession() as http,
        ):
            callers = Callers(hospital, http)
            try:
                await callers.gather(postman)
                await _lines_are_there(callers)
                yield callers
            finally:
                await callers.close()


async def _lines_are_there(callers: Callers) -> None:
    """The worker sets own lines up a moment after the start."""
    async with asyncio.timeout(30):
        for line in (MINE, OTHERS):
            while (await callers.asks("GET", f"/v1/lines/{line}")).status != 200:
                await asyncio.sleep(0.05)
