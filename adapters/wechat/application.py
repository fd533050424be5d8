"""One application of WeChat (service account or mini-program): an allow-list of calls over HTTP of our own.

Why not wechatpy's client: it blocks, fetches a token for each caller at once and retries without end. Every
call here is one that has a test against the simulator.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import msgspec

from accounts.lent_credentials import Credential, CredentialStore, SharedCredential
from accounts.providers import ProviderAway
from adapters.outgoing.exchange import Exchange
from adapters.wechat.answers import (
    PROVIDER,
    TOKEN_DIED,
    AccessToken,
    Answer,
    MiniSession,
    PageToken,
    PageUser,
    Phone,
    Ticket,
    TokenDied,
    refusal_of,
)
from core.clock import Clock
from core.refusals import Refusal


class NotHanded(Exception):
    """There was no access token to send it with."""


Shape = TypeVar("Shape", bound=Answer)


@dataclass(frozen=True, slots=True)
class AppKeys:
    """Who the application is, to WeChat."""

    app: str
    secret: str = field(repr=False)


class WeChatApp:
    """See the module. Made in a running loop; the exchange is closed by who made it."""

    def __init__(self, keys: AppKeys, *, exchange: Exchange, store: CredentialStore, clock: Clock) -> None:
        self.app = keys.app
        self._keys = keys
        self._exchange = exchange
        self._clock = clock
        self._token = SharedCredential(
            f"wechat:token:{keys.app}", fetch=self._fetch_token, store=store, clock=clock
        )
        self._ticket = SharedCredential(
            f"wechat:ticket:{keys.app}", fetch=self._fetch_ticket, store=store, clock=clock
        )

    async def close(self) -> None:
        """End what is under way."""
        await self._ticket.close()
        await self._token.close()

    async def page_token(self, code: str) -> PageToken:
        """Exchange the code of a page authorisation. Raises what ``SignInWay.identify`` raises."""
        query = {
            "appid": self.app,
            "secret": self._keys.secret,
            "code": code,
            "grant_type": "authorization_code",
        }
        return self._read(
            await self._exchange.get("/sns/oauth2/access_token", query), PageToken, "page_token"
        )

    async def page_user(self, token: PageToken) -> PageUser:
        """Who authorised with scope ``snsapi_userinfo``; only then is there a unionid."""
        query = {"access_token": token.access_token, "openid": token.openid, "lang": "zh_CN"}
        return self._read(await self._exchange.get("/sns/userinfo", query), PageUser, "page_user")

    async def mini_session(self, code: str) -> MiniSession:
        """Exchange the code of ``wx.login``."""
        query = {
            "appid": self.app,
            "secret": self._keys.secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        return self._read(await self._exchange.get("/sns/jscode2session", query), MiniSession, "mini_session")

    async def phone(self, code: str) -> Phone:
        """Exchange the code of the mini-program's phone button."""
        body = msgspec.json.encode({"code": code})

        async def ask(token: str) -> bytes:
            path = "/wxa/business/getuserphonenumber"
            return await self._exchange.post_json(path, {"access_token": token}, body)

        return await self._with_token(ask, Phone, "phone")

    async def tell(self, path: str, body: bytes) -> int:
        """Hand a notice over; answers the ``errcode``, 0 for taken.

        Raises ``NotHanded`` while nothing was sent, ``ProviderAway`` when it is not known what became of it.
        """
        try:
            token = await self._token.get()
        except Refusal as refusal:
            raise NotHanded from refusal
        code = await self._tell_with(token, path, body)
        if code not in TOKEN_DIED:
            return code
        try:
            token = await self._token.replace(token)
        except Refusal as refusal:
            raise NotHanded from refusal
        return await self._tell_with(token, path, body)

    async def _tell_with(self, token: str, path: str, body: bytes) -> int:
        try:
            content = await self._exchange.post_json(path, {"access_token": token}, body)
            return msgspec.json.decode(content, type=Answer).errcode
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._exchange.away("half_answer") from None

    async def ticket(self) -> str:
        """The JS-SDK's ticket, shared by all processes."""
        return await self._ticket.get()

    async def access_token(self) -> str:
        """The application's access token, shared by all processes."""
        return await self._token.get()

    async def _with_token(
        self, ask: Callable[[str], Awaitable[bytes]], shape: type[Shape], call: str
    ) -> Shape:
        """Ask with the access token; once more with another one when it has died."""
        token = await self._token.get()
        try:
            return self._read(await ask(token), shape, call, token_used=True)
        except TokenDied:
            token = await self._token.replace(token)
        try:
            return self._read(await ask(token), shape, call, token_used=True)
        except TokenDied:
            raise ProviderAway(provider=PROVIDER, why="token_refused") from None

    async def _fetch_token(self, *, forced: bool) -> Credential:
        body = {
            "grant_type": "client_credential",
            "appid": self.app,
            "secret": self._keys.secret,
            "force_refresh": forced,
        }
        at = self._clock.now()
        content = await self._exchange.post_json("/cgi-bin/stable_token", {}, msgspec.json.encode(body))
        got = self._read(content, AccessToken, "stable_token")
        return Credential(got.access_token, at, at + timedelta(seconds=max(got.expires_in, 0)))

    async def _fetch_ticket(self, *, forced: bool) -> Credential:
        async def ask(token: str) -> bytes:
            query = {"access_token": token, "type": "jsapi"}
            return await self._exchange.get("/cgi-bin/ticket/getticket", query)

        at = self._clock.now()
        got = await self._with_token(ask, Ticket, "getticket")
        return Credential(got.ticket, at, at + timedelta(seconds=max(got.expires_in, 0)))

    def _read(self, content: bytes, shape: type[Shape], call: str, *, token_used: bool = False) -> Shape:
        """The answer as what it should be. Raises what its ``errcode`` means."""
        try:
            errcode = msgspec.json.decode(content, type=Answer).errcode
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._exchange.away("half_answer") from None
        if token_used and errcode in TOKEN_DIED:
            raise TokenDied
        if errcode:
            raise refusal_of(errcode, call)
        try:
            return msgspec.json.decode(content, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._exchange.away("half_answer") from None
