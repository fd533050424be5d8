"""Colleagues begin to talk at the desk; a department's news goes from the desk to the phones that follow it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from clinic.directory import Department
from core.actor import Actor, Role
from core.clock import SystemClock
from core.ids import DepartmentId
from tests.fault.im.people import employ, lists, practise
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS
from tests.web.fake_platform import missing
from tests.web.test_doctor_chat import Open, desk
from tests.web.test_doctor_chat import is_well_made as desk_is_well_made
from tests.web.test_patient_chat import ZHANG, a_phone, at, browser, is_well_made, opened

pytestmark = [pytest.mark.browser]
__all__ = ["browser", "desk"]

LISTED = (
    Department(code=DepartmentId("d1"), name="内科", location="门诊楼 2 层"),
    Department(code=DepartmentId("d2"), name="儿科"),
)
SIZES = ((1280, 800), (1920, 1080))


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    async with a_hospital(tmp_path, monkeypatch, **SETTINGS) as running:
        await running.everybody()
        await employ(running.settings, ["2002", "2003"])
        await practise(running.settings, f"doctor.{running.people[Role.DOCTOR].number}")
        await lists(running.settings, *LISTED)
        yield running


async def add(page: Any, number: str) -> None:
    await page.fill(at("new-number"), number)
    await page.click(at("new-add"))


async def test_two_colleagues_talk_and_three_are_a_team(hospital: Hospital, desk: Open) -> None:
    page = await desk()
    nurse = await opened(hospital.settings, Actor(id="nurse.2002", role=Role.NURSE))
    await page.click(at("begin-talk"))
    await add(page, "nobody")
    await page.click(at("new-begin"))
    await page.wait_for_selector("text=没有这个工号的护士或医生")
    await desk_is_well_made(page)
    await page.click(f"{at('new-chosen')} button")
    await add(page, "2002")
    await page.click(at("new-begin"))
    await page.fill(".composer textarea", "交班时请看 3 床")
    await page.press(".composer textarea", "Enter")
    await page.wait_for_selector("[data-test=pending]", state="detached")
    assert await page.locator(at("invite")).count() == 0

    await page.click(at("begin-talk"))
    for number in ("2002", "2003"):
        await add(page, number)
    assert await page.is_disabled(at("new-begin"))
    await page.fill(at("new-title"), "夜班小组")
    await desk_is_well_made(page)
    await page.click(at("new-begin"))
    await page.wait_for_selector("nav >> text=夜班小组")
    await page.wait_for_selector(at("invite"))

    told = await hospital.done(hospital.posts("/v1/im/sync", nurse.access_token))
    kinds = {each["kind"]: each for each in told["conversations"]}
    assert set(kinds) == {"direct", "team"}
    assert kinds["direct"]["last"]["body"]["text"] == "交班时请看 3 床"
    assert len(kinds["team"]["members"]) == 3


async def test_news_goes_from_the_desk_to_the_phone_that_follows(
    hospital: Hospital, desk: Open, browser: Any
) -> None:
    session = await opened(hospital.settings, ZHANG)
    phone = await a_phone(browser, hospital.base, session)
    await phone.click(at("department-news"))
    await phone.click(f"{at('department')}:has-text('内科') >> {at('follow')}")
    await phone.wait_for_selector(at("news-open"))
    await is_well_made(phone)
    await phone.go_back()
    await phone.wait_for_selector(f"{at('group')} >> text=暂无通知")

    page = await desk()
    await page.click(at("begin-news"))
    await page.select_option(at("news-department"), label="内科")
    await page.fill(at("news-text"), "周三上午停诊，周四照常。")
    await page.click(at("news-next"))
    await page.wait_for_selector("text=将发给关注“内科”的所有人")
    await desk_is_well_made(page)
    await page.click(at("news-go"))
    await page.wait_for_selector(f"{at('message')} >> text=周三上午停诊")
    assert await page.locator(".composer").count() == 0
    await desk_is_well_made(page)

    # It is there without looking again, on the list and in the conversation.
    await phone.wait_for_selector(f"{at('group')} >> text=周三上午停诊")
    await phone.click(at("group"))
    await phone.wait_for_selector(f"{at('message')} >> text=周三上午停诊")
    assert await phone.locator(at("write")).count() == 0
    await is_well_made(phone)

    doctor = hospital.people[Role.DOCTOR].token
    more = {"department": "d1", "cid": "cid-00002", "text": "周五加开夜诊"}
    await hospital.done(hospital.posts("/v1/im/broadcast", doctor, **more))
    await phone.wait_for_selector(f"{at('message')} >> text=周五加开夜诊")
    await phone.go_back()
    await phone.click(at("department-news"))
    await phone.click(f"{at('department')}:has-text('内科') >> {at('follow')}")
    await phone.wait_for_selector(at("news-open"), state="detached")
    await phone.go_back()
    await phone.wait_for_selector(at("group"), state="detached")


@pytest.mark.parametrize("size", SIZES)
async def test_the_forms_at_other_sizes(hospital: Hospital, desk: Open, size: tuple[int, int]) -> None:
    page = await desk(size=size)
    for name in ("begin-talk", "begin-news"):
        await page.click(at(name))
        await page.wait_for_selector("section.form")
        await desk_is_well_made(page)
