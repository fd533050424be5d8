"""Where bodies of messages go that nobody reads any more: a second store, sealed as they were in the first.

The database stays the truth. A body leaves it only after the archive has it durably and gave it back the
same, so in every moment a body is in one of the two; whoever reads a page is given both without knowing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.refusals import Unavailable


class ArchiveAway(Unavailable):
    """The archive of old messages does not answer; new ones are not in it."""

    code = "im.archive_away"


HEAD_BYTES = 6
"""How a sealed value begins: suite and key."""


@dataclass(frozen=True, slots=True)
class Archived:
    """One body as it is sealed, under the name of its message."""

    conversation: str
    seq: int
    sealed: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """What it is known by."""
        return name_of(self.conversation, self.seq)


def name_of(conversation: str, seq: int) -> str:
    """The name of a message's body."""
    return f"{conversation}|{seq}"


class Archive(Protocol):
    """Sealed bodies by name. Everything raises ``ArchiveAway`` when it does not answer in time."""

    async def keep(self, bodies: Sequence[Archived]) -> None:
        """Keep them, new or anew; when it returns they are there though a machine fails."""

    async def fetch(self, names: Sequence[str]) -> Mapping[str, bytes]:
        """Those that are there."""

    async def forget(self, conversation: str) -> None:
        """Drop all of a conversation; nothing happens where there is none."""

    async def conversation_after(self, conversation: str) -> str | None:
        """The next one that something is kept of, by id."""

    async def sealed_otherwise(self, head: bytes, *, after: str, limit: int) -> Sequence[Archived]:
        """Those that do not begin with these bytes (``HEAD_BYTES`` of them), by name."""

    async def by_head(self) -> Mapping[bytes, int]:
        """How bodies begin (``HEAD_BYTES``), and how many do."""

    async def prepare(self) -> None:
        """Make what it needs; harmless where it is made."""

    async def answers(self) -> None:
        """Make one trip to it."""


class NoArchive:
    """There is none: nothing was ever moved."""

    async def keep(self, bodies: Sequence[Archived]) -> None:
        raise ArchiveAway()

    async def fetch(self, names: Sequence[str]) -> Mapping[str, bytes]:
        raise ArchiveAway()

    async def forget(self, conversation: str) -> None:
        return

    async def conversation_after(self, conversation: str) -> str | None:
        return None

    async def sealed_otherwise(self, head: bytes, *, after: str, limit: int) -> Sequence[Archived]:
        return ()

    async def by_head(self) -> Mapping[bytes, int]:
        return {}

    async def prepare(self) -> None:
        return

    async def answers(self) -> None:
        return
