"""Notices through the simulated platforms: their templates, their errors, and a whole server that tells."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.alipay.notices import METHOD, AlipayCourier
from adapters.wechat.notices import SUBSCRIBE, TEMPLATE, WeChatCourier
from core.actor import Actor, Role
from demo.platforms import OpenPlatforms, served
from demo.visitors import visitor
from notices.notice import Kind, Outcome
from notices.words import Form
from server.bootstrap import Roles
from tests.flow.platforms.conftest import Hospital, Open
from tests.flow.signed_in import a_house
from tests.services.open_platforms import ALIPAY, MINI, SERVICE, Agreement

LIN = visitor("lin")
FORMS = {Kind.CALLED: Form("tmpl-called", {"thing1": "{title}", "thing2": "{text}", "time3": "{time}"})}
PARAMS = {"line": "心内科", "line_id": "l1", "number": "A012", "room": "3 诊室"}


@pytest.fixture
async def hospital(open_hospital: Open) -> AsyncIterator[Hospital]:
    async with open_hospital() as opened:
        yield opened


def mini(hospital: Hospital) -> WeChatCourier:
    return WeChatCourier(hospital.mini_app, forms=FORMS, clock=hospital.clock)


async def test_a_mini_program_carries_what_the_template_holds(hospital: Hospital) -> None:
    assert await mini(hospital).carry(LIN.openid(MINI), Kind.CALLED, PARAMS) is Outcome.SENT
    ((app, message),) = hospital.platforms.wechat.notices
    assert app == MINI
    assert message["page"] == "pages/queue/index?line=l1&ticket=A012"
    data: Any = message["data"]
    assert data["thing1"] == {"value": "请您就诊"}
    assert data["thing2"] == {"value": "请到 3 诊室"}


async def test_a_service_account_carries_it_with_an_address(hospital: Hospital) -> None:
    courier = WeChatCourier(
        hospital.service, forms=FORMS, clock=hospital.clock, pages="https://h5.hospital.example"
    )
    assert await courier.carry(LIN.openid(SERVICE), Kind.CALLED, PARAMS) is Outcome.SENT
    ((_, message),) = hospital.platforms.wechat.notices
    assert message["url"] == "https://h5.hospital.example/h5/#/pages/queue/index?line=l1&ticket=A012"


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("43101", Outcome.NOT_AGREED),
        ("47003", Outcome.WRONG),
        ("40037", Outcome.WRONG),
        ("45009", Outcome.NOT_NOW),
        ("-1", Outcome.NOT_NOW),
        ("half", Outcome.UNKNOWN),
        ("status_502", Outcome.UNKNOWN),
        ("hang", Outcome.UNKNOWN),
    ],
)
async def test_what_wechat_says_is_understood(hospital: Hospital, fault: str, outcome: Outcome) -> None:
    hospital.platforms.faults.order(SUBSCRIBE, fault)
    assert await mini(hospital).carry(LIN.openid(MINI), Kind.CALLED, PARAMS) is outcome


async def test_an_openid_of_another_application_is_wrong_and_a_dead_token_is_replaced(
    hospital: Hospital,
) -> None:
    courier = mini(hospital)
    assert await courier.carry(LIN.openid(SERVICE), Kind.CALLED, PARAMS) is Outcome.WRONG
    hospital.platforms.wechat.kill_token(MINI)
    assert await courier.carry(LIN.openid(MINI), Kind.CALLED, PARAMS) is Outcome.SENT
    hospital.platforms.faults.order(SUBSCRIBE, "40001")
    hospital.platforms.faults.order("/cgi-bin/stable_token", "-1", times=9)
    assert await courier.carry(LIN.openid(MINI), Kind.CALLED, PARAMS) is Outcome.NOT_NOW
    assert hospital.calls(TEMPLATE) == 0


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("", Outcome.SENT),
        ("not_subscribed", Outcome.NOT_AGREED),
        ("permission", Outcome.WRONG),
        ("limit", Outcome.NOT_NOW),
        ("busy", Outcome.NOT_NOW),
        ("forged", Outcome.SENT),
        ("unsigned", Outcome.UNKNOWN),
        ("half", Outcome.UNKNOWN),
    ],
)
async def test_what_alipay_says_is_understood(hospital: Hospital, fault: str, outcome: Outcome) -> None:
    if fault:
        hospital.platforms.faults.order(METHOD, fault)
    courier = AlipayCourier(hospital.gateway, forms=FORMS, clock=hospital.clock)
    assert await courier.carry(LIN.alipay_open_id(ALIPAY), Kind.CALLED, PARAMS) is outcome


async def test_a_platform_that_is_not_there_may_be_asked_later(hospital: Hospital) -> None:
    hospital.mini_app._exchange._base = "http://127.0.0.1:9"
    assert await mini(hospital).carry(LIN.openid(MINI), Kind.CALLED, PARAMS) is Outcome.NOT_NOW


async def test_whoever_follows_a_ticket_is_told_when_it_is_called(
    tmp_path: Path, agreement: Agreement
) -> None:
    platforms = OpenPlatforms(agreement.agreed)
    rooms = [{"id": "r1", "name": "3 诊室"}]
    line = {"id": "heart", "name": "心内科", "department": "d1", "department_name": "心内科", "rooms": rooms}
    form = {"template": "tmpl-called", "fields": {"thing1": "{title}", "thing2": "{text}"}}
    async with served(platforms) as port:
        changes = agreement.settings(tmp_path / "secrets", port) | {
            "own_lines": [line],
            "notices.wechat_mini": {"called": form},
        }
        async with a_house(tmp_path / "data", **changes) as house:
            await house.opens(Roles.ALL)
            phone, desk = (
                house.device(),
                await house.device_of(Actor(id="nurse.n1", role=Role.NURSE, lines=frozenset({"heart"}))),
            )
            code = platforms.wechat.give_code("mini", MINI, "lin")
            status, told = await phone.posts("/v1/sign-in/wechat-mini", {"code": code})
            assert status == 200, told
            phone.takes(told)
            status, told = await phone.gets("/v1/me/notices?channel=wechat_mini")
            assert (status, told["templates"]) == (
                200,
                [{"kind": "called", "template": "tmpl-called", "left": 0}],
            )
            status, told = await phone.posts(
                "/v1/me/notices", {"channel": "wechat_mini", "accepted": ["tmpl-called"]}
            )
            assert (status, told["templates"][0]["left"]) == (200, 1)
            assert (await phone.gets("/v1/me/notices?channel=alipay_mini"))[0] == 404
            version = await opened(desk)
            body = {"visit": "V1", "name": "林晓梅", "expected_version": version}
            status, told = await desk.posts("/v1/lines/heart/check-in", body)
            assert status == 200, told
            number = told["ticket"]["number"]
            followed = f"/v1/lines/heart/tickets/{number}/follow"
            assert (await phone.posts(followed, {"on": True}))[1] == {
                "line": "heart",
                "number": number,
                "on": True,
            }
            body = {"room": "r1", "expected_version": told["version"]}
            status, told = await desk.posts("/v1/lines/heart/call-next", body)
            assert status == 200, told
            async with asyncio.timeout(20):
                while not platforms.wechat.notices:
                    await asyncio.sleep(0.1)
            ((_, message),) = platforms.wechat.notices
            assert message["touser"] == LIN.openid(MINI)
            assert (await phone.gets("/v1/me/notices?channel=wechat_mini"))[1]["templates"][0]["left"] == 0


async def opened(desk: Any) -> int:
    """The line's version once its room is open."""
    status, told = await desk.gets("/v1/lines/heart/staff")
    assert status == 200, told
    status, told = await desk.posts("/v1/lines/heart/rooms/r1/open", {"expected_version": told["version"]})
    assert status == 200, told
    return int(told["version"])
