"""What moderation needs of storage."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from im.review import Review
from im.store import HasConversations
from im.word_list import Listed


class ReviewStore(Protocol):
    """Reviews inside one transaction."""

    def add(self, review: Review) -> None:
        """Queue a new one."""

    async def find(self, review: str) -> Review | None:
        """One as it is."""

    async def hold(self, review: str) -> Review | None:
        """One, locked."""

    def keep(self, review: Review) -> None:
        """Queue what was decided."""

    async def page(self, *, waiting: bool, after: str | None, limit: int) -> Sequence[Review]:
        """Waiting ones by urgency and age, decided ones newest first; behind the one of that id."""


class Words(Protocol):
    """The hospital's own words inside one transaction."""

    async def all(self) -> Sequence[Listed]:
        """All, by id."""

    async def stamp(self) -> str:
        """Changes whenever the list does."""

    def add(self, word: Listed) -> None:
        """Queue one, or its new state."""

    def drop(self, word: str) -> None:
        """Queue that it is listed no more."""


class HasReviews(Protocol):
    """A transaction that knows reviews."""

    @property
    def reviews(self) -> ReviewStore:
        """The reviews."""


class Unit(HasConversations, HasReviews, Protocol):
    """One transaction: everything in it happens, or nothing."""

    @property
    def words(self) -> Words:
        """The listed words."""

    async def commit(self) -> None:
        """Make it true. Leaving the unit without this undoes everything."""


class Units(Protocol):
    """Makes transactions."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that may write."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """One moment of the database."""
