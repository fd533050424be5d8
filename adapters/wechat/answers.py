"""WeChat's answers: a status is always 200, what happened is an ``errcode``.

Codes: developers.weixin.qq.com, "全局返回码" and the pages of each interface. ``errmsg`` is never shown or
logged: it repeats parts of the request.
"""

from typing import Final

import msgspec
import structlog

from accounts.providers import (
    CodeExpired,
    CodeRefused,
    CodeUsed,
    ProviderAway,
    ProviderLimited,
    ProviderMisconfigured,
)
from core.refusals import Refusal

log = structlog.get_logger()

PROVIDER: Final = "WeChat"

TOKEN_DIED: Final = frozenset({40001, 40014, 42001})
"""The access token is none, or no longer: another one is fetched and the call repeated once."""

_NOT_A_CODE: Final = frozenset({40029, 41008, 40226})
_LIMITS: Final = frozenset({45009, 45011})
_BUSY: Final = frozenset({-1, 50001, 61503})
_OURS: Final = frozenset({40002, 40013, 40125, 40164, 40243, 41002, 41004, 48001, 50002, 89501, 89503, 89506})
"""Our own credentials, addresses or permissions are not accepted."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer may have."""

    errcode: int = 0


class PageToken(Answer, frozen=True, kw_only=True):
    """``/sns/oauth2/access_token``: whose code it was."""

    openid: str
    access_token: str
    scope: str = ""
    unionid: str = ""
    is_snapshotuser: int = 0
    """1: the page was opened as a snapshot (快照页) and the openid is nobody's."""


class PageUser(Answer, frozen=True, kw_only=True):
    """``/sns/userinfo``. Names and pictures are not read."""

    openid: str
    unionid: str = ""
    is_snapshotuser: int = 0


class MiniSession(Answer, frozen=True, kw_only=True):
    """``/sns/jscode2session``. The session key stays unread: nothing here decrypts with it."""

    openid: str
    unionid: str = ""


class Watermark(msgspec.Struct, frozen=True):
    """For whom and when WeChat made a piece of data."""

    appid: str
    timestamp: int = 0


class PhoneInfo(msgspec.Struct, frozen=True, rename="camel"):
    """A phone that WeChat has checked."""

    pure_phone_number: str
    country_code: str
    watermark: Watermark


class Phone(Answer, frozen=True, kw_only=True):
    """``/wxa/business/getuserphonenumber``."""

    phone_info: PhoneInfo


class AccessToken(Answer, frozen=True, kw_only=True):
    """``/cgi-bin/stable_token``."""

    access_token: str
    expires_in: int


class Ticket(Answer, frozen=True, kw_only=True):
    """``/cgi-bin/ticket/getticket``."""

    ticket: str
    expires_in: int


class TokenDied(Exception):
    """The access token was not accepted."""


def refusal_of(errcode: int, call: str) -> Refusal:
    """What an error means to the person who signs in."""
    if errcode in _NOT_A_CODE:
        return CodeRefused()
    if errcode == 40163:
        return CodeUsed()
    if errcode == 42003:
        return CodeExpired()
    if errcode in _LIMITS:
        log.warning("wechat.limited", call=call, errcode=errcode)
        return ProviderLimited(provider=PROVIDER)
    log.warning("wechat.refused", call=call, errcode=errcode)
    if errcode in _OURS:
        return ProviderMisconfigured(provider=PROVIDER, why=f"wechat_{errcode}")
    return ProviderAway(provider=PROVIDER, why="busy" if errcode in _BUSY else f"wechat_{errcode}")
