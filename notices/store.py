"""What notices need of storage and of the platforms that carry them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from accounts.store import UserStore
from notices.notice import Channel, Kind, Notice, Outcome


class NoticeStore(Protocol):
    """Notices and what people agreed to, inside one transaction."""

    async def knows(self, key: str) -> bool:
        """Whether that was told, or is about to be."""

    def add(self, notice: Notice) -> None:
        """Queue a new one."""

    async def due(self, *, at: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """Id and user of those that wait or were left behind, the longest due first."""

    async def hold(self, notice: str) -> Notice | None:
        """One, locked."""

    def keep(self, notice: Notice) -> None:
        """Queue its new state."""

    def forget(self, *, before: datetime) -> None:
        """Queue that those that were made before then and are over are dropped."""

    async def left(self, user: str) -> Mapping[tuple[Channel, Kind], int]:
        """What the person agreed to and is not used up; locked when the transaction will write."""

    def grant(self, user: str, channel: Channel, kind: Kind, left: int) -> None:
        """Queue how many may be sent."""

    async def is_quiet(self, user: str) -> bool:
        """Whether the person wants none at night."""

    def be_quiet(self, user: str, on: bool) -> None:
        """Queue what they want."""

    async def erase(self, user: str) -> None:
        """Forget all of a person."""

    async def move(self, source: str, target: str) -> None:
        """Give what waits for one account, and what it agreed to, to another."""


class HasNotices(Protocol):
    """A transaction that knows notices."""

    @property
    def notices(self) -> NoticeStore:
        """The notices."""


class Unit(HasNotices, Protocol):
    """One transaction: everything in it happens, or nothing."""

    @property
    def users(self) -> UserStore:
        """The accounts."""

    async def commit(self) -> None:
        """Make it true. Leaving the unit without this undoes everything."""


class Units(Protocol):
    """Makes transactions."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that may write."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """One moment of the database."""


class Courier(Protocol):
    """One application of a platform, which carries notices to its users."""

    @property
    def app(self) -> str:
        """The application's id: whose identities it knows."""

    @property
    def kinds(self) -> Mapping[Kind, str]:
        """What it can carry, and the template of each."""

    async def carry(self, subject: str, kind: Kind, params: Mapping[str, str]) -> Outcome:
        """Hand one over to the person with that identity. Never raises for what the platform does."""
