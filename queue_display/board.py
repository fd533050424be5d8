"""A line as others see it: the board for phones, the part on a screen, the list for staff.

Pure functions from values to wire models. Nothing here decides; names are masked long before. What happened
on the hospital's clock is shown on ours; a booked slot is a promise on the wall's clock and never moves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from core import limits
from core.ids import DepartmentId, LineId, RoomId, ScreenId
from queue_display import wire
from queue_display.events import Transition
from queue_display.line import Line, Opening, Room
from queue_display.store import LineRow
from queue_display.ticket import IN_LINE, Ticket, TicketState

NEAR = 3
"""From so few people ahead on, the patient is told to stay close."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Waiting times learned from the line's own past: one range per waiting place, in whole minutes."""

    samples: int
    low: tuple[int, ...]
    high: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSpec:
    """One clinic screen and what the hospital wants on it.

    It shows ``lines`` and every line of ``departments``; with ``rooms`` only calls into these are large.
    """

    id: ScreenId
    kind: str
    title_zh: str
    title_en: str
    lines: tuple[LineId, ...] = ()
    departments: tuple[DepartmentId, ...] = ()
    rooms: tuple[RoomId, ...] = ()

    def shows(self, line: LineId, department: DepartmentId) -> bool:
        """Whether the line is on this screen."""
        return line in self.lines or department in self.departments


def queue_channel(line: LineId) -> str:
    """Where a line's boards are published."""
    return f"queue:{line}"


def screen_channel(screen: ScreenId) -> str:
    """Where a screen's parts are published."""
    return f"screen:{screen}"


def our_time(line: Line, at: datetime | None) -> datetime | None:
    """When something of a ticket happened, on the platform's clock; never after it was seen.

    ``as_of`` and ``hospital_at`` are one moment on the two clocks. A hospital without a clock is taken at its
    word.
    """
    if at is None or line.hospital_at is None:
        return at
    return min(line.as_of, at + (line.as_of - line.hospital_at))


def board_of(line: Line, waits: Waits | None) -> wire.Board:
    """The line for everybody: numbers only."""
    groups: dict[TicketState, list[Ticket]] = {state: [] for state in _SHOWN}
    for ticket in line.tickets.values():
        if ticket.state in groups:
            groups[ticket.state].append(ticket)
    names = _room_names(line)
    waiting = line.waiting
    return wire.Board(
        line=line.id,
        version=line.version,
        day=line.day,
        as_of=line.as_of,
        fresh=line.fresh,
        open=line.opening.value,
        mode=line.mode.value,
        now=[
            wire.Now(
                number=t.number,
                room=t.room,
                room_name=names.get(t.room or "", ""),
                state=t.state.value,  # type: ignore[arg-type]
                call=t.recall_count + 1,
                called_at=our_time(line, t.called_at),
            )
            for t in line.now
        ],
        waiting=[t.number for t in waiting],
        ready=[t.number for t in waiting if t.state is TicketState.READY],
        passed=[t.number for t in _newest_first(groups[TicketState.PASSED])],
        suspended=_numbers(groups[TicketState.SUSPENDED]),
        away=_numbers(groups[TicketState.AWAITING_RESULT]),
        unknown=_numbers(groups[TicketState.UNKNOWN]),
        stayed={str(t.number): t.given for t in line.tickets.values() if t.given is not None},
        estimate=_estimate(waits, len(waiting)),
    )


def screen_part(line: Line, screen: ScreenSpec) -> wire.ScreenPart:
    """The line on one screen: masked names, who goes where, who is next, who was passed."""
    names = _room_names(line)
    rooms = [r for r in line.rooms if not screen.rooms or r.id in screen.rooms]
    passed = _newest_first(t for t in line.tickets.values() if t.state is TicketState.PASSED)
    return wire.ScreenPart(
        line=line.id,
        version=line.version,
        as_of=line.as_of,
        fresh=line.fresh,
        open=line.opening.value,
        name=line.name,
        department=line.department_name,
        doctor=line.doctor_name,
        rooms=[r.name for r in rooms],
        now=[
            wire.ScreenNow(
                number=t.number,
                name=t.name,
                room=t.room,
                room_name=names.get(t.room or "", ""),
                state=t.state.value,  # type: ignore[arg-type]
                call_id=call_id(line, t),
                called_at=our_time(line, t.called_at),
                priority=t.priority.value,
            )
            for t in line.now
            if not screen.rooms or t.room in screen.rooms
        ],
        next=[_screen_ticket(t) for t in line.waiting[: limits.SCREEN_NEXT_TICKETS]],
        passed=[_screen_ticket(t) for t in passed[: limits.SCREEN_PASSED_TICKETS]],
        waiting_count=len(line.waiting),
    )


def call_id(line: Line, ticket: Ticket) -> str:
    """The name of one announcement: the same until the ticket is recalled or called again."""
    return f"{line.id}:{line.day_of(ticket).isoformat()}:{ticket.number}:{ticket.calls}"


def ticket_view(line: Line, ticket: Ticket, waits: Waits | None) -> wire.TicketView:
    """One ticket for whoever holds its number."""
    ahead = line.ahead(ticket.number)
    known = waits is not None and ahead is not None and ahead < len(waits.low)
    in_room = ticket.state in _WITH_ROOM
    moved = None
    if ticket.moved_to is not None and ticket.moved_number is not None:
        moved = wire.MovedTo(line=ticket.moved_to, number=ticket.moved_number)
    return wire.TicketView(
        line=line.id,
        number=ticket.number,
        state=ticket.state.value,
        ahead=ahead,
        low=waits.low[ahead] if waits is not None and ahead is not None and known else None,
        high=waits.high[ahead] if waits is not None and ahead is not None and known else None,
        room=ticket.room if in_room else None,
        room_name=_room_names(line).get(ticket.room or "", "") if in_room else "",
        called_at=our_time(line, ticket.called_at),
        as_of=line.as_of,
        fresh=line.fresh,
        version=line.version,
        advice=advice(line, ticket, ahead),
        moved_to=moved,
    )


def advice(line: Line, ticket: Ticket, ahead: int | None) -> str:
    """What the patient should do now, as a code."""
    if ticket.state is TicketState.CANCELLED and line.opening is Opening.STOPPED:
        return "clinic_stopped"
    if ticket.state is TicketState.WAITING and ahead is not None and ahead <= NEAR:
        return "stay_close"
    return _ADVICE[ticket.state]


def staff_view(line: Line) -> wire.StaffView:
    """The line for those who work at it: the waiting first, in order, then the rest by number."""
    waiting = line.waiting
    rest = sorted((t for t in line.tickets.values() if t.state not in IN_LINE), key=lambda t: t.number)
    tickets = [staff_ticket(line, t, ahead) for ahead, t in enumerate(waiting)]
    return wire.StaffView(
        line=line.id,
        version=line.version,
        mode=line.mode.value,
        open=line.opening.value,
        rooms=room_views(line.rooms),
        settings=line.settings,
        tickets=tickets + [staff_ticket(line, t, None) for t in rest],
    )


def staff_ticket(line: Line, ticket: Ticket, ahead: int | None) -> wire.StaffTicket:
    """One ticket of the line for staff."""
    return wire.StaffTicket(
        number=ticket.number,
        name=ticket.name,
        state=ticket.state.value,
        kind=ticket.kind.value,
        priority=ticket.priority.value,
        band=ticket.band.name.lower(),
        room=ticket.room,
        slot_begin=ticket.slot_begin,
        checked_in_at=our_time(line, ticket.checked_in_at),
        called_at=our_time(line, ticket.called_at),
        recall_count=ticket.recall_count,
        passed_count=ticket.passed_count,
        ahead=ahead,
    )


def line_item(row: LineRow) -> wire.LineItem:
    """A line in a list."""
    return wire.LineItem(
        id=row.id,
        name=row.name,
        department=row.department,
        department_name=row.department_name,
        doctor=row.doctor_name,
        rooms=room_views(row.rooms),
        mode=row.mode.value,
        channel=queue_channel(row.id),
        as_of=row.as_of,
        fresh=row.fresh,
        open=row.opening.value,
        waiting=row.waiting,
        version=row.version,
    )


def room_views(rooms: Iterable[Room]) -> list[wire.RoomView]:
    """The rooms of a line."""
    return [wire.RoomView(id=r.id, name=r.name, state=r.state.value) for r in rooms]


def history_item(row: Transition) -> wire.HistoryItem:
    """One thing that happened."""
    return wire.HistoryItem(
        version=row.version,
        step=row.step,
        what=row.what.value,
        at=row.at,
        actor=row.actor,
        reason=row.reason,
        number=row.number,
        before=None if row.before is None else row.before.value,
        after=None if row.after is None else row.after.value,
        room=row.room,
    )


_SHOWN = (TicketState.PASSED, TicketState.SUSPENDED, TicketState.AWAITING_RESULT, TicketState.UNKNOWN)
_WITH_ROOM = frozenset({TicketState.CALLED, TicketState.IN_SERVICE, TicketState.PASSED})
_ADVICE = {
    TicketState.BOOKED: "check_in",
    TicketState.WAITING: "wait",
    TicketState.READY: "come_to_door",
    TicketState.CALLED: "go_to_room",
    TicketState.IN_SERVICE: "with_doctor",
    TicketState.AWAITING_RESULT: "return_with_results",
    TicketState.PASSED: "check_in_again",
    TicketState.SUSPENDED: "ask_staff",
    TicketState.DONE: "finished",
    TicketState.NO_SHOW: "missed",
    TicketState.TRANSFERRED: "other_line",
    TicketState.ABANDONED: "gave_up",
    TicketState.CANCELLED: "cancelled",
    TicketState.UNKNOWN: "ask_staff",
}
ADVICE_CODES = frozenset(_ADVICE.values()) | {"stay_close", "clinic_stopped"}
"""Every advice there is; the catalogue has words for each."""


def _estimate(waits: Waits | None, waiting: int) -> wire.Estimate | None:
    if waits is None or len(waits.low) != waiting:
        return None
    return wire.Estimate(samples=waits.samples, low=list(waits.low), high=list(waits.high))


def _screen_ticket(ticket: Ticket) -> wire.ScreenTicket:
    return wire.ScreenTicket(number=ticket.number, name=ticket.name, priority=ticket.priority.value)


def _room_names(line: Line) -> dict[str, str]:
    return {str(r.id): r.name for r in line.rooms}


def _numbers(tickets: list[Ticket]) -> list[str]:
    return [t.number for t in sorted(tickets, key=lambda t: (t.rank, t.number))]


def _newest_first(tickets: Iterable[Ticket]) -> list[Ticket]:
    return sorted(tickets, key=lambda t: (-(t.passed_at or t.changed_at).timestamp(), t.number))
