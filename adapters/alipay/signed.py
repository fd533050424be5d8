"""What is signed when we speak with Alipay's gateway: requests (RSA2), and the exact text of answers.

Building, signing and verifying are python-alipay-sdk's. Two things of it are not used: it looks for the end
of an answer by counting braces, also those inside of texts, and it stamps with the machine's local time.
"""

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from alipay import AliPay

from core.clock import CHINA

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_PUBLIC: Final = frozenset(
    {
        "app_id",
        "method",
        "format",
        "charset",
        "sign_type",
        "sign",
        "timestamp",
        "version",
        "app_cert_sn",
        "alipay_root_cert_sn",
    }
)
"""What may stand in an address; everything else (codes, personal data) goes into the body."""


class NotAnAnswer(ValueError):
    """The text is not a JSON object. Does not hold it."""


@dataclass(frozen=True, slots=True)
class AlipayKeys:
    """Who the application is, to Alipay. Serials are empty in key mode."""

    app: str
    private: str = field(repr=False)
    """The application's private key, PEM or bare base64 as Alipay's key tool writes it."""
    alipay: str
    """Alipay's public key, likewise."""
    app_serial: str = ""
    root_serial: str = ""
    alipay_serial: str = ""


def framed(key: str, what: str) -> str:
    """A key as PEM, whether or not it came with its frame."""
    text = key.strip()
    if text.startswith("-----"):
        return text
    lines = re.findall(r".{1,64}", re.sub(r"\s", "", text))
    return "\n".join([f"-----BEGIN {what}-----", *lines, f"-----END {what}-----"])


class Signed:
    """Signs requests and verifies answers of one application. Raises ``ValueError`` for what is no key."""

    def __init__(self, keys: AlipayKeys) -> None:
        self._keys = keys
        self._sdk = AliPay(
            appid=keys.app,
            app_private_key_string=framed(keys.private, "PRIVATE KEY"),
            alipay_public_key_string=framed(keys.alipay, "PUBLIC KEY"),
            sign_type="RSA2",
        )

    def request(
        self, method: str, *, at: datetime, params: Mapping[str, str], content: Mapping[str, object]
    ) -> tuple[dict[str, str], bytes]:
        """A signed request: what goes into the address, and the form that goes into the body.

        The time is Alipay's, Beijing's, whatever the machine's zone is.
        """
        serials = {"app_cert_sn": self._keys.app_serial, "alipay_root_cert_sn": self._keys.root_serial}
        given = {name: value for name, value in serials.items() if value} | dict(params)
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")) if content else "{}"
        stamp = at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
        body = self._sdk.build_body(method, text, format="JSON", timestamp=stamp, **given)
        pairs = parse_qsl(self._sdk.sign_data(body), keep_blank_values=True, strict_parsing=True)
        address = {name: value for name, value in pairs if name in _PUBLIC}
        rest = [(name, value) for name, value in pairs if name not in _PUBLIC]
        return address, urlencode(rest).encode()

    def verifies(self, text: str, signature: str) -> bool:
        """Whether Alipay signed exactly this text. Never raises."""
        try:
            return bool(self._sdk._verify(text, signature))  # noqa: SLF001  (its public one sorts parameters)
        except (ValueError, TypeError, binascii.Error):
            return False


def parts_of(text: str) -> dict[str, tuple[Any, str]]:
    """The top level of an answer: each value, and the exact text it was written as.

    A signature covers that text and nothing that a parser made of it. Raises ``NotAnAnswer``, also for a name
    that comes twice: it would not be clear which one was signed.
    """
    decoder = json.JSONDecoder()
    parts: dict[str, tuple[Any, str]] = {}
    try:
        at = _past(text, 0, "{")
        if text[at : at + 1] == "}":
            return parts
        while True:
            name, at = decoder.raw_decode(text, at)
            start = _past(text, at, ":")
            value, at = decoder.raw_decode(text, start)
            if not isinstance(name, str) or name in parts:
                raise NotAnAnswer("no name, or a name twice")
            parts[name] = value, text[start:at]
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
            if text[at : at + 1] == "}":
                break
            at = _past(text, at, ",")
        if text[at + 1 :].strip():
            raise NotAnAnswer("more than an object")
    except (ValueError, RecursionError, IndexError):
        raise NotAnAnswer("not a JSON object") from None
    return parts


def _past(text: str, at: int, mark: str) -> int:
    """The place behind a mark and the spaces around it. Raises ``ValueError``."""
    at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
    if text[at : at + 1] != mark:
        raise ValueError(mark)
    return _SPACE.match(text, at + 1).end()  # type: ignore[union-attr]
