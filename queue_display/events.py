"""What happened to a line, and what a line is after it happened.

Rules decide events; ``evolve`` applies them and decides nothing. Each event carries the value that it made,
so ``replay(before, events) == after`` holds for every command and every sync, and a history row needs no more
than its ``Transition``.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from core.ids import DepartmentId, DoctorId, RoomId, TicketNumber
from queue_display.line import Line, LineSettings, Opening, Room
from queue_display.ticket import Ticket, TicketState


class Happening(enum.StrEnum):
    """What happened, in the clinic's words."""

    BOOKED = "booked"
    CHECKED_IN = "checked_in"
    MADE_READY = "made_ready"
    CALLED = "called"
    RECALLED = "recalled"
    STARTED = "started"
    FINISHED = "finished"
    PASSED_OVER = "passed_over"
    MISSED = "missed"
    RECHECKED_IN = "rechecked_in"
    SENT_FOR_TESTS = "sent_for_tests"
    RETURNED = "returned"
    DEFERRED = "deferred"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    TRANSFERRED = "transferred"
    TRANSFERRED_IN = "transferred_in"
    GAVE_UP = "gave_up"
    CANCELLED = "cancelled"
    UNDONE = "undone"
    RESPACED = "respaced"
    ROOM_OPENED = "room_opened"
    ROOM_PAUSED = "room_paused"
    ROOM_CLOSED = "room_closed"
    OPENING_CHANGED = "opening_changed"
    CLINIC_STOPPED = "clinic_stopped"
    DAY_OPENED = "day_opened"
    STAYED = "stayed"
    OBSERVED = "observed"
    VANISHED = "vanished"
    DESCRIBED = "described"
    CONFIGURED = "configured"
    LOST_SIGHT = "lost_sight"
    SIGHTED = "sighted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The head of every event: what, when, by whom, why, and the version of the line that it belongs to.

    All events of one command share one version. ``at`` is the server's time; for a mirrored line it is the
    moment at which the hospital confirmed, and ``hospital_at`` that moment on the hospital's own clock, which
    the times inside a mirrored ticket follow.
    """

    what: Happening
    version: int
    at: datetime
    actor: str
    reason: str = ""
    hospital_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketMoved(Event):
    """A ticket appeared or changed; ``ticket`` is what it is now, ``before`` the state it had."""

    ticket: Ticket
    before: TicketState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketVanished(Event):
    """The hospital no longer lists the ticket. Only in mirror mode."""

    number: TicketNumber
    before: TicketState


@dataclass(frozen=True, slots=True, kw_only=True)
class Respaced(Event):
    """Ranks were spread anew because two neighbours had no number between them. Nobody changed place."""

    ranks: tuple[tuple[TicketNumber, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomChanged(Event):
    """A room opened, paused, closed or got another doctor."""

    room: Room


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningChanged(Event):
    """The line as a whole opened, paused, closed or was stopped for the day."""

    opening: Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Described(Event):
    """What the line is called and where it is held was told anew."""

    name: str
    department: DepartmentId
    department_name: str
    doctor: DoctorId | None
    doctor_name: str
    rooms: tuple[Room, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured(Event):
    """The hospital set other rules for the line."""

    settings: LineSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOpened(Event):
    """A new day, with nobody in it: who stays from the day before is told by the events that follow."""

    day: date
    rooms: tuple[Room, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SightChanged(Event):
    """The hospital went silent (``fresh`` False) or confirms again."""

    fresh: bool


_BEYOND_EVERY_DAY = 10_000_000
_CONFIRMS_NOTHING = frozenset({Happening.LOST_SIGHT, Happening.DESCRIBED, Happening.CONFIGURED})


def evolve(line: Line, event: Event) -> Line:
    """The line after one event."""
    return replay(line, (event,))


def replay(line: Line, events: Iterable[Event]) -> Line:
    """The line after all events, in order. No rule is checked: what happened has happened.

    ``as_of`` follows the newest event, except those that confirm nothing about the line's state.
    """
    tickets = dict(line.tickets)
    last: Event | None = None
    as_of, hospital_at = line.as_of, line.hospital_at
    for last in events:
        match last:
            case TicketMoved(ticket=ticket):
                tickets[ticket.number] = ticket
            case TicketVanished(number=number):
                del tickets[number]
            case Respaced(ranks=ranks):
                tickets |= {number: replace(tickets[number], rank=rank) for number, rank in ranks}
            case DayOpened(day=day, rooms=rooms):
                tickets = {}
                line = replace(line, day=day, rooms=rooms, opening=Opening.CLOSED)
            case RoomChanged(room=room):
                line = replace(line, rooms=tuple(room if r.id == room.id else r for r in line.rooms))
            case OpeningChanged(opening=opening):
                line = replace(line, opening=opening)
            case SightChanged(fresh=fresh):
                line = replace(line, fresh=fresh)
            case Configured(settings=settings):
                line = replace(line, settings=settings)
            case Described():
                line = _described(line, last)
        if last.what not in _CONFIRMS_NOTHING and last.at >= as_of:
            # One moment on two clocks: both or neither.
            as_of, hospital_at = last.at, last.hospital_at
    if last is None:
        return line
    return replace(line, tickets=tickets, version=last.version, as_of=as_of, hospital_at=hospital_at)


def _described(line: Line, event: Described) -> Line:
    return replace(
        line,
        name=event.name,
        department=event.department,
        department_name=event.department_name,
        doctor=event.doctor,
        doctor_name=event.doctor_name,
        rooms=event.rooms,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One row of a line's history: enough for the audit and for learning waiting times, no name in it.

    ``step`` counts the events of one version from 0. ``rank`` lets a past line be put in order again;
    ``hospital_at`` is ``at`` on the hospital's own clock, for mirrored lines.

    A version below 0 is no version of the line: it is a whole day that the hospital told afterwards
    (``past_version``). Such rows are for learning; a line's history for people begins at version 1.
    """

    version: int
    step: int
    day: date
    what: Happening
    at: datetime
    actor: str
    reason: str
    number: TicketNumber | None = None
    before: TicketState | None = None
    after: TicketState | None = None
    room: RoomId | None = None
    rank: int | None = None
    hospital_at: datetime | None = None


def past_version(day: date) -> int:
    """The version under which a day's rows stand that the hospital told afterwards: one for each day."""
    return day.toordinal() - _BEYOND_EVERY_DAY


def transitions(line: Line, events: Sequence[Event]) -> tuple[Transition, ...]:
    """The history rows of one change; ``line`` is the line after it."""
    return tuple(_transition(line.day, step, event) for step, event in enumerate(events))


def _transition(day: date, step: int, event: Event) -> Transition:
    number: TicketNumber | None = None
    before: TicketState | None = None
    after: TicketState | None = None
    room: RoomId | None = None
    rank: int | None = None
    match event:
        case TicketMoved(ticket=ticket):
            number, before, after = ticket.number, event.before, ticket.state
            room, rank = ticket.room, ticket.rank
        case TicketVanished():
            number, before = event.number, event.before
        case RoomChanged():
            room = event.room.id
    return Transition(
        version=event.version,
        step=step,
        day=day,
        what=event.what,
        at=event.at,
        actor=event.actor,
        reason=event.reason,
        number=number,
        before=before,
        after=after,
        room=room,
        rank=rank,
        hospital_at=event.hospital_at,
    )
