"""What may be done to a ticket, a room and a day, and what is refused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.ids import LineId, RoomId, VisitRef
from queue_display.calling import (
    call_chosen,
    call_next,
    finish,
    pass_over,
    pass_overdue,
    recall,
    send_for_tests,
    start,
)
from queue_display.draft import Instruction
from queue_display.joining import book, check_in, next_number, recheck_in
from queue_display.leaving import cancel, close_day, give_up, stop_clinic
from queue_display.line import Line, LineSettings, Mode, Opening, RoomState
from queue_display.refusals import (
    AlreadyInLine,
    ClinicIsStopped,
    LineHasMoved,
    LineIsEmpty,
    LineIsMirrored,
    NoSuchRoom,
    NoSuchTicket,
    NotYoursToUndo,
    NumberIsTaken,
    RoomIsBusy,
    RoomIsNotOpen,
    SameLine,
    TooEarlyToPass,
    TooLateToUndo,
    TooManyPlaces,
    WrongState,
)
from queue_display.rooms import close_room, open_day, open_room, pause_room
from queue_display.shifting import defer, transfer
from queue_display.ticket import TicketState
from queue_display.undo import undo
from tests.unit.queue.clinic import (
    DAY,
    PLAIN,
    R1,
    R2,
    a_line,
    after,
    by,
    do,
    number,
    order,
    with_waiting,
)

A1, A2, A3 = number("A1"), number("A2"), number("A3")


@pytest.fixture
def line() -> Line:
    return with_waiting(a_line(), "A1", "A2", "A3")


def state(line: Line, of: str) -> TicketState:
    return line.tickets[number(of)].state


def test_a_consultation_from_call_to_end(line: Line) -> None:
    line = do(line, call_next, 10, room=R1)
    assert (state(line, "A1"), line.tickets[A1].room) == (TicketState.CALLED, R1)
    line = do(line, start, 11, number=A1)
    line = do(line, finish, 19, number=A1)
    ticket = line.tickets[A1]
    assert ticket.state is TicketState.DONE
    assert (ticket.called_at, ticket.started_at, ticket.ended_at) == (after(10), after(11), after(19))


def test_a_room_holds_one_at_a_time_and_two_rooms_share_the_line(line: Line) -> None:
    line = do(line, call_next, 10, room=R1)
    with pytest.raises(RoomIsBusy) as refused:
        call_next(line, by(line), room=R1)
    assert refused.value.facts == {"room": R1, "number": A1, "state": "called"}
    line = do(line, call_next, 10, room=R2)
    assert [t.number for t in line.now] == [A1, A2]


def test_of_two_nurses_at_once_one_wins_and_the_other_learns_the_present_state(line: Line) -> None:
    both_saw = line.version
    line = do(line, call_next, 10, room=R1)
    late = Instruction(actor="nurse-2", at=after(10), expected_version=both_saw)
    with pytest.raises(LineHasMoved) as refused:
        call_next(line, late, room=R2)
    assert refused.value.facts == {"line": "L1", "version": line.version, "now": ["A1@R1:called"]}


def test_every_recall_is_a_new_announcement(line: Line) -> None:
    line = do(line, call_next, 10, room=R1)
    line = do(line, recall, 11, number=A1)
    ticket = line.tickets[A1]
    assert (ticket.calls, ticket.recall_count, ticket.called_at) == (2, 1, after(11))
    line = do(line, undo, 11.5, number=A1)
    line = do(line, call_next, 12, room=R1)
    assert (line.tickets[A1].calls, line.tickets[A1].recall_count) == (3, 0), "undo does not rewind the calls"


def test_a_chosen_one_is_called_from_the_middle(line: Line) -> None:
    line = do(line, call_chosen, 10, number=A3, room=R1)
    assert order(line) == "A1 A2"


def test_nobody_is_passed_over_before_being_recalled_or_waited_for(line: Line) -> None:
    line = do(line, call_next, 10, room=R1)
    with pytest.raises(TooEarlyToPass) as refused:
        pass_over(line, by(line, 10.5), number=A1)
    assert refused.value.facts["recalls_missing"] == 1
    assert refused.value.facts["seconds_missing"] == 30
    assert state(do(line, pass_over, 11, number=A1), "A1") is TicketState.PASSED
    recalled = do(line, recall, 10.2, number=A1)
    assert state(do(recalled, pass_over, 10.4, number=A1), "A1") is TicketState.PASSED


def test_passed_over_too_often_is_a_no_show() -> None:
    line = with_waiting(a_line(replace(PLAIN, pass_limit=2, recalls_before_pass=0, passed_step=0)), "A1")
    line = do(line, call_next, 10, room=R1)
    line = do(line, pass_over, 11, number=A1)
    line = do(line, recheck_in, 12, number=A1)
    line = do(line, call_next, 13, room=R1)
    line = do(line, pass_over, 14, number=A1)
    assert state(line, "A1") is TicketState.NO_SHOW


def test_an_unanswered_call_passes_by_itself_where_the_line_says_so(line: Line) -> None:
    line = do(line, call_next, 10, room=R1)
    sweep = Instruction(actor="system", at=after(15), expected_version=None)
    assert pass_overdue(line, sweep) == (line, ()), "off unless set"
    patient = replace(line, settings=replace(line.settings, auto_pass_seconds=300))
    done, _ = pass_overdue(patient, sweep)
    assert state(done, "A1") is TicketState.PASSED
    early = replace(sweep, at=after(14.9))
    assert pass_overdue(patient, early) == (patient, ())


def test_an_undone_pass_is_not_passed_again_by_the_next_sweep(line: Line) -> None:
    line = replace(line, settings=replace(line.settings, auto_pass_seconds=120))
    line = do(line, call_next, 10, room=R1)
    line = do(line, pass_over, 12, number=A1)
    line = do(line, undo, 12.5, number=A1)

    def sweep(minutes: float) -> Line:
        return pass_overdue(line, Instruction(actor="system", at=after(minutes), expected_version=None))[0]

    assert state(sweep(12.6), "A1") is TicketState.CALLED
    assert state(sweep(14.5), "A1") is TicketState.PASSED, "but the patience is not endless"


def test_undo_puts_everything_back(line: Line) -> None:
    called = do(line, call_next, 10, room=R1)
    assert order(do(called, undo, 11, number=A1)) == "A1 A2 A3"
    started = do(called, start, 11, number=A1)
    assert state(do(started, undo, 12, number=A1), "A1") is TicketState.CALLED
    passed = do(called, pass_over, 12, number=A1)
    back = do(passed, undo, 13, number=A1)
    assert (state(back, "A1"), back.tickets[A1].passed_count) == (TicketState.CALLED, 0)


def test_undo_is_for_who_did_it_or_the_rooms_desk_and_only_for_a_while(line: Line) -> None:
    line = do(line, call_next, 10, room=R1)
    stranger = by(line, 11, actor="nurse-2")
    with pytest.raises(NotYoursToUndo):
        undo(line, stranger, number=A1)
    with pytest.raises(NotYoursToUndo):
        undo(line, stranger, number=A1, room=R2)
    assert state(undo(line, stranger, number=A1, room=R1)[0], "A1") is TicketState.WAITING
    with pytest.raises(TooLateToUndo):
        undo(line, by(line, 13.1), number=A1)


def test_a_pass_is_not_undone_into_a_room_that_has_moved_on(line: Line) -> None:
    line = do(line, call_next, 10, room=R1)
    line = do(line, pass_over, 11, number=A1)
    line = do(line, call_next, 11, room=R1)
    with pytest.raises(RoomIsBusy):
        undo(line, by(line, 12), number=A1)


def test_rooms_open_pause_and_close(line: Line) -> None:
    line = do(line, pause_room, 5, room=R1)
    assert line.opening is Opening.OPEN, "the other room works on"
    with pytest.raises(RoomIsNotOpen):
        call_next(line, by(line), room=R1)
    line = do(line, close_room, 6, room=R2)
    assert line.opening is Opening.PAUSED
    line = do(line, close_room, 6, room=R1)
    assert line.opening is Opening.CLOSED
    line = do(line, open_room, 7, room=R2)
    line = do(line, call_next, 8, room=R2)
    with pytest.raises(RoomIsBusy):
        close_room(line, by(line), room=R2)
    with pytest.raises(NoSuchRoom):
        open_room(line, by(line), room=RoomId("R9"))


def test_nobody_is_asked_to_the_door_before_the_line_opens() -> None:
    line = with_waiting(a_line(LineSettings(), open_rooms=False), "A1", "A2", "A3")
    assert {t.state for t in line.waiting} == {TicketState.WAITING}
    line = do(line, open_room, 5, room=R1)
    assert [t.state.value for t in line.waiting] == ["ready", "ready", "waiting"]


def test_a_booked_patient_keeps_number_name_and_slot_at_check_in() -> None:
    line = do(a_line(), book, visit=VisitRef("v1"), number=A1, name="张*三", slot_begin=after(60))
    assert line.waiting == ()
    line = do(line, check_in, 50, visit=VisitRef("v1"))
    ticket = line.tickets[A1]
    assert (ticket.state, ticket.name, ticket.slot_begin) == (TicketState.WAITING, "张*三", after(60))


def test_one_live_ticket_per_visit_and_no_number_twice(line: Line) -> None:
    with pytest.raises(AlreadyInLine):
        check_in(line, by(line), visit=VisitRef("v-A1"))
    line = do(line, give_up, 5, number=A1)
    with pytest.raises(NumberIsTaken):
        check_in(line, by(line), visit=VisitRef("v-new"), number=A1)
    again = do(line, check_in, 6, visit=VisitRef("v-A1"))
    assert again.waiting[-1].number == "A004"
    assert next_number(again) == "A005"


def test_a_stopped_clinic_cancels_everyone_not_yet_seen_and_takes_nobody(line: Line) -> None:
    line = do(line, call_next, 9, room=R1)
    line = do(line, start, 9, number=A1)
    line = do(line, stop_clinic, 10)
    assert line.opening is Opening.STOPPED
    assert (state(line, "A2"), state(line, "A3")) == (TicketState.CANCELLED, TicketState.CANCELLED)
    assert state(do(line, finish, 12, number=A1), "A1") is TicketState.DONE
    for refused in (
        lambda: check_in(line, by(line), visit=VisitRef("late")),
        lambda: open_room(line, by(line), room=R1),
        lambda: stop_clinic(line, by(line)),
    ):
        with pytest.raises(ClinicIsStopped):
            refused()


def test_the_end_of_the_day_leaves_nobody_alive_and_the_next_begins_empty(line: Line) -> None:
    line = do(line, call_next, 9, room=R1)
    line = do(line, pass_over, 12, number=A1)
    line = do(line, call_next, 12, room=R1)
    line = do(line, start, 12, number=A2)
    line = do(line, send_for_tests, 13, number=A2)
    with pytest.raises(ValueError):
        open_day(line, by(line), day=DAY + timedelta(days=1))
    line = do(line, close_day, 600)
    assert [state(line, n).value for n in ("A1", "A2", "A3")] == ["no_show", "done", "abandoned"]
    assert {room.state for room in line.rooms} == {RoomState.CLOSED}
    line = do(line, open_day, 1000, day=DAY + timedelta(days=1))
    assert (len(line.tickets), line.opening, next_number(line)) == (0, Opening.CLOSED, "A001")


def test_what_cannot_be_done_is_refused_with_what_could(line: Line) -> None:
    with pytest.raises(WrongState) as refused:
        finish(line, by(line), number=A1)
    assert refused.value.facts == {"number": A1, "state": "waiting", "allowed": ["in_service"]}
    with pytest.raises(NoSuchTicket):
        cancel(line, by(line), number=number("Z9"))
    with pytest.raises(TooManyPlaces):
        defer(line, by(line), number=A1, places=0)
    with pytest.raises(SameLine):
        transfer(line, line, by(line), number=A1)
    with pytest.raises(LineIsEmpty):
        call_next(a_line(), by(a_line()), room=R1)
    mirrored = replace(line, mode=Mode.MIRROR, id=LineId("L9"))
    with pytest.raises(LineIsMirrored):
        call_next(mirrored, by(mirrored), room=R1)


def test_settings_that_turn_a_rule_round_are_refused() -> None:
    with pytest.raises(ValueError, match="passed_step"):
        LineSettings(passed_step=-1)
    with pytest.raises(ValueError, match="pass_limit"):
        LineSettings(pass_limit=0)
