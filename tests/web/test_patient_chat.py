"""A patient asks a doctor on the phone: form, payment, chat, summary, rating; and two browsers whose server dies."""

import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.session import SessionBounds
from accounts.sessions import Opened, Sessions
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.loader import load
from conf.settings import Settings
from core.actor import Actor, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.tokens import token_key
from tests.fault.im.people import consult, employ, practise
from tests.fault.serving import Serve
from tests.flow.employees import Hospital, a_hospital
from tests.http.callers import SETTINGS
from tests.services.mariadb import MariadbServer
from tests.services.process import free_port
from tests.services.redis import RedisServer
from tests.web.fake_platform import (
    CHROMIUM,
    CHROMIUM_FLAGS,
    LOW_CONTRAST,
    NO_SOCKETS,
    SMALLEST_TEXT,
    SOON_MS,
    missing,
)
from tests.web.test_doctor_chat import COMPLAINT, Patient

pytestmark = [pytest.mark.browser]

BOUNDS = SessionBounds(idle=timedelta(hours=1), absolute=timedelta(hours=2))
ZHANG = Actor(id="01PATIENT", role=Role.PATIENT)
Open = Callable[..., Awaitable[Any]]


async def opened(settings: Settings, actor: Actor) -> Opened:
    """A session of somebody."""
    clock = SystemClock()
    database = Database.open(settings.storage.url, connections=1)
    units = SqlUnits(database, clock=clock, nudge=MemoryNudge())
    sessions = Sessions(units=units, clock=clock, tokens=HmacTokens([token_key(Path(settings.keys.tokens))]))
    async with units.begin() as unit:
        found = await sessions.open(unit, actor, bounds=BOUNDS, device="", address="", at=clock.now())
        await unit.commit()
    await database.close()
    return found


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    if reason := missing():
        pytest.skip(reason)
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield made
        await made.close()


async def a_phone(
    browser: Any,
    base: str,
    session: Opened,
    *,
    size: tuple[int, int] = (390, 844),
    user: str = ZHANG.id,
    before: str = "",
) -> Any:
    """The patient's app, signed in."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
    kept = {"houzhen.refresh": session.refresh_token, "houzhen.user": user}
    await context.add_init_script(
        f"for (const [key, data] of Object.entries({json.dumps(kept)}))"
        " if (!localStorage.getItem(key)) localStorage.setItem(key, JSON.stringify({ data }))"
    )
    await context.add_init_script(before)
    page = await context.new_page()
    page.set_default_timeout(SOON_MS)
    await page.goto(f"{base}/h5/#/pages/consult/index")
    await page.wait_for_selector("[data-test=answering]")
    return page


def at(name: str) -> str:
    """Taro keeps the pages behind: only the one in sight counts."""
    return f"[data-test={name}]:visible"


async def is_well_made(page: Any) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert await page.evaluate(LOW_CONTRAST) == []
    assert await page.evaluate(SMALLEST_TEXT) >= 15


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    changes = SETTINGS | {"consultations.sandbox_payment": True}
    async with a_hospital(tmp_path, monkeypatch, **changes) as running:
        await employ(running.settings, ["2001"], role=Role.DOCTOR)
        await practise(running.settings, "doctor.2001", fee_fen=2_000)
        yield running


async def test_a_question_from_the_form_to_the_rating(hospital: Hospital, browser: Any) -> None:
    session = await opened(hospital.settings, ZHANG)
    family = Patient(hospital, session.access_token)
    await family.agrees()
    await family.adds()
    doctor = await opened(hospital.settings, Actor(id="doctor.2001", role=Role.DOCTOR))
    page = await a_phone(browser, hospital.base, session, size=(320, 640))
    await is_well_made(page)
    await page.click("[data-test=answering]:not([disabled]) >> text=李医生")
    await page.fill(at("complaint"), COMPLAINT)
    await page.click(at("send"))
    assert "请填写以前的诊断" in await page.inner_text("body")
    await page.fill(at("diagnosis"), "偏头痛")
    await is_well_made(page)
    await page.click(at("send"))
    await page.click(at("pay"))
    await page.wait_for_selector("text=等待医生接诊")
    name = page.url.rpartition("id=")[2]
    await is_well_made(page)

    async def does(step: str, **body: object) -> None:
        path = f"/v1/consultations/{name}/{step}"
        await hospital.done(hospital.posts(path, doctor.access_token, **body))

    await does("accept")
    await page.wait_for_selector("text=医生已接诊，可以开始提问")
    await page.fill(at("write"), "还是疼")
    await page.click(at("send"))
    await page.wait_for_selector("[data-test=pending]", state="detached")
    await page.wait_for_selector("text=还可提问 19 次")
    said = {"conversation": name, "cid": "cid-00001", "body": {"type": "text", "text": "请多休息"}}
    await hospital.done(hospital.posts("/v1/im/send", doctor.access_token, **said))
    await page.wait_for_selector("text=请多休息")
    await hospital.done(hospital.posts("/v1/im/read", doctor.access_token, conversation=name, seq=9))
    await page.wait_for_selector("text=医生已读")
    await is_well_made(page)
    await page.click("[data-test=recall] >> nth=-1")
    await page.wait_for_selector("text=消息已撤回")
    await does("end", summary="多休息，三天后复诊")
    await page.wait_for_selector("text=多休息，三天后复诊")
    await page.click(at("stars-5"))
    await page.wait_for_selector("text=已评价")
    async with page.expect_download() as saved:
        await page.click(at("save-record"))
    assert Path(await (await saved.value).path()).read_bytes().startswith(b"%PDF-")
    await is_well_made(page)


@pytest.mark.process
@pytest.mark.redis
@pytest.mark.mariadb
@pytest.mark.parametrize("sockets", [True, False], ids=["sockets", "streams"])
async def test_two_browsers_talk_while_their_server_is_killed(
    tmp_path: Path, browser: Any, redis_server: RedisServer, mariadb_server: MariadbServer, sockets: bool
) -> None:
    """Also where the network lets no WebSocket through."""
    before = "" if sockets else NO_SOCKETS
    streams: set[str] = set()
    redis_server.ensure_running()
    redis_server.empty()
    mariadb_server.ensure_running()
    database = mariadb_server.create_database()
    url = f"mysql://root@127.0.0.1:{mariadb_server.port}/{database}"
    serve = Serve(tmp_path, {"port": free_port(), "database": url, "broker": redis_server.url})
    await serve.start()
    try:
        webs = await serve.webs()
        settings = load(serve.file, environment={})
        await employ(settings, ["2001"], role=Role.DOCTOR)
        await practise(settings, "doctor.2001")
        name = await consult(settings, user=ZHANG.id, doctor="doctor.2001", patient="01FAMILY")
        base = f"http://127.0.0.1:{serve.port}"
        phone = await a_phone(browser, base, await opened(settings, ZHANG), before=before)
        doctor = Actor(id="doctor.2001", role=Role.DOCTOR)
        desk = await a_desk(browser, base, await opened(settings, doctor), before=before)
        for who, page in (("phone", phone), ("desk", desk)):
            page.on(
                "request",
                lambda asked, who=who: streams.add(who) if "/connection/http_stream" in asked.url else None,
            )
        await desk.click("[data-test=consultation]")
        await desk.click("[data-test=accept]")
        await phone.goto(f"{base}/h5/#/pages/chat/index?id={name}")
        await phone.wait_for_selector(at("write"))
        await desk.wait_for_selector(".composer textarea")
        wanted = []
        for turn in range(12 if sockets else 6):
            asked, answered = f"问题{turn:02}", f"回答{turn:02}"
            wanted += [asked, answered]
            is_down = turn % 4 == 2
            if is_down:
                # Who would start them again sleeps: what is said now is said while nobody serves.
                serve.send(signal.SIGSTOP)
                for victim in webs:
                    os.kill(victim, signal.SIGKILL)
            await phone.fill(at("write"), asked)
            await phone.click(at("send"))
            await desk.fill(".composer textarea", answered)
            await desk.press(".composer textarea", "Enter")
            if is_down:
                for page in (phone, desk):
                    await page.wait_for_selector("[data-test=pending]")
                serve.send(signal.SIGCONT)
                webs = await serve.webs(besides=webs)
        for page, waits in ((phone, "[data-test=pending]"), (desk, "[data-test=pending]")):
            await page.wait_for_function(
                """([waits, count]) => !document.querySelector(waits)
                    && document.querySelectorAll('[data-test=message]').length === count""",
                arg=[waits, len(wanted)],
                timeout=60_000,
            )
        shown = [
            await page.eval_on_selector_all(
                f"[data-test=message] {words}", "all => all.map(each => each.textContent.trim())"
            )
            for page, words in ((phone, ".said-words"), (desk, ".bubble"))
        ]
        assert shown[0] == shown[1]
        assert sorted(shown[0]) == sorted(wanted)
        assert streams == (set() if sockets else {"phone", "desk"})
    finally:
        serve.send(signal.SIGCONT)
        await serve.end()
        mariadb_server.drop_database(database)


async def a_desk(browser: Any, base: str, session: Opened, *, before: str = "") -> Any:
    """The doctor's desk, signed in, messages open."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    await context.add_init_script(
        "if (!sessionStorage.getItem('houzhen.staff.refresh'))"
        f" sessionStorage.setItem('houzhen.staff.refresh', {json.dumps(session.refresh_token)})"
    )
    await context.add_init_script(before)
    page = await context.new_page()
    page.set_default_timeout(SOON_MS)
    await page.goto(f"{base}/doctor/")
    await page.wait_for_selector("[data-test=talk]")
    await page.click("[data-test=talk]")
    await page.wait_for_selector("aside.talk")
    return page
