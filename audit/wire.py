"""What travels about the log."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from audit.chain import Link
from audit.moments import moment
from audit.record import Result
from audit.review import Review, State
from core import limits

Moment = Annotated[datetime, Meta(tz=True)]
Month = Annotated[str, Meta(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]
Cursor = Annotated[str, Meta(pattern=r"^\d{1,18}$")]
Code = Annotated[str, Meta(max_length=128)]


class AuditQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records, newest first. ``object`` is a part of it: an id, the beginning of a path."""

    since: Moment | None = field(default=None, name="from")
    until: Moment | None = field(default=None, name="to")
    actor: Code | None = None
    action: Code | None = None
    result: Result | None = None
    object: Annotated[str, Meta(min_length=3, max_length=255)] | None = None
    cursor: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class AuditRecord(Struct, frozen=True, kw_only=True):
    """One record of the log, and its place in the chain."""

    sequence: int
    at: datetime
    actor: str
    role: str
    address: str
    action: str
    object: str
    result: str
    code: str
    facts: str
    hash: str

    @classmethod
    def of(cls, link: Link) -> "AuditRecord":
        record = link.record
        return cls(
            sequence=link.sequence,
            at=moment(record.at_us),
            actor=record.actor,
            role=record.role,
            address=record.address,
            action=record.action,
            object=record.object,
            result=record.result,
            code=record.code,
            facts=record.facts,
            hash=link.hash.hex(),
        )


class AuditPage(Struct, frozen=True, kw_only=True):
    """A page of records; ``next`` is the cursor of the following one."""

    records: list[AuditRecord]
    next: str | None


class Verified(Struct, frozen=True, kw_only=True):
    """The newest verification of the whole log."""

    at: datetime
    records: int
    heads: int
    troubles: int


class AuditStanding(Struct, frozen=True, kw_only=True):
    """The log's own health. Bytes are those of its database; ``days_left`` is ``null`` where nobody knows."""

    records: int
    bytes: int
    growth_records: float
    """Records a day, of the last week."""
    growth_bytes: float
    oldest_day: str | None
    kept_days: int
    days_left: float | None
    signed_at: datetime | None
    waiting: int
    """Records of this process that are not written yet."""
    writes: bool
    """Whether this process could write the last time it tried."""
    verified: Verified | None
    warnings: list[str]
    """Codes: cannot_write, little_room, not_signed, not_verified, tampered."""


class DraftReview(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which month to count."""

    month: Month


class SignReview(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the reviewer found and concludes. Kept for good: no names of patients."""

    findings: Annotated[str, Meta(min_length=1, max_length=limits.AUDIT_REVIEW_TEXT)]
    conclusion: Annotated[str, Meta(min_length=1, max_length=limits.AUDIT_REVIEW_TEXT)]


class ReviewRow(Struct, frozen=True, kw_only=True):
    """A month's review in the list."""

    month: str
    version: int
    state: State
    drafted_at: datetime
    signed_at: datetime | None
    reviewer: str
    records: int
    proposed: int

    @classmethod
    def of(cls, review: Review) -> "ReviewRow":
        return cls(
            month=review.month,
            version=review.version,
            state=review.state,
            drafted_at=review.drafted_at,
            signed_at=review.signed_at,
            reviewer=review.reviewer,
            records=review.counts.records,
            proposed=len(review.proposed),
        )


class ReviewList(Struct, frozen=True, kw_only=True):
    """Every month's newest version, newest month first."""

    reviews: list[ReviewRow]


class DocumentQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which form of the record."""

    form: Literal["pdf", "docx"] = "pdf"
