"""What the log needs of storage."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from audit.chain import Link, Tip
from audit.head import Head
from audit.record import Record
from core.refusals import StorageUnavailable

NONE_SINCE = 2**62
"""Beyond every record."""


class AuditStore(Protocol):
    """One chain, whoever writes to it. Every method raises ``StorageUnavailable`` when it cannot."""

    async def append(self, records: Sequence[Record], *, doubt: Tip | None = None) -> Tip:
        """Chain the records to what is there and commit; answers the new tip.

        Processes take turns. Raises ``Doubtful`` when the commit was cut off; given its tip as ``doubt``,
        the same records are not written a second time.
        """

    async def answers(self) -> None:
        """Return when something could be written now."""

    async def tip(self) -> Tip:
        """The newest link."""

    async def first(self) -> int:
        """The sequence of the oldest record that is kept; 1 when there is none."""

    def links(self, *, after: int = 0, until: int | None = None) -> AsyncGenerator[Sequence[Link]]:
        """Every link behind a sequence, in order, in pages."""

    async def heads(self, *, after: int = 0) -> list[Head]:
        """Every head with a higher number, in order."""

    async def last_head(self) -> Head | None:
        """The newest head."""

    async def keep_head(self, head: Head) -> None:
        """Keep a signed head. Raises ``HeadTaken`` when its number is taken."""

    async def first_since(self, at_us: int) -> int:
        """The sequence of the oldest record of that moment or later; beyond every other for none."""

    async def last_before(self, at_us: int, *, after: int) -> Tip:
        """The newest link behind ``after`` of before a moment; ``Tip()`` for none."""


class AuditKeeper(Protocol):
    """Who may take old records away: another database user where there is one."""

    async def purge(self, head: Head, *, at_once: int) -> int:
        """Keep the head of the purge and delete what lies before ``head.first``; answers how many.

        The database itself refuses to delete what is younger than half a year.
        """


class Doubtful(StorageUnavailable):
    """The commit was cut off: the records may have been written, up to ``tip``."""

    def __init__(self, tip: Tip, *, why: str) -> None:
        super().__init__(why=why)
        self.tip = tip


class HeadTaken(Exception):
    """Somebody else has signed a head of that number."""
