"""Reviews and listed words in the back office: by the service desk and the security administrator."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.actor import Role
from tests.fault.im.people import practise
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS
from tests.web.fake_platform import DESKTOP, PHONE, missing
from tests.web.test_admin import Open, enters, is_well_made, office
from tests.web.test_doctor_chat import Patient
from tests.web.test_patient_chat import ZHANG, opened

pytestmark = [pytest.mark.browser]
__all__ = ["office"]


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    async with a_hospital(tmp_path, monkeypatch, **SETTINGS) as running:
        await running.everybody()
        await practise(running.settings, f"doctor.{running.people[Role.DOCTOR].number}")
        yield running


async def resized(page: Any, size: tuple[int, int]) -> None:
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await is_well_made(page)


async def test_words_are_listed_and_what_they_bring_is_decided(hospital: Hospital, office: Open) -> None:
    words = await office("#/words")
    await enters(words, hospital.people[Role.SECURITY_ADMIN])
    await words.click("nav >> text=词库")
    await words.wait_for_selector("[data-test=word] >> text=刷单")
    await words.fill("[name=word]", "神医")
    await words.select_option("[name=action]", "mask")
    await words.select_option("[name=label]", "advert")
    await words.click("form.add [type=submit]")
    await words.wait_for_selector("[data-test=word] >> nth=0 >> text=神医")
    await resized(words, PHONE)
    await resized(words, DESKTOP)

    patient = Patient(hospital, (await opened(hospital.settings, ZHANG)).access_token)
    doctor = hospital.people[Role.DOCTOR]
    conversation = await patient.asks("ask-00001", doctor=f"doctor.{doctor.number}")
    token = (await hospital.signs_in(doctor)).token
    await hospital.done(hospital.posts(f"/v1/consultations/{conversation}/accept", token))
    await patient.says("您真是神 医", "cid-0001")
    await patient.says("最近不想活了", "cid-0002")
    assert [each["text"] for each in await patient.log() if each["type"] == "text"][-2:] == [
        "您真是* *",
        "最近不想活了",
    ]

    desk = await office("#/moderation")
    await enters(desk, hospital.people[Role.SERVICE_DESK])
    await desk.click("nav >> text=消息审核")
    await desk.wait_for_selector("[data-test=review].urgent")
    assert await desk.locator("[data-test=review]").count() == 2
    await desk.keyboard.press("ArrowDown")
    await desk.wait_for_selector(".original >> text=最近不想活了")
    await is_well_made(desk)
    await resized(desk, PHONE)
    await resized(desk, DESKTOP)
    await desk.keyboard.press("f")
    await desk.wait_for_selector(".original >> text=您真是神 医")
    assert "您真是* *" in await desk.inner_text(".context .here")
    await desk.fill("textarea", "广告")
    await desk.click("[data-test=remove]")
    await desk.wait_for_selector("text=没有待审核的消息")
    await desk.click("[data-test=decided]")
    await desk.wait_for_selector("[data-test=review] >> text=已撤下")
    hidden = [each for each in await patient.log() if each is None]
    assert len(hidden) == 1
