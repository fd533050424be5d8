"""Use cases of retention: what is old enough is announced and goes, a hold keeps it, nobody is quicker."""

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from core import limits
from core.actor import Actor
from core.clock import Clock
from core.ids import RandomBytes, new_id
from im import retention
from im.archive import Archive, ArchiveAway, NoArchive
from im.attached import Attached
from im.file_store import Blobs
from im.keeping_store import Unit, Units
from im.keeping_wire import (
    EndingItem,
    EndingList,
    EndingQuery,
    HoldItem,
    HoldList,
    HoldQuery,
    LiftHold,
    PlaceHold,
)
from im.refusals import FilesAway, NoSuchConversation
from im.retention import Class, Ending, Hold, KeptYears, NoSuchHold, Step, Subject

ANNOUNCED = timedelta(days=limits.PURGE_ANNOUNCED_DAYS)

Witness = Callable[[Ending], Awaitable[None]]
"""Puts into the log that something goes, before it goes. Raises where nothing can be recorded."""

_BEYOND = "~"
"""Behind every id."""


class Keeping:
    """What is kept, and what goes."""

    def __init__(
        self,
        *,
        units: Units,
        clock: Clock,
        random: RandomBytes,
        years: KeptYears,
        blobs: Blobs | None = None,
        archive: Archive | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._units = units
        self._clock = clock
        self._random = random
        self._years = years
        self._blobs = blobs
        self._archive = archive or NoArchive()
        self._witness = witness

    async def holds(self, query: HoldQuery) -> HoldList:
        """Holds that stand, or that were lifted, newest first."""
        async with self._units.read() as unit:
            found = await unit.keepsakes.holds(
                stand=query.state == "standing", before=query.cursor or _BEYOND, limit=query.limit + 1
            )
        shown = found[: query.limit]
        more = len(found) > query.limit
        return HoldList(items=[_hold_item(each) for each in shown], next=shown[-1].id if more else None)

    async def place(self, actor: Actor, body: PlaceHold) -> HoldItem:
        """Keep a conversation, whatever its age. Refuses with ``NoSuchConversation``."""
        at = self._clock.now()
        hold = Hold(
            id=new_id(at=at, random=self._random),
            subject=body.conversation,
            reason=body.reason,
            by=actor.id,
            at=at,
        )
        async with self._units.begin() as unit:
            if await unit.keepsakes.hold(body.conversation) is None:
                raise NoSuchConversation()
            unit.keepsakes.place(hold)
            unit.keepsakes.withdraw(body.conversation)
            await unit.commit()
        return _hold_item(hold)

    async def lift(self, actor: Actor, name: str, body: LiftHold) -> HoldItem:
        """Keep it no longer on that account. Refuses with ``NoSuchHold`` and ``HoldIsLifted``."""
        async with self._units.begin() as unit:
            found = await unit.keepsakes.find_hold(name)
            if found is None:
                raise NoSuchHold()
            after = retention.lifted(found, by=actor.id, because=body.reason, at=self._clock.now())
            unit.keepsakes.keep_hold(after)
            await unit.commit()
        return _hold_item(after)

    async def endings(self, query: EndingQuery) -> EndingList:
        """What will go and when, or what went."""
        async with self._units.read() as unit:
            if query.state == "announced":
                found = await unit.keepsakes.announced(after=query.cursor or "", limit=query.limit + 1)
            else:
                found = await unit.keepsakes.gone(before=query.cursor or _BEYOND, limit=query.limit + 1)
        shown = found[: query.limit]
        more = len(found) > query.limit
        return EndingList(
            items=[_ending_item(each) for each in shown], next=shown[-1].subject.id if more else None
        )

    async def due(self) -> Sequence[Ending]:
        """Announced ones that may go now, in the order in which they are looked at; a look, no promise."""
        at, found, after = self._clock.now(), [], ""
        async with self._units.read() as unit:
            while page := await unit.keepsakes.announced(after=after, limit=limits.PURGES_AT_ONCE):
                found += [each for each in page if at - each.announced_at >= ANNOUNCED]
                after = page[-1].subject.id
        return found

    async def sweep(self, gone: Callable[[Ending], None] = lambda ending: None) -> int:
        """Announce what is over, take back what is kept after all, purge what was announced long enough.

        Answers how many went; ``gone`` is told of each.
        """
        count, after = 0, ""
        while True:
            async with self._units.read() as unit:
                page = await unit.keepsakes.announced(after=after, limit=limits.PURGES_AT_ONCE)
            for each in page:
                ending = await self._settle(each.subject.id)
                if ending is not None:
                    gone(ending)
                    count += 1
            if len(page) < limits.PURGES_AT_ONCE:
                break
            after = page[-1].subject.id
        for class_ in Class:
            await self._announce(class_)
        return count

    async def purge(self, subject: str) -> Ending:
        """Let one go now. Refuses with ``NoSuchConversation``, ``TooYoungToPurge``, ``RecordIsHeld`` and
        ``NotAnnounced``: for every role."""
        async with self._units.begin() as unit:
            found = await unit.keepsakes.hold(subject)
            if found is None:
                raise NoSuchConversation()
            ending = await unit.keepsakes.ending(subject)
            retention.may_purge(
                found,
                years=self._years,
                held=bool(await unit.keepsakes.holds_on(subject)),
                announced_at=None if ending is None else ending.announced_at,
                announced=ANNOUNCED,
                at=self._clock.now(),
            )
            assert ending is not None
            return await self._gone(unit, found, ending)

    async def _settle(self, name: str) -> Ending | None:
        """Do what is to be done with an announced one; answers how it went, where it did."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            subject = await unit.keepsakes.hold(name)
            ending = await unit.keepsakes.ending(name)
            if subject is None or ending is None or ending.purged_at is not None:
                return None
            what = retention.step(
                subject,
                years=self._years,
                held=bool(await unit.keepsakes.holds_on(name)),
                announced_at=ending.announced_at,
                announced=ANNOUNCED,
                at=at,
            )
            if what is Step.PURGE:
                return await self._gone(unit, subject, ending)
            if what is Step.WITHDRAW:
                unit.keepsakes.withdraw(name)
                await unit.commit()
        return None

    async def _gone(self, unit: Unit, subject: Subject, ending: Ending) -> Ending:
        """Everything of it in one transaction; its files' bytes after it, for which nobody has a key then."""
        files = await _files_of(unit, subject.id)
        after = Ending(
            subject=subject,
            announced_at=ending.announced_at,
            purged_at=self._clock.now(),
            files=len(files),
        )
        if self._witness is not None:
            await self._witness(after)
        await unit.keepsakes.purge(after)
        await unit.commit()
        await self._drop(files)
        # What an archive that is away keeps is dropped by its own sweep: no row knows it any more.
        with contextlib.suppress(ArchiveAway):
            await self._archive.forget(subject.id)
        return after

    async def _drop(self, files: Sequence[Attached]) -> None:
        if self._blobs is None:
            return
        try:
            for kept in (each.kept for each in files if each.kept is not None):
                await self._blobs.drop(kept.blob)
                await self._blobs.drop(f"{kept.blob}.t")
        except FilesAway:
            # No row knows them any more: the sweep of strays takes them (``im.attaching``).
            return

    async def _announce(self, class_: Class) -> None:
        while True:
            at = self._clock.now()
            before = retention.over_before(class_, self._years, at=at)
            if before is None:
                return
            async with self._units.begin() as unit:
                found = await unit.keepsakes.over(class_, before=before, limit=limits.PURGES_AT_ONCE)
                due = [each for each in found if self._is_over(each)]
                for each in due:
                    unit.keepsakes.announce(Ending(subject=each, announced_at=at))
                await unit.commit()
            if len(due) < limits.PURGES_AT_ONCE:
                return

    def _is_over(self, subject: Subject) -> bool:
        now = self._clock.now()
        what = retention.step(
            subject, years=self._years, held=False, announced_at=None, announced=ANNOUNCED, at=now
        )
        return what is Step.ANNOUNCE


async def _files_of(unit: Unit, conversation: str) -> list[Attached]:
    found: list[Attached] = []
    while page := await unit.files.of_conversation(
        conversation, after=found[-1].id if found else "", limit=limits.PURGES_AT_ONCE
    ):
        found += page
    return found


def _hold_item(hold: Hold) -> HoldItem:
    return HoldItem(
        id=hold.id,
        conversation=hold.subject,
        reason=hold.reason,
        by=hold.by,
        placed_at=hold.at,
        lifted_at=hold.lifted_at,
        lifted_by=hold.lifted_by,
        lifted_because=hold.lifted_because,
    )


def _ending_item(ending: Ending) -> EndingItem:
    subject = ending.subject
    return EndingItem(
        conversation=subject.id,
        kind=subject.kind,
        retention=subject.class_.value,
        ended_at=subject.ended_at,
        announced_at=ending.announced_at,
        due_at=ending.announced_at + ANNOUNCED,
        purged_at=ending.purged_at,
        messages=subject.messages,
        files=ending.files,
        digest=subject.digest.hex(),
    )
