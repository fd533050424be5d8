"""The hospital runs the line: what it tells is what the platform shows, and nonsense is not believed."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import limits
from core.ids import DepartmentId, LineId, RoomId, TicketNumber, VisitRef
from core.masking import mask_name
from queue_display.board import board_of
from queue_display.events import Happening, TicketMoved, replay
from queue_display.line import Line, Mode, Opening, Room
from queue_display.mirror import describe, lose_sight, new_mirrored, observe, regain_sight
from queue_display.observed import (
    LineDescription,
    ObservedLine,
    ObservedTicket,
    PageRefused,
    kind_of,
    priority_of,
    state_of,
)
from queue_display.ticket import IN_LINE, Priority, TicketKind, TicketState
from tests.unit.queue.clinic import DAY, R1, a_line, after, number


def seen(*tickets: ObservedTicket, total: int | None = None, day_after: int = 0) -> ObservedLine:
    return ObservedLine(
        line=LineId("L1"), day=DAY + timedelta(days=day_after), tickets=tickets, opening=Opening.OPEN,
        total=total,
    )  # fmt: skip


def one(text: str, state: str = "waiting", **more: object) -> ObservedTicket:
    told = ObservedTicket(number=number(text), visit=VisitRef(f"v-{text}"), state=state_of(state))
    return msgspec.structs.replace(told, **more)


def look(line: Line, page: ObservedLine, minutes: float = 0, **more: object) -> Line:
    done, events = observe(line, page, at=after(minutes), **more)  # type: ignore[arg-type]
    assert replay(line, events) == done
    assert done.version == line.version + bool(events)
    again, nothing = observe(done, page, at=after(minutes + 1))
    assert (again, nothing) == (done, ()), "the same page twice is no news"
    return done


@pytest.fixture
def line() -> Line:
    return a_line(mode=Mode.MIRROR)


def test_the_hospitals_order_is_the_order(line: Line) -> None:
    line = look(line, seen(one("A1", order=3.0), one("A2", order=1.0), one("A3", order=2.0)))
    assert board_of(line, None).waiting == ["A2", "A3", "A1"]


def test_without_an_order_the_rows_are(line: Line) -> None:
    line = look(line, seen(one("A3"), one("A1"), one("A2")))
    assert board_of(line, None).waiting == ["A3", "A1", "A2"]


def test_somebody_put_in_between_changes_one_row_only(line: Line) -> None:
    line = look(line, seen(one("A1", order=1.0), one("A2", order=2.0), one("A3", order=3.0)))
    page = seen(
        one("A1", order=1.0), one("A2", order=2.0), one("A3", order=3.0), one("P1", order=1.5),
        one("P0", order=0.5),
    )  # fmt: skip
    done, events = observe(line, page, at=after(1))
    assert board_of(done, None).waiting == ["P0", "A1", "P1", "A2", "A3"]
    assert len(events) == 2


def test_a_call_and_its_recall_are_two_announcements_and_a_reading_of_it_none(line: Line) -> None:
    called = one("A1", "called", room=R1, called_at=after(5))
    line = look(line, seen(called), 5)
    assert line.tickets[number("A1")].calls == 1
    line = look(line, seen(msgspec.structs.replace(called, state=TicketState.UNKNOWN)), 6)
    line = look(line, seen(called), 7)
    assert line.tickets[number("A1")].calls == 1, "a code nobody knew for a moment is no new call"
    line = look(line, seen(msgspec.structs.replace(called, called_at=after(8), recall_count=1)), 8)
    assert line.tickets[number("A1")].calls == 2


def test_another_room_is_another_announcement_and_a_smaller_count_is_none(line: Line) -> None:
    line = look(line, seen(one("A1", "called", room=R1, recall_count=2)), 5)
    assert line.tickets[number("A1")].calls == 3, "the two before were heard, though not here"
    line = look(line, seen(one("A1", "called", room=R1, recall_count=1)), 6)
    assert line.tickets[number("A1")].calls == 3
    line = look(line, seen(one("A1", "called", room=RoomId("R2"), recall_count=1)), 7)
    assert line.tickets[number("A1")].calls == 4


def test_where_the_hospital_keeps_no_time_of_the_call_the_first_sight_of_it_counts(line: Line) -> None:
    line = look(line, seen(one("A1", "called", room=R1)), 5)
    line = look(line, seen(one("A1", "called", room=R1), one("A2")), 6)
    line = look(line, seen(one("A1", "in_service", room=R1), one("A2")), 7)
    assert line.tickets[number("A1")].called_at == after(5)


def test_since_when_somebody_is_passed_is_the_first_sight_of_it_whatever_else_changes(line: Line) -> None:
    line = look(line, seen(one("A1", "passed")), 5)
    line = look(line, seen(one("A1", "passed", passed_count=1)), 9)
    assert line.tickets[number("A1")].passed_at == after(5)


def test_a_number_that_goes_to_somebody_else_is_news(line: Line) -> None:
    line = look(line, seen(one("A1")), 5)
    line = look(line, seen(one("A1", visit=VisitRef("v-other"))), 6)
    assert line.tickets[number("A1")].visit == "v-other"


def test_an_unknown_code_is_shown_as_unknown_and_nothing_is_guessed(line: Line) -> None:
    line = look(line, seen(one("A1"), one("A2", "X7", his_code="X7")))
    board = board_of(line, None)
    assert (board.waiting, board.unknown) == (["A1"], ["A2"])
    assert line.tickets[number("A2")].his_code == "X7"


@pytest.mark.parametrize(
    ("page", "why", "row"),
    [
        (seen(one("A1"), one("A2"), one("A1")), "duplicate_ticket", 3),
        (seen(one("A1"), one("")), "no_number", 2),
        (seen(one("A1"), one("A2"), total=5), "truncated", 3),
        (seen(one("A1"), day_after=-1), "older_day", 0),
        (seen(*(one(f"A{i}") for i in range(limits.QUEUE_TICKETS_PER_LINE + 1))), "too_many", 0),
    ],
)
def test_a_page_that_cannot_be_true_is_refused_whole(
    line: Line, page: ObservedLine, why: str, row: int
) -> None:
    with pytest.raises(PageRefused) as refused:
        observe(line, page, at=after(1))
    assert (refused.value.why, refused.value.row) == (why, row)


def test_a_line_run_here_is_not_overwritten_from_there() -> None:
    with pytest.raises(PageRefused, match=r"queue\.page_refused"):
        observe(a_line(mode=Mode.OWN), seen(), at=after(1))


def test_a_line_that_is_suddenly_empty_is_believed_only_when_it_stays_so(line: Line) -> None:
    line = look(line, seen(*(one(f"A{i}") for i in range(8))))
    for since in (None, after(1)):
        with pytest.raises(PageRefused) as refused:
            observe(line, seen(), at=after(1.2), doubted_since=since)
        assert refused.value.why == "shrunk"
    line = look(line, seen(), 2, doubted_since=after(1))
    assert line.tickets == {}


def test_a_clock_that_ran_ahead_a_day_and_came_back_is_believed_when_it_stays_so(line: Line) -> None:
    line = look(line, seen(one("A1"), one("A2")))
    line = look(line, seen(one("A1"), day_after=1), 1)
    assert line.day == DAY + timedelta(days=1)
    for since in (None, after(2)):
        with pytest.raises(PageRefused) as refused:
            observe(line, seen(one("A1"), one("A2")), at=after(2.2), doubted_since=since)
        assert refused.value.why == "older_day"
    line = look(line, seen(one("A1"), one("A2")), 3, doubted_since=after(2))
    assert (line.day, board_of(line, None).waiting) == (DAY, ["A1", "A2"])


def test_two_may_leave_unseen_at_once_and_a_third_is_doubted(line: Line) -> None:
    line = look(line, seen(*(one(f"A{i}") for i in range(8))))
    with pytest.raises(PageRefused, match=r"queue\.page_refused"):
        observe(line, seen(*(one(f"A{i}") for i in range(3, 8))), at=after(1))
    assert len(look(line, seen(*(one(f"A{i}") for i in range(2, 8))), 1).tickets) == 6


def test_who_was_seen_may_vanish_and_a_few_others_too(line: Line) -> None:
    line = look(line, seen(*(one(f"A{i}") for i in range(5)), *(one(f"D{i}", "done") for i in range(20))))
    line = look(line, seen(*(one(f"A{i}") for i in range(2, 5))), 1)
    assert len(line.tickets) == 3


def test_a_new_day_begins_empty(line: Line) -> None:
    line = look(line, seen(*(one(f"A{i}") for i in range(8))))
    line = look(line, seen(one("A1"), day_after=1), 1440)
    assert line.day == DAY + timedelta(days=1)
    assert list(line.tickets) == ["A1"]


def test_silence_marks_the_line_and_keeps_its_state(line: Line) -> None:
    line = look(line, seen(one("A1")), 1)
    stale, events = lose_sight(line, at=after(3), reason="unreachable")
    assert replay(line, events) == stale
    assert (stale.fresh, stale.as_of, stale.version) == (False, after(1), line.version + 1)
    assert board_of(stale, None).waiting == ["A1"]
    assert lose_sight(stale, at=after(4), reason="unreachable") == (stale, ())
    back, _ = regain_sight(stale, at=after(5), hospital_at=None)
    assert (back.fresh, back.as_of) == (True, after(5))
    seen_again = look(stale, seen(one("A1"), one("A2")), 5)
    assert seen_again.fresh


def test_the_directory_names_a_line_without_confirming_its_state(line: Line) -> None:
    told = LineDescription(
        line=line.id, name="外科", department=DepartmentId("D2"), department_name="外科",
        rooms=(Room(RoomId("R7"), "307诊室"),),
    )  # fmt: skip
    done, events = describe(line, told, at=after(9))
    assert replay(line, events) == done
    assert (done.name, done.as_of) == ("外科", line.as_of)
    assert describe(done, told, at=after(10)) == (done, ())
    fresh_born = new_mirrored(told, day=DAY, at=after(0))
    assert (fresh_born.version, fresh_born.fresh) == (0, False)


def test_words_nobody_mapped_become_the_plain_ones() -> None:
    assert (state_of("?"), kind_of("?"), priority_of("?")) == (
        TicketState.UNKNOWN,
        TicketKind.FIRST,
        Priority.NONE,
    )


def test_full_names_never_get_in(line: Line) -> None:
    line = look(line, seen(one("A1", name="欧阳小明")))
    assert line.tickets[number("A1")].name == "欧阳*明"
    names = {"张三": "张*", "张三丰": "张*丰", "张*丰": "张*丰", "": "", "李": "*", "Anna": "A***"}
    assert {full: mask_name(full) for full in names} == names


TOLD = st.builds(
    ObservedTicket,
    number=st.sampled_from([TicketNumber(f"A{i}") for i in range(9)]),
    visit=st.just(VisitRef("v")),
    state=st.sampled_from(TicketState),
    order=st.none() | st.integers(0, 5).map(float),
    priority=st.sampled_from(Priority),
    room=st.sampled_from([None, R1]),
    called_at=st.sampled_from([None, after(1), after(2)]),
    recall_count=st.integers(0, 2),
)
PAGES = st.lists(st.lists(TOLD, max_size=8, unique_by=lambda t: t.number), min_size=1, max_size=6)


@given(PAGES)
def test_whatever_the_hospital_tells_is_what_is_shown(pages: list[list[ObservedTicket]]) -> None:
    line = a_line(mode=Mode.MIRROR)
    for minute, tickets in enumerate(pages):
        line = look(line, seen(*tickets), minute, doubted_since=after(-60))
        assert {n: t.state for n, t in line.tickets.items()} == {t.number: t.state for t in tickets}
        waiting = [t for t in tickets if t.state in IN_LINE]
        if any(t.order is not None for t in waiting):
            waiting.sort(key=lambda t: (t.order is None, t.order or 0.0, t.number))
        assert board_of(line, None).waiting == [t.number for t in waiting]


def test_events_tell_the_state_before_and_after(line: Line) -> None:
    line = look(line, seen(one("A1")))
    _, events = observe(line, seen(one("A1", "called", room=R1)), at=after(1), hospital_at=after(100))
    (event,) = events
    assert isinstance(event, TicketMoved)
    assert (event.what, event.before, event.ticket.state) == (
        Happening.OBSERVED,
        TicketState.WAITING,
        TicketState.CALLED,
    )
    assert (event.at, event.hospital_at, event.ticket.called_at) == (after(1), after(100), after(100))
    assert replace(line).version + 1 == event.version
