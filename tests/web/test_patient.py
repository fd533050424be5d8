"""The patient's phone in a real browser: a line is followed from waiting to called to passed.

The pages are the built H5; the server behind them is the fake one of web/patient/test, steered by the test.
Set HOUZHEN_PICTURES=1 to write the pictures of docs/images anew.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.patient_phone import DESKTOP, OLD_PHONE, FakeServer, Phone, a_browser, phones_of

pytestmark = [pytest.mark.browser, pytest.mark.node]

MINE = "/h5/#/pages/queue/index?line=L0301&ticket=A017"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with a_browser() as browser:
        yield browser


@pytest.fixture
def fake(chromium: Any) -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def phone(chromium: Any, fake: FakeServer) -> Iterator[Callable[..., Phone]]:
    with phones_of(chromium, fake.address) as make:
        yield make


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
