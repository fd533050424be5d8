"""Out of the line for good: give up, cancel, clinic stopped, end of the day."""

from dataclasses import replace
from typing import Final

from core.ids import TicketNumber
from queue_display.draft import Decision, Draft, Instruction
from queue_display.events import Happening
from queue_display.line import Line, Opening, RoomState
from queue_display.ticket import IN_LINE, IN_ROOM, Ticket, TicketState

NOT_SEEN = IN_LINE | {TicketState.BOOKED, TicketState.PASSED, TicketState.SUSPENDED}
"""Nobody has looked at these patients yet. SUSPENDED is here so that nobody must rejoin in order to leave."""

CANCELLABLE = IN_LINE | {TicketState.BOOKED, TicketState.SUSPENDED}

_AT_THE_END: Final = {
    TicketState.BOOKED: (TicketState.NO_SHOW, Happening.MISSED),
    TicketState.CALLED: (TicketState.NO_SHOW, Happening.MISSED),
    TicketState.PASSED: (TicketState.NO_SHOW, Happening.MISSED),
    TicketState.WAITING: (TicketState.ABANDONED, Happening.GAVE_UP),
    TicketState.READY: (TicketState.ABANDONED, Happening.GAVE_UP),
    TicketState.SUSPENDED: (TicketState.ABANDONED, Happening.GAVE_UP),
    TicketState.IN_SERVICE: (TicketState.DONE, Happening.FINISHED),
    TicketState.AWAITING_RESULT: (TicketState.DONE, Happening.FINISHED),
}
"""What a ticket becomes that is still live when the day ends. Who was seen counts as seen."""

_MAY_BE_BACK: Final = frozenset({TicketState.PASSED, TicketState.SUSPENDED, TicketState.AWAITING_RESULT})
"""Away from the line; nobody knows whether they return."""


def give_up(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """弃号: the patient does not want to wait any longer."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=NOT_SEEN)
    draft.move(Happening.GAVE_UP, _ended(ticket, TicketState.ABANDONED, by))
    return draft.done()


def cancel(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """退号: the registration was taken back."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=CANCELLABLE)
    draft.move(Happening.CANCELLED, _ended(ticket, TicketState.CANCELLED, by))
    return draft.done()


def stop_clinic(line: Line, by: Instruction) -> Decision:
    """停诊: the clinic does not take place. Everyone not yet seen is cancelled, who was passed over too:
    that the patient did not come no longer matters. Who is in a room may be finished."""
    draft = Draft(line, by)
    draft.not_stopped()
    draft.change_opening(Happening.CLINIC_STOPPED, Opening.STOPPED)
    stopped = [t for t in line.tickets.values() if t.state in NOT_SEEN]
    draft.move(
        Happening.CANCELLED,
        *(_ended(t, TicketState.CANCELLED, by) for t in stopped),
        reason=by.reason or "clinic_stopped",
    )
    return draft.done()


def close_day(line: Line, by: Instruction) -> Decision:
    """End the day. The next one begins with ``open_day``.

    No ticket stays live and every room is closed; on a line that goes on overnight, only tickets end that do
    not stay (``stays_overnight``), and rooms are left alone.
    """
    draft = Draft(line, by)
    for state, (after, what) in _AT_THE_END.items():
        ended = (_ended(t, after, by) for t in line.in_state(state) if not stays_overnight(line, t))
        draft.move(what, *ended, reason="day_closed")
    if line.settings.overnight:
        return draft.done()
    for room in line.rooms:
        if room.state is not RoomState.CLOSED:
            draft.change_room(Happening.ROOM_CLOSED, replace(room, state=RoomState.CLOSED))
    return draft.done()


def stays_overnight(line: Line, ticket: Ticket) -> bool:
    """Whether the end of the line's day leaves the ticket as it is.

    Who waits or is in a room stays however often the day turns. Who is away (passed, suspended, out for
    tests) may come back until the next turn; who was only booked for the day has missed it.
    """
    if not line.settings.overnight:
        return False
    if ticket.state in IN_LINE | IN_ROOM:
        return True
    return ticket.state in _MAY_BE_BACK and ticket.given is None


def _ended(ticket: Ticket, state: TicketState, by: Instruction) -> Ticket:
    return replace(ticket, state=state, ended_at=ticket.ended_at or by.at)
