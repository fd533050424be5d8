"""The way of Alipay: a mini-program's ``my.getAuthCode``, exchanged by ``alipay.system.oauth.token``."""

from typing import Final

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
from adapters.alipay.gateway import PROVIDER, AlipayGateway, AlipayRefused, text_of
from core.refusals import Refusal

log = structlog.get_logger()

METHOD: Final = "alipay.system.oauth.token"

_OF_THE_CODE: Final = frozenset({"isv.code-invalid", "isv.code-is-null"})
"""Alipay does not tell a used code, an old one and another application's apart."""
_LIMITED: Final = frozenset({"40005"})
_OURS: Final = frozenset({"20001", "40001", "40002", "40003", "40006"})
"""Gateway codes for what we sent: signature, application, permission (docs, "公共错误码")."""


class AlipayMiniWay:
    """``accounts.providers.SignInWay`` of the mini-program."""

    kind = WayKind.ALIPAY_MINI

    def __init__(self, gateway: AlipayGateway) -> None:
        self.app = gateway.app
        self._gateway = gateway

    async def identify(self, code: str, *, phone_code: str = "") -> Identified:
        params = {"grant_type": "authorization_code", "code": judged(code)}
        try:
            told = await self._gateway.call(METHOD, params=params, content={})
        except AlipayRefused as no:
            raise refusal_of(no.code, no.sub_code) from None
        subject = text_of(told, "open_id") or text_of(told, "user_id")
        if not subject:
            raise self._gateway.exchange.away("half_answer")
        return Identified(self.kind, self.app, subject, text_of(told, "union_id"))


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
