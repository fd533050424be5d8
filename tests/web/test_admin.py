"""The back office on a whole platform: the first start, three administrators, what each may see and do."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from core.actor import Role
from server.staff_parts import first_link
from tests.flow.employees import PASSWORD, Employee, Hospital, a_hospital
from tests.web.fake_platform import (
    CHROMIUM,
    CHROMIUM_FLAGS,
    DESKTOP,
    LANDSCAPE,
    LOW_CONTRAST,
    PHONE,
    PICTURES,
    SMALLEST_TEXT,
    SOON_MS,
    missing,
)

pytestmark = [pytest.mark.browser]

Open = Callable[..., Awaitable[Any]]


@pytest.fixture
async def hospital(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hospital]:
    if reason := missing():
        pytest.skip(reason)
    async with a_hospital(tmp_path, monkeypatch) as running:
        yield running


@pytest.fixture
async def office(hospital: Hospital) -> AsyncIterator[Open]:
    """Open the back office in a window of its own; a script error or a broken policy fails the test."""
    from playwright.async_api import async_playwright

    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)

        async def opened(
            fragment: str = "", *, size: tuple[int, int] = DESKTOP, path: str = "/admin/"
        ) -> Any:
            context = await browser.new_context(
                viewport={"width": size[0], "height": size[1]}, locale="zh-CN"
            )
            page = await context.new_page()
            page.set_default_timeout(SOON_MS)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on(
                "console",
                lambda said: errors.append(said.text) if "Content Security" in said.text else None,
            )
            await page.goto(hospital.base + path + fragment)
            return page

        yield opened
        await browser.close()
    assert errors == []


async def enters(page: Any, who: Employee, password: str = PASSWORD) -> None:
    """Sign in at the page, both steps."""
    await page.fill("[name=number]", who.number)
    await page.fill("[name=password]", password)
    await page.click("[type=submit]")
    await page.fill("[name=code]", await who.next_code())
    await page.click("[type=submit]")


async def enrols(page: Any, who: Employee) -> None:
    """Scan the code, type what the app says, keep the recovery codes."""
    who.secret = (await page.inner_text(".soft .code")).replace(" ", "")
    who.step = 0
    box = await page.locator(".qr svg").bounding_box()
    assert box is not None
    assert box["width"] > 150, "the code fills its place"
    await page.fill("[name=code]", await who.next_code())
    await page.click("[type=submit]")
    await page.wait_for_selector(".codes li:nth-child(10)")
    await page.click("text=我已妥善保存")
    await page.wait_for_selector(".office, .top")


async def is_well_made(page: Any) -> None:
    """Nothing hangs over the edge, everything can be read."""
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    assert await page.evaluate(LOW_CONTRAST) == []
    assert await page.evaluate(SMALLEST_TEXT) >= 14


async def test_from_the_first_link_to_a_nurse_at_the_desk(hospital: Hospital, office: Open) -> None:
    line = await first_link(hospital.settings)
    assert line is not None
    page = await office(f"#set-up={line.rpartition('=')[2]}")
    assert "set-up" not in page.url, "the link's token leaves the address bar"
    await page.fill("[name=number]", "a1")
    await page.fill("[name=name]", "管理员甲")
    await page.fill("[name=password]", "password1234")
    await page.fill("[name=repeated]", "password1234")
    await page.click("[type=submit]")
    await page.wait_for_selector(".alert")
    for name in ("password", "repeated"):
        await page.fill(f"[name={name}]", PASSWORD)
    await is_well_made(page)
    await page.click("[type=submit]")
    first = Employee("a1")
    await enrols(page, first)
    assert await page.locator("nav a").all_inner_texts() == ["工作人员", "角色权限", "我的账号"]

    async def invites(number: str, role: str) -> str:
        await page.click("text=新增工作人员")
        await page.fill("[name=new-number]", number)
        await page.fill("[name=new-name]", f"同事{number}")
        await page.click(".pick-role .el-select__wrapper")
        await page.click(f".el-select-dropdown__item:has-text('{role}')")
        await page.click("text=生成邀请链接")
        link = await page.inner_text(".invitation .link")
        await page.click("text=已交给本人")
        return str(link).partition("/admin/")[2]

    security, nurse = Employee("a2"), Employee("n1")
    theirs = await office(await invites("a2", "安全管理员"))
    await theirs.fill("[name=password]", PASSWORD)
    await theirs.fill("[name=repeated]", PASSWORD)
    await theirs.click("[type=submit]")
    await enrols(theirs, security)
    await invites("a3", "审计管理员")
    nurses = await office(await invites("n1", "护士"))
    await nurses.fill("[name=password]", PASSWORD)
    await nurses.fill("[name=repeated]", PASSWORD)
    await nurses.click("[type=submit]")
    await nurses.wait_for_selector("text=绑定动态口令")

    await theirs.reload()
    row = theirs.locator("tr:has-text('n1')")
    await row.get_by_text("授权", exact=True).click()
    await theirs.click(".el-dialog [type=submit]")
    await row.get_by_text("授权", exact=True).wait_for(state="detached")
    await enrols(nurses, nurse)
    assert await nurses.locator("nav a").all_inner_texts() == ["我的账号"]

    desk = await office(path="/doctor/")
    await enters(desk, nurse)
    await desk.wait_for_selector(".top")
    await desk.wait_for_selector(".sign-out")


@pytest.mark.parametrize("size", [PHONE, DESKTOP, LANDSCAPE])
async def test_each_administrator_has_an_office(
    hospital: Hospital, office: Open, size: tuple[int, int]
) -> None:
    await hospital.everybody()
    parts = {
        Role.SYSTEM_ADMIN: ["staff", "roles", "account"],
        Role.SECURITY_ADMIN: ["staff", "sessions", "roles", "account"],
        Role.AUDIT_ADMIN: ["audit", "reviews", "roles"],
    }
    for role, names in parts.items():
        page = await office(size=size)
        await enters(page, hospital.people[role])
        await page.wait_for_selector(".office")
        for name in names:
            await page.goto(f"{page.url.partition('#')[0]}#/{name}")
            await page.wait_for_selector("main table tbody tr, main form")
            await is_well_made(page)
            if size == DESKTOP and os.environ.get("HOUZHEN_PICTURES"):
                await page.screenshot(path=PICTURES / f"admin-{name}.png")


async def test_a_session_ended_by_security_takes_the_page_to_sign_in(
    hospital: Hospital, office: Open
) -> None:
    from playwright.async_api import expect

    await hospital.everybody()
    nurses = await office("#/account")
    await enters(nurses, hospital.people[Role.NURSE])
    await nurses.wait_for_selector(".office")
    page = await office("#/sessions")
    await enters(page, hospital.people[Role.SECURITY_ADMIN])
    await page.wait_for_selector("tr:has-text('nurse.n1')")
    rows = page.locator("tr:has-text('nurse.n1')")
    for left in range(await rows.count() - 1, -1, -1):
        await rows.first.get_by_text("结束", exact=True).click()
        await page.click(".el-dialog [type=submit]")
        await expect(rows).to_have_count(left, timeout=SOON_MS)
    await nurses.fill("[name=old]", PASSWORD)
    await nurses.fill("[name=fresh]", f"{PASSWORD} 2")
    await nurses.fill("[name=repeated]", f"{PASSWORD} 2")
    await nurses.click("text=修改密码 >> nth=-1")
    await nurses.wait_for_selector("text=登录已结束")
    await nurses.wait_for_selector("[name=password]")


async def test_a_reload_stays_signed_in_and_signing_out_does_not(hospital: Hospital, office: Open) -> None:
    await hospital.sets_up()
    page = await office()
    await enters(page, hospital.people[Role.SYSTEM_ADMIN])
    await page.wait_for_selector(".office")
    await page.reload()
    await page.wait_for_selector(".office")
    await page.click(".sign-out")
    await page.wait_for_selector("[name=password]")
    await page.reload()
    await page.wait_for_selector("[name=password]")


async def test_the_audit_administrator_searches_reviews_and_files_the_record(
    hospital: Hospital, office: Open
) -> None:
    await hospital.everybody()
    page = await office("#/audit")
    await enters(page, hospital.people[Role.AUDIT_ADMIN])
    await page.wait_for_selector("td:has-text('admin.staff.create')")
    await page.fill("[name=action]", "admin.staff.role")
    await page.select_option("[name=result]", "done")
    await page.click("text=查询")
    await page.wait_for_selector("td:has-text('admin.staff.create')", state="detached")
    assert await page.locator("table.log tbody tr").count() == len(hospital.people) - 3
    await page.goto(f"{page.url.partition('#')[0]}#/reviews")
    await page.select_option("[name=month]", index=0)
    await page.click("text=生成草稿")
    await page.wait_for_selector(".sheet h2:has-text('日志检查评审记录')")
    await is_well_made(page)
    async with page.expect_download() as saved:
        await page.click("text=下载 PDF")
    assert (await (await saved.value).path()).read_bytes().startswith(b"%PDF")
    await page.fill("[name=findings]", "未见异常")
    await page.fill("[name=conclusion]", "继续保持")
    await page.click("text=签字 >> nth=-1")
    await page.click(".el-dialog [type=submit]")
    await page.wait_for_selector(".el-dialog .alert")
