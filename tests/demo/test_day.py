"""A simulated day: the same for a seed, true to the rules of a waiting line, and lively."""

from collections import Counter
from datetime import timedelta
from itertools import groupby

import pytest

from demo.day import LAST_SECOND, Answer, Day, play
from demo.departments import build
from demo.line import LineState, RoomState
from demo.ticket import IN_LINE, OVER, Event, Kind, State
from tests.demo.hospitals import MONDAY, at

SMALL = build(7, departments=1)


def told(event: Event) -> tuple[object, ...]:
    return event.at, event.kind, event.line, event.number, event.room


def test_a_seed_gives_one_day() -> None:
    first, second = (list(map(told, play(7, MONDAY, hospital=SMALL))) for _ in range(2))
    assert first == second
    assert first != list(map(told, play(8, MONDAY, hospital=SMALL)))
    assert first != list(map(told, play(7, MONDAY + timedelta(days=1), hospital=SMALL)))


def test_the_pace_of_the_owner_does_not_change_the_day() -> None:
    at_once = list(map(told, play(7, MONDAY, hospital=SMALL)))
    day = Day(7, MONDAY, hospital=SMALL)
    in_steps = [told(event) for until in range(0, LAST_SECOND + 900, 900) for event in day.advance(until)]
    assert in_steps == at_once


@pytest.mark.parametrize("seed", [1, 2])
def test_what_holds_after_every_event(seed: int) -> None:
    day = Day(seed, MONDAY, hospital=SMALL)
    second = 0
    for event in day.events():
        assert event.at >= second
        second = event.at
        if event.ticket is None:
            continue
        line = day.lines[event.line]
        busy = [ticket for ticket in line.tickets if ticket.state in (State.CALLED, State.SERVED)]
        assert len({ticket.room for ticket in busy}) == len(busy), "one in service per room"
        orders = [ticket.order or 0.0 for ticket in line.waiting]
        assert orders == sorted(set(orders)), "sort values are strict"
        assert {id(ticket) for ticket in line.waiting} == {
            id(ticket) for ticket in line.tickets if ticket.state in IN_LINE
        }
        live = [ticket.visit.ref for ticket in line.tickets if ticket.state not in OVER]
        assert len(set(live)) == len(live), "one live ticket per visit and line"


def test_numbers_are_never_given_twice_or_changed() -> None:
    numbers: dict[int, str] = {}
    for event in play(3, MONDAY, hospital=SMALL):
        if event.ticket is not None:
            assert numbers.setdefault(event.ticket.row, event.number) == event.number
    day = Day(3, MONDAY, hospital=SMALL)
    day.advance(LAST_SECOND)
    for line in day.lines.values():
        given = [ticket.number for ticket in line.tickets]
        assert len(set(given)) == len(given)


def test_locked_tickets_are_passed_only_by_an_emergency() -> None:
    day = Day(5, MONDAY, hospital=SMALL)
    for event in day.events():
        for line in day.lines.values():
            locked = [ticket.state is State.READY for ticket in line.waiting if ticket.band.name != "URGENT"]
            assert [value for value, _ in groupby(locked)] in ([], [True], [False], [True, False]), event


def test_the_evening_ends_everything() -> None:
    day = Day(4, MONDAY, hospital=SMALL)
    *_, last = day.advance(LAST_SECOND)
    assert last.at == LAST_SECOND
    assert day.over
    assert day.next_at is None
    assert all(ticket.state in OVER for ticket in day.tickets())
    assert all(line.state in (LineState.OVER, LineState.STOPPED) for line in day.lines.values())
    assert all(room.state is RoomState.CLOSED for line in day.lines.values() for room in line.rooms)


def test_a_whole_day_of_the_whole_hospital() -> None:
    events = list(play(1, MONDAY))
    kinds = Counter(event.kind for event in events)
    visits = {event.ticket.visit.ref for event in events if event.ticket}
    assert 1_400 <= len(visits) <= 1_650
    assert len({event.line for event in events}) == 30
    assert set(kinds) == set(Kind)
    lunch = [event for event in events if event.kind is Kind.CALLED and at("13:05") < event.at < at("13:30")]
    assert {event.line[:4] for event in lunch} <= {"0901"}, "only the pharmacy works at noon"


def test_a_request_checks_in_and_says_why_not() -> None:
    day = Day(6, MONDAY, hospital=SMALL)
    day.advance(at("08:00"))
    booked = [ticket for ticket in day.tickets() if ticket.state is State.BOOKED]
    soon = next(ticket for ticket in booked if ticket.visit.slot_begin <= at("09:00"))
    late = next(ticket for ticket in booked if ticket.visit.slot_begin >= at("14:00"))
    assert day.check_in(soon.visit.ref) == (Answer.DONE, soon)
    assert soon.state in IN_LINE
    assert day.check_in(soon.visit.ref)[0] is Answer.ALREADY
    assert day.check_in(late.visit.ref)[0] is Answer.TOO_EARLY
    assert day.check_in("MZ0")[0] is Answer.NO_SUCH_VISIT
    assert day.check_in(soon.visit.ref, "999999")[0] is Answer.NO_SUCH_VISIT
    day.advance(LAST_SECOND)
    assert day.check_in(soon.visit.ref)[0] is Answer.OVER
