"""Authenticated ciphers under one port: AES-256-GCM, and SM4-GCM (GB/T 32907, RFC 8998) by setting.

Fields go through ``cryptography`` (2 µs a field). Keys are wrapped by pycryptodome's AES-GCM, which makes
the same bytes at 90 times the cost (docs/adr/0033-sealed-fields.md); tests open each other's.
"""

from typing import ClassVar, Protocol

from Crypto.Cipher import AES
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as PlainCipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

NONCE_BYTES = 12
TAG_BYTES = 16


class DoesNotOpen(Exception):
    """Altered, another key, or other associated data. Says nothing more."""


class Cipher(Protocol):
    """One key of one algorithm. A nonce is used once (NIST SP 800-38D: at most 2³² random ones a key)."""

    key_bytes: ClassVar[int]

    def __init__(self, key: bytes) -> None:
        """Raises ``ValueError`` for a key that is not ``key_bytes`` long."""

    def seal(self, plain: bytes, *, nonce: bytes, bound_to: bytes) -> bytes:
        """The ciphertext, as long as ``plain``, and behind it 16 bytes of tag."""

    def open(self, sealed: bytes, *, nonce: bytes, bound_to: bytes) -> bytes:
        """What ``seal`` was given. Raises ``DoesNotOpen``."""


class AesGcm:
    """AES-256-GCM for fields."""

    key_bytes: ClassVar[int] = 32

    def __init__(self, key: bytes) -> None:
        _judge(key, self.key_bytes)
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, *, nonce: bytes, bound_to: bytes) -> bytes:
        return self._cipher.encrypt(nonce, plain, bound_to)

    def open(self, sealed: bytes, *, nonce: bytes, bound_to: bytes) -> bytes:
        try:
            return self._cipher.decrypt(nonce, sealed, bound_to)
        except InvalidTag:
            raise DoesNotOpen from None


class WrappingAesGcm:
    """AES-256-GCM for keys."""

    key_bytes: ClassVar[int] = 32

    def __init__(self, key: bytes) -> None:
        _judge(key, self.key_bytes)
        self._key = key

    def seal(self, plain: bytes, *, nonce: bytes, bound_to: bytes) -> bytes:
        cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
        cipher.update(bound_to)
        text, tag = cipher.encrypt_and_digest(plain)
        return bytes(text) + bytes(tag)

    def open(self, sealed: bytes, *, nonce: bytes, bound_to: bytes) -> bytes:
        if len(sealed) < TAG_BYTES:
            raise DoesNotOpen
        cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce, mac_len=TAG_BYTES)
        cipher.update(bound_to)
        try:
            return bytes(cipher.decrypt_and_verify(sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]))
        except ValueError:
            raise DoesNotOpen from None


class Sm4Gcm:
    """SM4-GCM, for fields and keys where the hospital's 密评 wants national algorithms."""

    key_bytes: ClassVar[int] = 16

    def __init__(self, key: bytes) -> None:
        _judge(key, self.key_bytes)
        self._algorithm = SM4(key)

    def seal(self, plain: bytes, *, nonce: bytes, bound_to: bytes) -> bytes:
        sealing = PlainCipher(self._algorithm, GCM(nonce)).encryptor()
        sealing.authenticate_additional_data(bound_to)
        return sealing.update(plain) + sealing.finalize() + sealing.tag

    def open(self, sealed: bytes, *, nonce: bytes, bound_to: bytes) -> bytes:
        if len(sealed) < TAG_BYTES:
            raise DoesNotOpen
        opening = PlainCipher(self._algorithm, GCM(nonce, sealed[-TAG_BYTES:])).decryptor()
        opening.authenticate_additional_data(bound_to)
        try:
            return opening.update(sealed[:-TAG_BYTES]) + opening.finalize()
        except InvalidTag:
            raise DoesNotOpen from None


def _judge(key: bytes, length: int) -> None:
    if len(key) != length:
        raise ValueError(f"a key of {length} bytes is needed")
