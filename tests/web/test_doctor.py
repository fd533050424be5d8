"""The calling desk: one key calls, nobody is called twice, and a change by others is told kindly."""

from typing import Any

import pytest

from tests.web.conftest import Open
from tests.web.fake_platform import LANDSCAPE, LAPTOP, LOW_CONTRAST, SPILLS, FakePlatform, picture

pytestmark = [pytest.mark.browser, pytest.mark.node]

DESK = "/doctor/#token=staff.e30.x"


@pytest.fixture
def desk(open_page: Open) -> Any:
    page = open_page(DESK, LAPTOP)
    page.wait_for_selector(".current .number:has-text('A009')")
    page.wait_for_selector(".link.connected")
    return page


def said(page: Any, words: str) -> None:
    page.wait_for_selector(f".outcome:has-text('{words}')")


def choose_line(page: Any, name: str) -> None:
    page.click(".pick-line .el-select__wrapper")
    page.click(f".el-select-dropdown__item:has-text('{name}')")


@pytest.mark.parametrize(("size", "name"), [(LAPTOP, "doctor"), (LANDSCAPE, "doctor-large")])
def test_it_fits_the_desk(open_page: Open, size: tuple[int, int], name: str) -> None:
    page = open_page(DESK, size)
    page.wait_for_selector(".current .number:has-text('A009')")
    page.wait_for_selector(".link.connected")
    picture(page, name)
    assert page.evaluate(SPILLS) == [0, 0]
    assert page.evaluate(LOW_CONTRAST) == []


def test_a_visit_by_keyboard_alone(desk: Any, platform: FakePlatform) -> None:
    for key, words in [
        ("r", "已重呼 A009"),
        ("s", "A009 开始就诊"),
        ("f", "A009 就诊完成"),
        ("n", "已呼叫 A010"),
    ]:
        desk.keyboard.press(key)
        said(desk, words)
    desk.wait_for_selector(".current .number:has-text('A010')")
    paths = [path for _, path in platform.commands()]
    assert paths == ["tickets/A009/recall", "tickets/A009/start", "tickets/A009/finish", "call-next"]


def test_one_key_ends_a_visit_and_calls_the_next(desk: Any, platform: FakePlatform) -> None:
    desk.keyboard.press("s")
    said(desk, "开始就诊")
    desk.keyboard.press("n")
    said(desk, "已呼叫 A010")
    desk.wait_for_selector(".current .number:has-text('A010')")
    assert [path for _, path in platform.commands()][-2:] == ["tickets/A009/finish", "call-next"]


def test_a_key_pressed_while_an_answer_is_on_its_way_is_kept(desk: Any, platform: FakePlatform) -> None:
    platform("hold")
    desk.keyboard.press("s")
    desk.wait_for_selector(".action.finish:disabled, .action.start:disabled")
    desk.keyboard.press("t")
    desk.wait_for_selector(".note:has-text('已记下 T')")
    desk.keyboard.press("f")
    desk.wait_for_selector(".note:has-text('已记下 F')")
    assert desk.evaluate(LOW_CONTRAST) == []
    platform("release")
    said(desk, "A009 就诊完成")
    desk.wait_for_selector(".note", state="hidden")
    assert [path for _, path in platform.commands()] == ["tickets/A009/start", "tickets/A009/finish"]


def test_the_same_key_twice_is_one_command(desk: Any, platform: FakePlatform) -> None:
    platform("hold")
    desk.keyboard.press("r")
    desk.keyboard.press("r")
    desk.wait_for_selector(".note:has-text('R 正在执行')")
    platform("release")
    said(desk, "已重呼 A009")
    desk.wait_for_selector(".action.recall:enabled")
    assert len(platform.commands()) == 1


def test_a_kept_key_is_not_pressed_for_somebody_else_and_says_so(desk: Any, platform: FakePlatform) -> None:
    platform("race")
    platform("hold")
    desk.keyboard.press("s")
    desk.keyboard.press("p")
    desk.wait_for_selector(".note:has-text('已记下 P')")
    platform("release")
    said(desk, "队列刚刚有变动")
    desk.wait_for_selector(".note.late:has-text('P 没有执行')")
    assert [path for _, path in platform.commands()] == ["tickets/A009/start"]
    assert desk.evaluate(LOW_CONTRAST) == []


def test_nobody_is_called_into_a_busy_room(desk: Any) -> None:
    desk.keyboard.press("n")
    said(desk, "诊室里还有 A009")


def test_who_does_not_come_is_passed_and_comes_back(desk: Any) -> None:
    desk.keyboard.press("p")
    said(desk, "A009 已过号")
    desk.keyboard.press("2")
    desk.keyboard.press("ArrowDown")
    desk.wait_for_selector("tr[aria-selected=true]:has-text('A009')")
    desk.keyboard.press("b")
    said(desk, "A009 已重新排队")


def test_a_slip_of_the_finger_is_undone(desk: Any, platform: FakePlatform) -> None:
    desk.keyboard.press("u")
    said(desk, "已撤销")
    assert platform("said")["commands"][-1]["body"]["room"] == "R301"


def test_a_chosen_patient_is_deferred_transferred_or_let_go(desk: Any, platform: FakePlatform) -> None:
    desk.keyboard.press("ArrowDown")
    desk.wait_for_selector("tr[aria-selected=true]:has-text('A011')")
    desk.keyboard.press("d")
    desk.wait_for_selector(".el-dialog:has-text('延后 A011')")
    desk.click(".el-dialog .ok")
    said(desk, "A011 已延后")
    desk.keyboard.press("x")
    desk.click(".el-dialog .el-select__wrapper")
    desk.click(".el-select-dropdown__item:has-text('骨科 高翔') >> visible=true")
    desk.click(".el-dialog .ok")
    said(desk, "已转诊")
    desk.wait_for_selector(".el-dialog", state="hidden")
    desk.keyboard.press("g")
    desk.wait_for_selector(".ask-more:has-text('不能撤销') input:focus")
    desk.keyboard.press("Enter")
    said(desk, "已弃号")
    bodies = [each["body"] for each in platform("said")["commands"]]
    assert bodies[0]["places"] == 3
    assert bodies[1]["to_line"] == "L0307"
    assert all("expected_version" in body for body in bodies)


def test_a_patient_is_checked_in_by_form(desk: Any, platform: FakePlatform) -> None:
    desk.keyboard.press("i")
    desk.fill(".el-dialog input >> nth=0", "V20261123001")
    picture(desk, "doctor-check-in")
    desk.keyboard.press("Enter")
    said(desk, "报到成功")
    body = platform("said")["commands"][-1]["body"]
    assert body["visit"] == "V20261123001"
    assert "name" not in body


def test_keys_do_nothing_while_typing(desk: Any, platform: FakePlatform) -> None:
    desk.keyboard.press("i")
    desk.wait_for_selector(".el-dialog input")
    desk.type(".el-dialog input >> nth=0", "nrpsf")
    assert platform.commands() == []


def test_a_room_is_paused_and_opened_again(desk: Any) -> None:
    desk.keyboard.press("o")
    said(desk, "诊室已暂停")
    desk.wait_for_selector(".room-state.paused")
    desk.keyboard.press("o")
    said(desk, "诊室已开诊")


def test_another_desk_was_faster(desk: Any, platform: FakePlatform) -> None:
    platform("race")
    desk.keyboard.press("s")
    said(desk, "队列刚刚有变动")
    said(desk, "301诊室 正在叫 A010")
    desk.wait_for_selector(".current .number:has-text('A010')")
    picture(desk, "doctor-conflict")
    assert desk.evaluate(LOW_CONTRAST) == []
    desk.keyboard.press("s")
    said(desk, "A010 开始就诊")


def test_a_change_elsewhere_is_seen_without_asking(desk: Any, platform: FakePlatform) -> None:
    platform("call", line="L0301")
    desk.wait_for_selector(".current .number:has-text('A010')")


def test_a_mirrored_line_is_for_reading(desk: Any, platform: FakePlatform) -> None:
    choose_line(desk, "心内科 周敏")
    desk.wait_for_selector("text=由医院自己的叫号系统管理")
    assert desk.locator(".work .action").count() == 0
    for key in "nrspfu":
        desk.keyboard.press(key)
    desk.wait_for_timeout(300)
    assert platform.commands() == []
    picture(desk, "doctor-mirror")
    assert desk.evaluate(LOW_CONTRAST) == []


def test_a_lost_connection_is_shown_and_mends_itself(desk: Any, platform: FakePlatform) -> None:
    platform("away", away=True)
    desk.wait_for_selector(".link.connecting")
    desk.keyboard.press("s")
    said(desk, "连不上服务器")
    platform("away", away=False)
    desk.wait_for_selector(".link.connected", timeout=60_000)


def test_single_keys_can_be_switched_off(desk: Any, platform: FakePlatform) -> None:
    desk.keyboard.press("?")
    desk.click(".el-dialog .el-switch")
    desk.keyboard.press("Escape")
    desk.wait_for_selector(".el-dialog", state="hidden")
    desk.keyboard.press("s")
    desk.wait_for_timeout(300)
    assert platform.commands() == []


SIGN_IN = {
    "user": "doctor.1008",
    "session": "01J",
    "access_token": "x.e30.y",
    "expires_at": "2126-01-01T00:00:00Z",
    "refresh_token": "r1",
}


def test_without_a_token_one_signs_in_with_two_factors(open_page: Open) -> None:
    answers: dict[str, dict[str, object]] = {
        "sign-in": {"challenge": "c", "second": "totp"},
        "sign-in/second": {**SIGN_IN, "role": "doctor", "name": "赵医生", "number": "1008"},
        "me": {"number": "1008", "name": "赵医生", "role": "doctor", "lines": []},
    }

    def served(page: Any) -> None:
        def answer(route: Any) -> None:
            route.fulfill(json=answers[route.request.url.split("/v1/staff/")[1]])

        page.route("**/v1/staff/**", answer)
        page.route("**/v1/realtime/token", lambda route: route.fulfill(json={"token": "x.e30.y"}))
        page.route("**/v1/session/end", lambda route: route.fulfill(json={}))

    page = open_page("/doctor/", LAPTOP, before=served)
    page.fill("[name=number]", "1008")
    page.fill("[name=password]", "correct horse battery")
    assert page.evaluate(LOW_CONTRAST) == []
    page.click("[type=submit]")
    page.fill("[name=code]", "123 456")
    page.click("[type=submit]")
    page.wait_for_selector(".current .number:has-text('A009')")
    page.wait_for_selector(".link.connected")
    assert page.evaluate(SPILLS) == [0, 0]
    assert page.evaluate(LOW_CONTRAST) == []
    page.click(".sign-out")
    page.wait_for_selector("[name=password]")


def test_english(open_page: Open) -> None:
    page = open_page("/doctor/?lang=en#token=staff.e30.x", LAPTOP)
    page.wait_for_selector("text=Current patient")
    assert page.evaluate(SPILLS) == [0, 0]
