"""What accounts need of storage."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from accounts.session import Session
from core.events import Outgoing
from core.ids import SessionId
from realtime.revocations import RevocationStore


class SessionStore(Protocol):
    """Sessions inside one transaction. What is read here is locked when the transaction will write."""

    async def find(self, session: SessionId) -> Session | None:
        """One session, over or not."""

    async def live_of(self, user: str, *, at: datetime) -> Sequence[Session]:
        """The user's sessions that are good at that moment, by id (oldest first)."""

    async def live(self, *, at: datetime, after: SessionId | None, limit: int) -> Sequence[Session]:
        """Everybody's good sessions, by id, those behind ``after``."""

    def add(self, session: Session) -> None:
        """Keep a new one."""

    def keep(self, session: Session) -> None:
        """Keep what became of one."""

    def forget(self, *, before: datetime) -> None:
        """Drop those that were over before that moment."""


class SessionUnit(Protocol):
    """One transaction that sessions are part of."""

    @property
    def sessions(self) -> SessionStore:
        """The sessions, inside this transaction."""

    @property
    def revocations(self) -> RevocationStore:
        """Tokens taken back, inside this transaction."""

    def publish(self, *outgoing: Outgoing) -> None:
        """Put publications in the outbox; they leave after the commit."""

    async def commit(self) -> None:
        """Make it true. Leaving the unit without this undoes everything."""


class SessionUnits(Protocol):
    """Opens transactions. Raises ``core.refusals.StorageUnavailable`` when the database cannot serve."""

    def begin(self) -> AbstractAsyncContextManager[SessionUnit]:
        """A transaction that will write."""

    def read(self) -> AbstractAsyncContextManager[SessionUnit]:
        """A transaction that only reads; ``commit`` is not needed."""
