"""Who keeps the log, as sockets tell it. They wait for nothing: a record is taken, and written by another."""

from typing import Protocol

from core.actor import Actor


class Witness(Protocol):
    """Told of what happens on sockets that belongs into the log. ``address`` is the client's, as text."""

    def connected(self, actor: Actor, address: str) -> None:
        """Somebody has said who they are, and is subscribed to what is theirs."""

    def refused(self, actor: Actor, address: str, channel: str) -> None:
        """Somebody asked for a channel that is not for them."""

    def turned_away(self, address: str) -> None:
        """Somebody came with a token that is not good."""


class Unwatched:
    """Where no log is kept: tests and benches of the transport alone."""

    def connected(self, actor: Actor, address: str) -> None:
        pass

    def refused(self, actor: Actor, address: str, channel: str) -> None:
        pass

    def turned_away(self, address: str) -> None:
        pass
