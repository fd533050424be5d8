"""Two issuers of electronic health cards, for trying: ``python -m demo.health_card --port 0``.

A health authority's card management (one address, encrypted fields, signed bodies) and Tencent's open
platform, each with its own people, codes that end and are used once in a scene. ``Faults`` makes either fail.
A stranger: written from the same documents, sharing no line with the hospital.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC

CODE_SECONDS = 60
TENCENT = "/rest/auth/HealthCard/HealthOpenPlatform/ISVOpenObj/"


@dataclass
class Agreed:
    """What hospital and issuers agreed on."""

    app: str = "app-demo"
    issuer: str = "ORG001"
    hospital: str = "H001"
    secret: str = "health-card-secret"
    fields: bytes = b"0123456789abcdef"


@dataclass
class Faults:
    """How an issuer behaves badly: ``hang``, ``error``, ``garbage``, ``unsigned``, ``old`` or ``token``."""

    kind: str = ""
    held: asyncio.Event = field(default_factory=asyncio.Event)


class Issuer:
    """Cards and codes of one issuer."""

    def __init__(self, issuer: str, now: Callable[[], float]) -> None:
        self.issuer = issuer
        self.now = now
        self.cards: dict[str, tuple[str, str]] = {}
        """Paper → card number and main index."""
        self.codes: dict[str, tuple[str, float]] = {}
        self.used: set[tuple[str, str]] = set()
        self.applied = 0

    def apply(self, paper: str) -> tuple[str, str]:
        self.applied += 1
        if paper not in self.cards:
            index = hashlib.sha256(f"{self.issuer}|{paper}".encode()).hexdigest()
            self.cards[paper] = (f"{len(self.cards) + 1:018d}", index)
        return self.cards[paper]

    def show(self, card: str, *, static: bool) -> tuple[str, float]:
        index = next(index for number, index in self.cards.values() if number == card)
        if static:
            return f"{index}:1", 0.0
        ends = self.now() + CODE_SECONDS
        text = f"{index}:0:{os.urandom(16).hex()}:{self.issuer}"
        self.codes[text] = (card, ends)
        return text, ends

    def verify(self, code: str, scene: str) -> tuple[str, tuple[str, str] | None]:
        """A word for how it ended, and the card."""
        by_index = {index: (number, index) for number, index in self.cards.values()}
        if code.endswith(":1"):
            card = by_index.get(code[:-2])
            return ("good", card) if card else ("unknown", None)
        known = self.codes.get(code)
        if known is None:
            parts = code.split(":")
            other = len(parts) == 4 and parts[3] != self.issuer
            return ("other" if other else "unknown"), None
        if self.now() >= known[1]:
            return "expired", None
        if (code, scene) in self.used:
            return "used", None
        self.used.add((code, scene))
        return "good", by_index[code.split(":", maxsplit=1)[0]]


class HealthCardServer:
    """Both issuers over HTTP."""

    def __init__(self, agreed: Agreed | None = None, *, now: Callable[[], float] = time.time) -> None:
        self.agreed = agreed or Agreed()
        self.now = now
        self.faults = Faults()
        self.province = Issuer(self.agreed.issuer, now)
        self.tencent = Issuer(self.agreed.issuer, now)
        self.tokens: set[str] = set()
        self.nonces: set[str] = set()
        self.bodies: list[bytes] = []
        self.application = web.Application()
        self.application.router.add_post("/ehc", self._provincial)
        self.application.router.add_post(TENCENT + "{name}", self._tencent)

    async def _trouble(self, request: web.Request) -> web.Response | None:
        self.bodies.append(await request.read())
        if self.faults.kind == "hang":
            await self.faults.held.wait()
        if self.faults.kind == "error":
            return web.Response(status=502, text="bad gateway")
        if self.faults.kind == "garbage":
            return web.Response(text="<html>maintenance</html>")
        return None

    async def _provincial(self, request: web.Request) -> web.Response:
        trouble = await self._trouble(request)
        if trouble is not None:
            return trouble
        asked = json.loads(self.bodies[-1])
        sign = asked.pop("sign", "")
        if sign != self._mark(asked) or asked["nonce"] in self.nonces:
            return self._said("8001", {})
        self.nonces.add(asked["nonce"])
        sent_at = time.mktime(time.strptime(asked["timestamp"], "%Y%m%d%H%M%S"))
        if abs(sent_at - time.mktime(time.gmtime(self.now() + 8 * 3600))) > 300:
            return self._said("8002", {})
        return self._said(*self._operation(asked["method"], json.loads(asked["content"])))

    def _operation(self, method: str, content: dict[str, str]) -> tuple[str, dict[str, str]]:
        issuer = self.province
        if method in {"apply", "query"}:
            paper = f"{content['idCardType']}:{self._opened(content['idCardValue'])}"
            if method == "query" and paper not in issuer.cards:
                return "2001", {}
            card, index = issuer.apply(paper) if method == "apply" else issuer.cards[paper]
            return "0", {"erhcCardNo": self._sealed(card), "empi": index}
        if method == "qrcode":
            static = content["qrCodeType"] == "1"
            text, ends = issuer.show(self._opened(content["erhcCardNo"]), static=static)
            until = "" if static else time.strftime("%Y%m%d%H%M%S", time.gmtime(ends + 8 * 3600))
            return "0", {"qrContent": text, "qrCodeType": content["qrCodeType"], "qrCodeVaildDate": until}
        how, found = issuer.verify(content["qrContent"], content["medStepCode"])
        if found is None:
            return {"unknown": "3001", "expired": "3002", "used": "3003", "other": "3004"}[how], {}
        return "0", {"erhcCardNo": self._sealed(found[0]), "empi": found[1]}

    def _said(self, code: str, content: dict[str, str]) -> web.Response:
        late = 3600 if self.faults.kind == "old" else 0
        at = time.gmtime(self.now() + 8 * 3600 - late)
        members = {
            "code": code,
            "timestamp": time.strftime("%Y%m%d%H%M%S", at),
            "content": json.dumps(content),
        }
        sign = "0" * 64 if self.faults.kind == "unsigned" else self._mark(members)
        return web.json_response(members | {"sign": sign})

    def _mark(self, members: dict[str, str]) -> str:
        text = "&".join(f"{name}={members[name]}" for name in sorted(members) if members[name])
        mark = HMAC(self.agreed.secret.encode(), hashes.SM3())
        mark.update(text.encode())
        return mark.finalize().hex()

    def _sealed(self, text: str) -> str:
        initial = os.urandom(16)
        padder = padding.PKCS7(128).padder()
        padded = padder.update(text.encode()) + padder.finalize()
        cipher = Cipher(algorithms.SM4(self.agreed.fields), modes.CBC(initial)).encryptor()
        return base64.b64encode(initial + cipher.update(padded) + cipher.finalize()).decode()

    def _opened(self, text: str) -> str:
        raw = base64.b64decode(text)
        cipher = Cipher(algorithms.SM4(self.agreed.fields), modes.CBC(raw[:16])).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        return (unpadder.update(cipher.update(raw[16:]) + cipher.finalize()) + unpadder.finalize()).decode()

    async def _tencent(self, request: web.Request) -> web.Response:
        trouble = await self._trouble(request)
        if trouble is not None:
            return trouble
        asked = json.loads(self.bodies[-1])
        common, req, name = asked["commonIn"], asked["req"], request.match_info["name"]
        sign = common.pop("sign", "")
        members = {key: value for key, value in {**common, **req}.items() if value != ""}
        text = "&".join(f"{key}={members[key]}" for key in sorted(members)) + self.agreed.secret
        if sign != base64.b64encode(hashlib.sha256(text.encode()).digest()).decode():
            return self._replied(common, 10002)
        if name == "getAppToken":
            token = os.urandom(8).hex()
            self.tokens.add(token)
            return self._replied(common, 0, {"appToken": token, "expiresIn": 7200})
        if common["appToken"] not in self.tokens or self.faults.kind == "token":
            return self._replied(common, 10006)
        return self._replied(common, *self._tencent_operation(name, req))

    def _tencent_operation(self, name: str, req: dict[str, str]) -> tuple[int, dict[str, Any]]:
        issuer = self.tencent
        paper = f"{req.get('idType')}:{req.get('idNumber')}"
        if name in {"registerHealthCard", "getHealthCardByHealthCardId"}:
            register = name == "registerHealthCard"
            if not register and paper not in issuer.cards:
                return 20003, {}
            card, index = issuer.apply(paper) if register else issuer.cards[paper]
            found = {"healthCardId": card, "qrCodeText": f"{index}:1"}
            return 0, found if register else {"card": found}
        if name == "getDynamicQRCode":
            return 0, {"qrCodeText": issuer.show(req["healthCardId"], static=req["codeType"] == "1")[0]}
        if name == "verifyQRCode":
            how, card_found = issuer.verify(req["qrCodeText"], req["scene"])
            if card_found is None:
                return {"unknown": 30001, "expired": 30002, "used": 30003, "other": 30004}[how], {}
            number, index = card_found
            return 0, {"card": {"healthCardId": number, "qrCodeText": f"{index}:1"}}
        return 10003, {}

    def _replied(self, common: dict[str, Any], code: int, rsp: dict[str, Any] | None = None) -> web.Response:
        out = {"requestId": common["requestId"], "resultCode": code, "errMsg": "" if code == 0 else "refused"}
        return web.json_response({"commonOut": out, "rsp": rsp or {}})


async def serve(port: int) -> None:
    """Serve until cancelled."""
    runner = web.AppRunner(HealthCardServer().application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(f"health cards: {runner.addresses[0]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Two invented issuers of electronic health cards.")
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(serve(parser.parse_args().port))
