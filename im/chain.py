"""The chain of one conversation: each message's digest covers the one before it, so nothing can be changed,
left out or put in between unseen.

A message is committed to by ``commitment = SHA-256(salt ‖ body)``, ``body`` being its canonical JSON; the
salt (16 random bytes) is sealed with the body, so that nobody guesses a short text from its digest. The
digest is SHA-256 over the digest before it and the canonical JSON of

    [conversation, seq, id, sender, role, type, created_us, ref_seq, commitment in hexadecimal]

Canonical: msgspec's compact JSON, fields in the order of the models. The first message's predecessor is 32
zero bytes. A message that is recalled keeps its place, body and digest: it is hidden, not gone.
"""

import hashlib
from dataclasses import dataclass

import msgspec

FIRST = bytes(32)
SALT_BYTES = 16

_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the digest of one message is taken over."""

    conversation: str
    seq: int
    id: str
    sender: str
    role: str
    type: str
    created_us: int
    ref_seq: int | None
    commitment: bytes


def commitment(salt: bytes, body: bytes) -> bytes:
    """To the body (canonical JSON) of one message."""
    return hashlib.sha256(salt + body).digest()


def digest(before: bytes, link: Link) -> bytes:
    """Of one message behind the one whose digest is ``before``."""
    fields = _encode(
        [
            link.conversation,
            link.seq,
            link.id,
            link.sender,
            link.role,
            link.type,
            link.created_us,
            link.ref_seq,
            link.commitment.hex(),
        ]
    )
    return hashlib.sha256(before + fields).digest()


def sealed_text(salt: bytes, body: bytes) -> str:
    """What is sealed in the row of a message."""
    return salt.hex() + body.decode()


def opened_text(text: str) -> tuple[bytes, bytes]:
    """Salt and body of what was sealed."""
    return bytes.fromhex(text[: 2 * SALT_BYTES]), text[2 * SALT_BYTES :].encode()
