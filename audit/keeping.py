"""Signing heads, copying them off the machine, and taking away what is old enough.

One process at a time signs (``server/audit_work.py`` holds a lease for it); should two, the second finds the
head's number taken and leaves it to the first.
"""

import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, timedelta
from typing import Protocol

from audit.chain import Link, Tip
from audit.head import Head, HeadKind, a_head
from audit.moments import beginning_of, day_of, microseconds
from audit.retention import purge_before
from audit.signing import SigningKey
from audit.store import AuditKeeper, AuditStore
from core import limits
from core.clock import Clock, business_day


class Export(Protocol):
    """The folder on another machine. Every method raises ``OSError`` when it cannot be reached."""

    async def last_head(self) -> int:
        """The number of the newest head that lies there; 0 for none."""

    async def last_record(self) -> int:
        """The sequence of the newest record that lies there; 0 for none."""

    async def put_head(self, head: Head) -> None:
        """Write a head, whole or not at all."""

    async def put_records(
        self, day: str, first: int, last: int, pages: AsyncIterator[Sequence[Link]]
    ) -> None:
        """Write a file of records, whole or not at all."""


class Heads:
    """Signs what is due. Raises ``HeadTaken`` when somebody else did just now; ask again."""

    def __init__(self, store: AuditStore, *, key: SigningKey, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._seen = 0
        self._last_day: Head | None = None

    async def sign_due(self) -> list[Head]:
        """Sign a head for each day that has ended, and one of now when there is news; answers them."""
        signed: list[Head] = []
        last = await self._store.last_head()
        for day, tip in await self._ended_days():
            last = await self._sign(last, HeadKind.DAY, tip, day=day.isoformat())
            signed.append(last)
        tip = await self._store.tip()
        news = last is None or tip.sequence > last.sequence
        old = last is None or self._now_us() - last.at_us >= limits.AUDIT_HEAD_SECONDS * 1_000_000
        if tip.sequence and news and old:
            signed.append(await self._sign(last, HeadKind.NOW, tip))
        return signed

    async def purged(self, *, first: int, tip: Tip, day: date) -> Head:
        """The head of a purge of what lies before ``first``; it is kept together with the purge."""
        last = await self._store.last_head()
        number = 1 if last is None else last.number + 1
        head = a_head(
            number=number,
            kind=HeadKind.PURGE,
            day=day.isoformat(),
            at_us=self._now_us(),
            first=first,
            tip=tip,
            key=self._key.id,
        )
        return self._key.signed(head)

    async def _ended_days(self) -> list[tuple[date, Tip]]:
        """Days with records that have ended and have no head yet, each with its last record."""
        for head in await self._store.heads(after=self._seen):
            self._seen = head.number
            if head.kind is HeadKind.DAY:
                self._last_day = head
        last = self._last_day
        if last and date.fromisoformat(last.day) >= business_day(self._clock.now()) - timedelta(days=1):
            return []
        after = last.sequence if last else 0
        oldest = await self._next(after)
        if oldest is None:
            return []
        day = date.fromordinal(day_of(oldest.record.at_us))
        if last:
            day = max(day, date.fromisoformat(last.day) + timedelta(days=1))
        found: list[tuple[date, Tip]] = []
        while day < business_day(self._clock.now()):
            tip = await self._store.last_before(beginning_of(day + timedelta(days=1)), after=after)
            if tip.sequence:
                found.append((day, tip))
                after = tip.sequence
            day += timedelta(days=1)
        return found

    async def _next(self, after: int) -> Link | None:
        async with contextlib.aclosing(self._store.links(after=after)) as pages:
            async for page in pages:
                return page[0]
        return None

    async def _sign(self, last: Head | None, kind: HeadKind, tip: Tip, *, day: str = "") -> Head:
        head = a_head(
            number=1 if last is None else last.number + 1,
            kind=kind,
            day=day,
            at_us=self._now_us(),
            first=await self._store.first(),
            tip=tip,
            key=self._key.id,
        )
        signed = self._key.signed(head)
        await self._store.keep_head(signed)
        return signed

    def _now_us(self) -> int:
        return microseconds(self._clock.now())


async def export(store: AuditStore, folder: Export) -> int:
    """Copy every head that does not lie there yet, and the records of every day that has ended.

    Answers how many heads. Raises ``OSError`` when the folder cannot be reached.
    """
    heads = await store.heads(after=await folder.last_head())
    for head in heads:
        await folder.put_head(head)
    done = await folder.last_record()
    for head in _whole_days(await store.heads(), behind=done):
        first = max(done + 1, await store.first())
        if first <= head.sequence:
            pages = store.links(after=first - 1, until=head.sequence)
            await folder.put_records(head.day, first, head.sequence, pages)
        done = head.sequence
    return len(heads)


def _whole_days(heads: Iterable[Head], *, behind: int) -> list[Head]:
    return [head for head in heads if head.kind is HeadKind.DAY and head.sequence > behind]


async def purge(store: AuditStore, keeper: AuditKeeper, heads: Heads, *, today: date, days: int) -> int:
    """Take away whole days that are older than ``days``; answers how many records.

    Refuses with ``TooYoungToPurge`` when less than half a year would be left. The newest record always stays.
    """
    before = purge_before(today=today, days=days)
    kept = min(await store.first_since(beginning_of(before)), (await store.tip()).sequence)
    if kept <= await store.first():
        return 0
    [[last]] = [page async for page in store.links(after=kept - 2, until=kept - 1)]
    head = await heads.purged(
        first=kept, tip=Tip(last.sequence, last.hash), day=date.fromordinal(day_of(last.record.at_us))
    )
    return await keeper.purge(head, at_once=limits.AUDIT_PURGE_RECORDS)
