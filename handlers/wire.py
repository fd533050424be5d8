"""What travels about the server itself: alive, ready, what the start page links."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

UserId = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@\-]*$")]
TokenId = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[\x21-\x7e]+$")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Alive(msgspec.Struct, frozen=True):
    """The process answers."""

    alive: bool
    version: str


class Dependency(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One neighbour: whether it works, since when it was last known to, and a code for why not.

    A dependency that is not ``needed`` may be away without making the server unready: the hospital's own
    absence is shown with its age while everything else goes on.
    """

    name: Literal[
        "database", "broker", "relay", "hospital", "pages", "worker", "audit", "files", "archive", "clock"
    ]
    part: str | None = None
    """Which of several, where a neighbour is several: a Redis of the broker."""
    ok: bool
    needed: bool
    age_seconds: float | None = None
    offset_seconds: float | None = None
    """Of the clock: how far the true time is ahead of it."""
    code: str | None = None


class Readiness(msgspec.Struct, frozen=True):
    """Whether to send users here: every needed dependency works."""

    ready: bool
    dependencies: list[Dependency]


class Names(msgspec.Struct, frozen=True):
    """One thing in both languages."""

    zh: str
    en: str


class Revoke(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tokens to take back: one by its id, or a user's. ``issued_before`` goes with a user."""

    user: UserId | None = None
    token_id: TokenId | None = None
    issued_before: Moment | None = None


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken back. Kept until every token it concerns has ended by itself."""

    of: Literal["user", "token"]
    issued_before: datetime
    kept_until: datetime


class StartScreen(msgspec.Struct, frozen=True, omit_defaults=True):
    """A clinic screen on the start page; the token only in the demonstration."""

    id: str
    kind: Literal["hall", "room"]
    title: Names
    token: str | None = None


class StartDoctor(msgspec.Struct, frozen=True, omit_defaults=True):
    """The calling page's link; the token only in the demonstration."""

    token: str | None = None


class StartStaff(msgspec.Struct, frozen=True, kw_only=True):
    """A ready-made staff account of the demonstration; ``code`` is what its app would show now."""

    number: str
    role: str
    name: str
    password: str
    code: str


class Start(msgspec.Struct, frozen=True):
    """What the start page links. ``build`` names the deployed pages."""

    demo: bool
    hospital: Names
    screens: list[StartScreen]
    doctor: StartDoctor
    build: str
    staff: list[StartStaff] = msgspec.field(default_factory=list)
    """Only in the demonstration."""
