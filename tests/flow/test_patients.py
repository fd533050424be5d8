"""A family member added on a phone is found, or made, in the hospital behind the front machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core import limits
from core.actor import Actor, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.bootstrap import Roles, compose
from server.tokens import Issuer, token_key
from tests.flow.front_machine.machines import FrontMachine
from tests.flow.town import SOON_SECONDS, town_settings
from tests.services.stranger import a_hospital
from tests.unit.clinic.papers import resident_number

KNOWN, NEW = (resident_number(date(1990, 1, 1), order=order) for order in (1, 3))


DECIDE = "CREATE TRIGGER decide AFTER INSERT ON JD BEGIN UPDATE JD SET ZT = 1, ID = 'P8' WHERE K = NEW.K; END"
"""This hospital decides at once."""


def a_person(number: str) -> dict[str, str]:
    return {
        "name": "李大明",
        "id_kind": "cn_id",
        "id_number": number,
        "phone": "13800138000",
        "relation": "other",
    }


@contextlib.asynccontextmanager
async def a_phone(tmp_path: Path, front: FrontMachine, roles: Roles) -> AsyncIterator[aiohttp.ClientSession]:
    """An account on a platform beside the front machine, with every consent given."""
    settings = town_settings(tmp_path / "data", front.port, tmp_path / "pki")
    async with compose(settings, roles) as platform:
        issuer = Issuer(HmacTokens([token_key(Path(settings.keys.tokens))]), SystemClock())
        token = issuer.issue(Actor(id="u1", role=Role.PATIENT), good_for=timedelta(hours=1)).token
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{platform.port}",
            headers={"Authorization": f"Bearer {token}"},
            raise_for_status=True,
        ) as phone:
            async with phone.get("/v1/consents") as answer:
                for each in (await answer.json())["consents"]:
                    await phone.post(f"/v1/consents/{each['kind']}/give", json={"version": each["version"]})
            yield phone


async def added(phone: aiohttp.ClientSession, number: str) -> dict[str, Any]:
    async with phone.post("/v1/patients", json=a_person(number)) as answer:
        card: dict[str, Any] = await answer.json()
    return card


async def until_found(phone: aiohttp.ClientSession, card: dict[str, Any]) -> None:
    async with asyncio.timeout(SOON_SECONDS):
        while not card["in_hospital"]:
            await asyncio.sleep(0.1)
            async with phone.get(f"/v1/patients/{card['id']}") as answer:
                card = await answer.json()


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[FrontMachine]:
    (tmp_path / "his").mkdir()
    machine = FrontMachine(tmp_path, a_hospital(tmp_path / "his" / "his.db"))
    await machine.start()
    yield machine
    await machine.stop()


async def test_a_family_member_gets_a_number_in_the_hospital(tmp_path: Path, front: FrontMachine) -> None:
    stranger = front.stranger
    stranger.run("INSERT INTO BR VALUES ('P7', ?, '01', ?, NULL)", "李大明".encode("gb18030"), KNOWN)
    stranger.run(DECIDE)
    numbers = {}
    async with a_phone(tmp_path, front, Roles.WEB) as phone:
        for number in (KNOWN, NEW):
            card = await added(phone, number)
            assert (card["in_hospital"], card["hospital_state"]) == (True, "found")
            async with phone.post(f"/v1/patients/{card['id']}/reveal", json={}) as answer:
                numbers[number] = (await answer.json())["hospital_number"]
    assert numbers == {KNOWN: "P7", NEW: "P8"}
    assert [row[0] for row in stranger.cells("SELECT ZH FROM JD")] == [NEW]


async def test_the_worker_settles_what_the_hospital_left_open(
    tmp_path: Path, front: FrontMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PATIENT_AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(limits, "PATIENT_SWEEP_SECONDS", 0.2)
    async with a_phone(tmp_path, front, Roles.ALL) as phone:
        undecided = await added(phone, NEW)
        assert undecided["hospital_state"] == "unknown"
        front.stranger.run("UPDATE JD SET ZT = 1, ID = 'P8'")
        await until_found(phone, undecided)
        await front.stop()
        lonely = await added(phone, KNOWN)
        assert lonely["hospital_state"] == "pending"
        front.stranger.run(DECIDE)
        await front.start()
        await until_found(phone, lonely)
        # The card of one whom the hospital knows by now is tied to the record.
        front.stranger.run(
            "CREATE TRIGGER tie AFTER INSERT ON BK BEGIN UPDATE BK SET ZT = 1 WHERE K = NEW.K; END"
        )
        async with phone.post(f"/v1/patients/{lonely['id']}/health-card", json={}) as answer:
            assert (await answer.json())["state"] == "issued"
        async with asyncio.timeout(SOON_SECONDS):
            while not (await bound(phone, lonely)):
                await asyncio.sleep(0.1)
    assert front.stranger.count("JD") == 2
    assert front.stranger.count("BK") == 1


async def bound(phone: aiohttp.ClientSession, card: dict[str, Any]) -> bool:
    async with phone.get(f"/v1/patients/{card['id']}/health-card") as answer:
        return bool((await answer.json())["bound"])
