"""Answers kept for a repeated request: the same ``Idempotency-Key`` gets the first answer again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.refusals import Kind, Refusal


class KeyReused(Refusal):
    """The same Idempotency-Key came with another body."""

    code = "core.idempotency_key_reused"
    kind = Kind.BAD_INPUT


class KeyInFlight(Refusal):
    """The first request with this Idempotency-Key has not been answered yet."""

    code = "core.idempotency_key_in_flight"
    kind = Kind.CONFLICT


@dataclass(frozen=True, slots=True)
class Kept:
    """A first answer: HTTP status and body bytes."""

    status: int
    body: bytes


class Replays(Protocol):
    """Where first answers are kept, for a day."""

    async def claim(self, *, scope: str, key: str, fingerprint: bytes, at: datetime) -> Kept | None:
        """Claim the key for this request.

        Answers the first answer when there is one, ``None`` when the caller now owns the key and must
        ``keep`` or ``release`` it. Raises ``KeyReused`` or ``KeyInFlight``.
        """

    async def keep(self, *, scope: str, key: str, kept: Kept) -> None:
        """Remember the answer of the request that claimed the key."""

    async def release(self, *, scope: str, key: str) -> None:
        """Give the key back: the request failed and may be tried again."""
