"""One sign-in on one device: how long it lasts, how it is renewed, and what ends it.

Pure. A session is renewed with a refresh token that is good once: each use gives the next one, so a copy that
was stolen shows itself when the second of two holders comes. Of tokens only SHA-256 is kept.

A refresh token is three parts: the session's id, the session's *family* (the same in all of its tokens, so
that somebody who guesses cannot end it) and a secret of its own. The next secret is made from the last one
and the ``salt`` kept beside it: whoever lost the answer, or asked from two pages at once, gets the same
answer again for ``REFRESH_GRACE_SECONDS``, and nobody can compute it from what is kept.
"""

import base64
import binascii
import enum
import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core import limits
from core.actor import Actor, Role
from core.ids import LineId, RandomBytes, SessionId, new_id
from core.refusals import Unauthenticated

_ID_CHARACTERS = 26
_SECRET_BYTES = 32
_FAMILY_BYTES = 16
SALT_BYTES = 16


class Ending(enum.StrEnum):
    """Why a session is over. Stored and told."""

    SIGNED_OUT = "signed_out"
    FROM_ANOTHER_DEVICE = "from_another_device"
    SIGNED_OUT_EVERYWHERE = "signed_out_everywhere"
    IDLE = "idle"
    TOO_OLD = "too_old"
    TOKEN_REUSED = "token_reused"
    TOO_MANY = "too_many"
    """The user signed in on more devices than there may be; the oldest gave way."""
    BY_ADMINISTRATOR = "by_administrator"
    CREDENTIALS_CHANGED = "credentials_changed"
    ACCOUNTS_MERGED = "accounts_merged"
    ACCOUNT_CLOSED = "account_closed"


class SessionOver(Unauthenticated):
    """The session has ended; sign in again. ``why`` is an ``Ending``."""

    code = "accounts.session_over"

    def __init__(self, *, why: Ending) -> None:
        super().__init__(why=why.value)


class RefreshTokenUnknown(Unauthenticated):
    """No session knows this refresh token."""

    code = "accounts.refresh_token_unknown"


@dataclass(frozen=True, slots=True)
class SessionBounds:
    """For how long: without any use, and at most, however much it is used."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in. ``user`` is ``Actor.id``; ``device`` and ``address`` are for the person's own list."""

    id: SessionId
    user: str
    role: Role
    lines: frozenset[LineId]
    device: str
    address: str
    created_at: datetime
    last_used_at: datetime
    bounds: SessionBounds
    family: bytes
    current: bytes
    """SHA-256 of the refresh token that is good now."""
    previous: bytes | None
    """SHA-256 of the one before it, which is answered again for a moment."""
    salt: bytes
    """What made the current secret from the previous one."""
    rotated_at: datetime
    ended_at: datetime | None = None
    ending: Ending | None = None

    @property
    def actor(self) -> Actor:
        """Who acts in this session."""
        return Actor(id=self.user, role=self.role, lines=self.lines, session=self.id)

    @property
    def good_until(self) -> datetime:
        """When it is over if it is not used again."""
        if self.ended_at is not None:
            return self.ended_at
        return min(self.last_used_at + self.bounds.idle, self.created_at + self.bounds.absolute)

    def ending_at(self, at: datetime) -> Ending | None:
        """Why it is over at that moment; ``None`` while it is good."""
        if self.ending is not None:
            return self.ending
        if at >= self.created_at + self.bounds.absolute:
            return Ending.TOO_OLD
        return Ending.IDLE if at >= self.last_used_at + self.bounds.idle else None

    def access_until(self, at: datetime) -> datetime:
        """Until when a token given now is good: never longer than the session itself.

        A session counts as used when it is renewed, so a token ends well before the session would idle out:
        whoever works without a pause renews in time.
        """
        good_for = min(timedelta(seconds=limits.ACCESS_TOKEN_SECONDS), self.bounds.idle / 3)
        return min(at + good_for, self.good_until)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token taken apart."""

    session: SessionId
    family: bytes
    secret: bytes

    @classmethod
    def read(cls, text: str) -> "RefreshToken":
        """Take a token apart. Raises ``RefreshTokenUnknown`` for anything we never wrote."""
        try:
            parts = base64.b64decode(text[_ID_CHARACTERS:].encode("ascii"), altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error):
            raise RefreshTokenUnknown() from None
        if len(parts) != _FAMILY_BYTES + _SECRET_BYTES:
            raise RefreshTokenUnknown()
        return cls(SessionId(text[:_ID_CHARACTERS]), parts[:_FAMILY_BYTES], parts[_FAMILY_BYTES:])

    @property
    def text(self) -> str:
        """As it travels."""
        return self.session + base64.urlsafe_b64encode(self.family + self.secret).decode("ascii")

    @property
    def digest(self) -> bytes:
        """As it is kept."""
        return hashlib.sha256(self.text.encode("ascii")).digest()

    def following(self, salt: bytes) -> "RefreshToken":
        """The one that this is exchanged for."""
        return replace(self, secret=hmac.digest(salt, self.secret, "sha256"))


class ReusedOld(Exception):
    """A refresh token came that was exchanged long ago: somebody has a copy."""


def opened(
    actor: Actor, *, bounds: SessionBounds, device: str, address: str, at: datetime, random: RandomBytes
) -> tuple[Session, RefreshToken]:
    """A new session of the actor and its first refresh token."""
    name = SessionId(new_id(at=at, random=random))
    token = RefreshToken(name, random(_FAMILY_BYTES), random(_SECRET_BYTES))
    session = Session(
        id=name,
        user=actor.id,
        role=actor.role,
        lines=actor.lines,
        device=device,
        address=address,
        created_at=at,
        last_used_at=at,
        bounds=bounds,
        family=hashlib.sha256(token.family).digest(),
        current=token.digest,
        previous=None,
        salt=random(SALT_BYTES),
        rotated_at=at,
    )
    return session, token


def renewed(
    session: Session, token: RefreshToken, *, at: datetime, random: RandomBytes
) -> tuple[Session, RefreshToken]:
    """Exchange a refresh token: the session as it is used now, and the token that is good next.

    The same token again within ``REFRESH_GRACE_SECONDS`` gets the same answer. Raises ``RefreshTokenUnknown``
    for a token that was never of this session, ``SessionOver``, and ``ReusedOld``: then the session must end.
    """
    if not hmac.compare_digest(hashlib.sha256(token.family).digest(), session.family):
        raise RefreshTokenUnknown()
    over = session.ending_at(at)
    if over is not None:
        raise SessionOver(why=over)
    digest = token.digest
    if hmac.compare_digest(digest, session.current):
        salt = random(SALT_BYTES)
        following = token.following(salt)
        used = replace(
            session,
            last_used_at=max(at, session.last_used_at),
            current=following.digest,
            previous=digest,
            salt=salt,
            rotated_at=at,
        )
        return used, following
    in_grace = at < session.rotated_at + timedelta(seconds=limits.REFRESH_GRACE_SECONDS)
    if session.previous is not None and in_grace and hmac.compare_digest(digest, session.previous):
        return session, token.following(session.salt)
    raise ReusedOld


def ended(session: Session, why: Ending, *, at: datetime) -> Session:
    """The session, over. One that has ended stays as it ended."""
    if session.ended_at is not None:
        return session
    return replace(session, ended_at=at, ending=why)


def crowded_out(sessions: list[Session], *, most: int) -> list[Session]:
    """Which of a user's sessions give way to one more, so that there are ``most``: the least lately used."""
    oldest_first = sorted(sessions, key=lambda one: (one.last_used_at, one.id))
    return oldest_first[: max(0, len(sessions) + 1 - most)]
