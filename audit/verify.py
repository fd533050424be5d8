"""Reading the whole chain and naming what was done to it.

``Verification`` is fed every link in the order of storage, knowing every head (those kept beside the records,
and those that were exported and so lie where nobody here can reach them), and answers troubles with the
places. What no one can see: records after the newest head that were cut off or rewritten before any export.
"""

import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from audit.chain import GENESIS, Link, holds
from audit.head import Head, HeadKind
from audit.moments import day_of
from audit.retention import KEPT_DAYS
from audit.signing import is_signed
from core import limits


class What(enum.StrEnum):
    """What was done to the log."""

    EDITED = "edited"
    """The content is not what its hash was taken over."""
    REPLACED = "replaced"
    """A record with a good hash of its own stands where the next one knew another."""
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    REWRITTEN = "rewritten"
    """Everything in this range was made anew: it contradicts a signed head."""
    TRUNCATED = "truncated"
    """The end is missing: a signed head speaks of records that are not there."""
    HEAD_MISSING = "head_missing"
    HEAD_FORGED = "head_forged"
    HEAD_FOREIGN = "head_foreign"
    """Signed with a key that is not trusted."""
    HEAD_DIFFERS = "head_differs"
    """The head kept here is not the one that was exported."""
    PURGED_EARLY = "purged_early"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was found, and where: records ``first`` to ``last``, or the head of that number, or a day."""

    what: What
    first: int
    last: int
    day: str = ""


_OF_HEADS = frozenset({What.HEAD_MISSING, What.HEAD_FORGED, What.HEAD_FOREIGN, What.HEAD_DIFFERS})


@dataclass(slots=True)
class _Shift:
    """Links that would be good if they stood ``offset`` further on."""

    first: int
    last: int
    offset: int

    @property
    def weight(self) -> int:
        """Displacements of links that only changed places add up to nothing."""
        return self.offset * (self.last - self.first + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """What the chain is compared with. ``keys``: public keys by ``key_id``."""

    keys: Mapping[str, bytes]
    kept: Sequence[Head]
    exported: Sequence[Head] = ()
    today: date
    """A day that has ended at least two hours ago needs a head of its own."""


@dataclass(slots=True)
class Verification:
    """One pass. ``feed`` each link, then ``finish``."""

    witnesses: Witnesses
    records: int = 0
    _troubles: list[Trouble] = field(default_factory=list)
    _prior: Link | None = None
    _prior_holds: bool = True
    _broke_at: int = 0
    _agreed: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    """Up to where the heads kept here agree, and (``True``) those that were exported."""
    _displaced: int = 0
    _shift: _Shift | None = None
    _unresolved: list[Link] = field(default_factory=list)
    _rewritten: list[Trouble] = field(default_factory=list)
    _days: set[int] = field(default_factory=set)
    _good: list[Head] = field(default_factory=list)
    _at: dict[int, list[tuple[Head, bool]]] = field(default_factory=lambda: defaultdict(list))
    _purged: Head | None = None

    def __post_init__(self) -> None:
        self._judge_heads()
        for head in self._good:
            if head.kind is HeadKind.PURGE and (self._purged is None or head.first > self._purged.first):
                self._purged = head

    def feed(self, link: Link) -> None:
        """Look at the next link."""
        self.records += 1
        in_place = holds(link)
        if self._prior is None:
            self._begin(link, in_place=in_place)
        else:
            self._join(self._prior, link, in_place=in_place)
        if in_place:
            self._end_shift(at_end=False)
        else:
            self._explain(link)
        self._compare(link)
        if in_place:
            self._days.add(day_of(link.record.at_us))
        self._prior, self._prior_holds = link, in_place

    def finish(self) -> list[Trouble]:
        """Everything found, by place; nothing when all is well."""
        self._end_shift(at_end=True)
        self._settle_unresolved()
        self._look_behind_the_end()
        self._look_for_days()
        local = [trouble for trouble in self._troubles if trouble.what not in _OF_HEADS]
        for wide in self._rewritten:
            if not any(wide.first <= each.last and each.first <= wide.last for each in local):
                self._troubles.append(wide)
        return sorted(set(self._troubles), key=lambda each: (each.what in _OF_HEADS, each.first, each.what))

    # Heads

    def _judge_heads(self) -> None:
        kept = {head.number: head for head in self.witnesses.kept}
        self._sort_out(self.witnesses.kept, exported=False)
        self._sort_out(self.witnesses.exported, exported=True)
        for number in range(1, max(kept, default=0) + 1):
            if number not in kept:
                self._name(What.HEAD_MISSING, number)
        for head in self.witnesses.exported:
            here = kept.get(head.number)
            if here is None:
                self._name(What.HEAD_MISSING, head.number)
            elif here != head:
                self._name(What.HEAD_DIFFERS, head.number)

    def _sort_out(self, heads: Iterable[Head], *, exported: bool) -> None:
        for head in heads:
            public = self.witnesses.keys.get(head.key)
            if public is None:
                self._name(What.HEAD_FOREIGN, head.number)
            elif not is_signed(head, public):
                self._name(What.HEAD_FORGED, head.number)
            else:
                self._good.append(head)
                self._at[head.sequence].append((head, exported))
                if head.kind is HeadKind.PURGE and _is_early(head):
                    self._troubles.append(Trouble(What.PURGED_EARLY, 1, head.sequence, head.day))

    def _compare(self, link: Link) -> None:
        for head, exported in self._at.get(link.sequence, ()):
            if head.hash == link.hash.hex():
                self._agreed[exported] = link.sequence
            else:
                first = self._agreed[exported] + 1
                if self._broke_at == link.sequence:
                    # A head knew another record here: this one is the stranger, not the one before it.
                    self._troubles.remove(_replaced(link.sequence - 1))
                    self._name(What.REPLACED, link.sequence)
                    self._broke_at = 0
                self._rewritten.append(Trouble(What.REWRITTEN, first, link.sequence))

    def _look_behind_the_end(self) -> None:
        last = self._prior.sequence if self._prior else 0
        told = max((head.sequence for head in self._good), default=0)
        if told > last:
            self._name(What.TRUNCATED, last + 1, told)

    def _look_for_days(self) -> None:
        signed = {head.day for head in self._good if head.kind is HeadKind.DAY}
        for number in sorted(self._days):
            day = date.fromordinal(number)
            if day < self.witnesses.today and day.isoformat() not in signed:
                self._troubles.append(Trouble(What.HEAD_MISSING, 0, 0, day.isoformat()))

    # Links

    def _begin(self, link: Link, *, in_place: bool) -> None:
        purged = self._purged
        allowed = purged.first if purged else 1
        if link.sequence > allowed:
            self._name(What.DELETED, allowed, link.sequence - 1)
        elif purged is not None and link.sequence == allowed:
            if in_place and link.previous.hex() != purged.hash:
                self._name(What.REPLACED, link.sequence)
        elif in_place and link.sequence == 1 and link.previous != GENESIS:
            self._name(What.REPLACED, 1)
        self._agreed = dict.fromkeys((False, True), link.sequence - 1)

    def _join(self, prior: Link, link: Link, *, in_place: bool) -> None:
        if link.sequence <= prior.sequence:
            self._name(What.INSERTED, link.sequence)
        elif link.sequence > prior.sequence + 1:
            self._name(What.DELETED, prior.sequence + 1, link.sequence - 1)
        elif link.previous != prior.hash and in_place and self._prior_holds:
            if self._broke_at == prior.sequence:
                # It fits neither side: it is the stranger, not the one before it.
                self._troubles.remove(_replaced(prior.sequence - 1))
            self._name(What.REPLACED, prior.sequence)
            self._broke_at = link.sequence

    def _explain(self, link: Link) -> None:
        """A link whose hash is not its content's: does it belong to a neighbouring place?"""
        for offset in (1, -1, *range(2, limits.AUDIT_SHIFTS), *range(-2, -limits.AUDIT_SHIFTS, -1)):
            if holds(link, sequence=link.sequence + offset):
                self._shifted(link.sequence, offset)
                return
        self._end_shift(at_end=False)
        if len(self._unresolved) < limits.AUDIT_UNRESOLVED:
            self._unresolved.append(link)
        else:
            self._name(What.EDITED, link.sequence)

    def _shifted(self, sequence: int, offset: int) -> None:
        run = self._shift
        if run is not None and run.offset == offset and run.last == sequence - 1:
            run.last = sequence
            return
        self._end_shift(at_end=False)
        self._shift = _Shift(sequence, sequence, offset)

    def _end_shift(self, *, at_end: bool) -> None:
        run, self._shift = self._shift, None
        if run is None:
            return
        self._displaced += run.weight
        if not at_end or self._displaced == 0:
            self._name(What.REORDERED, run.first, run.last)
        elif run.offset > 0:
            self._name(What.DELETED, run.first, run.first + run.offset - 1)
        else:
            self._name(What.INSERTED, run.first + run.offset, run.first - 1)

    def _settle_unresolved(self) -> None:
        """Those that are good in each other's places were reordered; the others were edited."""
        numbers = [link.sequence for link in self._unresolved]
        for link in self._unresolved:
            moved = any(holds(link, sequence=number) for number in numbers if number != link.sequence)
            self._name(What.REORDERED if moved else What.EDITED, link.sequence)

    def _name(self, what: What, first: int, last: int | None = None) -> None:
        self._troubles.append(Trouble(what, first, first if last is None else last))


def _replaced(sequence: int) -> Trouble:
    return Trouble(What.REPLACED, sequence, sequence)


def _is_early(head: Head) -> bool:
    signed = date.fromordinal(day_of(head.at_us))
    return signed - date.fromisoformat(head.day) < timedelta(days=KEPT_DAYS)


def verified(links: Iterable[Link], witnesses: Witnesses) -> list[Trouble]:
    """One pass over a chain that is at hand."""
    verification = Verification(witnesses)
    for link in links:
        verification.feed(link)
    return verification.finish()
