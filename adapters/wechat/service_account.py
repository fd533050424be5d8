"""The service account beside sign-in: JS-SDK signatures, and WeChat's own messages, each heard once.

A message is believed when its signature is right, its time is within ``CALLBACK_WINDOW_SECONDS`` of ours and
its signature did not come before with another body: the plain signature does not cover the body. What comes
again exactly is answered and not heard again: that is how WeChat repeats what it thinks was lost.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from accounts.wechat import (
    CallbackRefused,
    Called,
    Heard,
    Listener,
    PageNotAllowed,
    PageSignature,
    Spoke,
)
from adapters.wechat.application import WeChatApp
from adapters.wechat.messages import Envelope, heard_in, same, sealed_in, signature_of
from adapters.wechat.sign_in import PageHosts
from core import limits
from core.clock import Clock
from core.ids import RandomBytes
from core.seen import Seen

log = structlog.get_logger()

SUCCESS: Final = "success"


@dataclass(frozen=True, slots=True)
class CallbackKeys:
    """What both sides of a callback know. Without ``envelope`` messages come plain."""

    token: str = field(repr=False)
    envelope: Envelope | None = None


class WeChatServiceAccount:
    """``accounts.wechat.ServiceAccount``."""

    def __init__(
        self,
        app: WeChatApp,
        *,
        keys: CallbackKeys | None,
        hosts: PageHosts,
        seen: Seen,
        listeners: Sequence[Listener],
        clock: Clock,
        random: RandomBytes,
    ) -> None:
        self._wechat = app
        self._keys = keys
        self._hosts = hosts
        self._seen = seen
        self._listeners = tuple(listeners)
        self._clock = clock
        self._random = random

    async def page(self, url: str) -> PageSignature:
        if url not in self._hosts:
            raise PageNotAllowed()
        ticket = await self._wechat.ticket()
        nonce, timestamp = self._random(8).hex(), int(self._clock.now().timestamp())
        return PageSignature(
            self._wechat.app, timestamp, nonce, page_signature(ticket, nonce, timestamp, url)
        )

    def echo(self, called: Called) -> str:
        self._judge_time(called)
        keys = self._callback_keys()
        envelope = keys.envelope
        if called.message_signature and envelope is not None:
            return envelope.open(
                called.echo,
                signature=called.message_signature,
                timestamp=called.timestamp,
                nonce=called.nonce,
            )
        self._judge_signature(called, keys)
        return called.echo

    async def take(self, called: Called) -> str:
        xml = self._opened(called)
        if not await self._is_new(called):
            return SUCCESS
        heard = heard_in(xml, app=self._wechat.app)
        if await self._came_before(heard):
            return SUCCESS
        await self._tell(heard)
        return SUCCESS

    def _opened(self, called: Called) -> str:
        """The message, when it is WeChat's. With a key nothing is taken that is not encrypted with it."""
        self._judge_time(called)
        if len(called.body) > limits.CALLBACK_BODY_BYTES:
            raise CallbackRefused()
        try:
            text = called.body.decode()
        except UnicodeDecodeError:
            raise CallbackRefused() from None
        keys = self._callback_keys()
        envelope = keys.envelope
        if envelope is None:
            self._judge_signature(called, keys)
            return text
        return envelope.open(
            sealed_in(text),
            signature=called.message_signature,
            timestamp=called.timestamp,
            nonce=called.nonce,
        )

    def _judge_time(self, called: Called) -> None:
        told = called.timestamp
        if not (told.isascii() and told.isdigit() and len(told) <= 12):
            raise CallbackRefused()
        if abs(int(told) - self._clock.now().timestamp()) > limits.CALLBACK_WINDOW_SECONDS:
            raise CallbackRefused()

    def _callback_keys(self) -> CallbackKeys:
        """Without a token nobody can be WeChat."""
        if self._keys is None:
            raise CallbackRefused()
        return self._keys

    def _judge_signature(self, called: Called, keys: CallbackKeys) -> None:
        made = signature_of(keys.token, called.timestamp, called.nonce)
        if not (called.nonce and same(made, called.signature)):
            raise CallbackRefused()

    async def _is_new(self, called: Called) -> bool:
        """Whether the request did not come before. Raises ``CallbackRefused`` for another body under it."""
        name = _digest(called.timestamp, called.nonce)
        mark = _digest(called.body.decode())
        before = await self._seen.first(
            f"wechat:{name}", mark=mark, seconds=2 * limits.CALLBACK_WINDOW_SECONDS
        )
        if before is not None and before != mark:
            log.warning("wechat.callback_replayed")
            raise CallbackRefused()
        return before is None

    async def _came_before(self, heard: Heard) -> bool:
        """WeChat repeats a message under a new signature; it has its number, an event its sender and time."""
        what = heard.what if isinstance(heard, Spoke) else type(heard).__name__
        name = _digest(heard.number, heard.openid, str(heard.at.timestamp()), what)
        seconds = 2 * limits.CALLBACK_WINDOW_SECONDS
        return await self._seen.first(f"wechat:{name}", mark="heard", seconds=seconds) is not None

    async def _tell(self, heard: Heard) -> None:
        what = heard.what if isinstance(heard, Spoke) else type(heard).__name__.lower()
        log.info("wechat.heard", what=what)
        try:
            async with asyncio.timeout(limits.CALLBACK_LISTENERS_SECONDS):
                for listener in self._listeners:
                    await listener.hear(heard)
        except Exception as error:
            # WeChat hears "success" all the same: it would only show the person that we are out of order.
            log.error("wechat.listener_failed", what=what, error=type(error).__name__)


def page_signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """The signature of ``wx.config``: the address as the page has it, without its fragment (docs, 附录1)."""
    page = url.partition("#")[0]
    told = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={page}"
    return hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()


def _digest(*parts: str) -> str:
    """A short name of what came, which is not what came."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
