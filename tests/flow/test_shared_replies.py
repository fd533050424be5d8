"""Texts that a department shares, over HTTP: who may, what is refused and why, and what the log says."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clinic.directory import Department
from core.actor import Role
from core.ids import DepartmentId
from tests.fault.im.people import lists, practise
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS

SHARED = "/v1/admin/departments/d1/quick-replies"
TEXT = {"title": "复诊", "text": "三天后复诊"}


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    async with a_hospital(tmp_path, monkeypatch, **SETTINGS) as running:
        await running.everybody()
        await lists(running.settings, Department(code=DepartmentId("d1"), name="内科"))
        await practise(running.settings, f"doctor.{running.people[Role.DOCTOR].number}")
        yield running


async def test_the_security_administrator_shares_and_the_doctors_have_it(hospital: Hospital) -> None:
    security, doctor = (hospital.people[role].token for role in (Role.SECURITY_ADMIN, Role.DOCTOR))
    [kept] = (await hospital.done(hospital.posts(SHARED, security, **TEXT)))["items"]
    mine = (await hospital.done(hospital.gets("/v1/me/quick-replies", doctor)))["items"]
    assert mine == [kept] == [{"id": kept["id"], **TEXT, "shared": True}]
    await hospital.done(hospital.posts(SHARED, doctor, **TEXT), 403)
    await hospital.done(hospital.posts(f"{SHARED}/{kept['id']}/remove", doctor), 403)
    told = await hospital.done(hospital.posts(f"{SHARED}/{kept['id']}/remove", security))
    assert told == {"items": []}
    audit = hospital.people[Role.AUDIT_ADMIN].token
    async with asyncio.timeout(20):
        while True:
            log = await hospital.done(hospital.gets("/v1/admin/audit?action=quick_reply.shared", audit))
            results = Counter(each["result"] for each in log["records"])
            if results.total() == 4:
                break
            await asyncio.sleep(0.05)
    assert results == {"done": 2, "refused": 2}
    assert "三天后复诊" not in str(log)


async def test_what_is_not_kept_says_why(hospital: Hospital) -> None:
    security, doctor = (hospital.people[role].token for role in (Role.SECURITY_ADMIN, Role.DOCTOR))
    elsewhere = SHARED.replace("d1", "d9")
    told = await hospital.done(hospital.posts(elsewhere, security, **TEXT), 404)
    assert told["code"] == "im.no_such_department"
    word = {"word": "神药", "action": "review", "label": "other"}
    await hospital.done(hospital.posts("/v1/admin/words", security, **word), 201)
    for path, who in ((SHARED, security), ("/v1/me/quick-replies", doctor)):
        told = await hospital.done(hospital.posts(path, who, title="好", text="吃神药"), 422)
        assert told["code"] == "im.words_not_kept"
        assert "神药" not in str(told)
    assert (await hospital.done(hospital.gets(SHARED, security)))["items"] == []
