"""A doctor at the desk answers patients: taken by a click, said by key, taken back, ended with a summary."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.consent import Kind as Consent
from accounts.session import SessionBounds
from accounts.sessions import Sessions
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.consent_texts import read_consent_texts
from core.actor import Actor, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.tokens import token_key
from tests.fault.im.people import practise
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS
from tests.unit.clinic.papers import resident_number
from tests.web.fake_platform import CHROMIUM, CHROMIUM_FLAGS, LOW_CONTRAST, SMALLEST_TEXT, SOON_MS, missing
from tests.web.test_admin import enters

pytestmark = [pytest.mark.browser]

Open = Callable[..., Awaitable[Any]]
BOUNDS = SessionBounds(idle=timedelta(hours=1), absolute=timedelta(hours=2))
COMPLAINT = "三天前开始头疼，吃了止疼药没有好转"


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    async with a_hospital(tmp_path, monkeypatch, **SETTINGS) as running:
        await running.everybody()
        await practise(running.settings, f"doctor.{running.people[Role.DOCTOR].number}")
        yield running


class Patient:
    """Somebody with an account, over HTTP."""

    def __init__(self, hospital: Hospital, token: str) -> None:
        self._hospital = hospital
        self._token = token
        self.conversation = ""

    async def posts(self, path: str, status: int = 200, **body: object) -> dict[str, Any]:
        return await self._hospital.done(self._hospital.posts(path, self._token, **body), status)

    async def asks(self, cid: str, **whom: str) -> str:
        await self.agrees()
        family = await self._hospital.done(self._hospital.gets("/v1/patients", self._token))
        patient = family["patients"][0]["id"] if family["patients"] else await self.adds()
        asked = {"patient": patient, "complaint": COMPLAINT, "earlier_diagnosis": "偏头痛", **whom}
        made = await self.posts("/v1/consultations", 201, cid=cid, **asked)
        self.conversation = made["id"]
        return self.conversation

    async def agrees(self) -> None:
        for kind in Consent:
            await self.posts(f"/v1/consents/{kind.value}/give", version=read_consent_texts().in_force[kind])

    async def adds(self) -> str:
        person = {
            "name": "张小明",
            "id_kind": "cn_id",
            "id_number": resident_number(date(1990, 1, 1), order=7),
            "phone": "13800138000",
            "relation": "self",
        }
        return str((await self.posts("/v1/patients", 201, **person))["id"])

    async def says(self, text: str, cid: str) -> None:
        body = {"type": "text", "text": text}
        await self.posts("/v1/im/send", conversation=self.conversation, cid=cid, body=body)

    async def log(self) -> list[Any]:
        told = await self.posts("/v1/im/open", conversation=self.conversation, limit=100)
        return [each["body"] for each in told["messages"]]


async def a_patient(hospital: Hospital) -> Patient:
    clock, settings = SystemClock(), hospital.settings
    database = Database.open(settings.storage.url, connections=1)
    units = SqlUnits(database, clock=clock, nudge=MemoryNudge())
    sessions = Sessions(units=units, clock=clock, tokens=HmacTokens([token_key(Path(settings.keys.tokens))]))
    async with units.begin() as unit:
        actor = Actor(id="01PATIENT", role=Role.PATIENT)
        opened = await sessions.open(unit, actor, bounds=BOUNDS, device="", address="", at=clock.now())
        await unit.commit()
    await database.close()
    return Patient(hospital, opened.access_token)


@pytest.fixture
async def desk(hospital: Hospital) -> AsyncIterator[Open]:
    """The doctor's desk in a window of its own, signed in, messages open."""
    from playwright.async_api import async_playwright

    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)

        async def opened(*, size: tuple[int, int] = (1280, 800)) -> Any:
            context = await browser.new_context(
                viewport={"width": size[0], "height": size[1]}, locale="zh-CN"
            )
            page = await context.new_page()
            page.set_default_timeout(SOON_MS)
            page.on("pageerror", lambda error: errors.append(str(error)))
            await page.goto(f"{hospital.base}/doctor/")
            await enters(page, hospital.people[Role.DOCTOR])
            await page.wait_for_selector("[data-test=talk]")
            await page.keyboard.press("m")
            await page.wait_for_selector("aside.talk")
            return page

        yield opened
        await browser.close()
    assert errors == []


async def is_well_made(page: Any) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    assert await page.evaluate(LOW_CONTRAST) == []
    assert await page.evaluate(SMALLEST_TEXT.replace("#app *", "aside.talk *")) >= 14


async def test_a_consultation_from_the_pool_to_its_end(hospital: Hospital, desk: Open) -> None:
    patient = await a_patient(hospital)
    page = await desk()
    assert "暂无会话" in await page.inner_text("aside.talk")
    await patient.asks("ask-00001", department="d1")
    await page.keyboard.press("m")
    await page.keyboard.press("m")
    await page.click("[data-test=pooled]")
    assert COMPLAINT in await page.inner_text(".facts")
    await page.click("[data-test=accept]")
    await page.wait_for_selector("textarea")
    await page.fill(".composer textarea", "请问体温多少？")
    await page.press(".composer textarea", "Enter")
    await page.wait_for_selector("[data-test=pending]", state="detached")
    await patient.says("三十八度", "cid-00001")
    await page.wait_for_selector("text=三十八度")
    # A command of the line typed as a letter of a message stays a letter.
    await page.type(".composer textarea", "nn")
    assert await page.input_value(".composer textarea") == "nn"
    await page.fill(".composer textarea", "")
    await is_well_made(page)
    # Chinese input: the Enter that confirms a word sends nothing.
    await page.evaluate(
        """() => {
            const field = document.querySelector('.composer textarea')
            field.value = '好'
            field.dispatchEvent(new Event('input'))
            field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true }))
        }"""
    )
    assert await page.input_value(".composer textarea") == "好"
    await page.press(".composer textarea", "Enter")
    await page.wait_for_selector(".said.mine >> text=好")
    await page.wait_for_selector("[data-test=pending]", state="detached")
    await page.locator("text=撤回").last.click()
    await page.wait_for_selector("text=消息已撤回")
    await page.type("[data-test=search]", "体温 多少")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-test=found] >> text=请问体温多少？")
    await is_well_made(page)
    await page.press("[data-test=search]", "Escape")
    await page.wait_for_selector("[data-test=found]", state="detached")
    await page.click("text=查看患者信息")
    assert "张小明" in await page.inner_text("[data-test=who]")
    await page.click("[data-test=end]")
    await page.fill("[data-test=words]", "多休息，三天后复诊")
    await page.click("text=填写小结并结束")
    await page.wait_for_selector("text=会话已结束，仍可查看")
    async with page.expect_download() as saved:
        await page.click("[data-test=save-record]")
    assert Path(await (await saved.value).path()).read_bytes().startswith(b"%PDF-")
    log = await patient.log()
    assert [each["text"] if each and each["type"] == "text" else each and each["type"] for each in log] == [
        COMPLAINT,
        "event",
        "请问体温多少？",
        "三十八度",
        None,
        "recall",
        "event",
    ]


async def test_quick_replies_by_key_and_a_lost_connection(hospital: Hospital, desk: Open) -> None:
    patient = await a_patient(hospital)
    doctor = f"doctor.{hospital.people[Role.DOCTOR].number}"
    name = await patient.asks("ask-00001", doctor=doctor)
    page = await desk(size=(1920, 1080))
    await page.click("[data-test=consultation]")
    await page.click("[data-test=accept]")
    await page.wait_for_selector(".composer textarea")
    await page.fill(".composer textarea", "请按时服药，三天后复诊。")
    await page.click("text=存为快捷回复")
    await page.fill(".composer textarea", "")
    await page.press(".composer textarea", "/")
    await page.wait_for_selector("[role=option]")
    await page.press(".composer textarea", "Enter")
    assert await page.input_value(".composer textarea") == "请按时服药，三天后复诊。"
    await is_well_made(page)
    await page.context.set_offline(True)
    await page.press(".composer textarea", "Enter")
    await page.wait_for_selector("[data-test=pending]")
    await patient.says("断线时说的", "cid-00002")
    await page.context.set_offline(False)
    await page.wait_for_selector("text=断线时说的", timeout=30_000)
    await page.wait_for_selector("[data-test=pending]", state="detached", timeout=30_000)
    said = [each["text"] for each in await patient.log() if each and each["type"] == "text"]
    assert sorted(said) == sorted([COMPLAINT, "断线时说的", "请按时服药，三天后复诊。"])
    assert await page.locator("[data-test=message]").count() == 3
    assert name == patient.conversation
