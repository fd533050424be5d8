"""Which algorithms go together, and how each is named where values and keys are stored."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest as hmac_of
from types import MappingProxyType

from cryptography.hazmat.primitives.hashes import SM3
from cryptography.hazmat.primitives.hmac import HMAC

from adapters.crypto.ciphers import AesGcm, Cipher, Sm4Gcm, WrappingAesGcm

KeyedHash = Callable[[bytes, bytes], bytes]
"""From a key and a message to 32 bytes."""


class Suite(enum.Enum):
    """The number is in every sealed value: never give one a new meaning."""

    AES = 1
    """AES-256-GCM and HMAC-SHA-256."""
    SM = 2
    """SM4-GCM and HMAC-SM3 (GB/T 32907, GB/T 32905)."""

    @property
    def algorithms(self) -> "Algorithms":
        """What it is made of."""
        return _ALGORITHMS[self]


@dataclass(frozen=True, slots=True)
class Algorithms:
    """One suite's parts and their names."""

    sealing: str
    index: str
    fields: type[Cipher]
    wrapping: type[Cipher]
    keyed_hash: KeyedHash


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104)."""
    return hmac_of(key, message, sha256)


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """HMAC-SM3."""
    mac = HMAC(key, SM3())
    mac.update(message)
    return mac.finalize()


_ALGORITHMS = MappingProxyType(
    {
        Suite.AES: Algorithms("A256GCM", "HMAC-SHA-256", AesGcm, WrappingAesGcm, hmac_sha256),
        Suite.SM: Algorithms("SM4GCM", "HMAC-SM3", Sm4Gcm, Sm4Gcm, hmac_sm3),
    }
)
