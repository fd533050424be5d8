"""``run.py dev`` as a newcomer sees it: a day of the hospital moves phones and screens in a browser."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.services.process import free_port
from tests.web.fake_platform import LANDSCAPE, LAPTOP, missing, picture

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.process]

ROOT = Path(__file__).parents[2]
PHONE = (390, 844)


class Dev:
    """One ``run.py dev`` of its own, on a free port and an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.address = f"http://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        command = [sys.executable, str(ROOT / "run.py"), "dev", "--port", port, "--data", str(folder)]
        self._process = subprocess.Popen([*command, "--speed", "30"], cwd=ROOT, start_new_session=True)
        self.start = self._wait("/v1/start", lambda answer: True)
        self._wait("/v1/lines", lambda answer: sum(each["waiting"] > 1 for each in answer["items"]) > 5)

    def _wait(self, path: str, holds: Callable[[Any], bool], *, seconds: float = 180.0) -> Any:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            try:
                answer = self.get(path)
                if holds(answer):
                    return answer
            except OSError:
                assert self._process.poll() is None, "run.py dev ended"
            time.sleep(0.2)
        raise AssertionError(f"{path} never became right")

    def get(self, path: str) -> Any:
        """The JSON of an anonymous GET."""
        with urllib.request.urlopen(self.address + path, timeout=60) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: dict[str, object]) -> Any:
        """A command as the demonstration's nurse."""
        token = self.start["doctor"]["token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        asked = urllib.request.Request(self.address + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.loads(answer.read())

    def screen_token(self, screen: str) -> str:
        """The ready-made token of a demonstration screen."""
        return next(each["token"] for each in self.start["screens"] if each["id"] == screen)

    def close(self) -> None:
        """Ask it to end; it must do so by itself."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(90) == 0


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    if reason := missing():
        pytest.skip(reason)
    running = Dev(tmp_path_factory.mktemp("dev"))
    yield running
    running.close()


@pytest.fixture
def window(chromium: Any, dev: Dev) -> Iterator[Callable[..., Any]]:
    contexts: list[Any] = []
    errors: list[str] = []

    def opened(path: str, size: tuple[int, int]) -> Any:
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
        page.goto(dev.address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def shows(page: Any, words: str) -> None:
    """Wait until the page shows these words."""
    page.wait_for_function("words => document.body.innerText.includes(words)", arg=words)


def choose_line(desk: Any, name: str) -> None:
    """Pick a line in the list, which closes by itself when a busy machine lets the page lose its focus."""
    for _ in range(10):
        desk.click(".pick-line .el-select__wrapper")
        with contextlib.suppress(PlaywrightTimeout):
            desk.click(f".el-select-dropdown__item:has-text('{name}')", timeout=10_000)
            return
        desk.keyboard.press("Escape")
    raise AssertionError(f"{name} could not be chosen")


def call_next(desk: Any, number: str) -> None:
    """Press N until the number is called: somebody else's change may come between the look and the key."""
    for _ in range(10):
        desk.keyboard.press("n")
        with contextlib.suppress(PlaywrightTimeout):
            desk.wait_for_selector(f".current .number:has-text('{number}')", timeout=10_000)
            return
    raise AssertionError(f"{number} was never called")


def busiest(dev: Dev) -> tuple[str, list[str]]:
    """The open mirrored line with most people waiting, and who they are."""
    items = [
        each for each in dev.get("/v1/lines")["items"] if each["mode"] == "mirror" and each["open"] == "open"
    ]
    line = max(items, key=lambda each: each["waiting"])["id"]
    return line, dev.get(f"/v1/lines/{line}")["board"]["waiting"]


def test_two_phones_and_a_screen_follow_the_day(dev: Dev, window: Callable[..., Any]) -> None:
    line, waiting = busiest(dev)
    assert len(waiting) >= 2
    phones = [
        window(f"/h5/#/pages/queue/index?line={line}&ticket={number}", PHONE)
        for number in (waiting[0], waiting[-1])
    ]
    for phone, number in zip(phones, (waiting[0], waiting[-1]), strict=True):
        shows(phone, number)
    screen = window(f"/screen/hall-3#token={dev.screen_token('hall-3')}", LANDSCAPE)
    screen.wait_for_function(r"() => /[A-C]\d{3}/.test(document.body.innerText)")
    assert "#" not in screen.url, "the token stays in the address bar"
    before = [screen.inner_text("body"), *(phone.inner_text("body") for phone in phones)]
    picture(phones[1], "town-phone")
    for page, old in zip((screen, *phones), before, strict=True):
        numbers = re.findall(r"[A-C]\d{3}", old)
        page.wait_for_function(
            "old => { const now = document.body.innerText.match(/[A-C][0-9]{3}/g) || [];"
            " return now.join() !== old.join() }",
            arg=numbers,
        )
    picture(screen, "town-hall")


def test_the_desk_calls_and_a_phone_hears_it(dev: Dev, window: Callable[..., Any]) -> None:
    version = dev.get("/v1/lines/blood")["version"]
    version = dev.post("/v1/lines/blood/rooms/blood-1/open", {"expected_version": version})["version"]
    for person, name in enumerate(("赵小花", "钱大山", "孙一平")):
        body = {"expected_version": version, "visit": f"V{person}", "name": name}
        version = dev.post("/v1/lines/blood/check-in", body)["version"]
    phone = window("/h5/#/pages/queue/index?line=blood&ticket=C002", PHONE)
    shows(phone, "C002")
    desk = window(f"/doctor/#token={dev.start['doctor']['token']}", LAPTOP)
    desk.wait_for_selector(".link.connected")
    choose_line(desk, "门诊采血")
    shows(desk, "C001")
    call_next(desk, "C001")
    desk.keyboard.press("s")
    desk.wait_for_selector(".outcome:has-text('C001 开始就诊')")
    call_next(desk, "C002")
    shows(phone, "采血1号窗")
    assert "钱" not in phone.inner_text("body")
    picture(desk, "town-desk")
    picture(phone, "town-phone-called")
