"""``queue_display.store.Lines`` on SQL.

A committed (line, day, version) never changes its tickets, so lines are remembered by version: a load costs
the line's row, and the tickets only when the version is new. Restore a database from a backup only with every
process stopped: the restored versions would be taken for those remembered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select, update

from adapters.sql import tables
from adapters.sql.driver import Duplicate, Row
from adapters.sql.instants import from_day, from_us, from_us_or_none, to_day, to_us, to_us_or_none
from adapters.sql.line_rows import (
    line_from,
    line_row,
    list_row_from,
    ticket_row,
    transition_from,
    transition_row,
)
from adapters.sql.statement import IN_PLACES, insert_or_update, insert_row, one_of, places
from adapters.sql.transaction import Transaction
from core.ids import DepartmentId, LineId
from queue_display.events import Transition, transitions
from queue_display.line import Line, Mode
from queue_display.refusals import LineHasMoved, NoSuchLine
from queue_display.store import Change, LineRow, ToldDay

_L, _T, _H = tables.line.c, tables.ticket.c, tables.transition.c

_LINE = select(tables.line).where(_L.id == bindparam("id"))
_LINE_FOR_CHANGE = _LINE.with_for_update()
_LINES = select(tables.line).where(one_of(_L.id)).order_by(_L.id)
_VERSIONS_FOR_CHANGE = select(_L.id, _L.version).where(one_of(_L.id)).order_by(_L.id).with_for_update()
_IDS = select(_L.id).order_by(_L.id)
_IDS_OF_MODE = _IDS.where(_L.mode == bindparam("mode"))
_PAGE = select(tables.line).where(_L.id > bindparam("after")).order_by(_L.id).limit(bindparam("limit"))
_PAGE_OF_DEPARTMENT = _PAGE.where(_L.department == bindparam("department"))
_INSERT_LINE = insert_row(tables.line)
_PUT_LINE = insert_or_update(tables.line)
_CONFIRM = (
    update(tables.line)
    .where(one_of(_L.id), _L.as_of_us <= bindparam("as_of"))
    .values(as_of_us=bindparam("as_of"), hospital_at_us=bindparam("hospital_at"))
)

_TICKETS = select(tables.ticket).where(_T.line == bindparam("line"), _T.day == bindparam("of_day"))
_TICKETS_OF_MANY = select(tables.ticket).where(one_of(_T.line), _T.day == bindparam("of_day"))
_PUT_TICKET = insert_or_update(tables.ticket)
_CLEAR_DAY = delete(tables.ticket).where(_T.line == bindparam("of_line"), _T.day == bindparam("of_day"))
_DELETE_TICKET = delete(tables.ticket).where(
    _T.line == bindparam("of_line"), _T.day == bindparam("of_day"), _T.number == bindparam("of_number")
)

_INSERT_TRANSITION = insert_row(tables.transition)
_OF_LINE = select(tables.transition).where(_H.line == bindparam("line")).limit(bindparam("limit"))
_HISTORY = _OF_LINE.where(_H.version > 0).order_by(_H.version.desc(), _H.step.desc())
# A row comparison would not use the index on MariaDB; this spelling does.
_OLDER = _HISTORY.where(
    _H.version <= bindparam("version"),
    or_(
        _H.version < bindparam("version"),
        and_(_H.version == bindparam("version"), _H.step < bindparam("step")),
    ),
)
_MOVEMENTS = _OF_LINE.where(
    _H.day >= bindparam("since"), _H.day < bindparam("until"), _H.number.is_not(None)
).order_by(_H.day.desc(), _H.version.desc(), _H.step.desc())
_KNOWN_DAYS = (
    select(_H.line, _H.day)
    .where(one_of(_H.line), _H.day >= bindparam("since"), _H.day < bindparam("until"))
    .distinct()
)
_TOLD_DAYS = select(func.count()).where(_H.line == bindparam("line"), _H.version < 0, _H.step == 0)


class RememberedLines:
    """Committed lines by id, the least recently used forgotten first. Shared by the units of one process."""

    def __init__(self, *, limit: int) -> None:
        self._lines: dict[LineId, Line] = {}
        self._limit = limit

    def find(self, line: LineId, *, day: str, version: int) -> Line | None:
        """The line, if what is remembered is that version of that day."""
        known = self._lines.get(line)
        if known is None or known.version != version or to_day(known.day) != day:
            return None
        self._lines[line] = self._lines.pop(line)
        return known

    def remember(self, lines: Iterable[Line]) -> None:
        """Take lines that are committed. An older version never replaces a newer one."""
        for line in lines:
            known = self._lines.pop(line.id, None)
            self._lines[line.id] = known if known is not None and known.version > line.version else line
        while len(self._lines) > self._limit:
            del self._lines[next(iter(self._lines))]


class SqlLines:
    """The lines inside one transaction."""

    def __init__(self, transaction: Transaction, remembered: RememberedLines) -> None:
        self._transaction = transaction
        self._remembered = remembered
        self._held: dict[LineId, int] = {}
        self._kept: dict[LineId, Line] = {}

    async def load(self, line: LineId) -> Line:
        row = await self._transaction.row(_LINE, id=line)
        if row is None:
            raise NoSuchLine(line=line)
        return await self._whole(row)

    async def load_for_change(self, line: LineId) -> Line:
        row = await self._transaction.row(_LINE_FOR_CHANGE, id=line)
        if row is None:
            raise NoSuchLine(line=line)
        loaded = await self._whole(row)
        self._held[line] = loaded.version
        return loaded

    async def hold(self, lines: Sequence[LineId]) -> None:
        for chunk in _chunked(sorted(set(lines) - self._held.keys())):
            rows = await self._transaction.rows(_VERSIONS_FOR_CHANGE, **places(_L.id, chunk))
            self._held |= {row[0]: row[1] for row in rows}

    async def load_many(self, lines: Sequence[LineId]) -> list[Line]:
        found: list[Line] = []
        for chunk in _chunked(sorted(set(lines))):
            rows = await self._transaction.rows(_LINES, **places(_L.id, chunk))
            found += await self._whole_many(rows)
        return found

    async def ids(self, mode: Mode | None = None) -> list[LineId]:
        if mode is None:
            return [row[0] for row in await self._transaction.rows(_IDS)]
        return [row[0] for row in await self._transaction.rows(_IDS_OF_MODE, mode=mode.value)]

    async def page(
        self, *, department: DepartmentId | None, after: LineId | None, limit: int
    ) -> list[LineRow]:
        if department is None:
            rows = await self._transaction.rows(_PAGE, after=after or "", limit=limit)
        else:
            rows = await self._transaction.rows(
                _PAGE_OF_DEPARTMENT, after=after or "", limit=limit, department=department
            )
        return [list_row_from(row) for row in rows]

    async def keep(self, change: Change) -> None:
        await self.keep_many((change,))

    async def keep_many(self, changes: Sequence[Change]) -> None:
        await self._hold([change for change in changes if change.before is not None])
        new = [line_row(change.after) for change in changes if change.before is None]
        self._transaction.later_each(_INSERT_LINE, new)
        if new:
            await self._send_new(changes)
        old = [line_row(change.after) for change in changes if change.before is not None]
        self._transaction.later_each(_PUT_LINE, old)
        gone: list[tuple[Any, ...]] = []
        written: list[tuple[Any, ...]] = []
        history: list[tuple[Any, ...]] = []
        for change in changes:
            after = change.after
            day = to_day(after.day)
            gone += [(after.id, day, number) for number in change.removed_numbers]
            written += [ticket_row(after.id, day, ticket) for ticket in change.changed_tickets]
            history += [transition_row(after.id, each) for each in transitions(after, change.events)]
            self._held[after.id] = after.version
            self._kept[after.id] = after
        # A day that is entered anew has no rows, unless a hospital's clock was there before.
        entered = [
            (c.after.id, to_day(c.after.day)) for c in changes if c.before and c.before.day != c.after.day
        ]
        self._transaction.later_each(_CLEAR_DAY, entered)
        self._transaction.later_each(_DELETE_TICKET, gone)
        self._transaction.later_each(_PUT_TICKET, written)
        self._transaction.later_each(_INSERT_TRANSITION, history)

    async def confirm(
        self, lines: Sequence[LineId], *, as_of: datetime, hospital_at: datetime | None
    ) -> None:
        values = {"as_of": to_us(as_of), "hospital_at": to_us_or_none(hospital_at)}
        for chunk in _chunked(sorted(set(lines))):
            self._transaction.later(_CONFIRM, **values, **places(_L.id, chunk))
            self._kept |= {
                line: replace(self._kept[line], as_of=as_of, hospital_at=hospital_at)
                for line in chunk
                if line in self._kept and self._kept[line].as_of <= as_of
            }

    async def history(self, line: LineId, *, before: tuple[int, int] | None, limit: int) -> list[Transition]:
        if before is None:
            rows = await self._transaction.rows(_HISTORY, line=line, limit=limit)
        else:
            version, step = before
            rows = await self._transaction.rows(_OLDER, line=line, limit=limit, version=version, step=step)
        return [transition_from(row) for row in rows]

    async def movements(self, line: LineId, *, since: date, until: date, limit: int) -> list[Transition]:
        rows = await self._transaction.rows(
            _MOVEMENTS, line=line, limit=limit, since=to_day(since), until=to_day(until)
        )
        return [transition_from(row) for row in reversed(rows)]

    async def known_days(
        self, lines: Sequence[LineId], *, since: date, until: date
    ) -> dict[LineId, frozenset[date]]:
        found: dict[LineId, set[date]] = {line: set() for line in lines}
        for chunk in _chunked(sorted(found)):
            rows = await self._transaction.rows(
                _KNOWN_DAYS, since=to_day(since), until=to_day(until), **places(_H.line, chunk)
            )
            for line, day in rows:
                found[line].add(from_day(day))
        return {line: frozenset(days) for line, days in found.items()}

    async def keep_told(self, days: Sequence[ToldDay]) -> None:
        if not days:
            return
        day = days[0].day
        lines = [told.line for told in days]
        known = await self.known_days(lines, since=day, until=day + timedelta(days=1))
        rows = [transition_row(told.line, row) for told in days if not known[told.line] for row in told.rows]
        self._transaction.later_each(_INSERT_TRANSITION, rows)

    async def told_days(self, line: LineId) -> int:
        row = await self._transaction.row(_TOLD_DAYS, line=line)
        return 0 if row is None else int(row[0])

    def committed(self) -> None:
        """The transaction is committed: what was kept may be remembered."""
        self._remembered.remember(self._kept.values())

    async def _hold(self, changes: Sequence[Change]) -> None:
        """Take the row locks that are missing, by ascending id, and compare every version."""
        await self.hold([change.after.id for change in changes])
        for change in changes:
            held = self._held.get(change.after.id)
            if change.before is not None and held != change.before.version:
                raise LineHasMoved(line=change.after.id, version=held or 0)

    async def _send_new(self, changes: Sequence[Change]) -> None:
        try:
            await self._transaction.send()
        except Duplicate:
            first = next(change.after for change in changes if change.before is None)
            raise LineHasMoved(line=first.id, version=first.version) from None

    async def _whole(self, row: Row) -> Line:
        known = self._known(row)
        if known is not None:
            return known
        line = line_from(row, await self._transaction.rows(_TICKETS, line=row[0], of_day=row[7]))
        self._learn(line)
        return line

    async def _whole_many(self, rows: Sequence[Row]) -> list[Line]:
        found = {row[0]: self._known(row) for row in rows}
        by_day: dict[str, list[Row]] = {}
        for row in rows:
            if found[row[0]] is None:
                by_day.setdefault(row[7], []).append(row)
        for day, unknown in by_day.items():
            tickets: dict[str, list[Row]] = {row[0]: [] for row in unknown}
            ids = list(tickets)
            for ticket in await self._transaction.rows(_TICKETS_OF_MANY, of_day=day, **places(_T.line, ids)):
                tickets[ticket[0]].append(ticket)
            for row in unknown:
                line = found[row[0]] = line_from(row, tickets[row[0]])
                self._learn(line)
        return [line for line in found.values() if line is not None]

    def _known(self, row: Row) -> Line | None:
        if row[0] in self._kept:
            return None
        known = self._remembered.find(row[0], day=row[7], version=row[8])
        if known is None:
            return None
        as_of, hospital_at = from_us(row[9]), from_us_or_none(row[10])
        if known.as_of == as_of and known.hospital_at == hospital_at:
            return known
        return replace(known, as_of=as_of, hospital_at=hospital_at)

    def _learn(self, line: Line) -> None:
        if line.id not in self._kept:
            self._remembered.remember((line,))


def _chunked(ids: Sequence[LineId]) -> list[Sequence[LineId]]:
    return [ids[at : at + IN_PLACES] for at in range(0, len(ids), IN_PLACES)]
