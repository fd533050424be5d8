"""Tokens that are taken back before they end: one by its id, or all of a user issued before a moment.

The database keeps them until every token they concern has ended by itself: ten years for tokens that stand
alone, minutes for those of a session, so that people who sign out leave nothing behind. Each web process
holds the live ones in memory, so that asking costs two lookups and no query.
"""

import enum
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from core import limits
from core.events import Outgoing
from realtime.tokens import Grant, Identity, TokenInvalid, Tokens

_ANY_TOKEN = timedelta(seconds=limits.TOKEN_SECONDS)


class Of(enum.StrEnum):
    """What is taken back."""

    USER = "user"
    TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One decision. ``name`` is a user's id or a token's."""

    of: Of
    name: str
    before: datetime
    """Of a user: tokens issued earlier are void, later ones good. Of a token: when that was decided."""
    lasting: timedelta = _ANY_TOKEN
    """How long the tokens it concerns can live: those of a session minutes, others years."""

    @property
    def until(self) -> datetime:
        """When all it concerns has ended by itself."""
        return self.before + self.lasting

    def beside(self, known: "Revocation | None") -> "Revocation":
        """What both say of the same name: the later moments."""
        if known is None:
            return self
        before = max(self.before, known.before)
        return Revocation(self.of, self.name, before, max(self.until, known.until) - before)


class RevocationStore(Protocol):
    """The decisions inside one transaction."""

    def keep(self, revocation: Revocation, *, by: str, at: datetime) -> None:
        """Add one; where the same user or token has one already, the later moment counts."""

    async def live(self, *, at: datetime, after: tuple[str, str], limit: int) -> Sequence[Revocation]:
        """Those still needed, by ``(of, name)``, those behind ``after``."""

    def forget(self, *, at: datetime) -> None:
        """Drop those that concern nothing any more."""


class Unit(Protocol):
    """One transaction: everything in it happens, or nothing."""

    @property
    def revocations(self) -> RevocationStore:
        """The decisions, inside this transaction."""

    def publish(self, *outgoing: Outgoing) -> None:
        """Put publications in the outbox; they leave after the commit."""

    async def commit(self) -> None:
        """Make it true. Leaving the unit without this undoes everything."""


class Units(Protocol):
    """Opens transactions. Raises ``core.refusals.StorageUnavailable`` when the database cannot serve."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that will write."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that only reads; ``commit`` is not needed."""


class Revoked:
    """The live revocations as this process knows them. One may be heard twice, or late."""

    def __init__(self) -> None:
        self._users: dict[str, Revocation] = {}
        self._tokens: dict[str, Revocation] = {}

    def __len__(self) -> int:
        return len(self._users) + len(self._tokens)

    def __contains__(self, verified: Identity | Grant) -> bool:
        """Whether the token behind this was taken back.

        One that does not say when it was issued is older than any revocation of its user.
        """
        return self.covers(user=verified.user, token_id=verified.token_id, issued_at=verified.issued_at)

    def covers(self, *, user: str, token_id: str, issued_at: float | None) -> bool:
        """Whether what was issued then to the user, under that name, was taken back."""
        if token_id in self._tokens:
            return True
        of_user = self._users.get(user)
        if of_user is None:
            return False
        return issued_at is None or issued_at < of_user.before.timestamp()

    def learn(self, revocations: Iterable[Revocation]) -> list[Revocation]:
        """Take what was heard or read; answers what of it is news."""
        news = []
        for one in revocations:
            known = self._users if one.of is Of.USER else self._tokens
            before = known.get(one.name)
            both = one.beside(before)
            if both != before:
                known[one.name] = both
                news.append(both)
        return news

    def forget(self, *, at: datetime) -> None:
        """Drop those that concern nothing any more."""
        for known in (self._users, self._tokens):
            for name in [name for name, one in known.items() if one.until <= at]:
                del known[name]


class TokenRevoked(TokenInvalid):
    """Well signed and in time, but taken back."""


class RevocableTokens:
    """Tokens that may have been taken back; see ``realtime.tokens.Tokens``."""

    def __init__(self, tokens: Tokens, revoked: Revoked) -> None:
        self._tokens = tokens
        self._revoked = revoked

    def verify(self, token: str, *, at: datetime) -> Identity:
        """As promised by ``Tokens``; raises ``TokenRevoked`` for one that was taken back."""
        identity = self._tokens.verify(token, at=at)
        if identity in self._revoked:
            raise TokenRevoked
        return identity

    def verify_subscription(self, token: str, *, at: datetime) -> Grant:
        """As ``verify``."""
        grant = self._tokens.verify_subscription(token, at=at)
        if grant in self._revoked:
            raise TokenRevoked
        return grant
