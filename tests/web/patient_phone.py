"""A patient's phone in a real browser, and the fake platform of web/patient/test that stands behind it."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

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


@contextlib.contextmanager
def a_browser() -> Iterator[Any]:
    """A Chromium of its own; skips the test when this machine lacks something."""
    if reason := missing():
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class Phone:
    """One person's browser, with its page errors collected."""

    def __init__(
        self, browser: Any, address: str, size: tuple[int, int], locale: str, agent: str | None = None
    ) -> None:
        small = size[0] < 600
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=locale,
            user_agent=agent,
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

        expect(self.page.locator(f"[data-test='{test}']:visible").last).to_contain_text(
            words, timeout=SOON_MS
        )

    def counts(self, selector: str, count: int) -> None:
        """Wait until the page has so many of these."""
        from playwright.sync_api import expect

        expect(self.page.locator(selector)).to_have_count(count, timeout=SOON_MS)

    def part(self, test: str) -> Any:
        """What is marked so on the page in sight; pages behind it stay in the document."""
        return self.page.locator(f"[data-test='{test}']:visible")

    def there(self, test: str) -> None:
        """Wait until something so marked is in sight."""
        self.part(test).last.wait_for()

    def press(self, test: str) -> None:
        """Press the marked thing as soon as it is there."""
        self.part(test).last.click()

    def press_when(self, test: str, words: str) -> None:
        """Press the marked thing as soon as it says these words."""
        self.sees(test, words)
        self.press(test)

    def type(self, test: str, text: str) -> None:
        """Write into a marked field."""
        self.part(test).last.fill(text)

    def choose(self, test: str, value: str) -> None:
        """Press one of a marked group of choices."""
        self.part(test).last.locator(f"[data-value={value}]").click()

    def gone(self, test: str) -> None:
        """Wait until nothing so marked is in sight."""
        self.counts(f"[data-test='{test}']:visible", 0)

    def gone_words(self, words: str) -> None:
        """Wait until no page says these words any more."""
        self.page.wait_for_function(
            "words => !document.body.innerText.includes(words)", arg=words, timeout=SOON_MS
        )

    def changes(self, test: str, attribute: str, before: str | None) -> None:
        """Wait until an attribute of the marked thing is another one."""
        self.page.wait_for_function(
            "([test, name, was]) => { const each = document.querySelector(`[data-test=${test}]`);"
            " return each && each.getAttribute(name) && each.getAttribute(name) !== was }",
            arg=[test, attribute, before],
            timeout=SOON_MS,
        )

    def fits(self) -> None:
        """Nothing is wider than the screen, and everything to press is as large as a thumb."""
        width = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], "the page scrolls sideways"
        for button in self.page.locator("button:visible, input:visible").all():
            box = button.bounding_box()
            assert box["width"] >= 44, button.inner_text()
            assert box["height"] >= 44, button.inner_text()

    def reads(self, words: Any) -> None:
        """Wait until the words stand somewhere on the page."""
        self.page.get_by_text(words).last.wait_for(timeout=SOON_MS)

    def picture(self, name: str) -> None:
        """Keep a picture for docs/images when asked to."""
        if os.environ.get("HOUZHEN_PICTURES"):
            PICTURES.mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(300)
            self.page.screenshot(path=str(PICTURES / f"patient-{name}.png"))


@contextlib.contextmanager
def phones_of(browser: Any, address: str) -> Iterator[Callable[..., Phone]]:
    """Make phones. At the end none may have met an error, and no page may be wider than its screen."""
    phones: list[Phone] = []

    def make(size: tuple[int, int] = PHONE, locale: str = "zh-CN", **more: Any) -> Phone:
        phones.append(Phone(browser, address, size, locale, **more))
        return phones[-1]

    yield make
    for each in phones:
        width = each.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        each.context.close()
        assert each.errors == []
        assert width[0] <= width[1], "the page scrolls sideways"
