"""The store ports in memory: one dictionary, committed or not at all. For tests only."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime

from core.events import Outgoing
from core.ids import DepartmentId, LineId
from queue_display.events import Transition, transitions
from queue_display.line import Line, Mode
from queue_display.refusals import LineHasMoved, NoSuchLine
from queue_display.store import Change, LineRow, Past, ToldDay


class MemoryUnits:
    """All lines, their history, and what was published, in order."""

    def __init__(self) -> None:
        self.lines: dict[LineId, Line] = {}
        self.rows: dict[LineId, list[Transition]] = {}
        self.published: list[Outgoing] = []
        self.commits = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["MemoryUnit"]:
        yield MemoryUnit(self)

    read = begin


class MemoryUnit:
    """One transaction: nothing is seen outside before ``commit``."""

    def __init__(self, units: MemoryUnits) -> None:
        self._units = units
        self._lines = dict(units.lines)
        self._rows = {line: list(rows) for line, rows in units.rows.items()}
        self._published: list[Outgoing] = []

    @property
    def lines(self) -> "MemoryUnit":
        return self

    def publish(self, *outgoing: Outgoing) -> None:
        self._published += outgoing

    async def commit(self) -> None:
        self._units.lines = self._lines
        self._units.rows = self._rows
        self._units.published += self._published
        self._units.commits += 1

    async def load(self, line: LineId) -> Line:
        if line not in self._lines:
            raise NoSuchLine(line=line)
        return self._lines[line]

    load_for_change = load

    async def hold(self, lines: Sequence[LineId]) -> None:
        """Units of the memory take turns anyway."""

    async def load_many(self, lines: Sequence[LineId]) -> list[Line]:
        return [self._lines[line] for line in sorted(set(lines)) if line in self._lines]

    async def ids(self, mode: Mode | None = None) -> list[LineId]:
        return sorted(i for i, line in self._lines.items() if mode is None or line.mode is mode)

    async def page(
        self, *, department: DepartmentId | None, after: LineId | None, limit: int
    ) -> list[LineRow]:
        found = [
            line
            for _, line in sorted(self._lines.items())
            if department in (None, line.department) and (after is None or line.id > after)
        ]
        shared = [f for f in LineRow.__dataclass_fields__ if f != "waiting"]
        return [
            LineRow(**{name: getattr(line, name) for name in shared}, waiting=len(line.waiting))
            for line in found[:limit]
        ]

    async def keep(self, change: Change) -> None:
        await self.keep_many((change,))

    async def keep_many(self, changes: Sequence[Change]) -> None:
        for change in changes:
            held = self._lines.get(change.after.id)
            known = None if change.before is None else change.before.version
            if (None if held is None else held.version) != known:
                raise LineHasMoved(line=change.after.id, version=0 if held is None else held.version)
            self._lines[change.after.id] = change.after
            self._rows.setdefault(change.after.id, []).extend(transitions(change.after, change.events))

    async def confirm(
        self, lines: Sequence[LineId], *, as_of: datetime, hospital_at: datetime | None
    ) -> None:
        for line in lines:
            if self._lines[line].as_of > as_of:
                continue
            self._lines[line] = replace(self._lines[line], as_of=as_of, hospital_at=hospital_at)

    async def history(self, line: LineId, *, before: tuple[int, int] | None, limit: int) -> list[Transition]:
        rows = sorted(self._rows.get(line, []), key=lambda r: (r.version, r.step), reverse=True)
        rows = [r for r in rows if r.version > 0]
        return [r for r in rows if before is None or (r.version, r.step) < before][:limit]

    async def movements(self, line: LineId, *, since: date, until: date, limit: int) -> list[Transition]:
        rows = [r for r in self._rows.get(line, []) if since <= r.day < until and r.number is not None]
        return sorted(rows, key=lambda r: (r.day, r.version, r.step))[-limit:]

    async def known_days(
        self, lines: Sequence[LineId], *, since: date, until: date
    ) -> dict[LineId, frozenset[date]]:
        return {
            line: frozenset(r.day for r in self._rows.get(line, []) if since <= r.day < until)
            for line in lines
        }

    async def keep_told(self, days: Sequence[ToldDay]) -> None:
        for told in days:
            rows = self._rows.setdefault(told.line, [])
            if not any(r.day == told.day for r in rows):
                rows.extend(told.rows)

    @property
    def past(self) -> "MemoryUnit":
        return self

    async def days(self, what: Past, line: LineId, *, before: date, limit: int) -> list[date]:
        rows = self._rows.get(line, []) if what is Past.HISTORY else ()
        return sorted({row.day for row in rows if row.day < before})[:limit]

    async def forget(self, what: Past, line: LineId, day: date) -> int:
        rows = self._rows[line]
        self._rows[line] = [row for row in rows if row.day != day]
        return len(rows) - len(self._rows[line])

    async def told_days(self, line: LineId) -> int:
        return sum(r.version < 0 and r.step == 0 for r in self._rows.get(line, []))
