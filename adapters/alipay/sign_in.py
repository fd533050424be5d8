"""The way of Alipay: a mini-program's ``my.getAuthCode``, exchanged by ``alipay.system.oauth.token``."""

import asyncio
from typing import Any, Final

import structlog

from accounts.providers import (
    CodeRefused,
    Identified,
    ProviderAway,
    ProviderLimited,
    ProviderMisconfigured,
    WayKind,
    judged,
)
from adapters.alipay.signed import AlipayKeys, NotAnAnswer, Signed, parts_of
from adapters.outgoing.exchange import Exchange
from core import limits
from core.clock import Clock
from core.refusals import Refusal

log = structlog.get_logger()

PROVIDER: Final = "Alipay"
METHOD: Final = "alipay.system.oauth.token"
ANSWER: Final = "alipay_system_oauth_token_response"

_OF_THE_CODE: Final = frozenset({"isv.code-invalid", "isv.code-is-null"})
"""Alipay does not tell a used code, an old one and another application's apart."""
_LIMITED: Final = frozenset({"40005"})
_OURS: Final = frozenset({"20001", "40001", "40002", "40003", "40006"})
"""Gateway codes for what we sent: signature, application, permission (docs, "公共错误码")."""


class AlipayMiniWay:
    """``accounts.providers.SignInWay`` of the mini-program. The exchange is closed by who made it."""

    kind = WayKind.ALIPAY_MINI

    def __init__(self, keys: AlipayKeys, *, exchange: Exchange, path: str, clock: Clock) -> None:
        self.app = keys.app
        self._keys = keys
        self._signed = Signed(keys)
        self._exchange = exchange
        self._path = path
        self._clock = clock
        self._at_once = asyncio.Semaphore(limits.PROVIDER_SIGNATURES_AT_ONCE)

    async def identify(self, code: str, *, phone_code: str = "") -> Identified:
        params = {"grant_type": "authorization_code", "code": judged(code)}
        at = self._clock.now()
        async with self._at_once:
            query, body = await asyncio.to_thread(
                self._signed.request, METHOD, at=at, params=params, content={}
            )
        content = await self._exchange.post_form(self._path, query, body)
        told = await self._believed(content)
        subject = _text(told, "open_id") or _text(told, "user_id")
        if not subject:
            raise self._exchange.away("half_answer")
        return Identified(self.kind, self.app, subject, _text(told, "union_id"))

    async def _believed(self, content: bytes) -> dict[str, Any]:
        """What Alipay said, when it was Alipay who said it. An error needs no signature to be a no."""
        try:
            parts = parts_of(content.decode())
        except (NotAnAnswer, UnicodeDecodeError):
            raise self._exchange.away("half_answer") from None
        for name in ("error_response", ANSWER):
            value = parts.get(name, (None, ""))[0]
            if isinstance(value, dict) and (name != ANSWER or _text(value, "sub_code")):
                raise refusal_of(_text(value, "code"), _text(value, "sub_code"))
        value, text = parts.get(ANSWER, (None, ""))
        signature = parts.get("sign", ("", ""))[0]
        if not isinstance(value, dict) or not isinstance(signature, str) or not signature:
            raise self._exchange.away("half_answer")
        if self._keys.alipay_serial and parts.get("alipay_cert_sn", ("", ""))[0] != self._keys.alipay_serial:
            log.warning("alipay.another_certificate")
            raise self._exchange.away("bad_signature")
        async with self._at_once:
            good = await asyncio.to_thread(self._signed.verifies, text, signature)
        if not good:
            log.warning("alipay.bad_signature")
            raise self._exchange.away("bad_signature")
        return value


def refusal_of(code: str, sub_code: str) -> Refusal:
    """What an error of Alipay means to the person who signs in."""
    if sub_code in _OF_THE_CODE:
        return CodeRefused()
    log.warning("alipay.refused", code=code[:8], sub_code=sub_code[:64])
    if code in _LIMITED:
        return ProviderLimited(provider=PROVIDER)
    if code in _OURS:
        return ProviderMisconfigured(provider=PROVIDER, why=f"alipay_{code}")
    return ProviderAway(provider=PROVIDER, why="busy")


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name, "")
    return value if isinstance(value, str) else ""
