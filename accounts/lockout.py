"""Wrong tries at signing in, and for how long nobody may try again.

Pure. A try is counted *before* it is judged and forgiven when it was right: of any number of tries at once,
no more than ``STAFF_TRIES`` are judged. Tries are counted for a number whether it has an account or not, so
that the answer tells nobody which numbers exist; and for an address, so that one machine cannot try a few
passwords at each of many numbers. GB/T 22239-2019, 8.1.4.1 b; NIST SP 800-63B, 5.2.2.
"""

import enum
import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from core import limits
from core.refusals import Kind, Refusal


class TooManyTries(Refusal):
    """Too many wrong tries; nothing is judged until ``seconds`` have passed."""

    code = "staff.too_many_tries"
    kind = Kind.TOO_MANY

    def __init__(self, *, seconds: int) -> None:
        super().__init__(seconds=seconds)


class TriedAt(enum.StrEnum):
    """What the tries were at."""

    PASSWORD = "password"
    CODE = "code"
    """The second factor. Counted apart: a right password says nothing about it."""
    ADDRESS = "address"

    def key(self, name: str) -> bytes:
        """Under what tries at this are kept: neither number nor address can be read from it at sight."""
        return hashlib.sha256(f"{self.value}\n{name}".encode()).digest()

    @property
    def longest(self) -> int:
        """For how many seconds nobody may try, at most. Many people share an address: theirs is short."""
        if self is TriedAt.ADDRESS:
            return limits.STAFF_LOCK_OF_ADDRESS_MOST_SECONDS
        return limits.STAFF_LOCK_MOST_SECONDS

    @property
    def most(self) -> int:
        """How many wrong ones are judged before nobody may try for a while."""
        return limits.STAFF_TRIES_OF_ADDRESS if self is TriedAt.ADDRESS else limits.STAFF_TRIES


@dataclass(frozen=True, slots=True)
class Tries:
    """The wrong tries so far."""

    failed: int
    last_at: datetime
    locked_until: datetime | None = None


def judge(tries: Tries | None, *, at: datetime) -> None:
    """Refuse with ``TooManyTries`` while nobody may try."""
    if tries is not None and tries.locked_until is not None and at < tries.locked_until:
        raise TooManyTries(seconds=math.ceil((tries.locked_until - at).total_seconds()))


def counted(tries: Tries | None, of: TriedAt, *, at: datetime) -> Tries:
    """One more. From ``of.most`` on each locks for twice as long as the one before, up to a bound.

    Refuses with ``TooManyTries`` while nobody may try. Tries of long ago are forgotten; those of an address
    one by one, for a hospital's staff behind one gateway mistype a little all day.
    """
    judge(tries, at=at)
    failed = 1 + (0 if tries is None or is_old(tries, at=at) else _left(tries, of, at=at))
    return Tries(failed, at, _locked_until(failed, of, at=at))


def forgiven(tries: Tries | None, of: TriedAt) -> Tries | None:
    """A try that was counted was right: it is taken off again. ``None``: there are none any more."""
    if tries is None or tries.failed <= 1:
        return None
    failed = tries.failed - 1
    return Tries(failed, tries.last_at, None if failed < of.most else tries.locked_until)


def is_old(tries: Tries, *, at: datetime) -> bool:
    """Whether they count no more."""
    return at >= tries.last_at + timedelta(seconds=limits.STAFF_TRIES_KEPT_SECONDS)


def _left(tries: Tries, of: TriedAt, *, at: datetime) -> int:
    if of is not TriedAt.ADDRESS:
        return tries.failed
    forgotten = (at - tries.last_at) // timedelta(seconds=limits.STAFF_ADDRESS_FORGIVES_SECONDS)
    return max(0, tries.failed - max(0, forgotten))


def _locked_until(failed: int, of: TriedAt, *, at: datetime) -> datetime | None:
    if failed < of.most:
        return None
    doublings = min(failed - of.most, 32)
    seconds = min(limits.STAFF_LOCK_SECONDS * 2**doublings, of.longest)
    return at + timedelta(seconds=seconds)
