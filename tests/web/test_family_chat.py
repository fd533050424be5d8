"""A relative comes into a consultation with a code, a nurse is called in, all three talk; what was said is found."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.actor import Actor, Role
from tests.fault.im.people import employ, practise
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS
from tests.web.fake_platform import missing
from tests.web.test_doctor_chat import Patient
from tests.web.test_patient_chat import ZHANG, a_phone, at, browser, is_well_made, opened

pytestmark = [pytest.mark.browser]
__all__ = ["browser"]

SON = Actor(id="01RELATIVE", role=Role.PATIENT)


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    async with a_hospital(tmp_path, monkeypatch, **SETTINGS) as running:
        await employ(running.settings, ["2001"], role=Role.DOCTOR)
        await practise(running.settings, "doctor.2001")
        yield running


async def test_a_relative_comes_in_with_a_code_and_finds_what_was_said(
    hospital: Hospital, browser: Any
) -> None:
    mother, son = await opened(hospital.settings, ZHANG), await opened(hospital.settings, SON)
    doctor = await opened(hospital.settings, Actor(id="doctor.2001", role=Role.DOCTOR))
    patient = Patient(hospital, mother.access_token)
    name = await patient.asks("ask-00001", doctor="doctor.2001")
    await hospital.done(hospital.posts(f"/v1/consultations/{name}/accept", doctor.access_token))
    hers = await a_phone(browser, hospital.base, mother)
    await hers.click("[data-test=mine]")
    await hers.click(at("invite"))
    code = (await hers.inner_text(f"{at('code')} b")).strip()
    await is_well_made(hers)

    his = await a_phone(browser, hospital.base, son, user=SON.id)
    await his.fill(at("join-code"), "AAAAAAAAAA")
    await his.click(at("join-go"))
    await his.wait_for_selector(at("join-refused"))
    await is_well_made(his)
    await his.fill(at("join-code"), f" {code[:5]} {code[5:]} ")
    await his.click(at("join-go"))
    await his.fill(at("write"), "她昨晚没睡好")
    await his.click(at("send"))
    await hers.wait_for_selector("text=她昨晚没睡好")
    assert "家属" in await hers.inner_text(at("people"))
    await is_well_made(his)

    await his.go_back()
    await his.wait_for_selector(at("group"))
    await his.fill(at("find"), "没睡好")
    await his.click(at("find-go"))
    await his.wait_for_selector(at("hit"))
    await is_well_made(his)
    await his.fill(at("find"), "没有说过的话")
    await his.click(at("find-go"))
    await his.wait_for_selector("text=没有找到")
