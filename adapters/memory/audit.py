"""``audit.store`` in memory, for tests and simulations: the same chain, gone with the process."""

from collections.abc import AsyncGenerator, Sequence

from audit.chain import Algorithm, Link, Tip, extend
from audit.head import Head
from audit.record import Record
from audit.store import NONE_SINCE, HeadTaken
from core import limits
from core.refusals import StorageUnavailable


class MemoryAuditStore:
    """One chain. Set ``away`` and it cannot be reached."""

    def __init__(self, *, algorithm: Algorithm = "sha256") -> None:
        self.chain: list[Link] = []
        self.signed: list[Head] = []
        self.away = False
        self._algorithm = algorithm

    async def append(self, records: Sequence[Record], *, doubt: Tip | None = None) -> Tip:
        self._reach()
        if doubt is not None and any(link.hash == doubt.hash for link in self.chain):
            return doubt
        self.chain += extend(self._tip(), records, algorithm=self._algorithm)
        return self._tip()

    async def answers(self) -> None:
        self._reach()

    async def tip(self) -> Tip:
        self._reach()
        return self._tip()

    async def first(self) -> int:
        self._reach()
        return self.chain[0].sequence if self.chain else 1

    async def links(self, *, after: int = 0, until: int | None = None) -> AsyncGenerator[Sequence[Link]]:
        self._reach()
        found = [
            link for link in self.chain if link.sequence > after and (until is None or link.sequence <= until)
        ]
        size = limits.AUDIT_PAGE_RECORDS
        for start in range(0, len(found), size):
            yield found[start : start + size]

    async def heads(self, *, after: int = 0) -> list[Head]:
        self._reach()
        return [head for head in self.signed if head.number > after]

    async def last_head(self) -> Head | None:
        self._reach()
        return self.signed[-1] if self.signed else None

    async def keep_head(self, head: Head) -> None:
        self._reach()
        if any(each.number == head.number for each in self.signed):
            raise HeadTaken
        self.signed.append(head)

    async def first_since(self, at_us: int) -> int:
        self._reach()
        return min((link.sequence for link in self.chain if link.record.at_us >= at_us), default=NONE_SINCE)

    async def last_before(self, at_us: int, *, after: int) -> Tip:
        self._reach()
        found = [link for link in self.chain if link.sequence > after and link.record.at_us < at_us]
        return Tip(found[-1].sequence, found[-1].hash) if found else Tip()

    async def purge(self, head: Head, *, at_once: int) -> int:
        await self.keep_head(head)
        before = len(self.chain)
        self.chain = [link for link in self.chain if link.sequence >= head.first]
        return before - len(self.chain)

    def _tip(self) -> Tip:
        return Tip(self.chain[-1].sequence, self.chain[-1].hash) if self.chain else Tip()

    def _reach(self) -> None:
        if self.away:
            raise StorageUnavailable(why="away")
