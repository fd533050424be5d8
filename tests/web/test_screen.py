"""The screens on the wall: seen from afar, heard once, never blank, never silently wrong."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import Open
from tests.web.fake_platform import (
    LANDSCAPE,
    LOW_CONTRAST,
    NO_SOCKETS,
    PORTRAIT,
    SMALLEST_TEXT,
    SPILLS,
    FakePlatform,
    picture,
)

pytestmark = [pytest.mark.browser, pytest.mark.node]

HALL, ROOM = "/screen/hall-3f#token=secret", "/screen/room-301#token=secret"
READABLE_PX = 28
"""At five metres on a 43-inch panel, a character of this height is still read."""

LOUDSPEAKER = """
window.AudioContext = class {
  state = 'running'; currentTime = 0; destination = {}
  resume() { return Promise.resolve() }
  createOscillator() { return { frequency: {}, connect() {}, start() {}, stop() {} } }
  createGain() {
    const gain = { setValueAtTime() {}, exponentialRampToValueAtTime() {} }
    return { gain, connect() {}, disconnect() {} }
  }
}
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text } }
Object.defineProperty(window, 'speechSynthesis', { value: {
  getVoices: () => [{ lang: 'zh-CN', localService: true, name: 'test' }],
  cancel() {},
  speak(said) { window.heard(said.text); setTimeout(() => said.onend && said.onend(), 50) },
} })
"""


class Ear:
    """What the screen said aloud, through all its reloads."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen(self, page: Any) -> None:
        page.expose_function("heard", lambda words: self.heard.append(words))
        page.add_init_script(LOUDSPEAKER)


def until(page: Any, true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait, letting the page work, until it is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        page.wait_for_timeout(50)


def wait_for_connection(page: Any) -> None:
    page.wait_for_selector(".link.connected")


def connects_again(page: Any, platform: FakePlatform, verb: str) -> None:
    """Hurt the connection and wait until there is another: its absence may be too short to be seen."""
    before = platform("said")["clients"]
    platform(verb)
    until(page, lambda: platform("said")["clients"] > before)
    wait_for_connection(page)


def comes_to_rest(page: Any) -> None:
    """Wait until nothing moves on the page."""
    page.wait_for_function("() => document.getAnimations().every((each) => each.playState !== 'running')")


@pytest.mark.parametrize(
    ("path", "size", "name"),
    [
        (HALL, LANDSCAPE, "screen-hall"),
        (HALL, PORTRAIT, "screen-hall-portrait"),
        (ROOM, LANDSCAPE, "screen-room"),
        (ROOM, PORTRAIT, "screen-room-portrait"),
    ],
)
def test_it_is_read_from_five_metres(
    open_page: Open, platform: FakePlatform, path: str, size: tuple[int, int], name: str
) -> None:
    page = open_page(path, size, before=Ear().listen)
    wait_for_connection(page)
    platform("call", line="L0301")
    page.wait_for_selector(".call .number:has-text('A010')")
    comes_to_rest(page)  # the banner breathes first
    picture(page, name)
    assert page.evaluate(SPILLS) == [0, 0]
    assert page.evaluate(SMALLEST_TEXT) >= READABLE_PX
    assert page.evaluate(LOW_CONTRAST) == []


def test_the_token_leaves_the_address_bar(open_page: Open) -> None:
    page = open_page(HALL, LANDSCAPE)
    wait_for_connection(page)
    assert "token" not in page.url
    page.reload()
    wait_for_connection(page)


def test_lines_that_exceed_the_wall_are_shown_page_by_page(open_page: Open) -> None:
    page = open_page(HALL, LANDSCAPE, before=lambda page: page.clock.install())
    wait_for_connection(page)
    assert page.locator(".pages i").count() == 2
    shown: set[frozenset[str]] = set()
    for _ in range(12):  # in steps shorter than a page's turn: the real clock goes on beside them
        shown.add(frozenset(page.locator(".row .line-name").all_inner_texts()))
        page.clock.run_for(3_000)
    assert len(shown) == 2
    assert len(frozenset.union(*shown)) == 12


def test_a_call_brings_its_own_page_to_the_front(open_page: Open, platform: FakePlatform) -> None:
    page = open_page(HALL, LANDSCAPE)
    wait_for_connection(page)
    platform("call", line="L0312")
    page.wait_for_selector(".row.lit .line-name:has-text('儿科')")


def test_a_call_is_spoken_once_through_every_trouble(open_page: Open, platform: FakePlatform) -> None:
    ear = Ear()
    page = open_page(HALL, LANDSCAPE, before=ear.listen)
    wait_for_connection(page)
    platform("call", line="L0301")
    until(page, lambda: len(ear.heard) == 1)
    assert ear.heard == ["请 A010号 徐姓患者 到 301诊室 就诊"]

    connects_again(page, platform, "drop")
    platform("reaffirm")
    page.reload()
    wait_for_connection(page)
    connects_again(page, platform, "restart")
    platform("reaffirm")
    page.wait_for_timeout(2500)
    assert len(ear.heard) == 1

    platform("recall", line="L0301")
    until(page, lambda: len(ear.heard) == 2)


def test_what_happened_in_a_dead_spot_is_spoken_afterwards(open_page: Open, platform: FakePlatform) -> None:
    ear = Ear()
    page = open_page(HALL, LANDSCAPE, before=ear.listen)
    wait_for_connection(page)
    platform("away", away=True)
    page.wait_for_selector(".link.connecting", state="attached")
    platform("call", line="L0302")
    platform("away", away=False)
    until(page, lambda: len(ear.heard) == 1)
    assert "302诊室" in ear.heard[0]


def test_a_screen_that_starts_speaks_only_what_was_called_just_now(
    open_page: Open, platform: FakePlatform
) -> None:
    platform("call", line="L0301", ago=70)
    platform("call", line="L0302", ago=20)
    ear = Ear()
    page = open_page(HALL, LANDSCAPE, before=ear.listen)
    until(page, lambda: len(ear.heard) == 1)
    page.wait_for_timeout(2500)
    assert len(ear.heard) == 1
    assert "302诊室" in ear.heard[0]


def test_a_network_without_websockets_still_brings_every_call(
    open_page: Open, platform: FakePlatform
) -> None:
    page = open_page(HALL, LANDSCAPE, before=lambda page: page.add_init_script(NO_SOCKETS))
    wait_for_connection(page)
    platform("call", line="L0301")
    page.wait_for_selector(".call .number:has-text('A010')")
    connects_again(page, platform, "drop")
    platform("call", line="L0302")
    page.wait_for_selector(".row.lit:has-text('302诊室')")


@pytest.mark.parametrize("ago", [-6 * 3600, 900])
def test_a_hospital_clock_that_is_wrong_silences_nobody(
    open_page: Open, platform: FakePlatform, ago: int
) -> None:
    ear = Ear()
    page = open_page(HALL, LANDSCAPE, before=ear.listen)
    wait_for_connection(page)
    platform("call", line="L0301", ago=ago)
    until(page, lambda: len(ear.heard) == 1)
    page.wait_for_selector(".call-banner.lit .number:has-text('A010')")
    page.wait_for_selector(".row.lit:has-text('A010')")


def test_calls_at_the_same_moment_are_spoken_one_after_the_other(
    open_page: Open, platform: FakePlatform
) -> None:
    ear = Ear()
    page = open_page(HALL, LANDSCAPE, before=ear.listen)
    wait_for_connection(page)
    for line in ("L0301", "L0302", "L0303"):
        platform("call", line=line)
    until(page, lambda: len(ear.heard) == 3)
    assert len(set(ear.heard)) == 3


def test_a_blocked_sound_asks_for_one_touch(open_page: Open) -> None:
    page = open_page(HALL, LANDSCAPE)
    page.click("text=点这里开启叫号声音")
    page.wait_for_selector(".sound", state="detached")


def test_a_silent_server_is_admitted_on_its_face(open_page: Open, platform: FakePlatform) -> None:
    def prepare(page: Any) -> None:
        page.clock.install()
        Ear().listen(page)

    page = open_page(HALL, LANDSCAPE, before=prepare)
    wait_for_connection(page)
    number = page.inner_text(".call .number")
    platform("away", away=True)
    page.clock.fast_forward(50_000)
    page.wait_for_selector(".notice:has-text('连接中断')")
    assert page.inner_text(".call .number") == number
    picture(page, "screen-offline")
    assert page.evaluate(SPILLS) == [0, 0]
    assert page.evaluate(LOW_CONTRAST) == []


def test_after_a_power_cut_it_shows_what_it_knew_and_how_old_that_is(
    open_page: Open, platform: FakePlatform
) -> None:
    page = open_page(ROOM, LANDSCAPE)
    wait_for_connection(page)
    until(page, lambda: page.evaluate("'houzhen.screen.room-301.state' in localStorage"))
    platform("away", away="api")
    page.clock.install(time=time.time() + 300)
    page.reload()
    page.wait_for_selector(".call .number:has-text('A009')")
    page.wait_for_selector(".notice:has-text('5 分钟')")
    platform("away", away=False)
    page.clock.run_for(30_000)
    wait_for_connection(page)


def test_a_hospital_that_does_not_confirm_is_said_so(open_page: Open, platform: FakePlatform) -> None:
    page = open_page(HALL, LANDSCAPE)
    wait_for_connection(page)
    platform("fresh", line="L0303", fresh=False, age=200)
    page.wait_for_selector(".row:has-text('何静宜') .age:has-text('3 分钟前')")
    assert page.locator(".notice").count() == 0
    platform("fresh", fresh=False, age=200)
    page.wait_for_selector(".notice:has-text('医院系统')")
    platform("fresh", fresh=True)
    page.wait_for_selector(".notice", state="detached")


def test_a_new_build_is_loaded_once_at_a_quiet_moment(open_page: Open, platform: FakePlatform) -> None:
    loads: list[str] = []
    page = open_page(HALL, LANDSCAPE, before=lambda page: page.on("load", lambda _: loads.append("load")))
    wait_for_connection(page)
    platform("build", build="another")
    platform("drop")
    until(page, lambda: len(loads) == 2)
    wait_for_connection(page)
    platform("drop")
    page.wait_for_timeout(7000)
    assert len(loads) == 2, "a build that is announced but not served must not reload for ever"


def test_a_refused_screen_says_whom_to_ask(open_page: Open) -> None:
    page = open_page("/screen/hall-3f#token=bad", LANDSCAPE)
    page.wait_for_selector("text=信息科")


def test_english_on_request(open_page: Open) -> None:
    page = open_page("/screen/hall-3f?lang=en#token=secret", LANDSCAPE)
    page.wait_for_selector("text=Third-floor hall")
    assert page.get_attribute("html", "lang") == "en"
    assert page.evaluate(SPILLS) == [0, 0]


def test_months_of_calls_leave_nothing_behind(open_page: Open, platform: FakePlatform) -> None:
    ear = Ear()
    page = open_page(HALL, LANDSCAPE, before=ear.listen)
    wait_for_connection(page)
    tools = page.context.new_cdp_session(page)
    tools.send("Performance.enable")

    def weigh() -> dict[str, float]:
        for _ in range(2):
            tools.send("HeapProfiler.collectGarbage")
        found = tools.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in found}

    def shows(number: str) -> None:
        page.wait_for_selector(f".row .number:has-text('{number}') >> nth=0", timeout=120_000)

    def flood(count: int, *, last: str) -> None:
        platform("flood", line="L0301", count=count, last=last)
        shows(last)
        # The chime and the animation of the last call end by themselves.
        page.wait_for_timeout(1500)
        comes_to_rest(page)
        shows(last)

    flood(1000, last="C001")
    before = weigh()
    flood(20_000, last="C002")
    after = weigh()
    stored = page.evaluate("Object.values(localStorage).reduce((sum, each) => sum + each.length, 0)")

    shows("C002")  # when its page comes to the front again
    assert after["Nodes"] <= before["Nodes"] + 200
    assert after["JSEventListeners"] <= before["JSEventListeners"] + 20
    assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] + 1_000_000
    assert stored < 64_000
