"""The monthly review of the log (日志检查评审记录): what a month's records add up to.

Pure. Storage adds up (``Tally``), this file counts, ``proposing.py`` suggests findings, people conclude.
"""

import enum
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from audit.record import Result

NIGHT = frozenset({22, 23, 0, 1, 2, 3, 4, 5})
"""Hours of the hospital's night."""

_NOT_STAFF = frozenset({"anonymous", "patient", "system", "kiosk", "screen"})
_SENSITIVE = frozenset({"personal", "health", "money", "administration"})
_SIGN_INS = frozenset({"sign_in", "staff.sign_in"})
REVEAL = ".reveal"
UNAVAILABLE = "audit.unavailable"


class Tally(msgspec.Struct, frozen=True):
    """So many records of a day were alike in all of this. ``hour`` is China Standard Time."""

    action: str
    role: str
    result: str
    code: str
    hour: int
    count: int


class Named(msgspec.Struct, frozen=True):
    """How often something was."""

    name: str
    count: int


class ByResult(msgspec.Struct, frozen=True):
    """How often something was done, refused, and failed (or ended unknown)."""

    name: str
    done: int
    refused: int
    failed: int

    @property
    def count(self) -> int:
        """All together."""
        return self.done + self.refused + self.failed


class Address(msgspec.Struct, frozen=True):
    """What came from one address."""

    address: str
    count: int
    refused: int


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """The newest verification, and how many heads were signed in the month."""

    verified_at: datetime | None
    records: int
    heads: int
    troubles: int


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """The log's size when the draft was made."""

    records: int
    bytes: int
    growth_records: float
    days_left: float | None
    kept_days: int


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """One month in numbers."""

    records: int
    first: int
    last: int
    days: list[Named]
    touches: list[ByResult]
    actions: list[ByResult]
    roles: list[ByResult]
    refusals: list[Named]
    sign_ins: ByResult
    night: list[Named]
    """Staff's acts on personal data, health, money and administration between 22:00 and 6:00, by role."""
    reveals: list[Named]
    """Plain values shown, by who asked."""
    addresses: list[Address]
    stopped: int
    """Acts refused because the log could not be written."""
    chain: Chain
    room: Room


class Level(enum.StrEnum):
    """How much a proposed finding matters."""

    NOTE = "note"
    WARNING = "warning"
    SERIOUS = "serious"


class Finding(msgspec.Struct, frozen=True):
    """Something the numbers suggest; whoever reviews decides what it means."""

    code: str
    level: Level
    zh: str
    en: str


class State(enum.StrEnum):
    """How far a review is."""

    DRAFT = "draft"
    SIGNED = "signed"


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One month's review. Signed, it never changes; its digest is in the log."""

    month: str
    version: int
    state: State
    drafted_at: datetime
    drafted_by: str
    counts: Counts
    proposed: list[Finding]
    findings: str = ""
    conclusion: str = ""
    reviewer: str = ""
    signed_at: datetime | None = None
    digest: str = ""


def digest_of(review: Review) -> str:
    """SHA-256 over the review without its digest, as JSON."""
    bare = msgspec.structs.replace(review, digest="")
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


def counted(
    days: Mapping[str, Sequence[Tally]],
    *,
    first: int,
    last: int,
    touches: Mapping[str, str],
    reveals: Iterable[Named],
    addresses: Iterable[Address],
    chain: Chain,
    room: Room,
) -> Counts:
    """Add a month up. ``touches`` says what each action has to do with; ``days`` are those of the month."""
    every = [tally for tallies in days.values() for tally in tallies]

    def of(tally: Tally) -> str:
        return touches.get(tally.action, "system")

    refused = [tally for tally in every if tally.result == Result.REFUSED]
    night = [
        tally
        for tally in every
        if tally.hour in NIGHT and tally.role not in _NOT_STAFF and of(tally) in _SENSITIVE
    ]
    return Counts(
        records=sum(tally.count for tally in every),
        first=first,
        last=last,
        days=[Named(day, sum(tally.count for tally in tallies)) for day, tallies in days.items()],
        touches=_by_result((of(tally), tally) for tally in every),
        actions=_by_result((tally.action, tally) for tally in every),
        roles=_by_result((tally.role, tally) for tally in every),
        refusals=_named((tally.code, tally.count) for tally in refused),
        sign_ins=_one((tally for tally in every if tally.action in _SIGN_INS), "sign_in"),
        night=_named((tally.role, tally.count) for tally in night),
        reveals=list(reveals),
        addresses=list(addresses),
        stopped=sum(tally.count for tally in refused if tally.code == UNAVAILABLE),
        chain=chain,
        room=room,
    )


def most_of(names: Iterable[Named], *, limit: int) -> list[Named]:
    """The same names added up, the most frequent first."""
    return _named((each.name, each.count) for each in names)[:limit]


def busiest(addresses: Iterable[Address], *, limit: int) -> list[Address]:
    """The same addresses added up, those with the most refusals first."""
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for each in addresses:
        counts[each.address] += each.count
        refused[each.address] += each.refused
    found = [Address(address, count, refused[address]) for address, count in counts.items()]
    return sorted(found, key=lambda each: (-each.refused, -each.count, each.address))[:limit]


def _by_result(tallies: Iterable[tuple[str, Tally]]) -> list[ByResult]:
    groups: dict[str, list[Tally]] = {}
    for name, tally in tallies:
        groups.setdefault(name, []).append(tally)
    found = [_one(group, name) for name, group in groups.items()]
    return sorted(found, key=lambda each: (-each.count, each.name))


def _one(tallies: Iterable[Tally], name: str) -> ByResult:
    sums: Counter[str] = Counter()
    for tally in tallies:
        sums[tally.result] += tally.count
    done, refused = sums[Result.DONE], sums[Result.REFUSED]
    return ByResult(name, done, refused, sums.total() - done - refused)


def _named(counts: Iterable[tuple[str, int]]) -> list[Named]:
    sums: Counter[str] = Counter()
    for name, count in counts:
        sums[name] += count
    return [Named(name, count) for name, count in sorted(sums.items(), key=lambda each: (-each[1], each[0]))]
