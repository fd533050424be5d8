"""Signed heads: what the chain was at a moment, signed, so that a rewritten chain contradicts it.

A chain alone shows what was changed in its middle; who rewrites all of it from some place on, or cuts its end
off, makes a good chain. A head that was signed before and lies elsewhere cannot be made to agree with it.
"""

import enum

import msgspec

from audit.chain import Tip

_JSON = msgspec.json.Encoder()


class HeadKind(enum.StrEnum):
    """Why a head was signed."""

    NOW = "now"
    """Now and then, while there is something new."""
    DAY = "day"
    """A day has ended; ``day`` says which."""
    PURGE = "purge"
    """What lies before ``first`` was purged; ``day`` is the last whole day of it."""


class Head(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One head. ``number`` counts heads from 1 without gaps."""

    number: int
    kind: HeadKind
    day: str
    at_us: int
    first: int
    """The oldest record that the chain has."""
    sequence: int
    """The newest record that this head speaks of."""
    hash: str
    """Its hash, in hex."""
    count: int
    """How many records from ``first`` to ``sequence``."""
    key: str
    """Which key signed: ``key_id``."""
    signature: str = ""
    """Ed25519 over ``signed_text``, in hex."""

    @property
    def tip(self) -> Tip:
        """The link it speaks of."""
        return Tip(self.sequence, bytes.fromhex(self.hash))


def signed_text(head: Head) -> bytes:
    """What the signature is taken over: every field but the signature, as one JSON array in their order."""
    return _JSON.encode(
        [
            "houzhen.audit.head",
            head.number,
            head.kind,
            head.day,
            head.at_us,
            head.first,
            head.sequence,
            head.hash,
            head.count,
            head.key,
        ]
    )


def a_head(*, number: int, kind: HeadKind, at_us: int, first: int, tip: Tip, key: str, day: str = "") -> Head:
    """A head that is not signed yet."""
    return Head(
        number=number,
        kind=kind,
        day=day,
        at_us=at_us,
        first=first,
        sequence=tip.sequence,
        hash=tip.hash.hex(),
        count=tip.sequence - first + 1,
        key=key,
    )
