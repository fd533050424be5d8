"""What accounts need of storage."""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from accounts.session import Session
from accounts.user import Change, Proof, Standing, User
from core.actor import Role
from core.events import Outgoing
from core.ids import SessionId, UserId
from core.refusals import NotFound
from realtime.revocations import RevocationStore


class SessionStore(Protocol):
    """Sessions inside one transaction. What is read here is locked when the transaction will write."""

    async def find(self, session: SessionId) -> Session | None:
        """One session, over or not."""

    async def live_of(self, user: str, *, at: datetime) -> Sequence[Session]:
        """The user's sessions that are good at that moment, by id (oldest first)."""

    async def live(
        self, roles: Collection[Role], *, at: datetime, after: SessionId | None, limit: int
    ) -> Sequence[Session]:
        """The good sessions of these roles, by id, those behind ``after``."""

    def add(self, session: Session) -> None:
        """Keep a new one."""

    def keep(self, session: Session) -> None:
        """Keep what became of one."""

    def blur(self, user: str) -> None:
        """Drop device and address from all that the user ever had."""

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


class IdentityTaken(Exception):
    """Somebody else was quicker with the same identity, or it changed hands: look again and decide anew."""


class UserStore(Protocol):
    """Accounts inside one transaction. What is read here is locked when the transaction will write."""

    async def owners(self, proofs: Sequence[Proof], *, besides: UserId | None = None) -> Sequence[User]:
        """The accounts that have any of these, and the one named besides, with all that each has.

        Locked in one order, so that two of them can be joined. Raises ``IdentityTaken``.
        """

    async def find(self, user: UserId) -> User | None:
        """One account, in use or not. Whoever adds something to an account reads it in the same transaction,
        so that it is not merged or closed meanwhile.
        """

    async def absorbed(self, user: UserId) -> Sequence[UserId]:
        """The accounts that went into this one, also by way of others."""

    async def keep(self, change: Change) -> None:
        """Keep what became of these accounts. Raises ``IdentityTaken``."""


class HasUsers(Protocol):
    """A transaction that can read accounts."""

    @property
    def users(self) -> UserStore:
        """The accounts, inside this transaction."""


async def hold_account(unit: HasUsers, user: UserId) -> None:
    """Keep the account from being merged or closed until this transaction ends.

    Whoever adds something to an account calls it first, so that nothing is added to one that is gone. Refuses
    with ``NotFound`` when it has been merged or closed.
    """
    found = await unit.users.find(user)
    if found is not None and found.standing is not Standing.LIVE:
        raise NotFound()


class CodeUsedBefore(Exception):
    """What is good once was used before."""


@dataclass(frozen=True, slots=True)
class SentCode:
    """The newest code sent to a phone. ``code`` is a keyed hash, empty once it cannot be used any more."""

    phone: str
    code: bytes
    sent_at: datetime
    tries: int
    day: str
    """The day that ``sends`` counts."""
    sends: int


class CodeStore(Protocol):
    """Codes that were sent by SMS, and states of page authorisations that were used."""

    async def sent(self, phone: str) -> SentCode | None:
        """The newest code of a phone."""

    async def add(self, code: SentCode) -> None:
        """The first code of a phone. Raises ``CodeUsedBefore`` when another request was quicker."""

    def keep(self, code: SentCode) -> None:
        """What became of a phone's code."""

    async def count_sending(self, address: str, *, hour: str) -> int:
        """One more message for this address in that hour; answers how many."""

    def hashed(self, phone: str, code: str) -> bytes:
        """A code as it is kept: bound to the phone and to a key that is not in the database."""

    async def use_state(self, state: str, *, until: datetime) -> None:
        """Mark a state as used. Raises ``CodeUsedBefore``."""

    def forget(self, *, at: datetime) -> None:
        """Drop what can be used no more."""


class AccountUnit(SessionUnit, Protocol):
    """One transaction of sign-in and accounts."""

    @property
    def users(self) -> UserStore:
        """The accounts, inside this transaction."""

    @property
    def codes(self) -> CodeStore:
        """Codes and states, inside this transaction."""


Unit_co = TypeVar("Unit_co", covariant=True)


class Units(Protocol[Unit_co]):
    """Opens transactions. Raises ``core.refusals.StorageUnavailable`` when the database cannot serve."""

    def begin(self) -> AbstractAsyncContextManager[Unit_co]:
        """A transaction that will write."""

    def read(self) -> AbstractAsyncContextManager[Unit_co]:
        """A transaction that only reads; ``commit`` is not needed."""
