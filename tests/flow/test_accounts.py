"""One person from the first sign-in to the closed account, over simulated WeChat, Alipay and SMS."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from core.actor import Actor, Role
from demo.platforms import OpenPlatforms, served
from demo.visitors import visitor
from server.bootstrap import Roles
from tests.flow.signed_in import WINDOWS, Device, House, a_house, is_sent_away
from tests.services.open_platforms import MINI, SERVICE, Agreement, an_agreement

PAGE = "http://127.0.0.1/h5/#/pages/me"
CHILD = {
    "name": "林小宝",
    "id_kind": "passport",
    "id_number": "E12345678",
    "birth_date": "2001-02-03",
    "sex": "male",
    "phone": "13800000101",
    "relation": "other",
}
GRANDMOTHER = CHILD | {
    "name": "王桂英",
    "id_number": "E87654321",
    "birth_date": "1950-01-01",
    "sex": "female",
}


class Town(House):
    """A house, and the platforms beyond it."""

    platforms: OpenPlatforms
    at: int

    def code(self, kind: str, who: str) -> str:
        if kind == "alipay":
            return self.platforms.alipay.give_code(who)
        return self.platforms.wechat.give_code(kind, SERVICE if kind == "h5" else MINI, who)

    def phone_code(self, who: str) -> str:
        return self.platforms.wechat.give_code("phone", MINI, who)

    def text_to(self, phone: str) -> str:
        return next(code for _, to, code in self.platforms.messages if to == f"+86{phone}")

    async def mini(self, who: str, **more: str) -> Device:
        return await self.signs_in("wechat-mini", {"code": self.code("mini", who)} | more)

    async def alipay(self, who: str) -> Device:
        return await self.signs_in("alipay-mini", {"code": self.code("alipay", who)})

    async def signs_in(self, way: str, body: dict[str, str], *, device: Device | None = None) -> Device:
        device = device or self.device()
        status, told = await device.posts(f"/v1/sign-in/{way}", body, token="")
        assert status == 200, told
        device.takes(told)
        return device

    async def by_text(self, phone: str, device: Device) -> Device:
        status, told = await device.posts("/v1/sign-in/sms/code", {"phone": phone}, token="")
        assert (status, told) == (202, {"again_after_seconds": 60})
        body = {"phone": phone, "code": self.text_to(phone)}
        return await self.signs_in("sms", body, device=device)

    async def by_page(self, who: str, device: Device) -> dict[str, str]:
        """Send the browser to WeChat's page, and answer what it comes back with."""
        status, told = await device.posts("/v1/sign-in/wechat-h5/start", {"return_to": PAGE}, token="")
        assert status == 200, told
        asked = parse_qs(urlsplit(told["address"]).query)
        assert asked["state"] == [told["state"]]
        chosen = {"back": PAGE, "state": told["state"], "who": who, "scope": asked["scope"][0]}
        at = f"http://127.0.0.1:{self.at}/connect/simulator/chosen"
        async with self.http.get(at, params=chosen, allow_redirects=False) as back:
            query = parse_qs(urlsplit(back.headers["Location"]).query)
        return {"code": query["code"][0], "state": query["state"][0]}


@pytest.fixture(scope="module")
def agreement(tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    return an_agreement(tmp_path_factory.mktemp("agreed") / "agreed.json")


@pytest.fixture
async def town(agreement: Agreement, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    platforms = OpenPlatforms(agreement.agreed)
    async with served(platforms) as port:
        settings = agreement.settings(tmp_path / "secrets", port) | getattr(request, "param", {})
        async with a_house(tmp_path, of=Town, **settings) as house:
            assert isinstance(house, Town)
            house.platforms, house.at = platforms, port
            await house.opens(Roles.ALL)
            yield house


async def me(device: Device) -> dict[str, Any]:
    status, told = await device.gets("/v1/me")
    assert status == 200, told
    return told


async def kinds(device: Device) -> list[str]:
    return sorted(one["kind"] for one in (await me(device))["identities"])


async def adds(device: Device, person: dict[str, str]) -> str:
    status, told = await device.gets("/v1/consents")
    version = next(one["version"] for one in told["consents"] if one["kind"] == "sensitive_health")
    status, told = await device.posts("/v1/consents/sensitive_health/give", {"version": version})
    assert status < 300, told
    status, told = await device.posts("/v1/patients", person)
    assert status < 300, told
    return str(told["id"])


async def family(device: Device) -> set[str]:
    _, told = await device.gets("/v1/patients")
    return {one["id"] for one in told["patients"]}


async def refusal(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    return answer[0], answer[1]["code"]


async def test_by_every_way_and_each_is_found_again(town: Town) -> None:
    _, told = await town.device().gets("/v1/sign-in/ways", token="")
    assert told == {
        "ways": [
            {"kind": kind, "enabled": True} for kind in ("wechat_h5", "wechat_mini", "alipay_mini", "sms")
        ]
    }
    browser = town.device(agent=WINDOWS)
    page = await town.signs_in("wechat-h5", await town.by_page("lin", browser), device=browser)
    mini, alipay = await town.mini("zhao"), await town.alipay("wang")
    text = await town.by_text("13800000104", town.device())
    people = {(await me(device))["user"] for device in (page, mini, alipay, text)}
    assert len(people) == 4
    again = await town.mini("zhao")
    assert (await me(again))["user"] == (await me(mini))["user"]
    assert [device.is_new for device in (page, mini, alipay, text, again)] == [True] * 4 + [False]
    assert (await me(text))["identities"][0]["masked"] == "138****0104"
    masked = (await me(page))["identities"][0]["masked"]
    assert visitor("lin").openid(SERVICE).endswith(masked.removeprefix("****"))
    _, told = await page.gets("/v1/sessions")
    assert [one["device"] for one in told["sessions"]] == ["Windows · Chrome"]
    _, told = await mini.gets("/v1/sessions")
    assert {one["device"] for one in told["sessions"]} == {"iPhone · WeChat mini-program"}


async def test_two_devices_one_is_ended_from_the_other_and_then_both(town: Town) -> None:
    phone, tablet = await town.mini("lin"), await town.mini("lin")
    _, told = await phone.gets("/v1/sessions")
    assert {one["id"]: one["current"] for one in told["sessions"]} == {
        phone.session: True,
        tablet.session: False,
    }
    async with tablet.connected() as socket:
        await phone.posts(f"/v1/sessions/{tablet.session}/end")
        await is_sent_away(socket)
    await tablet.is_out()
    back = await town.mini("lin")
    assert await phone.posts("/v1/sessions/end-all") == (200, {"ended": 2})
    await phone.is_out()
    await back.is_out()


async def test_a_merge_keeps_every_family_member_and_signs_the_other_account_out(town: Town) -> None:
    mine, theirs = await town.mini("lin"), await town.alipay("lin")
    child, same_child = await adds(mine, CHILD), await adds(theirs, CHILD)
    grandmother = await adds(theirs, GRANDMOTHER)
    status, told = await mine.posts(
        "/v1/me/identities", {"way": "alipay_mini", "code": town.code("alipay", "lin")}
    )
    assert (status, told["merged"]) == (200, True)
    assert await kinds(mine) == ["alipay_mini", "wechat_mini"]
    assert await family(mine) == {child, grandmother}
    await theirs.is_out()
    # Who was in both is one; the id that vanished goes on answering.
    status, told = await mine.gets(f"/v1/patients/{same_child}")
    assert (status, told["id"]) == (200, child)
    back = await town.alipay("lin")
    assert await family(back) == {child, grandmother}
    _, told = await mine.posts("/v1/me/export")
    [absorbed] = told["merged"]
    assert [one["kind"] for one in absorbed["consents"]] == ["sensitive_health"]
    assert "patient.add" in {one["action"] for one in absorbed["recorded"]}
    assert absorbed["patients"] == []
    again = await mine.posts("/v1/me/identities", {"way": "alipay_mini", "code": town.code("alipay", "lin")})
    assert (again[0], again[1]["merged"]) == (200, False)


@pytest.mark.parametrize("town", [{"wechat.scope": "snsapi_userinfo"}], indirect=True, ids=["unionid"])
async def test_page_and_mini_program_are_one_person_by_the_unionid(town: Town) -> None:
    mini, browser = await town.mini("lin"), town.device()
    page = await town.signs_in("wechat-h5", await town.by_page("lin", browser), device=browser)
    assert (await me(page))["user"] == (await me(mini))["user"]
    assert not page.is_new
    assert await kinds(page) == ["wechat_h5", "wechat_mini"]


async def test_the_telephone_button_joins_the_account_that_a_text_message_made(town: Town) -> None:
    text = await town.by_text("13800000101", town.device())
    child = await adds(text, CHILD)
    mini = await town.mini("lin", phone_code=town.phone_code("lin"))
    assert (await me(mini))["user"] == (await me(text))["user"]
    assert await family(mini) == {child}
    assert await kinds(mini) == ["sms", "wechat_mini"]


async def test_a_way_is_linked_and_taken_away_but_never_the_last(town: Town) -> None:
    phone = await town.mini("lin")
    await phone.posts("/v1/sign-in/sms/code", {"phone": "13800000101"})
    body = {"way": "sms", "phone": "13800000101", "code": town.text_to("13800000101")}
    status, told = await phone.posts("/v1/me/identities", body)
    assert (status, told["merged"], len(told["identities"])) == (200, False, 2)
    first, second = (one["id"] for one in told["identities"])
    stranger = await town.mini("zhao")
    for foreign in (first, "0" * 26):
        answer = await stranger.posts(f"/v1/me/identities/{foreign}/unlink")
        assert await refusal(answer) == (404, "accounts.no_such_identity")
    assert (await phone.posts(f"/v1/me/identities/{first}/unlink"))[0] == 200
    answer = await phone.posts(f"/v1/me/identities/{second}/unlink")
    assert await refusal(answer) == (409, "accounts.last_way_in")


async def test_a_phone_that_lies_open_does_not_change_the_ways_in(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = await town.mini("lin")
    monkeypatch.setattr("accounts.rights._FRESH", timedelta(0))
    await phone.posts("/v1/sign-in/sms/code", {"phone": "13800000101"})
    body = {"way": "sms", "phone": "13800000101", "code": town.text_to("13800000101")}
    assert await refusal(await phone.posts("/v1/me/identities", body)) == (
        403,
        "accounts.fresh_sign_in_needed",
    )
    only = (await me(phone))["identities"][0]["id"]
    answer = await phone.posts(f"/v1/me/identities/{only}/unlink")
    assert await refusal(answer) == (403, "accounts.fresh_sign_in_needed")
    assert await kinds(phone) == ["wechat_mini"]


async def test_a_person_takes_a_copy_of_all_that_is_kept(town: Town) -> None:
    phone, other = await town.mini("lin", phone_code=town.phone_code("lin")), await town.mini("zhao")
    await adds(phone, CHILD)
    await adds(other, GRANDMOTHER)
    status, told = await phone.posts("/v1/me/export")
    assert status == 200
    assert phone.heard["Content-Disposition"] == 'attachment; filename="my-data.json"'
    subjects = {one["kind"]: one["subject"] for one in told["account"]["identities"]}
    assert subjects["sms"] == "+8613800000101"
    assert subjects["wechat_mini"] == visitor("lin").openid(MINI)
    assert [one["id"] for one in told["sessions"]] == [phone.session]
    [patient] = told["patients"]
    assert (patient["patient"]["name"], patient["patient"]["id_number"]) == ("林小宝", "E12345678")
    assert [one["kind"] for one in told["consents"]] == ["sensitive_health"]
    assert "王桂英" not in str(told)
    recorded = {one["action"] for one in told["recorded"]}
    assert {"patient.add", "consent.change"} <= recorded
    assert {one["actor"] for one in told["recorded"]} == {told["account"]["user"]}


async def test_a_closed_account_is_gone_and_whoever_comes_back_begins_anew(town: Town) -> None:
    phone, tablet = await town.mini("lin"), await town.mini("lin")
    user = (await me(phone))["user"]
    await adds(phone, CHILD)
    answer = await phone.posts("/v1/me/close", {"confirm": False})
    assert await refusal(answer) == (422, "core.bad_input")
    async with tablet.connected() as socket:
        assert await phone.posts("/v1/me/close", {"confirm": True}) == (200, {"closed": True})
        await is_sent_away(socket)
    for device in (phone, tablet):
        await device.is_out()
        assert (await device.renews())[0] == 401
    back = await town.mini("lin")
    assert (await me(back))["user"] != user
    assert await family(back) == set()
    left = await dumped(town)
    assert user in left["user"]
    assert user in left["consent"]
    for table in ("identity", "patient", "patient_family"):
        assert user not in left[table], table


async def dumped(town: Town) -> dict[str, str]:
    from sqlalchemy import select

    from adapters.sql.schema import metadata

    async with town.database.read() as transaction:
        return {table.name: repr(await transaction.rows(select(table))) for table in metadata.sorted_tables}


async def test_forged_replayed_and_foreign_codes_are_each_refused_by_name(town: Town) -> None:
    device, wechat = town.device(), town.platforms.wechat
    used = town.code("mini", "lin")
    await town.signs_in("wechat-mini", {"code": used})
    for body, code in (
        ({"code": used}, "accounts.code_used"),
        ({"code": "forged"}, "accounts.code_refused"),
        # WeChat tells codes of another hospital's applications like forged ones.
        ({"code": wechat.give_code("mini", "wx5e7a1c0ffee00099", "zhao")}, "accounts.code_refused"),
        (
            {"code": town.code("mini", "zhao"), "phone_code": wechat.give_code("phone", SERVICE, "zhao")},
            "accounts.code_refused",
        ),
    ):
        answer = await device.posts("/v1/sign-in/wechat-mini", body, token="")
        assert await refusal(answer) == (403, code)
    town.platforms.faults.order("/wxa/business/getuserphonenumber", "other_app")
    foreign = {"code": town.code("mini", "zhao"), "phone_code": town.phone_code("zhao")}
    answer = await device.posts("/v1/sign-in/wechat-mini", foreign, token="")
    assert await refusal(answer) == (403, "accounts.code_of_another_app")
    late = await town.by_page("zhao", device)
    wechat.expire_codes()
    answer = await device.posts("/v1/sign-in/wechat-h5", late, token="")
    assert await refusal(answer) == (403, "accounts.code_expired")
    assert (await town.mini("zhao")).is_new, "what was refused has made nothing"
    brought = await town.by_page("lin", device)
    thief = town.device()
    answer = await thief.posts("/v1/sign-in/wechat-h5", brought, token="")
    assert await refusal(answer) == (403, "accounts.state_refused")
    await town.signs_in("wechat-h5", brought, device=device)
    fresh = wechat.give_code("h5", SERVICE, "lin")
    answer = await device.posts("/v1/sign-in/wechat-h5", brought | {"code": fresh}, token="")
    assert await refusal(answer) == (403, "accounts.state_used")
    foreign = {"return_to": "https://elsewhere.example/"}
    answer = await device.posts("/v1/sign-in/wechat-h5/start", foreign, token="")
    assert await refusal(answer) == (422, "accounts.return_not_allowed")
    typed = {"phone": "13800000101", "code": "000000"}
    answer = await device.posts("/v1/sign-in/sms", typed, token="")
    assert await refusal(answer) == (403, "accounts.sms_code_wrong")


@pytest.mark.parametrize("fault", ["status_500", "half", "not_json"])
async def test_while_wechat_is_away_nobody_gets_half_an_account(town: Town, fault: str) -> None:
    device = town.device()
    town.platforms.faults.order("/sns/jscode2session", fault, times=9)
    answer = await device.posts("/v1/sign-in/wechat-mini", {"code": town.code("mini", "lin")}, token="")
    assert await refusal(answer) == (503, "accounts.provider_away")
    assert device.heard["Retry-After"]
    assert (await dumped(town))["user"] in ("()", "[]")
    town.platforms.faults.clear()
    await town.mini("lin")


async def test_nobody_but_people_has_an_account(town: Town) -> None:
    device, nurse = town.device(), await town.device_of(Actor(id="nurse.0007", role=Role.NURSE))
    for path in ("/v1/me/export", "/v1/me/close", "/v1/me/identities"):
        assert await refusal(await device.posts(path, {}, token="")) == (401, "core.unauthenticated")
        assert await refusal(await nurse.posts(path, {})) == (403, "core.forbidden")
