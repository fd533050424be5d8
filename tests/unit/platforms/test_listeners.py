"""Features hear what WeChat tells: typed, once in all processes, and never at the price of the answer."""

import asyncio
from collections.abc import Sequence

import pytest

from accounts.wechat import Called, Followed, Heard, Listener
from adapters.memory.lent_credentials import MemoryCredentials
from adapters.memory.seen import MemorySeen
from adapters.outgoing.exchange import Exchange
from adapters.wechat.application import AppKeys, WeChatApp
from adapters.wechat.messages import signature_of
from adapters.wechat.service_account import CallbackKeys, WeChatServiceAccount
from adapters.wechat.sign_in import PageHosts
from core import limits
from core.clock import Clock, SystemClock
from core.seen import Seen

APP, TOKEN = "wx0000000000000001", "token"


class Ear:
    def __init__(self, *, hangs: bool = False, fails: bool = False) -> None:
        self.heard: list[Heard] = []
        self._hangs = hangs
        self._fails = fails

    async def hear(self, heard: Heard) -> None:
        self.heard.append(heard)
        if self._hangs:
            await asyncio.sleep(60)
        if self._fails:
            raise RuntimeError("a feature's own trouble")


def an_account(
    exchange: Exchange, clock: Clock, seen: Seen, ears: Sequence[Listener]
) -> WeChatServiceAccount:
    app = WeChatApp(AppKeys(APP, "s"), exchange=exchange, store=MemoryCredentials(clock), clock=clock)
    return WeChatServiceAccount(
        app,
        keys=CallbackKeys(TOKEN),
        hosts=PageHosts([]),
        seen=seen,
        listeners=ears,
        clock=clock,
        random=lambda count: b"\0" * count,
    )


def a_follow(clock: Clock, nonce: str = "n", *, at: int | None = None) -> Called:
    stamp = str(int(clock.now().timestamp()))
    body = (
        f"<xml><FromUserName>openid-1</FromUserName><CreateTime>{at or stamp}</CreateTime>"
        "<MsgType>event</MsgType><Event>subscribe</Event><EventKey>qrscene_line-7</EventKey></xml>"
    )
    signature = signature_of(TOKEN, stamp, nonce)
    return Called(signature=signature, timestamp=stamp, nonce=nonce, body=body.encode())


async def test_a_feature_hears_it_once_whichever_process_is_told_again() -> None:
    clock = SystemClock()
    ear, seen = Ear(), MemorySeen(clock)
    async with Exchange("WeChat", base="http://127.0.0.1:1") as exchange:
        one, other = (an_account(exchange, clock, seen, [ear]) for _ in range(2))
        first = a_follow(clock, at=1764123456)
        again = a_follow(clock, "another nonce", at=1764123456)
        told = await asyncio.gather(*(each.take(call) for each in (one, other) for call in (first, again)))
    assert set(told) == {"success"}
    (heard,) = ear.heard
    assert isinstance(heard, Followed)
    assert (heard.openid, heard.scene, heard.app) == ("openid-1", "line-7", APP)


async def test_a_feature_in_trouble_costs_wechat_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CALLBACK_LISTENERS_SECONDS", 0.05)
    clock = SystemClock()
    async with Exchange("WeChat", base="http://127.0.0.1:1") as exchange:
        for ear in (Ear(fails=True), Ear(hangs=True)):
            account = an_account(exchange, clock, MemorySeen(clock), [ear])
            async with asyncio.timeout(20):
                assert await account.take(a_follow(clock)) == "success"
            assert len(ear.heard) == 1


def test_an_answer_fits_into_wechats_five_seconds_whatever_hangs() -> None:
    looks = 2 * limits.CREDENTIAL_STORE_SECONDS
    assert looks + limits.CALLBACK_LISTENERS_SECONDS < 5
