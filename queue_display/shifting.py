"""Within the line and to another one: defer, suspend, resume, transfer."""

from dataclasses import replace

from core.ids import TicketNumber
from queue_display.draft import Decision, Draft, Instruction
from queue_display.events import Happening
from queue_display.joining import admit
from queue_display.line import Line
from queue_display.order import band_of, guarded, index_of_rank
from queue_display.refusals import SameLine, TooManyPlaces
from queue_display.ticket import IN_LINE, Band, Ticket, TicketState

SUSPENDED = frozenset({TicketState.SUSPENDED})
TRANSFERABLE = IN_LINE | {TicketState.PASSED}


def defer(line: Line, by: Instruction, *, number: TicketNumber, places: int) -> Decision:
    """延后: let so many go first. Refuses with ``TooManyPlaces`` outside 1 … ``defer_places``."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=IN_LINE)
    if not 1 <= places <= line.settings.defer_places:
        raise TooManyPlaces(places=places, limit=line.settings.defer_places)
    index = line.waiting.index(ticket) + places
    draft.enter(Happening.DEFERRED, ticket, index=min(index, len(line.waiting) - 1))
    return draft.done()


def suspend(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """挂起: out of the line for a while; the place is remembered."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=IN_LINE)
    draft.move(Happening.SUSPENDED, replace(ticket, state=TicketState.SUSPENDED))
    return draft.done()


def resume(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """Back into the remembered place, but not before those who are guarded by now."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=SUSPENDED)
    draft.not_stopped()
    others = line.waiting
    index = index_of_rank(ticket, others)
    guard = 0 if ticket.band is Band.URGENT else guarded(line, others)
    if index >= guard:
        draft.move(Happening.RESUMED, replace(ticket, state=TicketState.WAITING))
    else:
        draft.enter(Happening.RESUMED, ticket, index=guard)
    return draft.done()


def transfer(line: Line, target: Line, by: Instruction, *, number: TicketNumber) -> tuple[Decision, Decision]:
    """转诊: the ticket ends here and the same visit gets a ticket in ``target``; its label goes with it.

    Answers the decisions for both lines. ``by.expected_version`` is of the first line. Refuses with
    ``SameLine``, and for the target like ``check_in``.
    """
    if line.id == target.id:
        raise SameLine(line=line.id)
    leaving = Draft(line, by)
    ticket = leaving.ticket(number, allowed=TRANSFERABLE)
    arriving = Draft(target, replace(by, expected_version=None))
    new_number = admit(arriving, visit=ticket.visit, number=None)
    arriving.enter(Happening.TRANSFERRED_IN, _arrival(ticket, target, by, number=new_number))
    leaving.move(
        Happening.TRANSFERRED,
        replace(
            ticket,
            state=TicketState.TRANSFERRED,
            ended_at=by.at,
            moved_to=target.id,
            moved_number=new_number,
        ),
    )
    return leaving.done(), arriving.done()


def _arrival(ticket: Ticket, target: Line, by: Instruction, *, number: TicketNumber) -> Ticket:
    keeps_time = target.settings.transferred_keeps_time and ticket.checked_in_at is not None
    arrived = Ticket(
        number=number,
        visit=ticket.visit,
        state=TicketState.WAITING,
        kind=ticket.kind,
        priority=ticket.priority,
        order_at=ticket.order_at if keeps_time else by.at,
        name=ticket.name,
        checked_in_at=ticket.checked_in_at if keeps_time else by.at,
        changed_at=by.at,
    )
    band = band_of(arrived, target.settings, at=by.at)
    return replace(arrived, band=Band.TRANSFERRED if band is Band.ORDINARY else band)
