"""The start page and the documents: where everything is, and the lines as they move."""

import pytest

from tests.web.conftest import Open
from tests.web.fake_platform import (
    DESKTOP,
    LOW_CONTRAST,
    PHONE,
    SMALLEST_TEXT,
    SPILLS,
    FakePlatform,
    picture,
)

pytestmark = [pytest.mark.browser, pytest.mark.node]

LINKS = "() => [...document.querySelectorAll('main a')].map((each) => each.getAttribute('href'))"


@pytest.mark.parametrize(("size", "name"), [(PHONE, "start-phone"), (DESKTOP, "start")])
def test_it_reads_well(open_page: Open, size: tuple[int, int], name: str) -> None:
    page = open_page("/", size)
    page.wait_for_selector(".pulse.connected")
    page.wait_for_selector(".line-card .number:has-text('A009')")
    picture(page, name)
    assert page.evaluate(SPILLS)[0] == 0
    assert page.evaluate(SMALLEST_TEXT) >= 15
    assert page.evaluate(LOW_CONTRAST) == []


def test_it_leads_everywhere(open_page: Open) -> None:
    page = open_page("/", DESKTOP)
    page.wait_for_selector(".screens a")
    links = page.evaluate(LINKS)
    for start in (
        "/h5/",
        "/doctor/#token=",
        "/docs",
        "/readyz",
        "/screen/hall-3f#token=",
        "/screen/room-301#",
    ):
        assert any(link.startswith(start) for link in links), start


def test_the_board_follows_the_lines_without_a_name(open_page: Open, platform: FakePlatform) -> None:
    page = open_page("/", DESKTOP)
    page.wait_for_selector(".pulse.connected")
    page.wait_for_selector(".line-card .number:has-text('A009')")
    platform("call", line="L0301")
    page.wait_for_selector(".line-card:has-text('陈立群') .number:has-text('A010')")
    assert "*" not in page.inner_text(".lines")


def test_an_old_line_says_so(open_page: Open, platform: FakePlatform) -> None:
    page = open_page("/", PHONE)
    page.wait_for_selector(".pulse.connected")
    platform("fresh", line="L0302", fresh=False, age=120)
    page.wait_for_selector(".line-card:has-text('周敏') .tag:has-text('2 分钟前')")


def test_english_by_link(open_page: Open) -> None:
    page = open_page("/", DESKTOP)
    page.click("text=English")
    page.wait_for_selector("text=The lines right now")
    assert page.get_attribute("html", "lang") == "en"
    assert all("lang=en" in link for link in page.evaluate(LINKS) if not link.startswith("/readyz"))


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_both_interfaces_can_be_browsed(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page("/docs", size)
    page.wait_for_selector(".swagger-ui .opblock")
    page.click("text=实时频道")
    page.wait_for_selector("text=queue:{line}")
    assert page.evaluate(SPILLS)[0] == 0
    assert page.evaluate(LOW_CONTRAST) == []
