"""The corners where one rule ends and another begins; each was once open to a slip that no other test saw."""

from dataclasses import replace

import pytest

from core.ids import DoctorId, VisitRef
from queue_display.calling import call_chosen, call_next, pass_over, recall, send_for_tests, start
from queue_display.joining import book, check_in, recheck_in, return_with_results
from queue_display.leaving import close_day, stop_clinic
from queue_display.line import Line, LineSettings, OrderBy
from queue_display.refusals import ClinicIsStopped, LineIsEmpty, RoomIsNotOpen
from queue_display.rooms import close_room, pause_room
from queue_display.shifting import resume, suspend
from queue_display.ticket import Band, Priority, TicketKind, TicketState
from queue_display.undo import undo
from tests.unit.queue.clinic import PLAIN, R1, R2, a_line, after, by, do, number, order, with_waiting

A1, A2 = number("A1"), number("A2")
AT_THE_DOOR = LineSettings(lock_places=0, ready_places=2, recalls_before_pass=0, passed_step=0)


def seen_and_sent(line: Line, *numbers: str) -> Line:
    for each in numbers:
        line = do(line, call_chosen, 10, number=number(each), room=R1)
        line = do(line, start, 11, number=number(each))
        line = do(line, send_for_tests, 12, number=number(each))
    return line


def test_who_stands_at_the_door_is_guarded_also_where_no_places_are_locked() -> None:
    line = with_waiting(a_line(AT_THE_DOOR), "A1", "A2", "A3")
    line = with_waiting(line, "P1", priority=Priority.ELDERLY)
    assert order(line) == "A1 A2 P1 A3"


def test_who_comes_back_after_being_passed_does_not_push_those_at_the_door_either() -> None:
    line = with_waiting(a_line(AT_THE_DOOR), "A1", "A2", "A3", "A4")
    line = do(line, call_next, 10, room=R1)
    line = do(line, pass_over, 11, number=A1)
    assert order(do(line, recheck_in, 12, number=A1)) == "A2 A3 A1 A4"


def test_an_emergency_in_a_pause_stands_at_the_door_before_those_who_stand_there() -> None:
    line = with_waiting(a_line(AT_THE_DOOR), "A1", "A2", "A3")
    line = do(do(line, pause_room, 5, room=R1), pause_room, 5, room=R2)
    line = with_waiting(line, "E1", minutes=6, priority=Priority.URGENT)
    assert [t.number for t in line.waiting if t.state is TicketState.READY] == ["E1", "A1", "A2"]


def test_an_emergency_that_was_suspended_does_not_stop_at_the_door() -> None:
    line = with_waiting(a_line(AT_THE_DOOR), "E1", priority=Priority.URGENT)
    line = with_waiting(do(line, suspend, 5, number=number("E1")), "A1", "A2", minutes=6)
    assert order(do(line, resume, 9, number=number("E1"))) == "E1 A1 A2"


def test_a_call_that_is_undone_finds_its_place_before_those_who_came_meanwhile() -> None:
    line = do(with_waiting(a_line(), "A1"), call_next, 10, room=R1)
    line = with_waiting(line, "A2", minutes=11)
    assert order(do(line, undo, 12, number=A1)) == "A1 A2"


def test_first_visits_before_the_last_return_do_not_count_for_the_next() -> None:
    line = seen_and_sent(with_waiting(a_line(), *(f"A{i}" for i in range(1, 8))), "A1", "A2", "A3")
    line = do(line, return_with_results, 20, number=A1)
    line = do(line, call_chosen, 21, number=A1, room=R1)
    line = do(line, return_with_results, 22, number=A2)
    assert order(line) == "A4 A5 A2 A6 A7"


def test_by_slot_an_earlier_slot_does_not_pass_somebody_with_a_label() -> None:
    line = a_line(replace(PLAIN, order_by=OrderBy.SLOT))
    line = with_waiting(line, "P1", slot_begin=after(90), priority=Priority.ELDERLY)
    assert order(with_waiting(line, "A1", slot_begin=after(60))) == "P1 A1"


def test_the_last_forgiven_minute_is_not_late_yet() -> None:
    line = a_line(replace(PLAIN, late_after_minutes=30))
    for minutes, band in ((30, Band.ORDINARY), (30.1, Band.LATE)):
        done = with_waiting(line, "A1", minutes=minutes, slot_begin=after(0))
        assert done.tickets[A1].band is band


def test_a_return_takes_its_turn_among_returns_whatever_the_label_unless_urgent() -> None:
    for priority, band in ((Priority.SPECIAL, Band.RETURN), (Priority.URGENT, Band.URGENT)):
        line = with_waiting(a_line(), "A1", kind=TicketKind.RETURN, priority=priority)
        assert line.tickets[A1].band is band


def test_an_emergency_that_comes_back_is_an_emergency_again() -> None:
    line = with_waiting(a_line(AT_THE_DOOR), "A2", "A3", "A4")
    line = with_waiting(line, "A1", priority=Priority.URGENT)
    called = do(line, call_next, 10, room=R1)
    passed = do(called, pass_over, 11, number=A1)
    assert order(do(passed, recheck_in, 12, number=A1)) == "A1 A2 A3 A4"
    sent = do(do(called, start, 11, number=A1), send_for_tests, 12, number=A1)
    assert order(do(sent, return_with_results, 20, number=A1)) == "A1 A2 A3 A4"


def test_who_waits_again_carries_nothing_of_the_old_call() -> None:
    line = do(with_waiting(a_line(AT_THE_DOOR), "A1"), call_next, 10, room=R1)
    line = do(line, recall, 10.5, number=A1)
    passed = do(line, pass_over, 11, number=A1)
    for again in (do(passed, recheck_in, 12, number=A1), do(line, undo, 12, number=A1)):
        ticket = again.tickets[A1]
        assert (ticket.room, ticket.called_at, ticket.recall_count) == (None, None, 0)


def test_a_label_given_at_booking_is_kept_at_check_in() -> None:
    line = do(a_line(), book, visit=VisitRef("v"), number=A1, priority=Priority.ELDERLY)
    line = do(line, check_in, 5, visit=VisitRef("v"))
    assert (line.tickets[A1].priority, line.tickets[A1].band) == (Priority.ELDERLY, Band.PRIORITY)


def test_after_the_clinic_stopped_nobody_comes_back_into_the_line() -> None:
    line = with_waiting(a_line(replace(AT_THE_DOOR, ready_places=0)), "A1", "A2")
    line = do(seen_and_sent(line, "A2"), call_next, 14, room=R1)
    line = do(line, stop_clinic, 15)
    passed = do(line, pass_over, 16, number=A1)
    with pytest.raises(ClinicIsStopped):
        undo(line, by(line, 16), number=A1)
    with pytest.raises(ClinicIsStopped):
        recheck_in(passed, by(passed), number=A1)
    with pytest.raises(ClinicIsStopped):
        return_with_results(line, by(line), number=A2)
    with pytest.raises(ClinicIsStopped):
        call_next(line, by(line), room=R2)


def test_nobody_is_called_into_a_room_that_pauses_not_even_a_chosen_one() -> None:
    line = do(with_waiting(a_line(), "A1"), pause_room, 5, room=R1)
    with pytest.raises(RoomIsNotOpen):
        call_chosen(line, by(line), number=A1, room=R1)


def test_a_doctors_own_patient_is_not_called_in_turn_where_no_doctor_sits() -> None:
    line = a_line(replace(PLAIN, by_doctor=True))
    line = replace(line, rooms=(line.rooms[0], replace(line.rooms[1], doctor=None)))
    line = with_waiting(line, "A1", doctor=DoctorId("doc-1"))
    with pytest.raises(LineIsEmpty):
        call_next(line, by(line), room=R2)


def test_a_colleague_who_helps_out_does_not_become_the_patients_doctor() -> None:
    line = with_waiting(a_line(replace(PLAIN, by_doctor=True)), "A1", doctor=DoctorId("doc-2"))
    line = with_waiting(line, "A2")
    line = seen_and_sent(line, "A1", "A2")
    assert (line.tickets[A1].doctor, line.tickets[A2].doctor) == ("doc-2", "doc-1")


def test_the_last_second_for_an_undo_still_counts() -> None:
    line = do(with_waiting(a_line(), "A1"), call_next, 10, room=R1)
    assert do(line, undo, 13, number=A1).tickets[A1].state is TicketState.WAITING


def test_midnight_finds_one_called_and_one_gone_for_tests_and_tells_them_apart() -> None:
    line = seen_and_sent(with_waiting(a_line(), "A1", "A2"), "A1")
    line = do(do(line, call_next, 14, room=R1), close_day, 960)
    called, sent = line.tickets[A2], line.tickets[A1]
    assert (called.state, called.ended_at) == (TicketState.NO_SHOW, after(960))
    assert (sent.state, sent.ended_at) == (TicketState.DONE, after(12)), "who was seen was seen then"


def test_a_pass_is_not_undone_into_a_room_that_has_closed_but_into_one_that_pauses() -> None:
    line = do(with_waiting(a_line(AT_THE_DOOR), "A1"), call_next, 10, room=R1)
    line = do(line, pass_over, 11, number=A1)
    closed = do(line, close_room, 11, room=R1)
    with pytest.raises(RoomIsNotOpen):
        undo(closed, by(closed, 12), number=A1)
    pausing = do(line, pause_room, 11, room=R1)
    assert do(pausing, undo, 12, number=A1).tickets[A1].state is TicketState.CALLED
