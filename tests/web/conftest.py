"""A browser per test file and a fresh fake platform per test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.fake_platform import CHROMIUM, CHROMIUM_FLAGS, SOON_MS, FakePlatform, missing

Open = Callable[..., Any]


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
def platform(chromium: Any) -> Iterator[FakePlatform]:
    server = FakePlatform()
    yield server
    server.close()


@pytest.fixture
def open_page(chromium: Any, platform: FakePlatform) -> Iterator[Open]:
    """Open a path of the platform in a new window; any script error fails the test at its end."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_path(path: str, size: tuple[int, int], *, before: Callable[[Any], None] | None = None) -> Any:
        context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SOON_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security" in said.text else None)
        if before:
            before(page)
        page.goto(platform.address + path)
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert errors == []
