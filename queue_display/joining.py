"""Into the line: book, check in, come back after being passed or with results."""

from dataclasses import replace
from datetime import datetime
from itertools import count

from core.ids import DoctorId, TicketNumber, VisitRef
from queue_display.draft import Decision, Draft, Instruction
from queue_display.events import Happening
from queue_display.line import Line
from queue_display.order import band_of, order_time
from queue_display.refusals import AlreadyInLine
from queue_display.ticket import Band, Priority, Ticket, TicketKind, TicketState

BOOKED = frozenset({TicketState.BOOKED})
PASSED = frozenset({TicketState.PASSED})
AWAITING_RESULT = frozenset({TicketState.AWAITING_RESULT})


def book(
    line: Line,
    by: Instruction,
    *,
    visit: VisitRef,
    number: TicketNumber | None = None,
    name: str = "",
    priority: Priority = Priority.NONE,
    doctor: DoctorId | None = None,
    slot_begin: datetime | None = None,
) -> Decision:
    """Give a number to somebody who has not arrived. Refuses like ``check_in``."""
    draft = Draft(line, by)
    ticket = _new(
        draft, visit=visit, number=number, name=name, kind=TicketKind.FIRST, priority=priority, doctor=doctor,
        slot_begin=slot_begin,
    )  # fmt: skip
    draft.move(Happening.BOOKED, ticket)
    return draft.done()


def check_in(
    line: Line,
    by: Instruction,
    *,
    visit: VisitRef,
    number: TicketNumber | None = None,
    name: str = "",
    kind: TicketKind = TicketKind.FIRST,
    priority: Priority = Priority.NONE,
    doctor: DoctorId | None = None,
    slot_begin: datetime | None = None,
    added: bool = False,
) -> Decision:
    """报到: the patient is here. A booked visit keeps its number, name and slot; another gets a new ticket.

    Refuses with ``ClinicIsStopped``, ``AlreadyInLine`` (one live ticket per visit, line and day),
    ``NumberIsTaken`` or ``LineIsFull``. ``name`` must be masked already.
    """
    draft = Draft(line, by)
    known = line.of_visit(visit)
    if known is not None and known.state is TicketState.BOOKED:
        draft.not_stopped()
        ticket = replace(
            known,
            kind=kind,
            priority=known.priority if priority is Priority.NONE else priority,
            slot_begin=known.slot_begin or slot_begin,
            name=known.name or name,
        )
    else:
        ticket = _new(
            draft, visit=visit, number=number, name=name, kind=kind, priority=priority, doctor=doctor,
            slot_begin=slot_begin,
        )  # fmt: skip
    draft.enter(
        Happening.CHECKED_IN,
        replace(
            ticket,
            band=band_of(ticket, line.settings, at=by.at, added=added),
            order_at=order_time(ticket, line.settings, at=by.at),
            checked_in_at=by.at,
        ),
    )
    return draft.done()


def recheck_in(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """过号重新报到: back in line behind ``passed_step`` places; an emergency is an emergency again."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=PASSED)
    draft.not_stopped()
    band = Band.URGENT if ticket.priority is Priority.URGENT else Band.PASSED
    draft.enter(Happening.RECHECKED_IN, _waiting_again(ticket, by, band=band, kind=ticket.kind))
    return draft.done()


def return_with_results(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """回诊: back from the tests, one after every ``return_step`` first visits."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=AWAITING_RESULT)
    draft.not_stopped()
    band = Band.URGENT if ticket.priority is Priority.URGENT else Band.RETURN
    draft.enter(Happening.RETURNED, _waiting_again(ticket, by, band=band, kind=TicketKind.RETURN))
    return draft.done()


def next_number(line: Line) -> TicketNumber:
    """The number after the highest that was given out today under the line's prefix, past those that somebody
    holds since another day."""
    prefix, digits = line.settings.number_prefix, line.settings.number_digits
    todays = (n for n, ticket in line.tickets.items() if ticket.given is None and n.startswith(prefix))
    tails = (number.removeprefix(prefix) for number in todays)
    highest = max((int(tail) for tail in tails if tail.isascii() and tail.isdigit()), default=0)
    numbers = (TicketNumber(f"{prefix}{each:0{digits}d}") for each in count(highest + 1))
    return next(number for number in numbers if number not in line.tickets)


def admit(draft: Draft, *, visit: VisitRef, number: TicketNumber | None) -> TicketNumber:
    """The number under which a visit may get a ticket now, else a refusal (see ``check_in``)."""
    draft.not_stopped()
    known = draft.line.of_visit(visit)
    if known is not None:
        raise AlreadyInLine(line=draft.line.id, number=known.number)
    chosen = next_number(draft.line) if number is None else number
    draft.room_for_one_more(chosen)
    return chosen


def _new(
    draft: Draft,
    *,
    visit: VisitRef,
    number: TicketNumber | None,
    name: str,
    kind: TicketKind,
    priority: Priority,
    doctor: DoctorId | None,
    slot_begin: datetime | None,
) -> Ticket:
    at = draft.by.at
    return Ticket(
        number=admit(draft, visit=visit, number=number),
        visit=visit,
        state=TicketState.BOOKED,
        kind=kind,
        priority=priority,
        order_at=slot_begin or at,
        name=name,
        doctor=doctor,
        slot_begin=slot_begin,
        changed_at=at,
    )


def _waiting_again(ticket: Ticket, by: Instruction, *, band: Band, kind: TicketKind) -> Ticket:
    return replace(
        ticket,
        kind=kind,
        band=band,
        order_at=by.at,
        checked_in_at=by.at,
        room=None,
        called_at=None,
        started_at=None,
        ended_at=None,
        recall_count=0,
    )
