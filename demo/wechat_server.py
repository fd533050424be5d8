"""WeChat's server as it calls the hospital's: signed, encrypted messages; and some that only look like it.

The encryption is written here once more, from WeChat's own sample, with another library.
"""

import base64
import hashlib
import os
import secrets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from demo.open_config import WeChatAgreed
from demo.visitors import visitor

TWISTS = frozenset(
    {"padding", "other_app", "old", "early", "signature", "entities", "garbage", "plain", "too_large"}
)


@dataclass(frozen=True)
class Message:
    """A request to the hospital: its parameters and its body."""

    query: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Said:
    """What the hospital answered."""

    status: int
    text: str


@dataclass
class WeChatServer:
    """Makes and sends messages."""

    agreed: WeChatAgreed
    now: Callable[[], float] = time.time
    _count: int = field(default=0)

    def message(self, event: str, who: str, *, scene: str = "", twist: str = "", number: str = "") -> Message:
        """A message or event of a person; ``text`` is a message. ``twist`` makes it wrong in one way."""
        xml = self._xml(event, visitor(who).openid(self.agreed.service), scene, number)
        if twist == "entities":
            xml = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + xml.replace(
                scene or "?", "&b;"
            )
        if twist == "garbage":
            xml = "<xml><"
        if twist == "too_large":
            xml += "<!--" + "x" * 60_000 + "-->"
        at = self.now() + {"old": -3600, "early": 3600}.get(twist, 0)
        stamp, nonce = str(int(at)), secrets.token_hex(8)
        query = {
            "timestamp": stamp,
            "nonce": nonce,
            "signature": _sha1(self.agreed.token, stamp, nonce),
            "openid": visitor(who).openid(self.agreed.service),
        }
        if not self.agreed.aes_key or twist == "plain":
            body = xml
        else:
            sealed = self._sealed(xml, twist)
            query |= {"encrypt_type": "aes", "msg_signature": _sha1(self.agreed.token, stamp, nonce, sealed)}
            to = "<ToUserName><![CDATA[gh_sim]]></ToUserName>"
            body = f"<xml>{to}<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
        if twist == "signature":
            query = {name: value[::-1] if "sign" in name else value for name, value in query.items()}
        return Message(query, body.encode())

    def echo(self, text: str, *, sealed: bool = False) -> Message:
        """The question whether the server is the hospital's, asked when the address is set up."""
        stamp, nonce = str(int(self.now())), secrets.token_hex(8)
        if sealed:
            text = self._sealed(text, "")
            told = {"msg_signature": _sha1(self.agreed.token, stamp, nonce, text)}
        else:
            told = {"signature": _sha1(self.agreed.token, stamp, nonce)}
        return Message({"timestamp": stamp, "nonce": nonce, "echostr": text, **told}, b"")

    async def send(self, address: str, message: Message) -> Said:
        """Deliver it, as WeChat does: five seconds, no more."""
        timeout = aiohttp.ClientTimeout(total=5)
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(
                address, params=message.query, data=message.body, headers={"Content-Type": "text/xml"}
            ) as response,
        ):
            return Said(response.status, await response.text())

    def _xml(self, event: str, openid: str, scene: str, number: str) -> str:
        head = (
            f"<xml><ToUserName><![CDATA[gh_sim]]></ToUserName><FromUserName><![CDATA[{openid}]]>"
            f"</FromUserName><CreateTime>{int(self.now())}</CreateTime>"
        )
        if event == "text":
            self._count += 1
            told = "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[你好]]></Content>"
            return f"{head}{told}<MsgId>{number or 24_000_000_000_000_000 + self._count}</MsgId></xml>"
        key = f"qrscene_{scene}" if event == "subscribe" and scene else scene
        told = f"<MsgType>event</MsgType><Event><![CDATA[{event}]]></Event><EventKey>{key}</EventKey>"
        ticket = "<Ticket><![CDATA[sim]]></Ticket>" if scene else ""
        return f"{head}{told}{ticket}</xml>"

    def _sealed(self, text: str, twist: str) -> str:
        key = base64.b64decode(self.agreed.aes_key + "=")
        app = "wx0000000000000000" if twist == "other_app" else self.agreed.service
        encoded = text.encode()
        plain = os.urandom(16) + struct.pack(">I", len(encoded)) + encoded + app.encode()
        count = 32 - len(plain) % 32
        padding = bytes([count]) * count if twist != "padding" else bytes([count ^ 0x55]) * count
        encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
        return base64.b64encode(encryptor.update(plain + padding) + encryptor.finalize()).decode()


def _sha1(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()
