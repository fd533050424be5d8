"""Whose connections this process holds: user → connections, for whatever concerns a user as a whole.

Costs nothing for anonymous clients, one entry of a dict for a user with one connection.
"""

from typing import Generic, Protocol, TypeVar

from realtime.codes import Disconnect
from realtime.tokens import Identity

M = TypeVar("M")


class Member(Protocol):
    """One connection, for what concerns its user or its token as a whole."""

    @property
    def id(self) -> str:
        """The connection's own id; empty before ``connect``."""

    @property
    def identity(self) -> Identity:
        """Who it is, as its newest token says."""

    def close(self, why: Disconnect) -> None:
        """End the connection from our side."""

    def server_subscribe(self, channel: str, *, expires_at: float | None = None) -> None:
        """Subscribe the client from our side. Raises ``BadChannel`` or ``UnknownChannel``."""

    def server_unsubscribe(self, channel: str) -> None:
        """End the subscription from our side, whoever asked for it."""


class Roster(Generic[M]):
    """The connections of each user, oldest first, at most ``per_user`` of each."""

    def __init__(self, *, per_user: int) -> None:
        self._per_user = per_user
        # Almost everyone has one connection: that one itself, without a tuple around it.
        self._held: dict[str, M | tuple[M, ...]] = {}

    def __len__(self) -> int:
        """How many users."""
        return len(self._held)

    def of(self, user: str) -> tuple[M, ...]:
        """The user's connections, oldest first."""
        held = self._held.get(user)
        if held is None:
            return ()
        return held if isinstance(held, tuple) else (held,)

    def enter(self, user: str, member: M) -> M | None:
        """Add a connection; answers the oldest one where it must give way to this."""
        if user not in self._held:
            self._held[user] = member
            return None
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
