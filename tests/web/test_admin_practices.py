"""A practice from the back office to the first question: set up, taken up by its doctor, seen by a patient."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clinic.directory import Department
from core.actor import Role
from core.ids import DepartmentId
from tests.fault.im.people import lists, practise
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS
from tests.web.fake_platform import DESKTOP, LANDSCAPE, PHONE, missing
from tests.web.test_admin import Open, enters, is_well_made, office
from tests.web.test_doctor_chat import a_patient, desk
from tests.web.test_doctor_chat import is_well_made as desk_is_well_made

pytestmark = [pytest.mark.browser]
__all__ = ["desk", "office"]


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    async with a_hospital(tmp_path, monkeypatch, **SETTINGS) as running:
        await running.everybody()
        yield running


async def test_a_department_shares_texts_that_its_doctors_have_at_hand(
    hospital: Hospital, office: Open, desk: Open
) -> None:
    number = hospital.people[Role.DOCTOR].number
    await lists(hospital.settings, Department(code=DepartmentId("d1"), name="内科"))
    await practise(hospital.settings, f"doctor.{number}")
    page = await office("#/practices")
    await enters(page, hospital.people[Role.SECURITY_ADMIN])
    await page.click("nav >> text=问诊医生")
    await page.wait_for_selector("text=该科室还没有快捷回复")
    for title, text in (("复诊", "三天后请来复诊"), ("检查", "请先做血常规")):
        await page.click("[data-test=add-reply]")
        await page.fill("[name=reply-title]", title)
        await page.fill("[name=reply-text]", text)
        await resized(page, PHONE)
        await resized(page, DESKTOP)
        await page.click(".el-dialog:visible [type=submit]")
        await page.wait_for_selector(f"[data-test=reply] >> text={text}")
    await page.click("[data-test=change-reply] >> nth=0")
    await page.fill("[name=reply-text]", "一周后请来复诊")
    await page.click(".el-dialog:visible [type=submit]")
    await page.wait_for_selector("[data-test=reply] >> text=一周后请来复诊")
    for size in (PHONE, DESKTOP, LANDSCAPE):
        await resized(page, size)

    patient = await a_patient(hospital)
    await patient.asks("ask-00001", doctor=f"doctor.{number}")
    mine = await desk()
    await mine.click("[data-test=consultation]")
    await mine.click("[data-test=accept]")
    await mine.press(".composer textarea", "/")
    await mine.wait_for_selector(".quick >> text=请先做血常规")
    await mine.press(".composer textarea", "Enter")
    assert await mine.input_value(".composer textarea") == "一周后请来复诊"

    await page.click("[data-test=remove-reply] >> nth=0")
    await page.click(".el-dialog:visible [type=submit]")
    await page.wait_for_selector("[data-test=reply] >> text=一周后请来复诊", state="detached")
    assert await page.locator("[data-test=reply]").count() == 1


async def resized(page: Any, size: tuple[int, int]) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await is_well_made(page)


async def test_a_practice_is_set_up_and_its_doctor_takes_questions(
    hospital: Hospital, office: Open, desk: Open
) -> None:
    number = hospital.people[Role.DOCTOR].number
    page = await office("#/practices")
    await enters(page, hospital.people[Role.SECURITY_ADMIN])
    await page.click("nav >> text=问诊医生")
    await page.wait_for_selector("text=还没有问诊医生")
    await page.click("[data-test=add]")
    for field, text in (
        ("staff", "nobody"),
        ("practice-name", "李慕白"),
        ("practice-title", "主任医师"),
        ("practice-department", "cardio"),
        ("practice-fee", "19.9"),
    ):
        await page.fill(f"[name={field}]", text)
    await page.check("[name=practice-confirmed]")
    await page.click(".el-dialog [type=submit]")
    await page.wait_for_selector(".el-dialog .alert")
    await page.fill("[name=staff]", number)
    await resized(page, PHONE)
    await resized(page, DESKTOP)
    await page.click(".el-dialog [type=submit]")
    await page.wait_for_selector("[data-test=practice] >> text=19.90 元")
    await is_well_made(page)
    listed = await hospital.done(hospital.gets("/v1/consultations/doctors"))
    assert [(one["fee_fen"], one["open_now"]) for one in listed["doctors"]] == [(1990, False)]

    mine = await desk()
    await mine.click("[data-test=practice]")
    await mine.check("[data-test=taking]")
    await mine.fill("[data-test=practice-form] textarea", "每天晚上回复")
    await desk_is_well_made(mine)
    await mine.click("[data-test=keep-practice]")
    await mine.wait_for_selector("text=已保存")
    listed = await hospital.done(hospital.gets("/v1/consultations/doctors"))
    assert [(one["introduction"], one["open_now"]) for one in listed["doctors"]] == [("每天晚上回复", True)]
