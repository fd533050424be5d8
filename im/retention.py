"""How long what was said is kept, and what keeps it longer. Pure.

Records of consultations are kept at least fifteen years, what only documents how things went at least three
(互联网诊疗监管细则(试行) 2022 §22). A hospital may keep them longer, or for ever; nobody shorter.
Years count from the end; what has none (colleagues, teams, a department's news) from the last change.

Nothing goes without warning: it is announced first and goes ``announced`` later, so that somebody can put a
hold on it, and so that a clock that jumps ahead does not empty a hospital in one night.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from core.refusals import Kind, NotFound, Refusal


class Class(StrEnum):
    """What a conversation is worth to the law (``im_conversation.retention``)."""

    PROCESS = "process"
    RECORD = "record"


LEAST_YEARS = {Class.PROCESS: 3, Class.RECORD: 15}
"""The law's floor."""


class TooYoungToPurge(Refusal):
    """The law keeps it longer, whoever asks."""

    code = "record.too_young"
    kind = Kind.CONFLICT

    def __init__(self, *, until: datetime | None) -> None:
        super().__init__(until="" if until is None else until.date().isoformat())


class RecordIsHeld(Refusal):
    """Somebody put a hold on it."""

    code = "record.held"
    kind = Kind.CONFLICT


class NotAnnounced(Refusal):
    """It has to be announced, and for long enough, before it goes."""

    code = "record.not_announced"
    kind = Kind.CONFLICT


class NoSuchHold(NotFound):
    """None of that id."""

    code = "record.no_such_hold"


class HoldIsLifted(Refusal):
    """It was lifted before."""

    code = "record.hold_lifted"
    kind = Kind.CONFLICT


@dataclass(frozen=True, slots=True)
class KeptYears:
    """How many years each class is kept; 0: for ever. Raises ``ValueError`` below the law's floor."""

    process: int = 3
    record: int = 15

    def __post_init__(self) -> None:
        for class_ in Class:
            years = self.of(class_)
            if years and years < LEAST_YEARS[class_]:
                raise ValueError(f"{class_.value}: {years} years are fewer than the law's")

    def of(self, class_: Class) -> int:
        """Of one class."""
        return self.process if class_ is Class.PROCESS else self.record


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What may go: a conversation with all that belongs to it, or a consultation that never had one."""

    id: str
    kind: str
    class_: Class
    ended_at: datetime | None
    """``None``: it is not over."""
    messages: int
    digest: bytes
    """The newest link of its chain: whoever has an exported record can compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The going of one, from its announcement on. It stays when everything else is gone."""

    subject: Subject
    announced_at: datetime
    purged_at: datetime | None = None
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """As long as it is not lifted nothing of its subject goes (证据保全)."""

    id: str
    subject: str
    reason: str = field(repr=False)
    by: str
    at: datetime
    lifted_at: datetime | None = None
    lifted_by: str = ""
    lifted_because: str = field(default="", repr=False)

    @property
    def stands(self) -> bool:
        """Whether it still keeps."""
        return self.lifted_at is None


class Step(StrEnum):
    """What the sweep does with a subject."""

    KEEP = "keep"
    ANNOUNCE = "announce"
    WITHDRAW = "withdraw"
    """It was announced, and is kept after all."""
    PURGE = "purge"


def kept_until(subject: Subject, years: KeptYears) -> datetime | None:
    """From when on it may go; ``None``: never, or not known yet."""
    count = years.of(subject.class_)
    if not count or subject.ended_at is None:
        return None
    return _years_after(subject.ended_at, count)


def over_before(class_: Class, years: KeptYears, *, at: datetime) -> datetime | None:
    """What ended by then may be due; never too early a moment. ``None``: nothing is."""
    count = years.of(class_)
    # A day more: from 29 February on is 1 March.
    return _years_before(at, count) + timedelta(days=1) if count else None


def step(
    subject: Subject,
    *,
    years: KeptYears,
    held: bool,
    announced_at: datetime | None,
    announced: timedelta,
    at: datetime,
) -> Step:
    """What is to be done with it now."""
    until = kept_until(subject, years)
    if held or until is None or at < until:
        return Step.KEEP if announced_at is None else Step.WITHDRAW
    if announced_at is None:
        return Step.ANNOUNCE
    if announced_at > at:
        # By a clock that was ahead.
        return Step.WITHDRAW
    return Step.PURGE if at - announced_at >= announced else Step.KEEP


def may_purge(
    subject: Subject,
    *,
    years: KeptYears,
    held: bool,
    announced_at: datetime | None,
    announced: timedelta,
    at: datetime,
) -> None:
    """Refuses with ``TooYoungToPurge``, ``RecordIsHeld`` and ``NotAnnounced``, for whoever asks."""
    until = kept_until(subject, years)
    if until is None or at < until:
        raise TooYoungToPurge(until=until)
    if held:
        raise RecordIsHeld()
    if announced_at is None or announced_at > at or at - announced_at < announced:
        raise NotAnnounced()


def lifted(hold: Hold, *, by: str, because: str, at: datetime) -> Hold:
    """The hold after somebody lifted it. Refuses with ``HoldIsLifted``."""
    if not hold.stands:
        raise HoldIsLifted()
    return replace(hold, lifted_at=at, lifted_by=by, lifted_because=because)


def _years_after(moment: datetime, count: int) -> datetime:
    try:
        return moment.replace(year=moment.year + count)
    except ValueError:
        return moment.replace(year=moment.year + count, month=3, day=1)


def _years_before(moment: datetime, count: int) -> datetime:
    try:
        return moment.replace(year=moment.year - count)
    except ValueError:
        return moment.replace(year=moment.year - count, month=2, day=28)
