"""Signing in through the simulated platforms: who it is, and every way in which it is not."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import structlog

from accounts.providers import (
    CodeExpired,
    CodeOfAnotherApp,
    CodeRefused,
    CodeUsed,
    ProviderAway,
    ProviderLimited,
    ProviderMisconfigured,
    ReturnNotAllowed,
    SnapshotPage,
    WayKind,
)
from adapters.memory.lent_credentials import MemoryCredentials
from adapters.outgoing.exchange import Exchange
from adapters.wechat.application import AppKeys, WeChatApp
from adapters.wechat.sign_in import PageHosts, WeChatMiniWay, WeChatPageWay
from core.refusals import Refusal
from demo.visitors import visitor
from tests.flow.platforms.conftest import Hospital
from tests.services.open_platforms import ALIPAY, MINI, SERVICE

LIN = visitor("lin")
CALLS = {
    "page": "/sns/oauth2/access_token",
    "mini": "/sns/jscode2session",
    "alipay": "alipay.system.oauth.token",
}


def code_for(hospital: Hospital, way: str) -> str:
    if way == "alipay":
        return hospital.platforms.alipay.give_code("lin")
    wechat = hospital.platforms.wechat
    return wechat.give_code("h5", SERVICE, "lin") if way == "page" else wechat.give_code("mini", MINI, "lin")


async def test_a_page_leads_to_wechat_and_back(hospital: Hospital) -> None:
    back = "http://127.0.0.1:9/h5/?from=menu#/pages/me"
    address = hospital.page.start(return_to=back, state="abc123")
    assert address.endswith("#wechat_redirect")
    async with aiohttp.ClientSession() as phone:
        async with phone.get(address) as page:
            text = await page.text()
            assert "模拟器" in text
            assert "A simulator" in text
        chosen = {"back": back, "state": "abc123", "who": "lin"}
        at = f"http://127.0.0.1:{hospital.port}/connect/simulator/chosen"
        async with phone.get(at, params=chosen, allow_redirects=False) as way_back:
            parts = urlsplit(way_back.headers["Location"])
    assert parts.fragment == "/pages/me"
    query = parse_qs(parts.query)
    assert (query["from"], query["state"]) == (["menu"], ["abc123"])
    who = await hospital.page.identify(query["code"][0])
    assert (who.kind, who.app, who.subject) == (WayKind.WECHAT_H5, SERVICE, LIN.openid(SERVICE))
    assert who.union == ""
    with pytest.raises(CodeUsed):
        await hospital.page.identify(query["code"][0])


async def test_with_the_persons_consent_the_unionid_is_told(hospital: Hospital) -> None:
    way = WeChatPageWay(
        hospital.service, authorize_base="https://x", scope="snsapi_userinfo", hosts=PageHosts([])
    )
    code = hospital.platforms.wechat.give_code("h5", SERVICE, "lin", "snsapi_userinfo")
    assert (await way.identify(code)).union == LIN.unionid


async def test_a_mini_program_and_its_phone(hospital: Hospital) -> None:
    wechat = hospital.platforms.wechat
    who = await hospital.mini.identify(wechat.give_code("mini", MINI, "lin"))
    assert (who.subject, who.union, who.phone) == (LIN.openid(MINI), LIN.unionid, "")
    who = await hospital.mini.identify(
        wechat.give_code("mini", MINI, "lin"), phone_code=wechat.give_code("phone", MINI, "lin")
    )
    assert who.phone == f"+86{LIN.phone}"


async def test_alipay(hospital: Hospital) -> None:
    who = await hospital.alipay.identify(hospital.platforms.alipay.give_code("lin"))
    assert (who.kind, who.app, who.subject) == (WayKind.ALIPAY_MINI, ALIPAY, LIN.alipay_open_id(ALIPAY))


@pytest.mark.parametrize("way", ["page", "mini", "alipay"])
async def test_a_code_works_once(hospital: Hospital, way: str) -> None:
    code = code_for(hospital, way)
    both = await asyncio.gather(
        *(getattr(hospital, way).identify(code) for _ in range(2)), return_exceptions=True
    )
    assert sorted(isinstance(each, CodeRefused) for each in both) == [False, True]


@pytest.mark.parametrize("way", ["page", "mini", "alipay"])
async def test_a_forged_code_is_refused(hospital: Hospital, way: str) -> None:
    for code in ("", "x" * 2000, "forged", "漢字", "a b", "a\nb", "a&secret=1"):
        with pytest.raises(CodeRefused):
            await getattr(hospital, way).identify(code)


async def test_codes_of_other_kinds_and_applications_are_refused(hospital: Hospital) -> None:
    wechat, alipay = hospital.platforms.wechat, hospital.platforms.alipay
    with pytest.raises(CodeRefused):
        await hospital.mini.identify(wechat.give_code("mini", SERVICE, "lin"))
    with pytest.raises(CodeRefused):
        await hospital.mini.identify(wechat.give_code("h5", MINI, "lin"))
    with pytest.raises(CodeRefused):
        await hospital.mini.identify(
            wechat.give_code("mini", MINI, "lin"), phone_code=wechat.give_code("phone", SERVICE, "lin")
        )
    with pytest.raises(CodeRefused):
        await hospital.page.identify(wechat.give_code("mini", SERVICE, "lin"))
    with pytest.raises(CodeRefused):
        await hospital.alipay.identify(alipay.give_code("lin", "2021999999999999"))


async def test_a_code_that_came_too_late(hospital: Hospital) -> None:
    page, mini, alipay = (code_for(hospital, way) for way in ("page", "mini", "alipay"))
    hospital.later(minutes=6)
    with pytest.raises(CodeExpired):
        await hospital.page.identify(page)
    for way, code in ((hospital.mini, mini), (hospital.alipay, alipay)):
        with pytest.raises(CodeRefused):
            await way.identify(code)


async def test_a_phone_of_another_application_is_not_taken(hospital: Hospital) -> None:
    wechat = hospital.platforms.wechat
    hospital.platforms.faults.order("/wxa/business/getuserphonenumber", "other_app")
    with pytest.raises(CodeOfAnotherApp):
        await hospital.mini.identify(
            wechat.give_code("mini", MINI, "lin"), phone_code=wechat.give_code("phone", MINI, "lin")
        )


async def test_a_snapshots_visitor_is_nobody(hospital: Hospital) -> None:
    hospital.platforms.faults.order(CALLS["page"], "snapshot")
    with pytest.raises(SnapshotPage):
        await hospital.page.identify(code_for(hospital, "page"))


AWAY = ["hang", "half", "not_json", "too_large", "redirect", "close", "status_500", "status_403"]


@pytest.mark.parametrize("way", ["page", "mini", "alipay"])
async def test_a_provider_that_is_away_is_said_so_and_is_back_at_the_next_try(
    hospital: Hospital, way: str
) -> None:
    for fault in AWAY:
        hospital.platforms.faults.order(CALLS[way], fault)
        with pytest.raises(ProviderAway) as away:
            await getattr(hospital, way).identify(code_for(hospital, way))
        assert "127.0.0.1" not in str(away.value.facts)
        await getattr(hospital, way).identify(code_for(hospital, way))


MEANINGS: list[tuple[str, str, type[Refusal]]] = [
    ("page", "-1", ProviderAway),
    ("mini", "-1", ProviderAway),
    ("mini", "40029", CodeRefused),
    ("mini", "40163", CodeUsed),
    ("mini", "40226", CodeRefused),
    ("mini", "45011", ProviderLimited),
    ("page", "45009", ProviderLimited),
    ("page", "40125", ProviderMisconfigured),
    ("page", "40164", ProviderMisconfigured),
    ("mini", "99999", ProviderAway),
    ("alipay", "busy", ProviderAway),
    ("alipay", "limit", ProviderLimited),
    ("alipay", "signature", ProviderMisconfigured),
    ("alipay", "app", ProviderMisconfigured),
    ("alipay", "permission", ProviderMisconfigured),
    ("alipay", "code", CodeRefused),
    ("alipay", "forged", ProviderAway),
    ("alipay", "respaced", ProviderAway),
    ("alipay", "unsigned", ProviderAway),
]


async def test_what_providers_say_is_told_as_what_it_means(hospital: Hospital) -> None:
    for way, fault, refusal in MEANINGS:
        hospital.platforms.faults.order(CALLS[way], fault)
        with pytest.raises(Refusal) as refused:
            await getattr(hospital, way).identify(code_for(hospital, way))
        assert type(refused.value) is refusal, fault


async def test_nobody_listens(hospital: Hospital) -> None:
    async with Exchange("WeChat", base="http://127.0.0.1:1") as nowhere:
        app = WeChatApp(
            AppKeys(MINI, "secret"),
            exchange=nowhere,
            store=MemoryCredentials(hospital.clock),
            clock=hospital.clock,
        )
        with pytest.raises(ProviderAway) as away:
            await WeChatMiniWay(app).identify("code")
    assert away.value.facts == {"provider": "WeChat", "why": "not_reachable"}


ELSEWHERE = [
    "https://evil.example/",
    "http://h5.hospital.example/",
    "https://h5.hospital.example@evil.example/",
    "https://evil.example\\@h5.hospital.example/",
    "https://h5.hospital.example.evil.example/",
    "https://h5.hospital.example:8443/",
    "javascript:alert(1)//h5.hospital.example",
    "//h5.hospital.example/",
    "https://[h5.hospital.example/",
    "ht\ntps://h5.hospital.example/",
    "https://h5.hospital.example/ ",
    "https://h5.hospital.example/候诊",
    "",
]


async def test_only_our_own_pages_are_come_back_to(hospital: Hospital) -> None:
    for back in ELSEWHERE:
        with pytest.raises(ReturnNotAllowed):
            hospital.page.start(return_to=back, state="abc")
    hospital.page.start(return_to="https://H5.hospital.example/h5/", state="abc")


async def test_every_request_is_counted_by_how_it_ended(hospital: Hospital) -> None:
    told: list[tuple[str, str]] = []

    def observe(provider: str, outcome: str, seconds: float) -> None:
        told.append((provider, outcome))

    base = f"http://127.0.0.1:{hospital.port}"
    hospital.platforms.faults.order(CALLS["mini"], "status_500")
    async with Exchange("WeChat", base=base, observe=observe) as exchange:
        with pytest.raises(ProviderAway):
            await exchange.get(CALLS["mini"], {})
        await exchange.get(CALLS["mini"], {})
    assert told == [("WeChat", "status_5xx"), ("WeChat", "answered")]


async def test_nothing_secret_or_personal_is_logged(
    hospital: Hospital, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with structlog.testing.capture_logs() as lines:
        for way, fault in (("page", "-1"), ("mini", "half"), ("mini", "99999"), ("alipay", "busy")):
            hospital.platforms.faults.order(CALLS[way], fault)
            code = code_for(hospital, way)
            with pytest.raises(Refusal) as refused:
                await getattr(hospital, way).identify(code)
            assert code not in f"{lines} {caplog.text} {refused.value!r} {refused.value.facts}"
    assert lines, "what went wrong is logged"
    told = str(lines) + caplog.text
    for secret in (*hospital.platforms.wechat.agreed.secrets.values(), LIN.openid(MINI), LIN.openid(SERVICE)):
        assert secret not in told
