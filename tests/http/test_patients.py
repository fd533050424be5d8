"""Patients and consents through the whole edge; somebody else's is none."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from conf.loader import load
from core.actor import Actor, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.bootstrap import Roles, compose
from server.tokens import Issuer, token_key
from tests.unit.clinic.papers import resident_number


class Account:
    """One signed-in account."""

    def __init__(self, session: aiohttp.ClientSession, token: str) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> tuple[int, Any]:
        async with self._session.get(path, headers=self._headers) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: object = None) -> tuple[int, Any]:
        async with self._session.post(path, json=body or {}, headers=self._headers) as response:
            return response.status, await response.json()

    async def agree(self) -> None:
        _, told = await self.get("/v1/consents")
        for each in told["consents"]:
            status, _ = await self.post(f"/v1/consents/{each['kind']}/give", {"version": each["version"]})
            assert status == 200


@pytest.fixture
async def accounts(tmp_path: Path) -> AsyncIterator[tuple[Account, Account, Account]]:
    """Two accounts and a nurse."""
    settings = load(overrides={"data": str(tmp_path), "web.port": 0, "log.level": "warning"}, environment={})
    async with compose(settings, Roles.WEB) as platform:
        issuer = Issuer(HmacTokens([token_key(Path(settings.keys.tokens))]), SystemClock())

        def token(actor: Actor) -> str:
            return issuer.issue(actor, good_for=timedelta(hours=1)).token

        async with aiohttp.ClientSession(f"http://127.0.0.1:{platform.port}") as session:
            yield (
                Account(session, token(Actor(id="u1", role=Role.PATIENT))),
                Account(session, token(Actor(id="u2", role=Role.PATIENT))),
                Account(session, token(Actor(id="nurse.1", role=Role.NURSE))),
            )


def a_person(order: int = 2, **changes: object) -> dict[str, object]:
    return {
        "name": "李小明",
        "id_kind": "cn_id",
        "id_number": resident_number(date(1990, 1, 1), order=order),
        "phone": "13800138000",
        "relation": "parent",
        **changes,
    }


async def test_a_family_member_from_consent_to_unbinding(accounts: tuple[Account, ...]) -> None:
    mine, theirs, nurse = accounts
    status, told = await mine.post("/v1/patients", a_person())
    assert (status, told["code"], told["params"]["kind"]) == (403, "consent.needed", "sensitive_health")
    await mine.agree()
    status, card = await mine.post("/v1/patients", a_person())
    assert status == 201
    assert (card["in_hospital"], card["hospital_state"], card["health_card"]) == (False, "pending", "none")
    path = f"/v1/patients/{card['id']}"
    status, listed = await mine.get("/v1/patients")
    assert listed == {"patients": [card], "limit": 5}
    assert a_person()["id_number"] not in str(listed)
    assert "李小明" not in str(listed)
    assert (await mine.get(path))[1] == card
    assert (await mine.post(f"{path}/reveal", {"why": "checking"}))[1]["name"] == "李小明"
    none = await theirs.get("/v1/patients/01JDNOTTHERE")
    for answer in (
        await theirs.get(path),
        await theirs.post(f"{path}/reveal"),
        await theirs.post(f"{path}/unbind"),
        await theirs.post(f"{path}/default"),
    ):
        assert answer == none
    assert none[0] == 404
    assert (await nurse.get(path))[0] == (await nurse.get("/v1/patients"))[0] == 403
    await mine.post("/v1/consents/sensitive_health/withdraw")
    status, told = await mine.post(f"{path}/reveal")
    assert (status, told["code"]) == (403, "consent.needed")
    assert (await mine.post(f"{path}/unbind"))[1] == {"patients": [], "limit": 5}
    assert await mine.get(path) == none


async def test_a_health_card_from_application_to_the_cashier(accounts: tuple[Account, ...]) -> None:
    mine, theirs, nurse = accounts
    await mine.agree()
    _, patient = await mine.post("/v1/patients", a_person())
    path = f"/v1/patients/{patient['id']}/health-card"
    assert await mine.get(path) == (200, {"state": "none"})
    assert (await mine.post(f"{path}/code"))[1]["code"] == "health_card.none"
    status, card = await mine.post(path)
    assert (status, card["state"], card["issuer"], card["bound"]) == (200, "issued", "HOUZHEN", False)
    _, shown = await mine.post(f"{path}/code")
    assert shown.keys() == {"text", "svg", "kind", "good_until", "refresh_after_seconds"}
    assert (await theirs.get(path))[0] == (await theirs.post(f"{path}/code"))[0] == 404
    verify = {"code": shown["text"], "scene": "registration"}
    assert (await mine.post("/v1/health-cards/verify", verify))[0] == 403
    _, told = await nurse.post("/v1/health-cards/verify", verify)
    assert (told["known"], told["name_masked"], told["card_masked"]) == (True, "李*明", card["card_masked"])
    altered = ("1" if shown["text"][0] == "0" else "0") + shown["text"][1:]
    for body, code in (
        (verify, "health_card.code_used"),
        ({**verify, "code": shown["text"][:64] + ":1"}, "health_card.static_not_allowed"),
        ({**verify, "code": shown["text"].replace("HOUZHEN", "OTHER")}, "health_card.other_issuer"),
        ({**verify, "code": altered}, "health_card.code_unknown"),
        ({**verify, "scene": "bar"}, "core.bad_input"),
    ):
        status, refused = await nurse.post("/v1/health-cards/verify", body)
        assert (status, refused["code"]) == (422, code)
        assert body["code"][:60] not in str(refused)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id_number": "11010519491231002x"[:-1] + "1"}, "$.id_number"),
        ({"phone": "123"}, "$.phone"),
        ({"name": "<script>"}, "$.name"),
        ({"birth_date": "1990-01-02"}, "$.birth_date"),
        ({"id_number": resident_number(date(2020, 1, 1))}, "$.guardian"),
        ({"relation": "dog"}, "$.relation"),
        ({"guardian": {"name": "王五"}}, "$.guardian.id_kind"),
        ({"id_number": "1" * 65}, "$.id_number"),
    ],
)
async def test_a_wrong_field_is_named(
    accounts: tuple[Account, ...], changes: dict[str, object], field: str
) -> None:
    status, told = await accounts[0].post("/v1/patients", a_person(**changes))
    assert (status, told["field"]) == (422, field)
    for secret in (*map(str, changes.values()), "13800138000", "李小明"):
        if len(secret) > 6 and secret != "1990-01-02":
            assert secret not in str(told)
