"""A simulator of WeChat's open interface: real paths, shapes, codes and signatures; invented people.

A stranger to Houzhen, as WeChat is. Rules are those of developers.weixin.qq.com: a code works once and for
five minutes and for one application; ``stable_token`` gives everybody the same token until it is forced.
"""

import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from demo import open_pages
from demo.faults import Faults, of_the_network, spoiled
from demo.open_config import WeChatAgreed
from demo.visitors import VISITORS, Visitor, visitor

CODE_SECONDS = 300.0
TOKEN_SECONDS = 7200
EARLY_SECONDS = 300.0
FIELD_CHARACTERS = 20

Told = dict[str, object]
Answering = Callable[[web.Request, str], Awaitable[Told]]


@dataclass
class Code:
    """Something a phone was given to be exchanged once."""

    kind: Literal["h5", "mini", "phone"]
    app: str
    who: Visitor
    scope: str
    until: float
    used: bool = False


class Wrong(Exception):
    """An ``errcode``."""

    def __init__(self, errcode: int) -> None:
        super().__init__(errcode)
        self.errcode = errcode


class WeChat:
    """The open interface. Times are seconds of a clock that a test can turn."""

    def __init__(self, agreed: WeChatAgreed, faults: Faults, now: Callable[[], float] = time.time) -> None:
        self.agreed = agreed
        self.faults = faults
        self._now = now
        self._codes: dict[str, Code] = {}
        self._tokens: dict[str, tuple[str, float]] = {}
        self._dead: set[str] = set()
        self._tickets: dict[str, str] = {}
        self._page_tokens: dict[str, Visitor] = {}
        self.notices: list[tuple[str, dict[str, object]]] = []
        """What was handed over to be shown, newest last: the application, and the message."""

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        calls: dict[str, tuple[str, Answering]] = {
            "/sns/oauth2/access_token": ("GET", self._page_token),
            "/sns/userinfo": ("GET", self._page_user),
            "/sns/jscode2session": ("GET", self._mini_session),
            "/cgi-bin/stable_token": ("POST", self._stable_token),
            "/cgi-bin/ticket/getticket": ("GET", self._ticket),
            "/wxa/business/getuserphonenumber": ("POST", self._phone),
            "/cgi-bin/message/subscribe/send": ("POST", self._subscription),
            "/cgi-bin/message/template/send": ("POST", self._template),
        }
        served = [
            web.route(method, path, self._served(path, answering))
            for path, (method, answering) in calls.items()
        ]
        return [
            *served,
            web.get("/connect/oauth2/authorize", self._authorize),
            web.get("/connect/simulator/chosen", self._chosen),
        ]

    def give_code(self, kind: Literal["h5", "mini", "phone"], app: str, who: str, scope: str = "") -> str:
        """What the person's phone would hand over: ``wx.login``, the phone button, the way back of a page."""
        code = f"0{secrets.token_hex(15)}"
        self._codes[code] = Code(kind, app, visitor(who), scope or "snsapi_base", self._now() + CODE_SECONDS)
        return code

    def expire_codes(self) -> None:
        """Let every code that is out be too old."""
        for code in self._codes.values():
            code.until = 0.0

    def kill_token(self, app: str) -> None:
        """The token dies before its time: somebody reset the secret, or fetched another one."""
        if app in self._tokens:
            self._dead.add(self._tokens.pop(app)[0])

    def _served(self, path: str, answering: Answering) -> Callable[..., Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            fault = self.faults.come(path)
            try:
                if fault.lstrip("-").isdigit():
                    raise Wrong(int(fault))
                told = await answering(request, fault)
            except Wrong as wrong:
                told = {
                    "errcode": wrong.errcode,
                    "errmsg": f"{_words(wrong.errcode)} rid: {secrets.token_hex(4)}",
                }
            return await spoiled(request, fault if of_the_network(fault) else "", told)

        return serve

    def _app(self, app: str, secret: str) -> str:
        if app not in self.agreed.secrets:
            raise Wrong(40013)
        if secret != self.agreed.secrets[app]:
            raise Wrong(40125)
        return app

    def _take(self, text: str, kind: str, app: str) -> Code:
        code = self._codes.get(text)
        if code is None or code.kind != kind or code.app != app:
            raise Wrong(40029)
        if code.used:
            raise Wrong(40163)
        if code.until <= self._now():
            raise Wrong(42003 if kind == "h5" else 40029)
        code.used = True
        return code

    async def _page_token(self, request: web.Request, fault: str) -> Told:
        query = request.query
        app = self._app(query.get("appid", ""), query.get("secret", ""))
        if query.get("grant_type") != "authorization_code":
            raise Wrong(40002)
        code = self._take(query.get("code", ""), "h5", app)
        token = f"p{secrets.token_hex(20)}"
        self._page_tokens[token] = code.who
        told: Told = {
            "access_token": token,
            "expires_in": TOKEN_SECONDS,
            "refresh_token": secrets.token_hex(20),
            "openid": code.who.openid(app),
            "scope": code.scope,
        }
        if fault == "snapshot":
            told["is_snapshotuser"] = 1
        return told

    async def _page_user(self, request: web.Request, fault: str) -> Told:
        who = self._page_tokens.get(request.query.get("access_token", ""))
        if who is None or request.query.get("openid") != who.openid(self.agreed.service):
            raise Wrong(40001)
        told: Told = {"openid": who.openid(self.agreed.service), "nickname": who.name, "sex": 0}
        return told | {"headimgurl": "", "privilege": [], "unionid": who.unionid}

    async def _mini_session(self, request: web.Request, fault: str) -> Told:
        query = request.query
        app = self._app(query.get("appid", ""), query.get("secret", ""))
        code = self._take(query.get("js_code", ""), "mini", app)
        key = secrets.token_bytes(16).hex()
        return {"openid": code.who.openid(app), "session_key": key, "unionid": code.who.unionid}

    async def _stable_token(self, request: web.Request, fault: str) -> Told:
        asked = await _json(request)
        app = self._app(str(asked.get("appid")), str(asked.get("secret")))
        token, until = self._tokens.get(app, ("", 0.0))
        if asked.get("force_refresh") is True and token:
            self._dead.add(token)
            token = ""
        if not token or until - self._now() <= EARLY_SECONDS:
            token, until = f"t{secrets.token_hex(40)}", self._now() + TOKEN_SECONDS
        self._tokens[app] = token, until
        if fault == "dies_early":
            self.kill_token(app)
        return {"access_token": token, "expires_in": int(until - self._now())}

    def _judge_token(self, request: web.Request) -> str:
        told = request.query.get("access_token", "")
        for app, (token, until) in self._tokens.items():
            if secrets.compare_digest(told.encode(), token.encode()):
                if until <= self._now():
                    raise Wrong(42001)
                return app
        raise Wrong(40001 if told in self._dead else 40014)

    async def _ticket(self, request: web.Request, fault: str) -> Told:
        app = self._judge_token(request)
        ticket = self._tickets.setdefault(app, f"k{secrets.token_hex(40)}")
        return {"errcode": 0, "errmsg": "ok", "ticket": ticket, "expires_in": TOKEN_SECONDS}

    async def _phone(self, request: web.Request, fault: str) -> Told:
        app = self._judge_token(request)
        code = self._take(str((await _json(request)).get("code")), "phone", app)
        number = code.who.phone
        mark = {"timestamp": int(self._now()), "appid": "wx0000000000000000" if fault == "other_app" else app}
        phone = {"phoneNumber": number, "purePhoneNumber": number, "countryCode": "86", "watermark": mark}
        return {"errcode": 0, "errmsg": "ok", "phone_info": phone}

    async def _subscription(self, request: web.Request, fault: str) -> Told:
        """一次性订阅消息 of a mini-program."""
        return await self._notice(request, self.agreed.mini, needs=("page",))

    async def _template(self, request: web.Request, fault: str) -> Told:
        """模板消息 of the service account."""
        return await self._notice(request, self.agreed.service, needs=("url",))

    async def _notice(self, request: web.Request, app: str, *, needs: tuple[str, ...]) -> Told:
        if self._judge_token(request) != app:
            raise Wrong(48001)
        message = await _json(request)
        if message.get("touser") not in {each.openid(app) for each in VISITORS}:
            raise Wrong(40003)
        if not str(message.get("template_id", "")).startswith(("tmpl-", app)):
            raise Wrong(40037)
        if not all(isinstance(message.get(name), str) for name in needs) or "#" in str(
            message.get("page", "")
        ):
            raise Wrong(41030)
        data = message.get("data")
        values = [each.get("value") for each in data.values()] if isinstance(data, dict) else []
        if not values or not all(isinstance(one, str) and 0 < len(one) <= FIELD_CHARACTERS for one in values):
            raise Wrong(47003)
        self.notices.append((app, message))
        return {"errcode": 0, "errmsg": "ok", "msgid": len(self.notices)}

    def ticket_of(self, app: str) -> str:
        """The ticket of an application, for tests that check a page's signature."""
        return self._tickets.get(app, "")

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        back = query.get("redirect_uri", "")
        known = query.get("appid") == self.agreed.service and query.get("response_type") == "code"
        if not known or (urlsplit(back).hostname or "") not in self.agreed.hosts:
            return web.Response(text=open_pages.refused(), content_type="text/html", status=400)
        asks = query.get("scope") == "snsapi_userinfo"
        page = open_pages.choose(back=back, state=query.get("state", ""), asks=asks)
        return web.Response(text=page, content_type="text/html")

    async def _chosen(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        parts = urlsplit(query["back"])
        if (parts.hostname or "") not in self.agreed.hosts:
            return web.Response(text=open_pages.refused(), content_type="text/html", status=400)
        code = self.give_code("h5", self.agreed.service, query["who"], query.get("scope", ""))
        pairs = [*parse_qsl(parts.query, keep_blank_values=True), ("code", code), ("state", query["state"])]
        # WeChat writes these before the fragment.
        raise web.HTTPFound(urlunsplit(parts._replace(query=urlencode(pairs))))


async def _json(request: web.Request) -> dict[str, object]:
    try:
        told = json.loads(await request.read())
    except ValueError:
        raise Wrong(47001) from None
    return told if isinstance(told, dict) else {}


def _words(errcode: int) -> str:
    return {
        -1: "system error",
        40001: "invalid credential, access_token is invalid or not latest",
        40013: "invalid appid",
        40014: "invalid access_token",
        40029: "invalid code",
        40125: "invalid appsecret",
        40163: "code been used",
        42001: "access_token expired",
        45009: "reach max api daily quota limit",
    }.get(errcode, "error")
