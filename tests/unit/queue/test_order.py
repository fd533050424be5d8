"""Who stands before whom, rule by rule."""

from dataclasses import replace

from core.ids import DoctorId, TicketNumber, VisitRef
from queue_display.calling import call_next, finish, pass_over, send_for_tests, start
from queue_display.draft import Decision, Draft
from queue_display.events import Happening
from queue_display.joining import check_in, recheck_in, return_with_results
from queue_display.line import LateRule, Line, LineSettings, OrderBy
from queue_display.shifting import defer, resume, suspend, transfer
from queue_display.ticket import Band, Priority, TicketKind, TicketState
from tests.unit.queue.clinic import (
    PLAIN,
    R1,
    R2,
    a_line,
    after,
    by,
    do,
    number,
    order,
    prove,
    with_waiting,
)

PASS_AT_ONCE = replace(PLAIN, recalls_before_pass=0, passed_step=2)


def test_people_stand_in_the_order_of_their_arrival() -> None:
    line = with_waiting(a_line(), "A3", "A1", "A2")
    assert order(line) == "A3 A1 A2"
    assert line.ahead(number("A2")) == 2
    assert line.ahead(number("nobody")) is None


def test_an_elderly_patient_goes_before_the_others_but_behind_the_locked_places() -> None:
    line = with_waiting(a_line(replace(PLAIN, lock_places=2)), "A1", "A2", "A3", "A4")
    line = with_waiting(line, "P1", "P2", priority=Priority.ELDERLY)
    assert order(line) == "A1 A2 P1 P2 A3 A4"


def test_an_emergency_goes_before_everybody_even_the_locked() -> None:
    line = with_waiting(a_line(LineSettings()), "A1", "A2", "A3")
    line = with_waiting(line, "E1", "E2", priority=Priority.URGENT)
    assert order(line) == "E1 E2 A1 A2 A3"
    assert [t.state for t in line.waiting[:4]] == [TicketState.READY] * 4, "nobody is sent back from the door"
    assert line.waiting[4].state is TicketState.WAITING


def test_special_numbers_go_before_other_priorities() -> None:
    line = with_waiting(a_line(), "A1", "P1", priority=Priority.MILITARY)
    line = with_waiting(line, "S1", priority=Priority.SPECIAL)
    assert order(line) == "S1 A1 P1"


def test_priorities_may_be_mixed_in_one_after_every_two() -> None:
    line = with_waiting(a_line(replace(PLAIN, priority_step=2)), "A1", "A2", "A3", "A4", "A5")
    line = with_waiting(line, "P1", "P2", "P3", priority=Priority.ELDERLY)
    assert order(line) == "A1 A2 P1 A3 A4 P2 A5 P3"


def test_who_was_passed_and_came_back_goes_behind_k_and_behind_those_who_came_back_before() -> None:
    line = with_waiting(a_line(PASS_AT_ONCE), "A1", "A2", "A3", "A4", "A5", "A6")
    for each in ("A1", "A2"):
        line = do(line, call_next, 10, room=R1)
        line = do(line, pass_over, 11, number=number(each))
    for each in ("A1", "A2"):
        line = do(line, recheck_in, 12, number=number(each))
    assert order(line) == "A3 A4 A1 A2 A5 A6"
    assert line.tickets[number("A1")].band is Band.PASSED


def _seen_and_sent(line: Line, *numbers: str) -> Line:
    for each in numbers:
        line = do(line, call_next, 10, room=R1)
        line = do(line, start, 11, number=number(each))
        line = do(line, send_for_tests, 12, number=number(each))
    return line


def test_one_return_goes_in_after_every_two_first_visits() -> None:
    line = with_waiting(a_line(), *(f"A{i}" for i in range(1, 9)))
    line = _seen_and_sent(line, "A1", "A2", "A3")
    for each in ("A1", "A2", "A3"):
        line = do(line, return_with_results, 20, number=number(each))
    assert order(line) == "A1 A4 A5 A2 A6 A7 A3 A8", "A2 and A3 were called since nobody returned"
    assert line.tickets[number("A1")].kind is TicketKind.RETURN


def test_first_visits_already_called_count_for_the_first_return() -> None:
    line = with_waiting(a_line(), *(f"A{i}" for i in range(1, 7)))
    line = _seen_and_sent(line, "A1")
    for each in ("A2", "A3"):
        line = do(line, call_next, 15, room=R1)
        line = do(line, start, 16, number=number(each))
        line = do(line, finish, 17, number=number(each))
    line = do(line, return_with_results, 20, number=number("A1"))
    assert order(line) == "A1 A4 A5 A6"


def test_by_slot_the_booked_time_decides_and_added_numbers_go_last() -> None:
    line = a_line(replace(PLAIN, order_by=OrderBy.SLOT))
    line = with_waiting(line, "B930", slot_begin=after(90))
    line = with_waiting(line, "X1", added=True)
    line = with_waiting(line, "B915", slot_begin=after(75))
    line = with_waiting(line, "B900", slot_begin=after(60))
    assert order(line) == "B900 B915 B930 X1"


def test_who_is_late_goes_to_the_end_of_the_own_slot() -> None:
    line = a_line(replace(PLAIN, order_by=OrderBy.SLOT, late_after_minutes=30))
    line = with_waiting(line, "A1", "A2", minutes=30, slot_begin=after(30))
    line = with_waiting(line, "B1", minutes=35, slot_begin=after(60))
    line = with_waiting(line, "L1", minutes=61, slot_begin=after(30))
    assert order(line) == "A1 A2 L1 B1"
    assert line.tickets[number("L1")].band is Band.LATE


def test_or_to_the_end_of_the_line_or_some_places_back() -> None:
    slot = replace(PLAIN, order_by=OrderBy.SLOT)
    for settings, expected in (
        (replace(slot, late_rule=LateRule.LINE_END), "B1 X1 L1"),
        (replace(slot, late_step=1), "B1 L1 X1"),
    ):
        line = with_waiting(a_line(settings), "B1", minutes=50, slot_begin=after(60))
        line = with_waiting(line, "X1", minutes=51, added=True)
        line = with_waiting(line, "L1", minutes=61, slot_begin=after(30))
        assert order(line) == expected


def test_deferred_people_let_others_go_first() -> None:
    line = with_waiting(a_line(), "A1", "A2", "A3", "A4")
    assert order(do(line, defer, 5, number=number("A1"), places=2)) == "A2 A3 A1 A4"
    assert order(do(line, defer, 5, number=number("A3"), places=9)) == "A1 A2 A4 A3"


def test_a_suspended_ticket_remembers_its_place_but_does_not_push_the_locked() -> None:
    line = with_waiting(a_line(replace(PLAIN, lock_places=1)), "A1", "A2", "A3", "A4")
    away = do(line, suspend, 5, number=number("A2"))
    assert order(away) == "A1 A3 A4"
    assert order(do(away, resume, 6, number=number("A2"))) == "A1 A2 A3 A4"
    called = do(away, call_next, 6, room=R1)
    assert order(do(called, resume, 7, number=number("A2"))) == "A3 A2 A4"


def test_a_label_goes_along_to_the_other_line() -> None:
    line = with_waiting(a_line(), "A1", priority=Priority.ELDERLY)
    line = with_waiting(line, "A2")
    target = with_waiting(a_line(line_id="L2"), "B1", "B2")
    for each, expected in (("A1", "A001 B1 B2"), ("A2", "B1 B2 A001")):
        (left, left_events), (joined, joined_events) = transfer(
            line, target, by(line, 9), number=number(each)
        )
        prove(line, left, left_events)
        prove(target, joined, joined_events)
        assert order(joined) == expected
        gone = left.tickets[number(each)]
        assert (gone.state, gone.moved_to, gone.moved_number) == (TicketState.TRANSFERRED, "L2", "A001")


def test_a_doctors_own_patients_wait_for_that_doctor() -> None:
    line = a_line(replace(PLAIN, by_doctor=True))
    line = with_waiting(line, "A1", doctor=DoctorId("doc-1"))
    line = with_waiting(line, "A2", "A3")
    line = do(line, call_next, 5, room=R2)
    assert line.holder(R2) is line.tickets[number("A2")]


def test_many_insertions_at_one_spot_spread_the_ranks_and_change_nobodys_place() -> None:
    line = with_waiting(a_line(replace(PLAIN, lock_places=1, priority_step=0)), "A1", "A2")
    spread = 0
    for count in range(70):
        visit = VisitRef(f"w{count}")
        line = do(line, check_in, visit=visit, number=number(f"W{count}"))
        line, events = to_second_place(line, number(f"W{count}"))
        spread += any(event.what is Happening.RESPACED for event in events)
    assert spread
    assert order(line).split()[:3] == ["A1", "W69", "W68"]
    assert order(line).split()[-1] == "A2"


def to_second_place(line: Line, who: TicketNumber) -> Decision:
    """Put the newcomer at index 1 through the same door that the commands use."""
    draft = Draft(line, by(line))
    draft.enter(Happening.DEFERRED, line.tickets[who], index=1)
    done, events = draft.done()
    prove(line, done, events)
    return done, events
