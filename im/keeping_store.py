"""What retention and holds need of storage."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from im.file_store import HasFiles
from im.retention import Class, Ending, Hold, Subject


class Keepsakes(Protocol):
    """Holds and endings inside one transaction. ``hold`` the subject before anything is decided about it."""

    async def hold(self, subject: str) -> Subject | None:
        """One as it is, with its consultation and its conversation locked."""

    async def over(self, class_: Class, *, before: datetime, limit: int) -> Sequence[Subject]:
        """What ended by then, is not announced, and on which no hold stands."""

    async def announced(self, *, after: str, limit: int) -> Sequence[Ending]:
        """What is announced and still here, by id."""

    async def gone(self, *, before: str, limit: int) -> Sequence[Ending]:
        """What went, by descending id."""

    async def ending(self, subject: str) -> Ending | None:
        """The going of one."""

    def announce(self, ending: Ending) -> None:
        """Queue that it will go."""

    def withdraw(self, subject: str) -> None:
        """Queue that it will not."""

    async def purge(self, ending: Ending) -> None:
        """Queue that everything of it goes, and that ``ending`` is what stays.

        Messages, places, rows of files, reviews, invitations, the consultation; unread counts follow.
        """

    def place(self, hold: Hold) -> None:
        """Queue a new hold."""

    async def holds_on(self, subject: str) -> Sequence[Hold]:
        """Those that stand on one."""

    async def find_hold(self, hold: str) -> Hold | None:
        """One, locked where the transaction writes."""

    def keep_hold(self, hold: Hold) -> None:
        """Queue its new state."""

    async def holds(self, *, stand: bool, before: str, limit: int) -> Sequence[Hold]:
        """Those that stand, or that were lifted, newest first."""


class Unit(HasFiles, Protocol):
    """One transaction: everything in it happens, or nothing."""

    @property
    def keepsakes(self) -> Keepsakes:
        """Holds and endings."""

    async def commit(self) -> None:
        """Make it true. Leaving the unit without this undoes everything."""


class Units(Protocol):
    """Makes transactions."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that may write."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """One moment of the database."""
