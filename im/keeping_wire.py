"""What travels of holds and of what goes for its age. For the back office alone."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from im.wire import Id

Reason = Annotated[str, Meta(min_length=4, max_length=500)]


class HoldQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which."""

    state: Literal["standing", "lifted"] = "standing"
    cursor: Annotated[str, Meta(max_length=64)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class HoldItem(Struct, frozen=True, kw_only=True):
    """A hold (证据保全): as long as it stands nothing of the conversation goes."""

    id: str
    conversation: str
    reason: str
    by: str
    placed_at: datetime
    lifted_at: datetime | None
    lifted_by: str
    lifted_because: str


class HoldList(Struct, frozen=True, kw_only=True):
    """Newest first."""

    items: list[HoldItem]
    next: str | None


class PlaceHold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``reason``: who asked for it, and the number of their letter. No names of patients."""

    conversation: Id
    reason: Reason


class LiftHold(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is not needed any more."""

    reason: Reason


class EndingQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which."""

    state: Literal["announced", "gone"] = "announced"
    cursor: Annotated[str, Meta(max_length=64)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class EndingItem(Struct, frozen=True, kw_only=True):
    """The going of one conversation. ``digest``: the head of its chain, as exported records have it."""

    conversation: str
    kind: str
    retention: Literal["process", "record"]
    ended_at: datetime | None
    announced_at: datetime
    due_at: datetime
    purged_at: datetime | None
    messages: int
    files: int
    digest: str


class EndingList(Struct, frozen=True, kw_only=True):
    """By id; what went newest first."""

    items: list[EndingItem]
    next: str | None
