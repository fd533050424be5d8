"""A feed and what connects it to the broker: its subscription, a shared history read."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from realtime import frames
from realtime.channels import is_companion
from realtime.fanout import Subscriber
from realtime.feed import Feed
from realtime.stream import History, Position, Publication


@dataclass(slots=True)
class Reading:
    """A history read under way, and from where; or of the ``newest`` publication alone."""

    since: Position | None
    task: asyncio.Task[History]
    newest: bool = False

    def serves(self, since: Position | None) -> bool:
        """Whether this read also brings what somebody needs who was at ``since``."""
        if since is None or self.newest:
            return True
        own = self.since
        return own is not None and own.epoch == since.epoch and own.offset <= since.offset


@dataclass(slots=True, eq=False)
class Tap:
    """One channel of this process."""

    feed: Feed[Subscriber]
    opened: asyncio.Task[None] | None = None
    standing: bool = False
    """Whether the broker has confirmed that we hear the channel."""
    reading: Reading | None = None
    vacant_since: float | None = None
    pending: list[Publication] | None = None
    """See ``realtime.delivery.Source``."""
    under_way: int = 0

    _head: bytes | None = None

    @property
    def head(self) -> bytes:
        """What a publication's push begins with; empty where publications are ready pushes.

        Made for the first one: most personal channels are silent.
        """
        if self._head is None:
            name = self.feed.name
            self._head = b"" if is_companion(name) else frames.push_head(name)
        return self._head

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep what is heard while the history is read."""
        self.feed.hold()
        try:
            yield
        finally:
            self.feed.release()
