"""The built patient app in a real browser, on the real server, with WeChat and SMS beyond it simulated."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from demo.platforms import OpenPlatforms, served
from server.bootstrap import Roles
from tests.flow.signed_in import a_house
from tests.flow.test_accounts import Town
from tests.services.open_platforms import an_agreement
from tests.web.patient_phone import CHROMIUM, CHROMIUM_FLAGS, PHONE, SOON_MS, missing

pytestmark = [pytest.mark.browser, pytest.mark.node]

WECHAT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/116.0 Mobile MicroMessenger/8.0.47"
ADULT, CHILD = "11010519491231002X", "33010620190315001X"


class Screen:
    """The browser of one person, on the composed server."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        page.set_default_timeout(SOON_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if "Security" in said.text else None)

    def part(self, test: str) -> Any:
        return self.page.locator(f"[data-test='{test}']:visible").last

    async def open(self, page: str, query: str = "") -> None:
        await self.page.goto(f"{self.address}/h5/#/pages/{page}/index{query}")

    async def press(self, test: str) -> None:
        await self.part(test).click()

    async def type(self, test: str, text: str) -> None:
        await self.part(test).fill(text)

    async def sees(self, test: str, words: str) -> None:
        from playwright.async_api import expect

        await expect(self.part(test)).to_contain_text(words, timeout=SOON_MS)

    async def reads(self, words: str) -> None:
        await self.page.get_by_text(re.compile(words)).last.wait_for()


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    agreement = an_agreement(tmp_path / "agreed.json")
    platforms = OpenPlatforms(agreement.agreed)
    async with served(platforms) as port:
        settings = agreement.settings(tmp_path / "secrets", port) | {"health_card.provider": "offline"}
        async with a_house(tmp_path, of=Town, **settings) as house:
            assert isinstance(house, Town)
            house.platforms, house.at = platforms, port
            await house.opens(Roles.ALL)
            yield house


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    if reason := missing():
        pytest.skip(reason)
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield chromium
        await chromium.close()


async def a_screen(browser: Any, town: Town, *, agent: str | None = None) -> Screen:
    context = await browser.new_context(
        viewport={"width": PHONE[0], "height": PHONE[1]}, locale="zh-CN", user_agent=agent
    )
    return Screen(await context.new_page(), f"http://127.0.0.1:{town.webs[0].port}")


async def text_to(town: Town, phone: str) -> str:
    async with asyncio.timeout(SOON_MS / 1000):
        while not any(to == f"+86{phone}" for _, to, _ in town.platforms.messages):
            await asyncio.sleep(0.05)
    return town.text_to(phone)


async def test_a_mother_signs_in_by_sms_and_adds_her_child(browser: Any, town: Town) -> None:
    phone = "13800138000"
    mine = await a_screen(browser, town)
    await mine.open("sign-in")
    await mine.press("read-privacy")
    await mine.sees("text", "敏感个人信息")
    await mine.press("back")
    await mine.press("agree")
    await mine.type("phone", phone)
    await mine.press("send")
    await mine.reads("验证码已发送到")
    await mine.type("code", await text_to(town, phone))
    await mine.press("enter")
    await mine.sees("me", "手机号")
    await mine.press("consents")
    await mine.sees("consent-terms", "已同意")
    await mine.sees("consent-sensitive_health", "未同意")
    await mine.press("consent-sensitive_health")
    await mine.press("tick")
    await mine.press("give")
    await mine.sees("consent-sensitive_health", "已同意")

    await mine.open("patients")
    await mine.press("add")
    await mine.part("relation").locator("[data-value=child]").click()
    for field, text in {
        "name": "王小明",
        "id-number": CHILD,
        "patient-phone": phone,
        "guardian-name": "李秀英",
        "guardian-id-number": ADULT,
        "guardian-phone": phone,
    }.items():
        await mine.type(field, text)
    await mine.press("go")
    await mine.sees("person", "子女")
    assert CHILD not in await mine.page.content()
    await mine.press("person")
    await mine.press("reveal")
    await mine.sees("patient.id_number", CHILD)

    await mine.press("card")
    await mine.press("apply")
    await mine.sees("left", "更新")
    assert "svg" not in await mine.page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")

    other = town.device()
    other.takes(
        (await other.posts("/v1/sign-in/wechat-mini", {"code": town.code("mini", "wang")}, token=""))[1]
    )
    assert (await other.gets("/v1/patients"))[1]["patients"] == [], "somebody else sees the child"
    assert mine.errors == []


async def test_wechats_page_signs_in_and_a_session_ended_elsewhere_is_told_calmly(
    browser: Any, town: Town
) -> None:
    mine = await a_screen(browser, town, agent=WECHAT)
    await mine.open("sign-in")
    await mine.press("agree")
    await mine.press("own")
    await mine.page.locator("a.who").first.click()
    await mine.sees("me", "微信")
    assert "code=" not in mine.page.url

    await mine.press("sessions")
    await mine.sees("this", "本机")
    token = await mine.page.evaluate(
        """async () => {
            const held = JSON.parse(localStorage.getItem('houzhen.refresh')).data
            const answer = await fetch('/v1/session/refresh', {
                method: 'POST',
                headers: {'Content-Type': 'application/json'},
                body: JSON.stringify({refresh_token: held}),
            })
            return (await answer.json()).access_token
        }"""
    )
    device = town.device()
    assert (await device.posts("/v1/sessions/end-all", {}, token=token))[0] == 200
    await mine.press("back")
    await mine.sees("elsewhere", "您的登录已结束")
    assert mine.errors == []
