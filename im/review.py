"""The rules of a review: a message that a listed word brought before a person, decided once. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from core.refusals import Kind, NotFound, Refusal
from im.wording import Action


class Decision(StrEnum):
    """What the person decided."""

    WAITING = "waiting"
    FINE = "fine"
    """It stays as it is."""
    REMOVED = "removed"
    """Nobody in the conversation sees it any more; the record keeps it."""


class NoSuchReview(NotFound):
    """None of that id."""

    code = "im.no_such_review"


class DecidedAlready(Refusal):
    """Somebody else was first."""

    code = "im.review_decided"
    kind = Kind.CONFLICT

    def __init__(self, *, decision: str) -> None:
        super().__init__(decision=decision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One. ``original`` is what was written before anything was covered."""

    id: str
    conversation: str
    seq: int
    sender: str
    role: str
    action: Action
    labels: tuple[str, ...]
    urgent: bool
    original: str = field(repr=False)
    created_at: datetime
    decision: Decision = Decision.WAITING
    note: str = field(default="", repr=False)
    by: str = ""
    decided_at: datetime | None = None


def decided(review: Review, decision: Decision, *, note: str, by: str, at: datetime) -> Review:
    """The review after somebody decided. Refuses with ``DecidedAlready``."""
    if review.decision is not Decision.WAITING:
        raise DecidedAlready(decision=review.decision.value)
    return replace(review, decision=decision, note=note, by=by, decided_at=at)
