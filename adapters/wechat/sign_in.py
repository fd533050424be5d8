"""The two ways of WeChat: page authorisation of the service account, and the mini-program's login."""

import asyncio
import re
from collections.abc import Iterable
from typing import Final, Literal
from urllib.parse import quote, urlencode, urlsplit

from accounts.providers import (
    CodeOfAnotherApp,
    Identified,
    ProviderAway,
    ReturnNotAllowed,
    SnapshotPage,
    WayKind,
    judged,
)
from adapters.wechat.answers import PROVIDER, Phone
from adapters.wechat.application import WeChatApp
from core import limits

Scope = Literal["snsapi_base", "snsapi_userinfo"]

_PLAIN: Final = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
_STATE: Final = re.compile(r"[A-Za-z0-9]{1,128}")
_DIGITS: Final = re.compile(r"[0-9]{4,14}")
_COUNTRY: Final = re.compile(r"[0-9]{1,3}")


class PageHosts:
    """The hospital's own page addresses: what may be come back to, and what the JS-SDK is signed for."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)

    def __contains__(self, address: str) -> bool:
        """Whether it is a page of ours: https (http on the machine itself), no user part, a host we named."""
        # Browsers and parsers disagree about spaces, backslashes and what is not ASCII.
        if not _PLAIN.fullmatch(address):
            return False
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.password is not None:
            return False
        host = (parts.hostname or "").lower()
        local = host in {"127.0.0.1", "localhost"}
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            return False
        named = host if port is None else f"{host}:{port}"
        return named in self._hosts or (local and host in self._hosts)


class WeChatPageWay:
    """``accounts.providers.PageWay`` of the service account."""

    kind = WayKind.WECHAT_H5

    def __init__(self, app: WeChatApp, *, authorize_base: str, scope: Scope, hosts: PageHosts) -> None:
        self._wechat = app
        self._authorize = authorize_base.rstrip("/") + "/connect/oauth2/authorize"
        self._scope = scope
        self._hosts = hosts

    @property
    def app(self) -> str:
        return self._wechat.app

    def start(self, *, return_to: str, state: str) -> str:
        if return_to not in self._hosts:
            raise ReturnNotAllowed()
        if not _STATE.fullmatch(state):
            raise ValueError("a state is 1 to 128 letters and digits")
        # WeChat asks for this order and this fragment.
        query = urlencode(
            {
                "appid": self.app,
                "redirect_uri": return_to,
                "response_type": "code",
                "scope": self._scope,
                "state": state,
            },
            quote_via=quote,
            safe="",
        )
        return f"{self._authorize}?{query}#wechat_redirect"

    async def identify(self, code: str, *, phone_code: str = "") -> Identified:
        try:
            async with asyncio.timeout(limits.PROVIDER_SIGN_IN_SECONDS):
                token = await self._wechat.page_token(judged(code))
                union = token.unionid
                snapshot = token.is_snapshotuser
                if "snsapi_userinfo" in token.scope and not union and not snapshot:
                    user = await self._wechat.page_user(token)
                    union, snapshot = user.unionid, user.is_snapshotuser
        except TimeoutError:
            raise ProviderAway(provider=PROVIDER, why="timeout") from None
        if snapshot:
            raise SnapshotPage()
        return Identified(self.kind, self.app, token.openid, union)


class WeChatMiniWay:
    """``accounts.providers.SignInWay`` of the mini-program."""

    kind = WayKind.WECHAT_MINI

    def __init__(self, app: WeChatApp) -> None:
        self._wechat = app

    @property
    def app(self) -> str:
        return self._wechat.app

    async def identify(self, code: str, *, phone_code: str = "") -> Identified:
        try:
            async with asyncio.timeout(limits.PROVIDER_SIGN_IN_SECONDS):
                session = await self._wechat.mini_session(judged(code))
                phone = ""
                if phone_code:
                    phone = self._checked(await self._wechat.phone(judged(phone_code)))
        except TimeoutError:
            raise ProviderAway(provider=PROVIDER, why="timeout") from None
        return Identified(self.kind, self.app, session.openid, session.unionid, phone)

    def _checked(self, phone: Phone) -> str:
        """The phone in E.164. Raises ``CodeOfAnotherApp`` when WeChat made it for somebody else."""
        told = phone.phone_info
        if told.watermark.appid != self.app:
            raise CodeOfAnotherApp()
        if not _COUNTRY.fullmatch(told.country_code) or not _DIGITS.fullmatch(told.pure_phone_number):
            raise ProviderAway(provider=PROVIDER, why="half_answer")
        return f"+{told.country_code}{told.pure_phone_number}"
