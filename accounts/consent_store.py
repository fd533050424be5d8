"""What the consent ledger needs of storage."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from accounts.consent import Entry, Kind
from core.ids import UserId


class ConsentStore(Protocol):
    """The ledger inside one transaction. It only grows."""

    def append(self, user: UserId, entry: Entry) -> None:
        """Add one entry."""

    async def latest(self, user: UserId) -> Mapping[Kind, Entry]:
        """The newest entry of each kind."""

    async def ledger(self, user: UserId) -> Sequence[Entry]:
        """Every entry, oldest first."""

    async def adopt(self, kept: UserId, joining: UserId) -> None:
        """When two accounts become one: of each kind the later word of both counts for the kept one."""


class Unit(Protocol):
    """One transaction."""

    @property
    def consents(self) -> ConsentStore:
        """The ledger."""

    async def commit(self) -> None:
        """Make everything true, or raise."""


class Units(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """One that will write."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """One that sees one moment."""
