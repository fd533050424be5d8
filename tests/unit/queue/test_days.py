"""When a line's day turns, and who is still there afterwards."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import CHINA
from core.ids import TicketNumber, VisitRef
from queue_display import wire
from queue_display.board import board_of, screen_part
from queue_display.calling import call_chosen, call_next, finish, pass_over, start
from queue_display.daybreak import day_at, is_yesterdays
from queue_display.draft import Decision
from queue_display.events import Transition, transitions
from queue_display.joining import book, check_in, next_number, recheck_in
from queue_display.leaving import close_day, stop_clinic
from queue_display.line import Line, LineSettings, Mode, Opening, RoomState
from queue_display.observed import ObservedTicket
from queue_display.pace import DayLearned, Pace
from queue_display.refusals import LineHasMoved
from queue_display.replaying import learn_day
from queue_display.rooms import open_day, pause_room
from queue_display.ticket import TicketState
from tests.unit.queue.clinic import DAY, MORNING, PLAIN, R1, R2, a_line, by, do, number, order, with_waiting
from tests.unit.queue.test_mirror import look, one, seen
from tests.unit.queue.test_services import HALL, L1, NURSE, House

NEXT = DAY + timedelta(days=1)
ROUND_THE_CLOCK = replace(PLAIN, overnight=True, recalls_before_pass=0)
EMERGENCY = a_line(ROUND_THE_CLOCK)
BEGINS = st.tuples(st.integers(0, 11), st.integers(0, 59)).map(lambda at: f"{at[0]:02}:{at[1]:02}")
MOMENTS = st.timedeltas(timedelta(days=-3000), timedelta(days=3000)).map(lambda since: MORNING + since)


def night(line: Line, minutes: float = 960) -> Line:
    """The day ends and the next one begins."""
    line = do(line, close_day, minutes)
    return do(line, open_day, minutes, day=line.day + timedelta(days=1))


@pytest.fixture
def house() -> House:
    return House()


# ---- when


@given(begins=BEGINS, at=MOMENTS)
def test_a_line_has_a_day_at_every_moment_and_it_turns_only_when_the_hospital_says(
    begins: str, at: datetime
) -> None:
    settings = LineSettings(day_begins=begins)
    day = day_at(settings, at)
    begun = datetime.combine(day, time.fromisoformat(begins), tzinfo=CHINA)
    assert begun <= at < begun + timedelta(days=1)
    assert day_at(settings, begun) == day_at(settings, begun + timedelta(days=1, microseconds=-1)) == day


@given(begins=BEGINS, at=MOMENTS, later=st.timedeltas(timedelta(0), timedelta(days=3)))
def test_a_day_never_goes_back(begins: str, at: datetime, later: timedelta) -> None:
    settings = LineSettings(day_begins=begins)
    assert day_at(settings, at) <= day_at(settings, at + later)


@pytest.mark.parametrize("begins", ["24:00", "12:01", "5:00", "05:60", "", "0500", "05:00:00", "0٥:00"])
def test_a_day_that_begins_never_or_after_noon_is_refused(begins: str) -> None:
    with pytest.raises(ValueError, match="day_begins"):
        LineSettings(day_begins=begins)


def test_after_midnight_an_evening_clinic_is_still_yesterdays() -> None:
    late = replace(EMERGENCY, settings=replace(PLAIN, day_begins="04:30"))
    assert not is_yesterdays(late, datetime(2026, 11, 24, 4, 29, 59, tzinfo=CHINA))
    assert is_yesterdays(late, datetime(2026, 11, 24, 4, 30, tzinfo=CHINA))


async def test_the_sweep_and_the_first_command_both_wait_for_the_lines_own_day(house: House) -> None:
    await house.with_people("A1")
    line = house.units.lines[L1]
    house.units.lines[L1] = replace(line, settings=replace(line.settings, day_begins="05:00"))
    house.clock.advance(timedelta(hours=20))
    await house.own.roll_days()
    body = wire.CheckIn(expected_version=house.version(), visit="v-late")
    answer = await house.queue.check_in(NURSE, L1, body)
    assert (house.newest().day, answer.board.waiting) == (DAY, ["A1", "A002"])
    house.clock.advance(timedelta(hours=1))
    await house.own.roll_days()
    assert (house.newest().day, house.newest().waiting) == (NEXT, [])


# ---- who


def test_who_waits_at_midnight_keeps_number_place_and_room() -> None:
    line = with_waiting(EMERGENCY, "A187", "A188", "A189")
    line = do(line, call_next, 950, room=R1)
    before = screen_part(line, HALL).now
    line = night(line)
    assert (line.day, order(line), line.opening) == (NEXT, "A188 A189", Opening.OPEN)
    assert screen_part(line, HALL).now == before, "nobody is announced again"
    assert board_of(line, None).stayed == {"A187": DAY, "A188": DAY, "A189": DAY}
    line = do(line, start, 965, number=number("A187"))
    line = do(line, finish, 970, number=number("A187"))
    line = night(line, 2400)
    assert (order(line), line.tickets.keys()) == ("A188 A189", {"A188", "A189"})
    assert board_of(line, None).stayed == {"A188": DAY, "A189": DAY}, "of the day the number was given"


def test_numbers_begin_anew_and_pass_over_those_that_somebody_holds() -> None:
    line = night(with_waiting(EMERGENCY, "A002", "A187"))
    line = do(line, check_in, 961, visit=VisitRef("new-1"))
    line = do(line, check_in, 962, visit=VisitRef("new-2"))
    assert order(line) == "A002 A187 A001 A003"
    assert next_number(line) == "A004"
    assert board_of(line, None).stayed == {"A002": DAY, "A187": DAY}


def test_who_is_away_may_come_back_until_the_day_turns_once_more() -> None:
    line = do(with_waiting(EMERGENCY, "A1", "A2"), call_chosen, 950, number=number("A1"), room=R2)
    line = do(line, pass_over, 955, number=number("A1"))
    line = night(line)
    assert line.tickets[number("A1")].state is TicketState.PASSED
    back = do(line, recheck_in, 970, number=number("A1"))
    assert order(back) == "A2 A1"
    line = night(line, 2400)
    assert number("A1") not in line.tickets
    assert order(line) == "A2", "who waits is never forgotten"


def test_who_was_only_booked_has_missed_the_day() -> None:
    line = do(EMERGENCY, book, 1, visit=VisitRef("v"), number=number("A1"))
    closed = do(line, close_day, 960)
    assert closed.tickets[number("A1")].state is TicketState.NO_SHOW
    assert night(line).tickets == {}


def test_a_stopped_clinic_and_a_paused_room_begin_the_next_day_as_their_rooms_are() -> None:
    line = do(EMERGENCY, pause_room, 900, room=R2)
    line = night(do(line, stop_clinic, 950))
    assert (line.opening, [room.state for room in line.rooms]) == (
        Opening.OPEN, [RoomState.OPEN, RoomState.PAUSED],
    )  # fmt: skip


def test_a_line_that_closes_at_night_lets_nobody_stay() -> None:
    line = with_waiting(a_line(), "A1")
    with pytest.raises(ValueError, match="not over"):
        open_day(line, by(line), day=NEXT)
    line = night(line)
    assert (line.tickets, line.opening, board_of(line, None).stayed) == ({}, Opening.CLOSED, {})


async def test_phones_and_screens_of_a_line_round_the_clock_see_midnight_pass(house: House) -> None:
    await house.with_people("A1", "A2")
    line = house.units.lines[L1]
    house.units.lines[L1] = replace(line, settings=ROUND_THE_CLOCK)
    house.clock.advance(timedelta(hours=17))
    with pytest.raises(LineHasMoved):
        await house.queue.call_next(NURSE, L1, wire.IntoRoom(expected_version=line.version, room=R1))
    assert (house.newest().day, house.newest().waiting, house.newest().open) == (NEXT, ["A1", "A2"], "open")
    await house.queue.call_next(NURSE, L1, wire.IntoRoom(expected_version=house.version(), room=R1))
    part = msgspec.json.decode(house.told("screen:hall")[-1], type=wire.ScreenPart)
    assert part.now[0].call_id == "L1:2026-11-23:A1:1", "named by the number's own day"
    assert (await house.reading.ticket(L1, TicketNumber("A2"))).ahead == 0


class Lesson(Pace):
    """What one day teaches."""

    def take(self, day: DayLearned) -> None:
        self.day = day


def test_a_call_of_yesterday_is_no_call_at_midnight() -> None:
    line = do(with_waiting(EMERGENCY, "A1", "A2", "A3"), call_next, 950, room=R1)
    rows: list[Transition] = []

    def then(minutes: float, command: Callable[..., Decision], **more: object) -> None:
        nonlocal line
        line, events = command(line, by(line, minutes), **more)
        rows.extend(row for row in transitions(line, events) if row.number)

    line = do(line, close_day, 960)
    then(960, open_day, day=NEXT)
    for minutes, called in ((964.0, "A1"), (970.0, "A2")):
        then(minutes, start, number=number(called))
        then(minutes, finish, number=number(called))
        then(minutes + 1, call_next, room=R1)
    lesson = Lesson()
    learn_day(lesson, rows)
    assert lesson.day.cycles == [6.0], "only between two calls of this day"
    assert lesson.day.turnarounds == [1.0]


# ---- in the hospital's own lines


def told(state: str, **more: object) -> list[ObservedTicket]:
    return [one("A1", state, room=R1, **more), one("A2", "waiting")]


def test_whom_the_hospital_takes_over_into_its_new_day_is_the_same_person() -> None:
    line = look(a_line(mode=Mode.MIRROR), seen(*told("called")), 900)
    spoken = screen_part(line, HALL).now
    line = look(line, seen(*told("called"), one("A3"), day_after=1), 961)
    assert screen_part(line, HALL).now == spoken, "the same call, not a new one"
    assert board_of(line, None).stayed == {"A1": DAY, "A2": DAY}
    line = look(line, seen(*told("in_service"), one("A3"), day_after=1), 970)
    assert board_of(line, None).stayed == {"A1": DAY, "A2": DAY}


def test_a_number_of_somebody_else_or_of_somebody_who_was_done_is_todays() -> None:
    line = look(a_line(mode=Mode.MIRROR), seen(one("A1", "done"), one("A2"), one("A4")), 900)
    morning = seen(one("A1"), one("A2", visit=VisitRef("other")), one("A4", "done"), day_after=1)
    assert board_of(look(line, morning, 961), None).stayed == {}


def test_a_clock_that_ran_ahead_makes_nobody_a_guest_of_another_day() -> None:
    line = look(a_line(mode=Mode.MIRROR), seen(*told("waiting")), 900)
    line = look(line, seen(*told("waiting"), day_after=1), 901)
    line = look(line, seen(*told("waiting")), 903, doubted_since=MORNING)
    assert (line.day, board_of(line, None).stayed) == (DAY, {})


def test_the_first_look_at_a_line_may_be_of_any_day() -> None:
    unseen = replace(a_line(mode=Mode.MIRROR), version=0, fresh=False)
    line = look(unseen, seen(one("A1"), day_after=-1))
    assert (line.day, order(line)) == (DAY - timedelta(days=1), "A1")
