"""Mirrored lines: take what the hospital tells, commit what changed in one transaction, and publish it.

One worker at a time mirrors (under a lease), so the lines it kept last are remembered here and nothing is
loaded while nothing is new. The store checks the versions again; when another worker was first, the memory is
dropped and the lines are read anew.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog

from core import limits
from core.clock import Clock
from core.ids import LineId
from queue_display.draft import Decision
from queue_display.learning import Learning
from queue_display.line import Line, Mode
from queue_display.mirror import describe, lose_sight, new_mirrored, observe, regain_sight
from queue_display.observed import LineDescription, ObservedLine, PageRefused
from queue_display.publishing import Publisher
from queue_display.refusals import LineHasMoved
from queue_display.store import Change, Units

log = structlog.get_logger()

_DOUBTED = frozenset({"shrunk", "older_day"})
"""Pages that are believed when they last."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one pull: how many lines changed; whose pages were refused and must be asked again."""

    changed: int
    refused: tuple[PageRefused, ...] = ()
    unknown_lines: tuple[LineId, ...] = ()
    """Lines told about that no directory has named yet."""


class MirrorService:
    """Keeps the mirrored lines as the hospital has them."""

    def __init__(self, *, units: Units, clock: Clock, publisher: Publisher, learning: Learning) -> None:
        self._units = units
        self._clock = clock
        self._publisher = publisher
        self._learning = learning
        self._lines: dict[LineId, Line] = {}
        self._confirmed: dict[LineId, datetime] = {}
        self._published: dict[LineId, float] = {}
        self._doubted: dict[LineId, datetime] = {}
        self._complaints: dict[LineId, tuple[int, str]] = {}
        # The directory and the states are pulled side by side. Decided from one memory and committed one over
        # the other, a board would be published below the version that is out already, and be kept so here.
        self._turn = asyncio.Lock()

    def forget(self) -> None:
        """Drop the memory: somebody else may have mirrored meanwhile. For a worker that gets the lease."""
        self._lines.clear()
        self._published.clear()
        self._doubted.clear()

    async def directory(self, told: Sequence[LineDescription], *, day: date) -> None:
        """Take the hospital's list of lines: new ones appear, names and rooms follow.

        A line that the platform runs itself keeps its own description.
        """
        async with self._turn:
            now = self._clock.now()
            await self._know([each.line for each in told])
            changes: list[Change] = []
            for each in told:
                known = self._lines.get(each.line)
                if known is None:
                    changes.append(Change(None, new_mirrored(each, day=day, at=now), ()))
                elif known.mode is Mode.MIRROR:
                    changes += _change(known, describe(known, each, at=now))
            await self._keep(changes, due=(), as_of=now, hospital_at=None)

    async def apply(
        self,
        seen: Sequence[ObservedLine],
        *,
        confirmed: Sequence[LineId] = (),
        as_of: datetime,
        hospital_at: datetime | None = None,
    ) -> Applied:
        """Take one answer of the hospital, asked at ``as_of``: lines in full, and ids confirmed unchanged.

        A page that cannot be true is refused alone; the other lines are kept together or not at all. Lines
        that neither this nor an earlier answer confirmed in time are marked as not fresh.
        """
        async with self._turn:
            await self._know([*(each.line for each in seen), *confirmed])
            try:
                return await self._apply(seen, confirmed, as_of=as_of, hospital_at=hospital_at)
            except LineHasMoved:
                self.forget()
                await self._know([*(each.line for each in seen), *confirmed])
                return await self._apply(seen, confirmed, as_of=as_of, hospital_at=hospital_at)

    def tell_soon(self, lines: Iterable[LineId]) -> None:
        """Publish these at their next confirmation, quiet or not: something beside the line has changed."""
        for line in lines:
            self._published.pop(line, None)

    async def unreachable(self) -> None:
        """The hospital did not answer: mark as not fresh what nobody confirmed in time."""
        async with self._turn:
            if not self._lines:
                async with self._units.read() as unit:
                    ids = await unit.lines.ids(Mode.MIRROR)
                await self._know(ids)
            now = self._clock.now()
            await self._keep(self._overdue(now, reason="unreachable"), due=(), as_of=now, hospital_at=None)

    async def _apply(
        self,
        seen: Sequence[ObservedLine],
        confirmed: Sequence[LineId],
        *,
        as_of: datetime,
        hospital_at: datetime | None,
    ) -> Applied:
        changes: list[Change] = []
        refused: list[PageRefused] = []
        for page in seen:
            line = self._lines.get(page.line)
            if line is None:
                continue
            try:
                decided = self._observe(line, page, as_of=as_of, hospital_at=hospital_at)
            except PageRefused as refusal:
                self._complain(refusal)
                refused.append(refusal)
                continue
            changes += _change(line, decided)
            self._confirmed[page.line] = as_of
        for each in confirmed:
            held = self._lines.get(each)
            if held is not None and held.mode is Mode.MIRROR:
                changes += _change(held, regain_sight(held, at=as_of, hospital_at=hospital_at))
                self._confirmed[each] = as_of
        changed = len(changes)
        changes += self._overdue(self._clock.now(), reason="not_confirmed")
        moved = {change.after.id for change in changes}
        due = [each for each in self._due(as_of) if each not in moved]
        await self._keep(changes, due=due, as_of=as_of, hospital_at=hospital_at)
        strangers = tuple(page.line for page in seen if page.line not in self._lines)
        return Applied(changed, tuple(refused), strangers)

    def _observe(
        self, line: Line, page: ObservedLine, *, as_of: datetime, hospital_at: datetime | None
    ) -> Decision:
        since = self._doubted.get(line.id)
        try:
            decided = observe(line, page, at=as_of, hospital_at=hospital_at, doubted_since=since)
        except PageRefused as refusal:
            if refusal.why in _DOUBTED:
                self._doubted.setdefault(line.id, as_of)
            raise
        self._doubted.pop(line.id, None)
        self._complaints.pop(line.id, None)
        return decided

    def _due(self, as_of: datetime) -> Iterable[LineId]:
        """Lines confirmed by this answer, and not later already, that were not published for a while."""
        now = self._clock.monotonic()
        for each, confirmed in self._confirmed.items():
            quiet = now - self._published.get(each, float("-inf"))
            if confirmed != as_of or quiet < limits.QUEUE_REAFFIRM_SECONDS:
                continue
            if each in self._lines and self._lines[each].as_of <= as_of:
                yield each

    def _overdue(self, now: datetime, *, reason: str) -> list[Change]:
        changes: list[Change] = []
        for line in self._lines.values():
            # Another worker may have confirmed it after this one did.
            age = (now - max(self._confirmed.get(line.id, line.as_of), line.as_of)).total_seconds()
            if line.mode is Mode.MIRROR and line.fresh and age >= limits.HOSPITAL_STALE_SECONDS:
                changes += _change(line, lose_sight(line, at=now, reason=reason))
        return changes

    async def _know(self, ids: Iterable[LineId]) -> None:
        missing = sorted({each for each in ids if each not in self._lines})
        if missing:
            async with self._units.read() as unit:
                for line in await unit.lines.load_many(missing):
                    self._lines[line.id] = line

    async def _keep(
        self,
        changes: Sequence[Change],
        *,
        due: Sequence[LineId],
        as_of: datetime,
        hospital_at: datetime | None,
    ) -> None:
        """One transaction for everything; afterwards, and only then, the memory follows."""
        if not changes and not due:
            return
        now = self._clock.now()
        after = {change.after.id: change.after for change in changes}
        again = {
            each: replace(self._lines[each], as_of=as_of, hospital_at=hospital_at) for each in due
        }  # fmt: skip
        async with self._units.begin() as unit:
            if changes:
                await unit.lines.keep_many(changes)
            if again:
                await unit.lines.confirm(list(again), as_of=as_of, hospital_at=hospital_at)
            for line in (*after.values(), *again.values()):
                unit.publish(*self._publisher.outgoing(line, at=now))
            await unit.commit()
        self._lines |= after | again
        self._published |= dict.fromkeys((*after, *again), self._clock.monotonic())
        if changes:
            log.info("line.synced", changed=len(changes), lines=len(self._lines))
        await self._learn_some((*after.values(), *again.values()))

    async def _learn_some(self, lines: Sequence[Line]) -> None:
        """Learn the past of a few lines at a time; the others' turn comes with their next publication."""
        due = [line for line in lines if self._learning.is_due(line)]
        for line in due[: limits.QUEUE_LEARN_LINES_AT_ONCE]:
            await self._learning.prepare(line)

    def _complain(self, refusal: PageRefused) -> None:
        """One log line for each new trouble, not one a second."""
        trouble = refusal.row, refusal.why
        if self._complaints.get(refusal.line) != trouble:
            self._complaints[refusal.line] = trouble
            log.warning("line.page_refused", line=refusal.line, row=refusal.row, why=refusal.why)


def _change(before: Line, decided: Decision) -> tuple[Change, ...]:
    after, events = decided
    return (Change(before, after, events),) if events else ()
