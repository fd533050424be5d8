"""Whose connections this process holds: user → connections, for whatever concerns a user as a whole.

Costs nothing for anonymous clients, one entry of a dict for a user with one connection.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

M = TypeVar("M")


class Roster(Generic[M]):
    """The connections of each user, oldest first, at most ``per_user`` of each."""

    def __init__(self, *, per_user: int) -> None:
        self._per_user = per_user
        # Almost everyone has one connection: that one itself, without a tuple around it.
        self._held: dict[str, M | tuple[M, ...]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[M]:
        """Every connection; a copy, so that they may leave meanwhile."""
        return iter([member for user in self._held for member in self.of(user)])

    def of(self, user: str) -> tuple[M, ...]:
        """The user's connections, oldest first."""
        held = self._held.get(user)
        if held is None:
            return ()
        return held if isinstance(held, tuple) else (held,)

    def enter(self, user: str, member: M) -> M | None:
        """Add a connection; answers the oldest one where it must give way to this."""
        members = self.of(user)
        oldest = members[0] if len(members) >= self._per_user else None
        self._keep(user, (*(members if oldest is None else members[1:]), member))
        return oldest

    def leave(self, user: str, member: M) -> None:
        """Take a connection out; one that is not in is fine."""
        members = self.of(user)
        if member in members:
            self._keep(user, tuple(one for one in members if one is not member))

    def _keep(self, user: str, members: tuple[M, ...]) -> None:
        if not members:
            del self._held[user]
        else:
            self._held[user] = members[0] if len(members) == 1 else members
