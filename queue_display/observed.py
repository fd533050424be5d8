"""What the hospital tells about a line, as plain values, and which pages cannot be true.

A page is refused whole: half of it would be a guess.
"""

from collections.abc import Sequence
from datetime import date, datetime

from msgspec import Struct

from core import limits
from core.ids import DepartmentId, DoctorId, LineId, RoomId, TicketNumber, VisitRef
from core.refusals import Refusal
from queue_display.line import Line, Mode, Opening, Room
from queue_display.ticket import Priority, TicketKind, TicketState


class ObservedTicket(Struct, frozen=True, kw_only=True):
    """One ticket as the hospital has it. ``order``: smaller first, ties by number; None = it keeps none."""

    number: TicketNumber
    visit: VisitRef
    state: TicketState
    his_code: str | None = None
    kind: TicketKind = TicketKind.FIRST
    priority: Priority = Priority.NONE
    room: RoomId | None = None
    doctor: DoctorId | None = None
    order: float | None = None
    slot_begin: datetime | None = None
    checked_in_at: datetime | None = None
    called_at: datetime | None = None
    recall_count: int = 0
    passed_count: int = 0
    name: str = ""


class ObservedLine(Struct, frozen=True, kw_only=True):
    """One line as the hospital has it. ``total`` is how many tickets it announced, where it does.

    ``opening`` None: the hospital does not say; then nothing about it changes.
    """

    line: LineId
    day: date
    tickets: Sequence[ObservedTicket]
    opening: Opening | None = None
    total: int | None = None


class LineDescription(Struct, frozen=True, kw_only=True):
    """What a line is called and where it is held, from the hospital's directory."""

    line: LineId
    name: str
    department: DepartmentId
    department_name: str
    doctor: DoctorId | None = None
    doctor_name: str = ""
    rooms: tuple[Room, ...] = ()


class PageRefused(Refusal):
    """What the hospital told about a line cannot be true; the last good state stays.

    ``row`` counts from 1, 0 is the page as a whole. ``why`` is one of ``duplicate_ticket``, ``no_number``,
    ``truncated``, ``too_many``, ``older_day``, ``shrunk``, ``not_mirrored``.
    """

    code = "queue.page_refused"

    def __init__(self, *, line: LineId, row: int, why: str) -> None:
        super().__init__(line=line, row=row, why=why)
        self.line = line
        self.row = row
        self.why = why


def checked(line: Line, seen: ObservedLine, *, lasting: bool = False) -> dict[TicketNumber, ObservedTicket]:
    """The page by number, row by row. Refuses with ``PageRefused`` what cannot be true.

    A day before the line's own is believed only when the hospital has said so for a while (``lasting``): its
    clock ran ahead and came back. Of a line that was never seen, every day is news.
    """
    if line.mode is not Mode.MIRROR:
        raise PageRefused(line=line.id, row=0, why="not_mirrored")
    if seen.day < line.day and not lasting and line.version:
        raise PageRefused(line=line.id, row=0, why="older_day")
    if len(seen.tickets) > limits.QUEUE_TICKETS_PER_LINE:
        raise PageRefused(line=line.id, row=0, why="too_many")
    page = {each.number: each for each in seen.tickets}
    if "" in page:
        row = next(i for i, each in enumerate(seen.tickets, 1) if not each.number)
        raise PageRefused(line=line.id, row=row, why="no_number")
    if len(page) != len(seen.tickets):
        raise PageRefused(line=line.id, row=_first_repetition(seen.tickets), why="duplicate_ticket")
    if seen.total is not None and seen.total != len(page):
        raise PageRefused(line=line.id, row=min(len(page) + 1, seen.total + 1), why="truncated")
    return page


def _first_repetition(tickets: Sequence[ObservedTicket]) -> int:
    met: set[str] = set()
    for row, each in enumerate(tickets, 1):
        if each.number in met:
            return row
        met.add(each.number)
    return 0


def state_of(word: str) -> TicketState:
    """The state of that name; UNKNOWN for any other word."""
    return _STATES.get(word, TicketState.UNKNOWN)


def kind_of(word: str) -> TicketKind:
    """The kind of that name; a first visit for any other word."""
    return TicketKind.RETURN if word == TicketKind.RETURN else TicketKind.FIRST


def priority_of(word: str) -> Priority:
    """The label of that name; none for any other word."""
    return _PRIORITIES.get(word, Priority.NONE)


_STATES = {state.value: state for state in TicketState}
_PRIORITIES = {priority.value: priority for priority in Priority}
