"""撤销: take back a call, a start or a pass that was a slip of the finger."""

from dataclasses import replace
from datetime import datetime, timedelta

from core.ids import RoomId, TicketNumber
from queue_display.draft import Decision, Draft, Instruction
from queue_display.events import Happening
from queue_display.line import Line, RoomState
from queue_display.refusals import NotYoursToUndo, RoomIsNotOpen, TooLateToUndo
from queue_display.ticket import Ticket, TicketState

UNDOABLE = frozenset({TicketState.CALLED, TicketState.IN_SERVICE, TicketState.PASSED})


def undo(line: Line, by: Instruction, *, number: TicketNumber, room: RoomId | None = None) -> Decision:
    """CALLED → WAITING in the old place, IN_SERVICE → CALLED, PASSED → CALLED.

    Within ``undo_seconds``, by whoever did it or from the same room's desk (``room``). Refuses with
    ``TooLateToUndo``, ``NotYoursToUndo``, and for a pass with ``RoomIsBusy`` when the room has taken somebody
    else, ``RoomIsNotOpen`` when it has closed, ``NoSuchRoom`` when it is gone.
    """
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=UNDOABLE)
    if by.at - _done_at(ticket) > timedelta(seconds=line.settings.undo_seconds):
        raise TooLateToUndo(number=number, limit_seconds=line.settings.undo_seconds)
    if by.actor != ticket.changed_by and (room is None or room != ticket.room):
        raise NotYoursToUndo(number=number)
    match ticket.state:
        case TicketState.CALLED:
            draft.not_stopped()
            before = replace(
                ticket, state=TicketState.WAITING, room=None, called_at=None, recall_count=0
            )  # fmt: skip
        case TicketState.IN_SERVICE:
            before = replace(ticket, state=TicketState.CALLED, started_at=None)
        case _:
            if ticket.room is not None:
                here = draft.room(ticket.room)
                if here.state is RoomState.CLOSED:
                    raise RoomIsNotOpen(room=here.id, state=here.state)
                draft.nobody_in(here.id)
            before = replace(
                ticket, state=TicketState.CALLED, passed_at=None, passed_count=ticket.passed_count - 1
            )
    draft.move(Happening.UNDONE, before)
    return draft.done()


def _done_at(ticket: Ticket) -> datetime:
    when = {
        TicketState.CALLED: ticket.called_at,
        TicketState.IN_SERVICE: ticket.started_at,
        TicketState.PASSED: ticket.passed_at,
    }
    return when[ticket.state] or ticket.changed_at
