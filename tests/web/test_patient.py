"""The patient's phone in a real browser: a line is followed from waiting to called to passed.

The pages are the built H5; the server behind them is the fake one of web/patient/test, steered by the test.
Set HOUZHEN_PICTURES=1 to write the pictures of docs/images anew.
"""

import json
import os
import re
import select
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.node]

ROOT = Path(__file__).parents[2]
PATIENT = ROOT / "web" / "patient"
PICTURES = ROOT / "docs" / "images"
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, OLD_PHONE, DESKTOP = (390, 844), (360, 640), (1440, 900)
START_SECONDS = 60
SOON_MS = 40_000
"""For whatever comes as soon as a busy machine lets it."""
MINE = "/h5/#/pages/queue/index?line=L0301&ticket=A017"


def missing() -> str | None:
    """Say in one sentence what these tests lack, or None."""
    if not CHROMIUM.exists():
        return "Chromium is missing: apt-get install chromium"
    if shutil.which("node") is None or not (PATIENT / "node_modules" / "ws").exists():
        return "the patient app is not installed: cd web/patient && npm ci"
    if not (PATIENT / "dist" / "h5" / "index.html").exists():
        return "the patient app is not built: cd web/patient && npm run build:h5"
    return None


class FakeServer:
    """The fake platform of web/patient/test, in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "test/fake-server.mjs"], cwd=PATIENT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        assert readable, "the fake server did not start"
        self.address = f"http://127.0.0.1:{json.loads(self._process.stdout.readline())['port']}"

    def __call__(self, verb: str, **body: Any) -> None:
        content = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/fake/{verb}", content, method="POST")
        with urllib.request.urlopen(request, timeout=START_SECONDS):
            pass

    def publish(self, **board: Any) -> None:
        """Change the board of L0301 and tell everyone."""
        self("publish", line="L0301", board=board)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(START_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if reason := missing():
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def fake(chromium: Any) -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


class Phone:
    """One person's browser, with its page errors collected."""

    def __init__(self, browser: Any, address: str, size: tuple[int, int], locale: str) -> None:
        small = size[0] < 600
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=locale,
            device_scale_factor=2 if small else 1,
            is_mobile=small,
            has_touch=small,
            reduced_motion="reduce",
        )
        self.context.add_init_script(
            "window.buzzes = 0; navigator.vibrate = () => { window.buzzes += 1; return true }"
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(SOON_MS)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self._address = address

    def _console(self, message: Any) -> None:
        lost_network = ("Failed to load resource", "WebSocket connection")
        if message.type == "error" and not message.text.startswith(lost_network):
            self.errors.append(message.text)

    def open(self, path: str) -> "Phone":
        self.page.goto(self._address + path)
        return self

    def sees(self, test: str, words: str) -> None:
        """Wait until the marked part of the page says these words."""
        from playwright.sync_api import expect

        expect(self.page.locator(f"[data-test={test}]").last).to_contain_text(words, timeout=SOON_MS)

    def counts(self, selector: str, count: int) -> None:
        """Wait until the page has so many of these."""
        from playwright.sync_api import expect

        expect(self.page.locator(selector)).to_have_count(count, timeout=SOON_MS)

    def reads(self, words: str) -> None:
        """Wait until the words stand somewhere on the page."""
        self.page.get_by_text(words).last.wait_for(timeout=SOON_MS)

    def picture(self, name: str) -> None:
        """Keep a picture for docs/images when asked to."""
        if os.environ.get("HOUZHEN_PICTURES"):
            PICTURES.mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(300)
            self.page.screenshot(path=str(PICTURES / f"patient-{name}.png"))


@pytest.fixture
def phone(chromium: Any, fake: FakeServer) -> Iterator[Any]:
    """Make phones. At the end none may have met an error, and no page may be wider than its screen."""
    phones: list[Phone] = []

    def make(size: tuple[int, int] = PHONE, locale: str = "zh-CN") -> Phone:
        phones.append(Phone(chromium, fake.address, size, locale))
        return phones[-1]

    yield make
    for each in phones:
        width = each.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        each.context.close()
        assert each.errors == []
        assert width[0] <= width[1], "the page scrolls sideways"


def a_call(number: str, *, call: int = 1, state: str = "called") -> dict[str, Any]:
    return {"number": number, "room": "R301", "room_name": "301诊室", "state": state, "call": call}


def test_a_patient_follows_the_line_from_waiting_to_called_to_passed(fake: FakeServer, phone: Any) -> None:
    mine = phone().open(MINE)
    mine.sees("number", "A017")
    mine.sees("head", "前面还有 3 位")
    mine.sees("note", "大约 11–21 分钟")
    mine.picture("waiting")
    mine.page.mouse.click(5, 5)

    fake.publish(waiting=["A017", "A018"], ready=["A017"], now=[a_call("A016")])
    mine.sees("head", "请到诊室外准备")
    mine.sees("ahead", "下一位就是您")
    mine.picture("ready")

    fake.publish(waiting=["A018"], ready=[], now=[a_call("A017")])
    mine.sees("head", "301诊室")
    mine.reads("正在叫您的号")
    assert "A017 现在请到 301诊室" in mine.page.title()
    mine.picture("called")

    fake.publish(now=[a_call("A017", call=2)])
    mine.sees("note", "第 2 次叫号")
    assert mine.page.evaluate("buzzes") == 2

    fake.publish(now=[], passed=["A017"])
    mine.sees("head", "已过号")
    mine.sees("advice", "重新报到")
    mine.picture("passed")


@pytest.mark.parametrize(
    ("board", "words"),
    [
        ({"now": [a_call("A017", state="in_service")]}, "With the doctor"),
        ({"suspended": ["A017"]}, "On hold"),
        ({"away": ["A017"]}, "Waiting for results"),
        ({"unknown": ["A017"]}, "To be confirmed by the hospital"),
    ],
)
def test_every_state_has_its_words(fake: FakeServer, phone: Any, board: dict[str, Any], words: str) -> None:
    mine = phone(locale="en-GB").open(MINE)
    mine.sees("head", "3 people ahead of you")
    fake.publish(waiting=["A018"], ready=[], **board)
    mine.sees("head", words)


def test_a_ticket_that_left_the_line_is_asked_about(fake: FakeServer, phone: Any) -> None:
    fake("fates", line="L0301", fates={"A017": "done"})
    mine = phone().open(MINE)
    mine.sees("head", "前面还有 3 位")
    fake.publish(waiting=["A018"], ready=[])
    mine.sees("head", "就诊已结束")
    other = phone().open(MINE.replace("A017", "Z999"))
    other.sees("head", "没有找到这个号")


def test_a_phone_that_loses_the_network_says_so_and_catches_up(fake: FakeServer, phone: Any) -> None:
    mine = phone().open(MINE)
    mine.sees("head", "前面还有 3 位")
    mine.reads("实时更新")

    mine.context.set_offline(True)
    mine.reads("正在重新连接…")
    fake.publish(waiting=["A016", "A017"], ready=["A016"])
    fake.publish(waiting=["A017"], ready=[])
    mine.sees("head", "前面还有 3 位")

    mine.context.set_offline(False)
    mine.sees("head", "下一位就是您")
    mine.reads("实时更新")


def test_a_call_is_announced_once_even_when_the_server_forgets(fake: FakeServer, phone: Any) -> None:
    mine = phone().open(MINE)
    mine.page.mouse.click(5, 5)
    mine.sees("head", "前面还有 3 位")
    fake.publish(waiting=["A018"], ready=[], now=[a_call("A017")])
    mine.sees("head", "301诊室")
    fake("forget", line="L0301")
    fake("change", line="L0301", board={"waiting": ["A018", "A019"]})
    fake("cut")
    mine.page.locator("[data-test=waiting]", has_text="A019").wait_for()
    assert mine.page.evaluate("buzzes") == 1
    mine.page.reload()
    mine.sees("head", "301诊室")
    mine.page.mouse.click(5, 5)
    fake.publish(waiting=["A019"])
    mine.sees("waiting", "A019")
    assert mine.page.evaluate("buzzes") == 0, "the reload announced the same call again"


def test_an_unreachable_server_is_tried_again(fake: FakeServer, phone: Any) -> None:
    fake("down", down=False)
    mine = phone().open("/h5/")
    mine.page.locator("[data-test=line]").first.wait_for()
    fake("down", down=True)
    mine.page.locator("[data-test=line]").first.click()
    mine.reads("暂时连不上服务器")
    fake("down", down=False)
    mine.reads("输入您的号码")


def test_a_board_the_hospital_does_not_confirm_shows_its_age(fake: FakeServer, phone: Any) -> None:
    mine = phone().open(MINE)
    mine.sees("head", "前面还有 3 位")
    fake.publish(fresh=False, as_of="2020-01-01T09:31:04.120+08:00")
    fake.publish(fresh=False)
    mine.sees("stale", "最后确认的情况")
    mine.sees("note", "等医院更新后再估计时间")
    mine.picture("stale")
    fake.publish(fresh=True, open="paused")
    mine.sees("open", "暂停叫号")


def test_silence_of_45_seconds_is_shown(fake: FakeServer, phone: Any) -> None:
    mine = phone()
    mine.page.clock.install()
    mine.open(MINE)
    mine.sees("head", "前面还有 3 位")
    fake("down", down=True)
    for _ in range(10):
        mine.page.clock.run_for(5_000)
    mine.sees("stale", "请查看手机网络")
    mine.sees("note", "恢复连接后再估计时间")


def test_the_number_is_typed_from_the_slip_and_remembered(fake: FakeServer, phone: Any) -> None:
    mine = phone(OLD_PHONE).open("/h5/")
    mine.page.locator("[data-test=line]").first.wait_for()
    mine.picture("lines-small")
    mine.page.locator("[data-test=search]").fill("心内科")
    mine.counts("[data-test=line]", 1)
    mine.page.locator("[data-test=line]").click()
    mine.page.locator("[data-test=ticket]").fill("a17")
    mine.picture("entry-small")
    mine.page.locator("[data-test=go]").click()
    mine.sees("number", "A017")

    mine.open("/h5/").page.reload()
    mine.page.locator("[data-test=mine]").click()
    mine.sees("number", "A017")
    mine.page.locator("[data-test=change]").last.click()
    mine.reads("输入您的号码")


def test_yesterdays_number_is_asked_for_again(fake: FakeServer, phone: Any) -> None:
    mine = phone().open(MINE)
    mine.sees("head", "前面还有 3 位")
    fake.publish(day="2999-01-01")
    mine.reads("昨天的号码已失效")
    mine.page.locator("[data-test=go]").click()
    mine.sees("head", "前面还有 3 位")


def test_language_and_large_type_are_kept(fake: FakeServer, phone: Any) -> None:
    mine = phone(OLD_PHONE).open(MINE)
    mine.sees("head", "前面还有 3 位")
    before = mine.page.locator("[data-test=advice]").evaluate(
        "each => parseFloat(getComputedStyle(each).fontSize)"
    )
    mine.page.get_by_role("button", name="打开大字版").click()
    mine.counts(".page-large", 1)
    after = mine.page.locator("[data-test=advice]").evaluate(
        "each => parseFloat(getComputedStyle(each).fontSize)"
    )
    assert after > before * 1.2
    mine.picture("large-small")
    mine.page.get_by_role("button", name="切换到英文").click()
    mine.sees("head", "3 people ahead of you")
    mine.page.reload()
    mine.sees("head", "3 people ahead of you")
    assert mine.page.evaluate("document.documentElement.lang") == "en"
    mine.counts(".page-large", 1)


def test_on_a_desktop_the_line_stands_beside_the_number(fake: FakeServer, phone: Any) -> None:
    mine = phone(DESKTOP, "en-GB").open(MINE)
    mine.sees("head", "3 people ahead of you")
    card, waiting = (mine.page.locator(f"[data-test={each}]").bounding_box() for each in ("card", "waiting"))
    assert waiting["x"] > card["x"] + card["width"]
    mine.picture("desktop")


def test_everything_to_press_is_thumb_sized_and_no_name_is_shown(fake: FakeServer, phone: Any) -> None:
    for path in ("/h5/", MINE, "/h5/#/pages/queue/index?line=L0301"):
        mine = phone(OLD_PHONE).open(path)
        mine.page.locator("button").nth(2).wait_for()
        for button in mine.page.locator("button:visible, input:visible").all():
            box = button.bounding_box()
            assert box["width"] >= 44, button.inner_text()
            assert box["height"] >= 44, button.inner_text()
        assert not re.search(r"[\u4e00-\u9fff]\*", mine.page.inner_text("body")), "a masked name on a phone"
