"""What travels of reviews and listed words. For the back office alone."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

ActionWord = Literal["pass", "review", "mask", "block"]
DecisionWord = Literal["waiting", "fine", "removed"]


class ReviewQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which."""

    state: Literal["waiting", "decided"] = "waiting"
    cursor: Annotated[str, Meta(max_length=64)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class ReviewItem(Struct, frozen=True, kw_only=True):
    """One in a list: no word of it."""

    id: str
    conversation: str
    seq: int
    role: str
    action: ActionWord
    labels: list[str]
    urgent: bool
    created_at: datetime
    decision: DecisionWord
    by: str
    decided_at: datetime | None


class ReviewList(Struct, frozen=True, kw_only=True):
    """Urgent ones first, then the longest waiting; decided ones newest first."""

    items: list[ReviewItem]
    next: str | None


class ContextLine(Struct, frozen=True, kw_only=True):
    """A message before or behind it, as the members see it."""

    seq: int
    role: str
    text: str
    created_at: datetime


class ReviewView(Struct, frozen=True, kw_only=True):
    """One with what was written. Looking is recorded."""

    item: ReviewItem
    original: str
    note: str
    context: list[ContextLine]


class Decide(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``removed`` hides the message from everybody in the conversation; the record keeps it."""

    decision: Literal["fine", "removed"]
    note: Annotated[str, Meta(max_length=500)] = ""


class WordItem(Struct, frozen=True, kw_only=True):
    """A listed word."""

    id: str
    word: str
    action: ActionWord
    label: str
    urgent: bool
    shipped: bool
    by: str


class WordItems(Struct, frozen=True, kw_only=True):
    """All of them: shipped ones, then the hospital's."""

    items: list[WordItem]


class AddWord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``pass`` lets a shipped word through."""

    word: Annotated[str, Meta(min_length=1, max_length=64)]
    action: ActionWord
    label: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z_]+$")] = "other"
    urgent: bool = False
