"""WeChat's own messages through a whole platform: believed, heard once, answered in time; or refused."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.wechat.service_account import page_signature
from conf.loader import load
from demo.platforms import OpenPlatforms, served
from demo.wechat_server import Message
from server.bootstrap import Roles, compose
from server.outcomes import CannotStart
from tests.services.open_platforms import SERVICE, Agreement

CALLBACK, JS_SDK = "/v1/wechat/callback", "/v1/wechat/js-sdk"


class House:
    """A platform and the open platforms beside it."""

    def __init__(self, platforms: OpenPlatforms, port: int, http: aiohttp.ClientSession) -> None:
        self.platforms = platforms
        self.address = f"http://127.0.0.1:{port}"
        self.http = http

    async def ask(self, query: dict[str, str]) -> tuple[int, str]:
        async with self.http.get(self.address + CALLBACK, params=query) as response:
            return response.status, await response.text()

    async def send(self, message: Message) -> tuple[int, str]:
        said = await self.platforms.server.send(self.address + CALLBACK, message)
        return said.status, said.text

    async def say(self, event: str = "SCAN", twist: str = "", **more: str) -> tuple[int, str]:
        return await self.send(self.platforms.server.message(event, "lin", twist=twist, **more))

    async def sign(self, url: str) -> tuple[int, Any]:
        async with self.http.post(self.address + JS_SDK, json={"url": url}) as response:
            return response.status, await response.json()


@contextlib.asynccontextmanager
async def a_house(folder: Path, agreement: Agreement, **changes: object) -> AsyncIterator[House]:
    platforms = OpenPlatforms(agreement.agreed)
    async with served(platforms) as port:
        overrides: dict[str, object] = {
            "data": str(folder / "data"),
            "web.port": 0,
            "log.level": "warning",
            **agreement.settings(folder / "secrets", port),
            **{key.replace("__", "."): value for key, value in changes.items()},
        }
        settings = load(overrides=overrides, environment={})
        async with compose(settings, Roles.WEB) as platform, aiohttp.ClientSession() as http:
            yield House(platforms, platform.port, http)


async def test_wechat_meets_its_hospital(tmp_path: Path, agreement: Agreement) -> None:
    async with a_house(tmp_path, agreement) as house:
        server = house.platforms.server
        assert await house.ask(server.echo("5123").query) == (200, "5123")
        assert await house.ask(server.echo("候诊", sealed=True).query) == (200, "候诊")
        for event in ("subscribe", "unsubscribe", "SCAN", "CLICK", "text", "something_new"):
            assert await house.say(event, scene="line-7") == (200, "success"), event

        again = server.message("text", "lin")
        assert await house.send(again) == (200, "success")
        assert await house.send(again) == (200, "success"), "what comes again exactly is answered"
        number = server.message("text", "lin", number="77")
        other = server.message("text", "lin", number="77")
        assert await asyncio.gather(house.send(number), house.send(other)) == [(200, "success")] * 2

        for twist in ("padding", "other_app", "old", "early", "signature", "plain"):
            assert (await house.say(twist=twist))[0] == 403, twist
        for twist in ("entities", "garbage"):
            status, text = await house.say(twist=twist, scene="x")
            assert status == 422, twist
            assert "wechat.callback_unreadable" in text
        assert (await house.say(twist="too_large"))[0] in {403, 413}

        forged = dict(server.echo("5123").query)
        for changes in ({"signature": "0" * 40}, {"signature": ""}, {"timestamp": "1"}, {"nonce": ""}):
            assert (await house.ask(forged | changes))[0] == 403, changes
        assert (await house.ask({}))[0] == 403
        assert (await house.ask(forged | {"timestamp": "9" * 300}))[0] == 422
        assert await house.ask(forged | {"a_new_parameter": "1"}) == (200, "5123")


async def test_without_a_key_messages_come_plain_and_a_signature_covers_one_body(
    tmp_path: Path, agreement: Agreement
) -> None:
    async with a_house(tmp_path, agreement, wechat__aes_key_file="") as house:
        server = house.platforms.server
        message = server.message("text", "lin", twist="plain")
        assert await house.send(message) == (200, "success")
        assert await house.send(message) == (200, "success")
        swapped = Message(message.query, server.message("unsubscribe", "zhao", twist="plain").body)
        assert (await house.send(swapped))[0] == 403
        for twist in ("entities", "garbage"):
            made = server.message("SCAN", "lin", scene="x", twist=twist)
            xml = (
                made.body if b"Encrypt" not in made.body else b"<!DOCTYPE x [<!ENTITY a 'b'>]><xml>&a;</xml>"
            )
            assert (await house.send(Message(made.query, xml)))[0] == 422


async def test_our_pages_are_signed_and_no_others(tmp_path: Path, agreement: Agreement) -> None:
    async with a_house(tmp_path, agreement) as house:
        url = "http://127.0.0.1:8888/h5/?a=1"
        answers = await asyncio.gather(*(house.sign(url + "#/pages/me") for _ in range(10)))
        ticket = house.platforms.wechat.ticket_of(SERVICE)
        for status, told in answers:
            assert status == 200
            assert told["app_id"] == SERVICE
            assert told["signature"] == page_signature(ticket, told["nonce"], told["timestamp"], url)
        assert house.platforms.faults.calls["/cgi-bin/ticket/getticket"] == 1
        status, told = await house.sign("https://evil.example/h5/")
        assert (status, told["code"], told["field"]) == (422, "wechat.page_not_allowed", "$.url")


async def test_a_ticket_that_cannot_be_had_is_a_clear_no(tmp_path: Path, agreement: Agreement) -> None:
    async with a_house(tmp_path, agreement) as house:
        house.platforms.faults.order("/cgi-bin/ticket/getticket", "45009")
        status, told = await house.sign("http://127.0.0.1/h5/")
        assert (status, told["code"]) == (429, "accounts.provider_limited")


async def test_a_hospital_without_wechat_says_so(tmp_path: Path, agreement: Agreement) -> None:
    async with a_house(tmp_path, agreement, wechat__app="") as house:
        assert (await house.ask({}))[0] == 404
        assert (await house.say())[0] == 404
        assert (await house.sign("http://127.0.0.1/h5/"))[0] == 404


@pytest.mark.parametrize(
    ("key", "text"),
    [("wechat.secret_file", ""), ("wechat.aes_key_file", "short"), ("alipay.private_key_file", "none")],
)
async def test_a_secret_that_is_none_refuses_to_start_and_is_not_shown(
    tmp_path: Path, agreement: Agreement, key: str, text: str
) -> None:
    file = tmp_path / "wrong"
    file.write_text(text)
    with pytest.raises(CannotStart) as refused:
        async with a_house(tmp_path, agreement, **{key.replace(".", "__"): str(file)}):
            pass
    assert key.split(".")[0] in str(refused.value)
    assert not text or text not in str(refused.value)
