"""What leaves a transaction: a change told to the world once, and only after it is committed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One publication waiting in the outbox: a realtime channel and its payload as compact JSON bytes.

    Rows of one channel leave in the order in which their transactions held the lock of what they describe.
    """

    channel: str
    data: bytes
    veiled: bool = False
    """Whether it is personal, and therefore sealed wherever it waits: outbox, broker and its history."""
