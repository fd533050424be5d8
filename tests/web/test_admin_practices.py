"""A practice from the back office to the first question: set up, taken up by its doctor, seen by a patient."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.actor import Role
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS
from tests.web.fake_platform import DESKTOP, PHONE, missing
from tests.web.test_admin import Open, enters, is_well_made, office
from tests.web.test_doctor_chat import desk
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
