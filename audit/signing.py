"""The key that signs heads: Ed25519. Whoever verifies needs only its public half, nothing of ours."""

import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.head import Head, signed_text

KEY_BYTES = 32


def key_id(public: bytes) -> str:
    """The name of a public key: the beginning of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


class SigningKey:
    """The private key. ``secret`` are the 32 bytes of RFC 8032."""

    def __init__(self, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = key_id(self.public)

    @property
    def pem(self) -> str:
        """The public key as others read it (``openssl pkey -pubin``)."""
        form = PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(Encoding.PEM, form).decode()

    def signed(self, head: Head) -> Head:
        """The same head with its signature."""
        return msgspec.structs.replace(head, signature=self._key.sign(signed_text(head)).hex())


def is_signed(head: Head, public: bytes) -> bool:
    """Whether this key signed the head."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(head.signature), signed_text(head))
    except (InvalidSignature, ValueError):
        return False
    return True
