"""A simulator of Alipay's gateway: verifies what the application signed, signs what it answers (RSA2).

A stranger to Houzhen, as Alipay is: the rules are written here once more, from Alipay's pages, so that an
error in ours does not meet itself.
"""

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from demo.faults import Faults, of_the_network, spoiled
from demo.open_config import AlipayAgreed
from demo.visitors import VISITORS, Visitor, visitor

CALL = "alipay.system.oauth.token"
NOTICE = "alipay.open.app.mini.templatemessage.send"
CODE_SECONDS = 300.0
LATE_SECONDS = 3600.0
BEIJING = timezone(timedelta(hours=8))

ERRORS = {
    "code": ("40002", "Invalid Arguments", "isv.code-invalid", "授权码code无效"),
    "signature": ("40002", "Invalid Arguments", "isv.invalid-signature", "无效签名"),
    "app": ("40002", "Invalid Arguments", "isv.invalid-app-id", "无效的AppID参数"),
    "method": ("40002", "Invalid Arguments", "isv.invalid-method", "不存在的方法名"),
    "time": ("40002", "Invalid Arguments", "isv.invalid-timestamp", "非法的时间戳参数"),
    "limit": ("40005", "Call Limited", "isv.app-call-limited", "应用调用次数超限"),
    "busy": ("20000", "Service Currently Unavailable", "aop.unknow-error", "系统繁忙"),
    "content": ("40002", "Invalid Arguments", "isv.invalid-parameter", "参数无效"),
    "person": ("40004", "Business Failed", "USER_NOT_EXIST", "用户不存在"),
    "not_subscribed": ("40004", "Business Failed", "USER_NOT_SUBSCRIBED", "用户未订阅"),
    "permission": ("40006", "Insufficient Permissions", "isv.insufficient-isv-permissions", "权限不足"),
}


@dataclass
class Code:
    """What ``my.getAuthCode`` gave."""

    app: str
    who: Visitor
    until: float
    used: bool = False


class Alipay:
    """The gateway."""

    def __init__(self, agreed: AlipayAgreed, faults: Faults, now: Callable[[], float] = time.time) -> None:
        self._agreed = agreed
        self._faults = faults
        self._now = now
        self._codes: dict[str, Code] = {}
        self.notices: list[dict[str, object]] = []
        """What was handed over to be shown, newest last."""
        public = load_pem_public_key(agreed.app_public.encode())
        private = load_pem_private_key(agreed.own_private.encode(), None)
        assert isinstance(public, RSAPublicKey)
        assert isinstance(private, RSAPrivateKey)
        self._public, self._private = public, private

    def routes(self) -> list[web.RouteDef]:
        """What is served."""
        return [web.post("/gateway.do", self._serve), web.get("/gateway.do", self._serve)]

    def give_code(self, who: str, app: str = "") -> str:
        """What the person's phone would hand over."""
        code = secrets.token_hex(16)
        self._codes[code] = Code(app or self._agreed.app, visitor(who), self._now() + CODE_SECONDS)
        return code

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        form = await request.post() if request.method == "POST" else {}
        given = {**request.query, **{name: str(value) for name, value in form.items()}}
        fault = self._faults.come(given.get("method", "?"))
        wrong = self._wrong(given, fault)
        if wrong:
            code, message, sub_code, sub_message = ERRORS[wrong]
            told = {"code": code, "msg": message, "sub_code": sub_code, "sub_msg": sub_message}
            body = self._signed("error_response", told, "unsigned" if wrong == "signature" else fault)
        else:
            name = f"{given['method'].replace('.', '_')}_response"
            done: dict[str, object] = {"code": "10000", "msg": "Success"}
            answer = done if given["method"] == NOTICE else self._told(given)
            body = self._signed(name, answer, fault)
        return await spoiled(request, fault if of_the_network(fault) else "", body)

    def _wrong(self, given: Mapping[str, str], fault: str) -> str:
        """What is wrong with a request, as a key of ``ERRORS``."""
        if fault in ERRORS:
            return fault
        if given.get("app_id") != self._agreed.app:
            return "app"
        if given.get("sign_type") != "RSA2" or not self._verifies(given):
            return "signature"
        if self._agreed.app_serial and given.get("app_cert_sn") != self._agreed.app_serial:
            return "signature"
        if given.get("method") not in {CALL, NOTICE}:
            return "method"
        if not self._in_time(given.get("timestamp", "")):
            return "time"
        if given["method"] == NOTICE:
            return self._wrong_notice(given)
        code = self._codes.get(given.get("code", ""))
        if code is None or code.used or code.app != self._agreed.app or code.until <= self._now():
            return "code"
        return ""

    def _wrong_notice(self, given: Mapping[str, str]) -> str:
        try:
            content = json.loads(given.get("biz_content", ""))
            data = json.loads(content["data"])
            values = [each["value"] for each in data.values()]
        except (ValueError, KeyError, TypeError, AttributeError):
            return "content"
        people = {each.alipay_open_id(self._agreed.app) for each in VISITORS}
        if content.get("to_open_id") not in people:
            return "person"
        if not content.get("user_template_id") or not content.get("page") or not all(values):
            return "content"
        self.notices.append(content)
        return ""

    def _verifies(self, given: Mapping[str, str]) -> bool:
        """All parameters but ``sign``, without empty ones, sorted; ``sign_type`` stays."""
        kept = sorted((name, value) for name, value in given.items() if name != "sign" and value)
        content = "&".join(f"{name}={value}" for name, value in kept)
        try:
            signature = base64.b64decode(given.get("sign", ""), validate=True)
            self._public.verify(signature, content.encode(), PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def _in_time(self, told: str) -> bool:
        try:
            at = datetime.strptime(told, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
        except ValueError:
            return False
        return abs(at.timestamp() - self._now()) <= LATE_SECONDS

    def _told(self, given: Mapping[str, str]) -> dict[str, object]:
        code = self._codes[given["code"]]
        code.used = True
        who = code.who
        return {
            "access_token": f"authbseB{secrets.token_hex(12)}",
            "auth_start": datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
            "expires_in": 1296000,
            "re_expires_in": 2592000,
            "refresh_token": f"authbseB{secrets.token_hex(12)}",
            "open_id": who.alipay_open_id(self._agreed.app),
            # Braces and quotes in a text: whoever counts them finds a wrong end.
            "note": 'a } and a \\" and a {" 号',
        }

    def _signed(self, name: str, told: Mapping[str, object], fault: str) -> bytes:
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        signed = text if fault != "forged" else text.replace('"open_id":"', '"open_id":"x')
        signature = base64.b64encode(self._private.sign(signed.encode(), PKCS1v15(), SHA256())).decode()
        if fault == "respaced":
            text = json.dumps(told, ensure_ascii=False)
        parts = [f'"{name}":{text}']
        if self._agreed.own_serial and fault != "no_serial":
            serial = "0" * 32 if fault == "other_serial" else self._agreed.own_serial
            parts.append(f'"alipay_cert_sn":"{serial}"')
        if fault != "unsigned":
            parts.append(f'"sign":"{signature}"')
        return ("{" + ",".join(parts) + "}").encode()
