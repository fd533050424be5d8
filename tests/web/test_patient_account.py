"""A patient's own pages in a real browser: signing in, family members, the health card, consents, my data.

The pages are the built H5; the server behind them is the fake one of web/patient/test, steered by the test.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.web.patient_phone import DESKTOP, OLD_PHONE, PHONE, FakeServer, Phone, a_browser, phones_of

pytestmark = [pytest.mark.browser, pytest.mark.node]

WECHAT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/116.0 Mobile MicroMessenger/8.0.47"
MOBILE, CODE = "13800138000", "246810"
ADULT = "11010519491231002X"
CHILD = "33010620190315001X"
Make = Callable[..., Phone]


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
def phone(chromium: Any, fake: FakeServer) -> Iterator[Make]:
    with phones_of(chromium, fake.address) as make:
        yield make


def page_of(name: str, query: str = "") -> str:
    return f"/h5/#/pages/{name}/index{query}"


def sign_in(mine: Phone, mobile: str = MOBILE) -> Phone:
    """By SMS, on the sign-in page that is open."""
    mine.press("agree")
    mine.type("phone", mobile)
    mine.press("send")
    mine.reads(re.compile("已发送到|was sent to"))
    mine.type("code", CODE)
    mine.press("enter")
    mine.there("me")
    return mine


def signed_in(phone: Make, *args: Any, **more: Any) -> Phone:
    return sign_in(phone(*args, **more).open(page_of("sign-in")))


def agree_to_health(mine: Phone) -> None:
    mine.open(page_of("consent", "?kind=sensitive_health"))
    mine.press("tick")
    mine.press("give")
    mine.there("consent-sensitive_health")


def add_self(mine: Phone, name: str = "王建国", number: str = ADULT) -> None:
    """On the form that is open, without a child's fields."""
    mine.choose("relation", "self")
    mine.type("name", name)
    mine.type("id-number", number)
    mine.type("patient-phone", MOBILE)
    mine.press("go")
    mine.there("person")


def test_nothing_is_sent_before_the_texts_are_agreed_to(fake: FakeServer, phone: Make) -> None:
    mine = phone().open(page_of("sign-in"))
    mine.type("phone", MOBILE)
    mine.press("send")
    mine.sees("tick-fault", "请先阅读条款")
    assert mine.part("agree").get_attribute("aria-checked") == "false"
    mine.press("read-privacy")
    mine.sees("text", "我们收集什么")
    mine.press("back")
    assert mine.part("phone").input_value() == MOBILE, "what was typed is lost"
    mine.press("agree")
    mine.press("send")
    mine.reads("验证码已发送到 138****8000")
    mine.type("code", "000000")
    mine.press("enter")
    mine.sees("failure", "验证码不对")
    mine.type("code", CODE)
    mine.press("enter")
    mine.sees("me", "手机号 138****8000")


def test_in_wechat_its_own_page_signs_in_and_the_code_leaves_the_address(
    fake: FakeServer, phone: Make
) -> None:
    mine = phone(agent=WECHAT).open(page_of("sign-in"))
    mine.press("agree")
    mine.press("own")
    mine.sees("me", "微信公众号")
    assert "code=" not in mine.page.url
    mine.press("tab-patients")
    mine.press("add")
    # Signing in agrees to the terms; the separate consent is never given along with them.
    mine.there("consent-step")


def test_a_code_that_somebody_else_put_into_a_link_is_not_used(fake: FakeServer, phone: Make) -> None:
    mine = phone(agent=WECHAT).open("/h5/?code=strangers-code&state=strangers-state#/pages/sign-in/index")
    mine.sees("remark", "不是从本页打开的")
    assert "code=" not in mine.page.url


def test_a_child_is_added_with_a_guardian_after_the_separate_consent(fake: FakeServer, phone: Make) -> None:
    mine = signed_in(phone)
    mine.press("tab-patients")
    mine.press("add")
    mine.there("consent-step")
    mine.choose("relation", "child")
    mine.type("name", "王小明")
    mine.type("id-number", "330106201903150017")
    mine.type("patient-phone", MOBILE)
    mine.press("go")
    mine.sees("id-number-fault", "有一位不对")
    mine.type("id-number", CHILD)
    mine.reads("2019-03-15 出生")
    mine.press("go")
    mine.sees("guardian-name-fault", "请填写证件上的姓名")
    mine.type("guardian-name", "王建国")
    mine.type("guardian-id-number", ADULT)
    mine.type("guardian-phone", MOBILE)
    mine.press("go")
    mine.there("consent-step")

    mine.press("consent-go")
    mine.press("give")
    mine.sees("tick-fault", "请先阅读条款")
    mine.press("tick")
    mine.press("give")
    mine.gone("consent-step")
    assert mine.part("name").input_value() == "王小明", "what was filled in is lost"
    mine.press("go")
    mine.sees("person", "王")
    assert ADULT not in mine.page.content()
    assert CHILD not in mine.page.content()

    mine.press("person")
    mine.reads("每次查看完整信息都会留下记录")
    mine.sees("patient.id_number", "330")
    mine.press("reveal")
    mine.sees("patient.id_number", CHILD)
    mine.sees("name", "王小明")
    mine.press("hide")
    mine.gone_words(CHILD)
    mine.press("unbind")
    mine.press("confirm-yes")
    mine.there("nobody")


def test_a_refusal_of_one_field_stands_at_that_field(fake: FakeServer, phone: Make) -> None:
    mine = signed_in(phone, locale="en-GB")
    agree_to_health(mine)
    mine.open(page_of("patient-new"))
    fake(
        "refuse",
        path="/v1/patients",
        method="POST",
        status=422,
        code="patients.id_region",
        field="$.id_number",
    )
    mine.choose("relation", "self")
    mine.type("name", "Wang Jianguo")
    mine.type("id-number", ADULT)
    mine.type("patient-phone", MOBILE)
    mine.press("go")
    mine.sees("id-number-fault", "The first two digits")
    fake("refuse", path="/v1/patients", method="POST", status=503, code="audit.unavailable", times=1)
    mine.press("go")
    mine.sees("failure", "For your protection")
    mine.press("failure-again")
    mine.there("person")


def test_the_card_is_applied_for_shown_and_refreshed(fake: FakeServer, phone: Make) -> None:
    fake("set", cardSeconds=3)
    mine = signed_in(phone)
    agree_to_health(mine)
    mine.open(page_of("patient-new"))
    add_self(mine)
    mine.press("tab-card")
    mine.press("apply")
    first = mine.part("code").get_attribute("src")
    mine.sees("left", "更新")
    mine.changes("code", "src", first)
    stored = mine.page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")
    assert "svg" not in stored
    assert ADULT not in stored

    fake("down", down=True)
    mine.press("refresh")
    mine.sees("offline", "现在出示不了健康卡")
    fake("down", down=False)
    mine.press("retry")
    mine.there("code")

    mine.press("tab-me")
    mine.gone("code")


def test_the_family_is_switched_by_tabs_and_by_a_swipe(fake: FakeServer, phone: Make) -> None:
    mine = signed_in(phone)
    agree_to_health(mine)
    for number, name in ((ADULT, "王建国"), ("110105194912310054", "李秀英")):
        mine.open(page_of("patient-new"))
        mine.choose("relation", "self" if name == "王建国" else "spouse")
        mine.type("name", name)
        mine.type("id-number", number)
        mine.type("patient-phone", MOBILE)
        mine.press("go")
        mine.there("person")
    mine.press("tab-card")
    mine.sees("card", "王")
    mine.part("who").nth(1).click()
    mine.sees("none", "李")
    mine.page.evaluate(
        """() => {
            const sheet = document.querySelector('[data-test=card]')
            const touch = (type, x) => {
                const at = new Touch({identifier: 1, target: sheet, clientX: x, clientY: 300})
                sheet.dispatchEvent(new TouchEvent(type, {changedTouches: [at], bubbles: true}))
            }
            touch('touchstart', 60)
            touch('touchend', 260)
        }"""
    )
    mine.sees("none", "王")


def test_a_consent_taken_back_closes_the_card_at_once(fake: FakeServer, phone: Make) -> None:
    mine = signed_in(phone)
    agree_to_health(mine)
    mine.open(page_of("patient-new"))
    add_self(mine)
    mine.press("tab-card")
    mine.press("apply")
    mine.there("code")
    mine.press("tab-me")
    mine.press("consents")
    mine.press("consent-sensitive_health")
    mine.press("withdraw")
    mine.reads("立即生效")
    mine.press("confirm-yes")
    mine.there("give")
    mine.open(page_of("card"))
    mine.sees("failure", "需要您先阅读并同意")
    mine.press("failure-consent")
    mine.sees("title", "敏感个人信息")


def test_a_session_ended_elsewhere_leads_calmly_to_signing_in(fake: FakeServer, phone: Make) -> None:
    mine = signed_in(phone)
    fake("other_device")
    fake("expire")
    mine.press("sessions")
    mine.sees("this", "本机")
    mine.counts("[data-test=session]", 2)
    mine.press("end")
    mine.counts("[data-test=session]", 1)
    fake("end_sessions")
    mine.press("back")
    mine.sees("elsewhere", "您的登录已结束")
    assert "user" not in (mine.page.evaluate("localStorage.getItem('houzhen.refresh')") or "")
    sign_in(mine)
    mine.sees("me", MOBILE[-4:])


def test_the_queue_goes_on_for_somebody_whose_session_ends(fake: FakeServer, phone: Make) -> None:
    mine = signed_in(phone)
    mine.open(page_of("queue", "?line=L0301&ticket=A017"))
    mine.sees("head", "前面还有 3 位")
    mine.reads("实时更新")
    fake("end_sessions")
    fake.publish(waiting=["A016", "A017"], ready=["A016"])
    mine.sees("head", "前面还有 1 位")
    mine.reads("实时更新")


def test_ways_are_linked_and_taken_away_but_never_the_last(fake: FakeServer, phone: Make) -> None:
    mine = signed_in(phone)
    mine.press("ways")
    mine.counts("[data-test=identity]", 1)
    mine.counts("[data-test=unlink]", 0)
    mine.press("link-phone")
    mine.type("phone", "13900139000")
    mine.press("send")
    mine.type("code", CODE)
    mine.press("enter")
    mine.sees("remark", "已绑定")
    mine.counts("[data-test=identity]", 2)
    mine.part("unlink").first.click()
    mine.press("confirm-yes")
    mine.counts("[data-test=identity]", 1)


def test_my_data_is_exported_and_the_account_closed_only_when_meant(fake: FakeServer, phone: Make) -> None:
    fake("set", fresh=False)
    mine = signed_in(phone, locale="en-GB")
    mine.press("export")
    with mine.page.expect_download() as download:
        mine.press("export-go")
    assert "user" in json.loads(download.value.path().read_text())
    mine.press("close")
    mine.press("close-go")
    mine.sees("tick-fault", "tick")
    mine.press("understood")
    mine.type("word", "Close")
    mine.press("close-go")
    mine.there("prove")
    mine.type("phone", MOBILE)
    mine.type("code", CODE)
    mine.press("enter")
    mine.sees("closed", "The account is closed")


def test_a_busy_server_says_when_to_try_again(fake: FakeServer, phone: Make) -> None:
    mine = phone().open(page_of("sign-in"))
    fake("refuse", path="/v1/sign-in/sms/code", status=429, code="accounts.sms_too_soon", retryAfter=3)
    mine.press("agree")
    mine.type("phone", MOBILE)
    mine.press("send")
    mine.sees("failure", "秒后可再试")
    mine.press_when("failure-again", "再试一次")
    mine.reads("验证码已发送到")


@pytest.mark.parametrize(("size", "locale"), [(PHONE, "zh-CN"), (OLD_PHONE, "en-GB"), (DESKTOP, "zh-CN")])
def test_every_page_fits_its_screen_and_a_thumb(
    fake: FakeServer, phone: Make, size: tuple[int, int], locale: str
) -> None:
    mine = phone(size, locale).open(page_of("sign-in"))
    mine.there("phone")
    mine.fits()
    sign_in(mine)
    agree_to_health(mine)
    mine.open(page_of("patient-new"))
    mine.choose("id-kind", "more")
    mine.fits()
    mine.choose("id-kind", "cn_id")
    add_self(mine)
    mine.press("person")
    mine.there("reveal")
    mine.fits()
    pages = {"patients": "person", "card": "apply", "me": "sessions", "ways": "identity", "sessions": "this"}
    for name, part in {**pages, "consents": "consent-terms", "close": "close-go"}.items():
        mine.open(page_of(name))
        mine.there(part)
        mine.fits()
