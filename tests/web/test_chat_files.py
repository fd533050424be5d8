"""Photos, a voice and documents between a phone and the desk, through both pages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.actor import Actor, Role
from tests.fault.im.people import practise
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS
from tests.unit.pictures.test_darkroom import a_photo
from tests.web.fake_platform import CHROMIUM, CHROMIUM_FLAGS, SOON_MS, missing
from tests.web.test_admin import enters
from tests.web.test_doctor_chat import Patient
from tests.web.test_doctor_chat import is_well_made as desk_is_well_made
from tests.web.test_patient_chat import ZHANG, a_phone, at, is_well_made, opened

pytestmark = [pytest.mark.browser]

MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
PDF = b"%PDF-1.4\n" + b"%".join(b"a report of many lines\n" for _ in range(9_000)) + b"%%EOF\n"


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    async with a_hospital(tmp_path, monkeypatch, **SETTINGS) as running:
        await running.everybody()
        await practise(running.settings, f"doctor.{running.people[Role.DOCTOR].number}")
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    if reason := missing():
        pytest.skip(reason)
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        flags = [*CHROMIUM_FLAGS, *MICROPHONE]
        made = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield made
        await made.close()


async def picks(page: Any, button: str, *files: tuple[str, str, bytes]) -> None:
    async with page.expect_file_chooser() as chosen:
        await page.click(button)
    chooser = await chosen.value
    await chooser.set_files(
        [{"name": name, "mimeType": kind, "buffer": content} for name, kind, content in files]
    )


async def is_shown(page: Any, picture: str, count: int) -> None:
    """So many pictures are there, and their pixels too."""
    await page.wait_for_function(
        "([name, count]) => { const all = [...document.querySelectorAll(name)];"
        " return all.length === count && all.every((each) => each.complete && each.naturalWidth > 0) }",
        arg=[picture, count],
    )


async def test_photos_a_voice_and_documents_go_both_ways(hospital: Hospital, browser: Any) -> None:
    session = await opened(hospital.settings, ZHANG)
    family = Patient(hospital, session.access_token)
    doctor = f"doctor.{hospital.people[Role.DOCTOR].number}"
    conversation = await family.asks("ask-00001", doctor=doctor)
    desk = await (
        await browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    ).new_page()
    desk.set_default_timeout(SOON_MS)
    await desk.goto(f"{hospital.base}/doctor/")
    await enters(desk, hospital.people[Role.DOCTOR])
    await desk.wait_for_selector("[data-test=talk]")
    await desk.keyboard.press("m")
    held = await opened(hospital.settings, Actor(id=doctor, role=Role.DOCTOR))
    await hospital.done(hospital.posts(f"/v1/consultations/{conversation}/accept", held.access_token))
    await desk.click("aside.talk >> text=张*明")
    # Accepted elsewhere, and known here without waiting for the next look.
    await desk.wait_for_selector("aside.talk >> text=结束问诊")
    phone = await a_phone(browser, hospital.base, session, size=(390, 844))
    await phone.goto(f"{hospital.base}/h5/#/pages/chat/index?id={conversation}")
    await phone.wait_for_selector(at("pick-photo"))

    photos = [(f"IMG_{number}.jpg", "image/jpeg", a_photo(1600, 1200)) for number in range(2)]
    await picks(phone, at("pick-photo"), *photos)
    await is_shown(phone, "[data-test=photo] img", 2)
    await is_shown(desk, "[data-test=picture] img", 2)
    await phone.click(at("record"))
    await phone.wait_for_selector("text=正在录音 2 秒")
    await is_well_made(phone)
    await phone.click(at("record-send"))
    await phone.wait_for_selector(at("voice"))
    await desk.wait_for_selector("[data-test=voice]")
    await picks(phone, at("pick-file"), ("化验单.pdf", "application/pdf", PDF))
    await phone.wait_for_selector(at("document"))
    assert "化验单.pdf · 216 KB" in await desk.inner_text("[data-test=document]")
    await phone.wait_for_selector("text=还可提问 17 次")
    await is_well_made(phone)

    await picks(phone, at("pick-file"), ("病历.pdf", "application/pdf", b"MZ\x90\0 no document"))
    await phone.wait_for_selector("text=不支持这种文件")
    await phone.click(f"{at('going')} >> text=删除")
    await phone.wait_for_selector("[data-test=going]", state="detached")

    heard = await desk.evaluate(
        "async () => { const voice = document.querySelector('[data-test=voice]'); voice.muted = true;"
        " await voice.play(); await new Promise((told) => (voice.onended = told)); return voice.currentTime }"
    )
    assert 1.5 < heard < 5
    await desk.click("[data-test=picture] >> nth=0")
    await is_shown(desk, "dialog[open] img", 1)
    await desk.keyboard.press("ArrowRight")
    await desk.keyboard.press("Escape")
    await desk.wait_for_selector("dialog[open]", state="detached")
    async with desk.expect_download() as kept:
        await desk.click("[data-test=document]")
    assert Path(await (await kept.value).path()).read_bytes() == PDF
    await picks(desk, "[data-test=attach]", ("ct.png", "image/png", a_photo(900, 700, form="PNG")))
    await is_shown(desk, "[data-test=picture] img", 3)
    await is_shown(phone, "[data-test=photo] img", 3)
    await desk_is_well_made(desk)
    await phone.click("[data-test=photo] >> nth=2")
    await phone.wait_for_timeout(300)
