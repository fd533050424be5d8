"""What a member of staff proves who they are with, and the one-time links that lead there. Pure values."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from core import limits
from core.ids import StaffId


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A password as it is kept, and the second factor."""

    password: str
    """As ``Passwords.hash`` gave it; empty after a reset, when none is right."""
    earlier: tuple[str, ...] = ()
    """Hashes of the passwords before it, newest first."""
    set_at: datetime
    secret: str | None = None
    """Of the authenticator app; offered, until ``enrolled_at`` says that a code of it came."""
    enrolled_at: datetime | None = None
    used_step: int = 0
    """The half minute of the last code that was taken."""
    answered_at: datetime | None = None
    """When the newest challenge that led to a session was given; it and those before it lead nowhere."""

    @property
    def are_complete(self) -> bool:
        """Whether there is a second factor."""
        return self.secret is not None and self.enrolled_at is not None

    @property
    def remembered(self) -> tuple[str, ...]:
        """The last passwords, none of which may be set again."""
        last = (self.password, *self.earlier) if self.password else self.earlier
        return last[: limits.STAFF_PASSWORDS_REMEMBERED]

    def with_password(self, password: str, *, at: datetime) -> "Credentials":
        """The same second factor, another password."""
        return replace(self, password=password, earlier=self._past(), set_at=at)

    def emptied(self, *, at: datetime) -> "Credentials":
        """Neither password nor second factor; what may not be set again is still known."""
        return Credentials(password="", earlier=self._past(), set_at=at)

    def _past(self) -> tuple[str, ...]:
        return self.remembered[: limits.STAFF_PASSWORDS_REMEMBERED - 1]

    def offering(self, secret: str) -> "Credentials":
        """A second factor that is offered. What was offered before is worth nothing any more."""
        return replace(self, secret=secret, enrolled_at=None, used_step=0)


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link: an invitation, or (``number`` is ``None``) the set-up of the first administrator."""

    digest: bytes
    number: StaffId | None
    made_at: datetime
    expires_at: datetime


def link_digest(token: str) -> bytes:
    """As a link's token is kept; 256 random bits need no more."""
    return hashlib.sha256(f"link\n{token}".encode()).digest()
