"""Into the room and out again: call, recall, start, finish, pass over, send for tests.

One ticket per room is called or in service; close it (finish or pass over) before calling the next.
"""

from dataclasses import replace
from datetime import timedelta
from math import ceil

from core.ids import RoomId, TicketNumber
from queue_display.draft import Decision, Draft, Instruction
from queue_display.events import Happening
from queue_display.line import Line, LineSettings, Room
from queue_display.refusals import LineIsEmpty, TooEarlyToPass
from queue_display.ticket import IN_LINE, Ticket, TicketState

CALLED = frozenset({TicketState.CALLED})
IN_SERVICE = frozenset({TicketState.IN_SERVICE})


def call_next(line: Line, by: Instruction, *, room: RoomId) -> Decision:
    """顺呼: call the first who may be seen in that room.

    Refuses with ``RoomIsNotOpen``, ``RoomIsBusy`` or ``LineIsEmpty``.
    """
    draft = Draft(line, by)
    here = draft.free_room(room)
    draft.not_stopped()
    first = next((t for t in line.waiting if may_be_seen(t, here, line.settings)), None)
    if first is None:
        raise LineIsEmpty(line=line.id, room=room)
    draft.move(Happening.CALLED, _called(first, by, room=room))
    return draft.done()


def call_chosen(line: Line, by: Instruction, *, number: TicketNumber, room: RoomId) -> Decision:
    """选呼: call this one, whoever stands before. Refuses like ``call_next``; the history tells."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=IN_LINE)
    draft.free_room(room)
    draft.not_stopped()
    draft.move(Happening.CALLED, _called(ticket, by, room=room), reason=by.reason or "chosen")
    return draft.done()


def recall(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """重呼: announce the same call again."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=CALLED)
    draft.move(
        Happening.RECALLED,
        replace(ticket, called_at=by.at, calls=ticket.calls + 1, recall_count=ticket.recall_count + 1),
    )
    return draft.done()


def start(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """接诊: the patient came in."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=CALLED)
    draft.move(Happening.STARTED, replace(ticket, state=TicketState.IN_SERVICE, started_at=by.at))
    return draft.done()


def finish(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """诊结: the consultation is over, and the room is free."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=IN_SERVICE)
    draft.move(Happening.FINISHED, replace(ticket, state=TicketState.DONE, ended_at=by.at))
    return draft.done()


def send_for_tests(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """The patient goes for tests and will be back; where doctors have their own patients, to the same one."""
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=IN_SERVICE)
    here = line.room(ticket.room) if ticket.room is not None else None
    doctor = ticket.doctor
    if line.settings.by_doctor and doctor is None and here is not None:
        doctor = here.doctor
    draft.move(
        Happening.SENT_FOR_TESTS,
        replace(ticket, state=TicketState.AWAITING_RESULT, ended_at=by.at, doctor=doctor),
    )
    return draft.done()


def pass_over(line: Line, by: Instruction, *, number: TicketNumber) -> Decision:
    """过号: the patient did not come. At ``pass_limit`` times this is a no-show.

    Refuses with ``TooEarlyToPass`` before either the recalls or the time of the settings are used up.
    """
    draft = Draft(line, by)
    ticket = draft.ticket(number, allowed=CALLED)
    _may_be_passed(ticket, by, line.settings)
    _pass(draft, ticket)
    return draft.done()


def pass_overdue(line: Line, by: Instruction) -> Decision:
    """Pass over every call that nobody answered for ``auto_pass_seconds``; nothing when that is off.

    Who was brought back into the call by an undo gets that long anew, or the sweep would undo the undo.
    """
    draft = Draft(line, by)
    if line.settings.auto_pass_seconds is not None:
        limit = timedelta(seconds=line.settings.auto_pass_seconds)
        for ticket in line.in_state(TicketState.CALLED):
            if by.at - ticket.changed_at >= limit:
                _pass(draft, ticket, reason="no_answer")
    return draft.done()


def may_be_seen(ticket: Ticket, room: Room, settings: LineSettings) -> bool:
    """Whether the ticket may be called into the room in turn."""
    if not settings.by_doctor or ticket.doctor is None:
        return True
    return room.doctor == ticket.doctor


def _called(ticket: Ticket, by: Instruction, *, room: RoomId) -> Ticket:
    return replace(
        ticket,
        state=TicketState.CALLED,
        room=room,
        called_at=by.at,
        calls=ticket.calls + 1,
        recall_count=0,
    )


def _may_be_passed(ticket: Ticket, by: Instruction, settings: LineSettings) -> None:
    waited = (by.at - (ticket.called_at or ticket.changed_at)).total_seconds()
    recalls_missing = settings.recalls_before_pass - ticket.recall_count
    if recalls_missing > 0 and waited < settings.pass_after_seconds:
        raise TooEarlyToPass(
            number=ticket.number,
            recalls_missing=recalls_missing,
            seconds_missing=ceil(settings.pass_after_seconds - waited),
        )


def _pass(draft: Draft, ticket: Ticket, *, reason: str = "") -> None:
    at = draft.by.at
    passed = replace(
        ticket, state=TicketState.PASSED, passed_at=at, passed_count=ticket.passed_count + 1
    )  # fmt: skip
    draft.move(Happening.PASSED_OVER, passed, reason=reason)
    if passed.passed_count >= draft.line.settings.pass_limit:
        missed = replace(passed, state=TicketState.NO_SHOW, ended_at=at)
        draft.move(Happening.MISSED, missed, reason="pass_limit")
