"""A person signs in through the simulated platforms and a whole server; what fails makes no half account."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp

from conf.loader import load
from demo.platforms import OpenPlatforms, served
from demo.visitors import visitor
from server.bootstrap import Roles, compose
from tests.services.open_platforms import MINI, SERVICE, Agreement

LIN = visitor("lin")
BACK = "http://127.0.0.1:9/h5/#/pages/me"


class Phone:
    """A person's phone: one browser, and what the simulator gives it."""

    def __init__(self, platforms: OpenPlatforms, at: int, platform: str, http: aiohttp.ClientSession) -> None:
        self.platforms = platforms
        self._open = f"http://127.0.0.1:{at}"
        self._platform = platform
        self._http = http

    async def post(self, path: str, token: str = "", **body: object) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._http.post(self._platform + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str, token: str = "") -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._http.get(self._platform + path, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def come_back(self, who: str = "lin") -> dict[str, str]:
        """Begin at our page, choose who one is at WeChat's, come back with code and state."""
        status, started = await self.post("/v1/sign-in/wechat-h5/start", return_to=BACK)
        assert status == 200, started
        async with self._http.get(started["address"]) as page:
            assert page.status == 200
        chosen = {"back": BACK, "state": started["state"], "who": who, "scope": "snsapi_userinfo"}
        at = f"{self._open}/connect/simulator/chosen"
        async with self._http.get(at, params=chosen, allow_redirects=False) as way_back:
            query = parse_qs(urlsplit(way_back.headers["Location"]).query)
        return {"code": query["code"][0], "state": query["state"][0]}

    def mini(self, who: str = "lin") -> str:
        return self.platforms.wechat.give_code("mini", MINI, who)


@contextlib.asynccontextmanager
async def a_phone(folder: Path, agreement: Agreement) -> AsyncIterator[Phone]:
    platforms = OpenPlatforms(agreement.agreed)
    async with served(platforms) as port:
        overrides: dict[str, object] = {"data": str(folder / "data"), "web.port": 0, "log.level": "warning"}
        overrides |= agreement.settings(folder / "secrets", port)
        jar = aiohttp.CookieJar(unsafe=True)
        async with (
            compose(load(overrides=overrides, environment={}), Roles.WEB) as platform,
            aiohttp.ClientSession(cookie_jar=jar) as http,
        ):
            yield Phone(platforms, port, f"http://127.0.0.1:{platform.port}", http)


async def test_every_way_in(tmp_path: Path, agreement: Agreement) -> None:
    async with a_phone(tmp_path, agreement) as phone:
        told = await phone.get("/v1/sign-in/ways")
        assert all(way["enabled"] for way in told["ways"])
        texts = (await phone.get("/v1/consents"))["consents"]
        assert {"terms", "privacy"} <= {each["kind"] for each in texts}, "read before signing in"
        assert all(each["text"] and not each.get("given_version") for each in texts)

        back = await phone.come_back()
        status, by_page = await phone.post("/v1/sign-in/wechat-h5", **back)
        assert (status, by_page["is_new"]) == (200, True)
        assert (await phone.post("/v1/sign-in/wechat-h5", **back))[0] in {403, 409}

        code = phone.platforms.wechat.give_code("phone", MINI, "lin")
        status, by_mini = await phone.post("/v1/sign-in/wechat-mini", code=phone.mini(), phone_code=code)
        assert (status, by_mini["is_new"]) == (200, False), "the unionid says it is the same person"
        assert by_mini["user"] == by_page["user"]

        status, sent = await phone.post("/v1/sign-in/sms/code", phone=LIN.phone)
        assert status == 202, sent
        _, number, digits = phone.platforms.messages[0]
        assert number == f"+86{LIN.phone}"
        status, by_sms = await phone.post("/v1/sign-in/sms", phone=LIN.phone, code=digits)
        assert (status, by_sms["user"]) == (200, by_page["user"]), "WeChat had checked the phone"

        status, by_alipay = await phone.post(
            "/v1/sign-in/alipay-mini", code=phone.platforms.alipay.give_code("lin")
        )
        assert (status, by_alipay["is_new"]) == (200, True), "nothing of Alipay says who it is in WeChat"
        me = await phone.get("/v1/me", by_page["access_token"])
        kinds = {identity["kind"] for identity in me["identities"]}
        assert {"wechat_h5", "wechat_mini"} <= kinds


async def test_a_provider_in_trouble_makes_no_half_account(tmp_path: Path, agreement: Agreement) -> None:
    async with a_phone(tmp_path, agreement) as phone:
        faults = phone.platforms.faults
        faults.order("/sns/jscode2session", "-1")
        status, told = await phone.post("/v1/sign-in/wechat-mini", code=phone.mini())
        assert (status, told["code"]) == (503, "accounts.provider_away")
        faults.order("/wxa/business/getuserphonenumber", "half")
        code = phone.platforms.wechat.give_code("phone", MINI, "lin")
        status, told = await phone.post("/v1/sign-in/wechat-mini", code=phone.mini(), phone_code=code)
        assert (status, told["code"]) == (503, "accounts.provider_away")
        faults.order("alipay.system.oauth.token", "forged")
        alipay = phone.platforms.alipay.give_code("lin")
        status, told = await phone.post("/v1/sign-in/alipay-mini", code=alipay)
        assert (status, told["code"]) == (503, "accounts.provider_away")
        faults.order("/sns/oauth2/access_token", "45009")
        status, told = await phone.post("/v1/sign-in/wechat-h5", **await phone.come_back())
        assert (status, told["code"]) == (429, "accounts.provider_limited")
        faults.order("/sns/oauth2/access_token", "snapshot")
        status, told = await phone.post("/v1/sign-in/wechat-h5", **await phone.come_back())
        assert (status, told["code"]) == (403, "accounts.snapshot_page")
        for path, code in (("wechat-mini", "forged"), ("alipay-mini", "forged")):
            status, told = await phone.post(f"/v1/sign-in/{path}", code=code)
            assert (status, told["code"]) == (403, "accounts.code_refused")
        status, told = await phone.post("/v1/sign-in/wechat-h5/start", return_to="https://evil.example/")
        assert (status, told["code"]) == (422, "accounts.return_not_allowed")
        status, signed_in = await phone.post("/v1/sign-in/wechat-mini", code=phone.mini())
        assert (status, signed_in["is_new"]) == (200, True), "none of it had made an account"


async def test_an_opened_code_of_somebody_else_signs_nobody_in(tmp_path: Path, agreement: Agreement) -> None:
    async with a_phone(tmp_path, agreement) as phone:
        mine = await phone.come_back()
        theirs = phone.platforms.wechat.give_code("h5", SERVICE, "zhao")
        status, told = await phone.post("/v1/sign-in/wechat-h5", code=theirs, state="0" * 40)
        assert status in {403, 422}, told
        assert (await phone.post("/v1/sign-in/wechat-h5", **mine))[0] == 200
