"""What WeChat's server sends: signatures, WXBizMsgCrypt, and the events that features may want to hear of.

The ciphers and parsers are wechatpy's. It does not look at the padding and surfaces half a dozen kinds of
errors; so what is unwrapped is checked here, and whatever is wrong is one refusal.
"""

import base64
import binascii
import hmac
import json
import struct
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from xml.parsers.expat import ExpatError

from wechatpy.crypto import PrpCrypto, WeChatCipher
from wechatpy.parser import parse_message
from wechatpy.utils import WeChatSigner

from accounts.wechat import (
    CallbackRefused,
    CallbackUnreadable,
    Followed,
    Heard,
    Scanned,
    Spoke,
    Unfollowed,
)
from core.clock import CHINA

_BLOCK: Final = 32
_HEAD: Final = 20
_SHORTEST: Final = _HEAD + _BLOCK - _HEAD % _BLOCK


def signature_of(*parts: str) -> str:
    """The SHA-1 of the sorted parts (docs, "验证消息的确来自微信服务器")."""
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


def same(one: str, other: str) -> bool:
    """Compare signatures in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


@dataclass(frozen=True, slots=True)
class Envelope:
    """Seals and opens messages of one application (WXBizMsgCrypt)."""

    app: str
    token: str = field(repr=False)
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, *, app: str, token: str, encoding_key: str) -> "Envelope":
        """From the 43 characters of the platform's page. Raises ``ValueError``."""
        try:
            key = base64.b64decode(encoding_key + "=", validate=True)
        except binascii.Error:
            raise ValueError("not base64") from None
        if len(key) != 32:
            raise ValueError("not 43 characters")
        return cls(app, token, key)

    def open(self, sealed: str, *, signature: str, timestamp: str, nonce: str) -> str:
        """The text inside. Raises ``CallbackRefused``, and for all of its causes the same."""
        if not same(signature_of(self.token, timestamp, nonce, sealed), signature):
            raise CallbackRefused()
        try:
            raw = base64.b64decode(sealed, validate=True)
            if len(raw) < _SHORTEST or len(raw) % _BLOCK:
                raise CallbackRefused()
            plain = _unpadded(WeChatCipher(self.key).decrypt(raw))
            (length,) = struct.unpack(">I", plain[_HEAD - 4 : _HEAD])
            text, app = plain[_HEAD : _HEAD + length], plain[_HEAD + length :]
            if len(text) != length or not hmac.compare_digest(app, self.app.encode()):
                raise CallbackRefused()
            return text.decode()
        except ValueError:
            raise CallbackRefused() from None

    def seal(self, text: str) -> str:
        """A text as only WeChat can open it."""
        return bytes(PrpCrypto(self.key).encrypt(text, self.app)).decode()


def _unpadded(plain: bytes) -> bytes:
    """Take PKCS#7 padding to 32 bytes off. Raises ``CallbackRefused`` unless every byte of it is right."""
    count = plain[-1]
    if not 1 <= count <= _BLOCK or len(plain) - count < _HEAD:
        raise CallbackRefused()
    if plain[-count:] != bytes([count]) * count:
        raise CallbackRefused()
    return plain[:-count]


def sealed_in(xml: str) -> str:
    """The ``Encrypt`` of an encrypted body; empty when it has none. Raises ``CallbackUnreadable``."""
    sealed = _fields(xml).get("Encrypt", "")
    if not isinstance(sealed, str):
        raise CallbackUnreadable()
    return sealed


def _fields(xml: str) -> dict[str, Any]:
    import xmltodict

    try:
        told = xmltodict.parse(xml)
    except (ExpatError, ValueError, RecursionError):
        # ValueError: entity declarations, which nobody has a use for here.
        raise CallbackUnreadable() from None
    fields = told.get("xml")
    if not isinstance(fields, dict):
        raise CallbackUnreadable()
    return fields


def heard_in(xml: str, *, app: str) -> Heard:
    """A message or event as a typed value. Raises ``CallbackUnreadable``."""
    fields = _fields(xml)
    kept = ("ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "EventKey", "MsgId")
    if not all(isinstance(fields.get(name) or "", str) for name in kept):
        raise CallbackUnreadable()
    try:
        message = parse_message(xml)
        openid, at = str(message.source), datetime.fromtimestamp(int(fields["CreateTime"]), CHINA)
        name = str(getattr(message, "event", "") or "")
        number = str(fields.get("MsgId") or "")
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, OSError):
        raise CallbackUnreadable() from None
    if not openid or openid == "None":
        raise CallbackUnreadable()
    scene = str(getattr(message, "scene_id", "") or "")
    if name in {"subscribe", "subscribe_scan"}:
        return Followed(app=app, openid=openid, at=at, number=number, scene=scene)
    if name == "unsubscribe":
        return Unfollowed(app=app, openid=openid, at=at, number=number)
    if name == "scan":
        return Scanned(app=app, openid=openid, at=at, number=number, scene=scene)
    what = f"event.{name}" if name else str(message.type)
    return Spoke(app=app, openid=openid, at=at, number=number, what=what[:64])


def user_data(sealed: str, *, session_key: str, iv: str, app: str) -> dict[str, Any]:
    """What a mini-program hands over encrypted (``encryptedData``). Raises ``CallbackRefused``."""
    from wechatpy.crypto import WeChatWxaCrypto

    try:
        plain = WeChatWxaCrypto(session_key, iv, app).cipher.decrypt(base64.b64decode(sealed, validate=True))
        count = plain[-1]
        if not 1 <= count <= 16 or plain[-count:] != bytes([count]) * count:
            raise CallbackRefused()
        told = json.loads(plain[:-count])
        if not isinstance(told, dict) or told["watermark"]["appid"] != app:
            raise CallbackRefused()
    except (ValueError, KeyError, TypeError, IndexError):
        raise CallbackRefused() from None
    return told
