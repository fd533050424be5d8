"""Tokens of one form only: compact JWS (RFC 7515) signed HS256, with the header that we write ourselves.

What a library decides anew for each token, which algorithm and which key, is decided here before any comes.
Whatever has another header is not for this module.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

HEAD: Final = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode("ascii") + "."
"""What every token of this form begins with."""
_SIGNATURE: Final = 43
"""Characters of 32 bytes in base64 without its padding."""
_BLOCK: Final = 64
_STANDARD, _URL_SAFE = bytes.maketrans(b"-_", b"+/"), bytes.maketrans(b"+/", b"-_")


class Key:
    """HMAC-SHA256 (RFC 2104) of one secret, with the secret's part of the work done beforehand."""

    def __init__(self, secret: bytes) -> None:
        block = hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret
        block = block.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def mac(self, message: bytes) -> bytes:
        """The 32 bytes that only who knows the secret can make."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


def payload(token: str, keys: Iterable[Key]) -> bytes:
    """What a token that begins with ``HEAD`` carries. Raises ``ValueError`` unless one of the keys signed it.

    The signature must be written in the one way that base64 has for it.
    """
    signed, _, signature = token.rpartition(".")
    message, given = signed.encode("ascii"), signature.encode("ascii")
    for key in keys:
        right = binascii.b2a_base64(key.mac(message), newline=False).translate(_URL_SAFE)[:_SIGNATURE]
        if hmac.compare_digest(right, given):
            encoded = message[len(HEAD) :]
            return binascii.a2b_base64(encoded.translate(_STANDARD) + b"=" * (-len(encoded) % 4))
    raise ValueError("signed by nobody we know")
