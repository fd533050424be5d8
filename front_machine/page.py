"""One look at every line: rows grouped by line, each group with the name (etag) of its content.

Pure. Grouping and naming cost little, so every poll does them for all lines; rows are converted only for
lines whose name differs from what the asker already holds. An unusable row holds back its own line only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import msgspec

from core import limits
from front_machine.contract import HisState, HisTicket, LineState, Opening, RowTrouble
from front_machine.etag import etag_of
from front_machine.his import Rows
from front_machine.reading import UNLISTED, BadField, Reader, Row

NO_SUCH_LINE = "no such line"
TWICE = "the same number twice"
HALF_PAGE = "the hospital counts other rows than it answered"
TOO_MANY = "too many tickets"
NOT_TEXT = "holds text that is not Unicode"

Numbered = tuple[int, Row]
"""A row and where it stood in the hospital's answer, counted from 1."""


@dataclass(frozen=True, slots=True)
class LinePage:
    """One line's rows, unread. ``spoilt`` says why they must not be used, if they must not."""

    open: Opening
    day: date
    rows: Sequence[Numbered]
    etag: str
    spoilt: RowTrouble | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """All lines as of one moment. Lives as long as the answers that are made of it, no longer."""

    as_of: datetime
    begun: float
    """The monotonic time when the hospital was asked."""
    his_now: datetime | None
    day: date
    """The hospital's business day; a line may have its own."""
    lines: Mapping[str, LinePage]
    troubles: tuple[RowTrouble, ...]
    tickets: Reader


@dataclass(frozen=True, slots=True)
class News:
    """What an asker does not hold yet."""

    changed: tuple[msgspec.Raw, ...]
    gone: tuple[str, ...]
    troubles: tuple[RowTrouble, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.gone or self.troubles)


def grouped(
    states: Rows, tickets: Rows, *, line_reader: Reader, ticket_reader: Reader, day: date, etag_key: bytes
) -> tuple[dict[str, LinePage], list[RowTrouble]]:
    """Sort ticket rows to their lines and name every line's content."""
    opened, troubles = _openings(states, line_reader, day)
    groups, strays = _by_line(tickets, ticket_reader, opened)
    lines = {}
    for line, empty in opened.items():
        rows = groups.get(line, ())
        content = (empty.day.isoformat(), empty.open.value, [tuple(row) for _, row in rows])
        lines[line] = replace(empty, rows=rows, etag=etag_of(content, key=etag_key))
    return lines, troubles + strays


def with_counts(lines: Mapping[str, LinePage], counts: Mapping[str, int]) -> dict[str, LinePage]:
    """Hold back every line whose number of rows is not what the hospital counts itself."""
    return {
        line: page if counts.get(line, 0) == len(page.rows) else _spoilt(line, page, HALF_PAGE)
        for line, page in lines.items()
    }


def news(page: Page, known: Mapping[str, str]) -> News:
    """Read the lines that differ from ``known``. A line that cannot be read is reported, not sent."""
    changed = []
    troubles = list(page.troubles)
    for line, content in page.lines.items():
        if known.get(line) == content.etag:
            continue
        state = _line_state(line, content, page, troubles)
        if state is not None:
            encoded = _encoded(state, troubles)
            if encoded is not None:
                changed.append(encoded)
    gone = tuple(line for line in known if line not in page.lines)
    return News(tuple(changed), gone, tuple(troubles))


def _line_state(line: str, content: LinePage, page: Page, troubles: list[RowTrouble]) -> LineState | None:
    if content.spoilt is not None:
        troubles.append(content.spoilt)
        return None
    if len(content.rows) > limits.QUEUE_TICKETS_PER_LINE:
        troubles.append(RowTrouble(line=line, row=0, field="tickets", why=TOO_MANY))
        return None
    tickets: dict[str, HisTicket] = {}
    notes: list[RowTrouble] = []
    for number, row in content.rows:
        try:
            ticket = _ticket(line, number, row, page.tickets, content.day, notes)
            if ticket.number in tickets:
                raise BadField("number", TWICE)
        except BadField as error:
            troubles.append(RowTrouble(line=line, row=number, field=error.field, why=error.why))
            return None
        tickets[ticket.number] = ticket
    troubles.extend(notes)
    return LineState(
        line=line, day=content.day, etag=content.etag, open=content.open, tickets=tuple(tickets.values())
    )


def _encoded(state: LineState, troubles: list[RowTrouble]) -> msgspec.Raw | None:
    """The state as it is sent. Text that is no Unicode (a lone surrogate) must not spoil the whole answer."""
    try:
        return msgspec.Raw(msgspec.json.encode(state))
    except ValueError:
        troubles.append(RowTrouble(line=state.line, row=0, field="tickets", why=NOT_TEXT))
        return None


def _ticket(
    line: str, number: int, row: Row, reader: Reader, day: date, notes: list[RowTrouble]
) -> HisTicket:
    empty: list[tuple[str, str]] = []
    values: dict[str, Any] = reader.read(row, day=day, notes=empty)
    notes.extend(
        RowTrouble(line=line, row=number, field=field, why=why, spoils_line=False) for field, why in empty
    )
    del values["line"]
    name = values.pop("name", None)
    state = HisState(values.pop("state"))
    return HisTicket(state=state, his_code=reader.raw_state(row), masked_name=name, **values)


def _openings(states: Rows, reader: Reader, day: date) -> tuple[dict[str, LinePage], list[RowTrouble]]:
    """Every line there is now, without its tickets. A line whose own day cannot be read must not be used: it
    would go over to the hospital's day and lose everybody in it."""
    opened: dict[str, LinePage] = {}
    troubles: list[RowTrouble] = []
    for number, row in enumerate(states.rows, start=1):
        notes: list[tuple[str, str]] = []
        try:
            values = reader.read(row, day=day, notes=notes)
        except BadField as error:
            troubles.append(RowTrouble(line="", row=number, field=error.field, why=error.why))
            continue
        line = str(values["line"])
        own: Any = values.get("day", day)
        why_not = next((why for field, why in notes if field == "day"), None)
        opened[line] = LinePage(
            open=Opening(str(values.get("open", Opening.OPEN))),
            day=own,
            rows=(),
            etag="",
            spoilt=None if why_not is None else RowTrouble(line=line, row=number, field="day", why=why_not),
        )
        if any(why == UNLISTED for _, why in notes):
            troubles.append(RowTrouble(line=line, row=number, field="open", why=UNLISTED, spoils_line=False))
    return opened, troubles


def _by_line(
    tickets: Rows, reader: Reader, known: Mapping[str, object]
) -> tuple[dict[str, list[Numbered]], list[RowTrouble]]:
    """The code of a line is read once for all its rows, not once a row."""
    by_raw: dict[object, list[Numbered]] = {}
    troubles: list[RowTrouble] = []
    at = reader.line_at
    for numbered in enumerate(tickets.rows, start=1):
        raw = numbered[1][at]
        try:
            group = by_raw.get(raw)
        except TypeError:  # a value that cannot even be compared, such as a signalling NaN
            troubles.append(RowTrouble(line="", row=numbered[0], field="line", why=NO_SUCH_LINE))
            continue
        if group is None:
            group = by_raw[raw] = []
        group.append(numbered)
    groups: dict[str, list[Numbered]] = {}
    for rows in by_raw.values():
        first, row = rows[0]
        try:
            line = reader.line_of(row)
            if line not in known:
                raise BadField("line", NO_SUCH_LINE)
        except BadField as error:
            troubles.append(RowTrouble(line="", row=first, field=error.field, why=error.why))
            continue
        groups.setdefault(line, []).extend(rows)
    return groups, troubles


def _spoilt(line: str, page: LinePage, why: str) -> LinePage:
    return replace(page, spoilt=RowTrouble(line=line, row=0, field="tickets", why=why))
