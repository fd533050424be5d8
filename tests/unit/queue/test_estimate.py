"""Waiting times: silent without a past, then close, wider for the far, and aware of rests."""

import random
from datetime import date, datetime, time, timedelta
from itertools import count

from core.clock import CHINA
from core.ids import LineId, TicketNumber, VisitRef
from queue_display.board import Waits
from queue_display.estimate import Estimator
from queue_display.events import Happening, Transition, transitions
from queue_display.line import Line, Mode, Opening
from queue_display.mirror import observe
from queue_display.observed import ObservedLine, ObservedTicket
from queue_display.ticket import TicketState
from tests.unit.queue.clinic import DAY, R1, a_line

L1 = LineId("L1")
WAITING, CALLED, DONE = TicketState.WAITING, TicketState.CALLED, TicketState.DONE


def a_day(day: date, *, cycle: float, seed: int, lunch: bool = False) -> list[Transition]:
    """Forty people come from 7:30 on; from 8:00 on one is called every ``cycle`` minutes, more or less."""
    rng = random.Random(seed)
    midnight = datetime.combine(day, time(), tzinfo=CHINA)
    rows: list[Transition] = []
    step = count()

    def row(minute: float, number: int, before: TicketState | None, after: TicketState) -> Transition:
        return Transition(
            version=next(step), step=0, day=day, what=Happening.OBSERVED,
            at=midnight + timedelta(minutes=minute), actor="hospital", reason="",
            number=TicketNumber(f"A{number:03d}"), before=before, after=after, room=R1, rank=number,
        )  # fmt: skip

    happenings: list[tuple[float, int, TicketState | None, TicketState]] = []
    free = 480.0
    for number in range(40):
        came = 450 + number * 2.5
        happenings.append((came, number, None, WAITING))
        free = max(free, came)
        if lunch and 600 < free < 690:
            free = 690 + rng.uniform(0, 3)
        happenings.append((free, number, WAITING, CALLED))
        free += cycle * rng.uniform(0.6, 1.4)
        happenings.append((free - 0.1, number, CALLED, DONE))
    happenings.sort(key=lambda h: h[0])
    rows += (row(*each) for each in happenings)
    return rows


def learned(days: int, *, cycle: float, lunch: bool = False) -> Estimator:
    estimator = Estimator()
    rows: list[Transition] = []
    for back in range(days, 0, -1):
        rows += a_day(DAY - timedelta(days=back), cycle=cycle, seed=back, lunch=lunch)
    estimator.learn(L1, rows, until=DAY)
    return estimator


def at(minute: float) -> datetime:
    return datetime.combine(DAY, time(), tzinfo=CHINA) + timedelta(minutes=minute)


def today(minute: float, *, called: int, waiting: int, came: float = 480, cycle: float = 6) -> Line:
    """So many were called since 8:00, the last of them just now."""
    tickets = [
        ObservedTicket(
            number=TicketNumber(f"A{i:03d}"), visit=VisitRef(f"v{i}"), room=R1 if i < called else None,
            state=WAITING if i >= called else CALLED if i == called - 1 else DONE,
            checked_in_at=at(came - 20),
            called_at=at(minute - (called - 1 - i) * cycle) if i < called else None,
        )
        for i in range(called + waiting)
    ]  # fmt: skip
    page = ObservedLine(line=L1, day=DAY, tickets=tickets, opening=Opening.OPEN)
    return observe(a_line(mode=Mode.MIRROR), page, at=at(minute))[0]


def waits(estimator: Estimator, line: Line, minute: float) -> Waits:
    found = estimator.waits(line, at(minute))
    assert found is not None
    return found


def test_without_a_past_nothing_is_said() -> None:
    line = today(540, called=10, waiting=5)
    assert Estimator().waits(line, at(540)) is None
    assert learned(1, cycle=6).waits(line, at(540)) is None, "one day is not enough"
    assert learned(6, cycle=6).waits(today(540, called=10, waiting=0), at(540)) is None, "nobody waits"


def test_a_steady_line_gets_close_ranges_that_widen_with_the_distance() -> None:
    found = waits(learned(10, cycle=6), today(540, called=10, waiting=8), 540)
    assert found.low[0] <= 6 <= found.high[0]
    assert found.low[5] <= 36 <= found.high[5]
    widths = [high - low for low, high in zip(found.low, found.high, strict=True)]
    assert widths[0] < widths[5] < 30
    assert list(found.low) == sorted(found.low)
    assert list(found.high) == sorted(found.high)
    assert found.samples > 100


def test_a_slower_line_says_longer() -> None:
    quick = waits(learned(8, cycle=4), today(540, called=10, waiting=4, cycle=4), 540)
    slow = waits(learned(8, cycle=9), today(540, called=6, waiting=4, cycle=9), 540)
    assert slow.low[3] > quick.high[3]


def test_before_the_doctor_comes_the_usual_beginning_counts() -> None:
    estimator = learned(8, cycle=6)
    early = waits(estimator, today(440, called=0, waiting=2, came=440), 440)
    assert early.low[0] <= 40 <= early.high[0]
    assert early.low[0] > 20


def test_who_comes_shortly_before_a_usual_rest_waits_until_after_it() -> None:
    estimator = learned(10, cycle=6, lunch=True)
    long_here = waits(estimator, today(595, called=19, waiting=1, came=480), 595)
    just_came = waits(estimator, today(595, called=19, waiting=1, came=570), 595)
    assert long_here.high[0] < 60
    assert 90 < just_came.low[0] <= just_came.high[0] < 110


def test_days_are_learned_once_and_only_until_today() -> None:
    estimator = learned(5, cycle=6)
    line = today(540, called=10, waiting=5)
    before = estimator.waits(line, at(540))
    estimator.learn(L1, a_day(DAY - timedelta(days=1), cycle=60, seed=1), until=DAY)
    estimator.learn(L1, a_day(DAY, cycle=60, seed=1), until=DAY)
    assert estimator.waits(line, at(540)) == before


def test_live_lines_and_their_history_speak_the_same_clock() -> None:
    line = a_line(mode=Mode.MIRROR)
    page = ObservedLine(
        line=L1, day=DAY, opening=Opening.OPEN,
        tickets=[ObservedTicket(number=TicketNumber("A1"), visit=VisitRef("v"), state=WAITING)],
    )  # fmt: skip
    line, events = observe(line, page, at=at(600), hospital_at=at(480))
    (row,) = (r for r in transitions(line, events) if r.number)
    assert (row.at, row.hospital_at, line.hospital_at) == (at(600), at(480), at(480))
