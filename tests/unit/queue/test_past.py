"""Days that the hospital tells afterwards: believed as far as they can be, kept once, learned everywhere."""

from datetime import datetime, time, timedelta

import pytest

from core import limits
from core.clock import CHINA
from core.ids import LineId, RoomId, TicketNumber
from queue_display import wire
from queue_display.events import Happening, Transition, past_version
from queue_display.past import PastTicket, told_day
from queue_display.telling import ToldDays
from queue_display.ticket import TicketState
from tests.unit.queue.clinic import DAY, R1, a_line
from tests.unit.queue.test_services import L1, L2, NURSE, House, mirrored

YESTERDAY = DAY - timedelta(days=1)
WAITING, CALLED, DONE = TicketState.WAITING, TicketState.CALLED, TicketState.DONE


def at(text: str, *, days_ago: int = 1) -> datetime:
    return datetime.combine(DAY - timedelta(days=days_ago), time.fromisoformat(text), tzinfo=CHINA)


def past(
    number: str,
    joined: str = "",
    called: str = "",
    ended: str = "",
    *,
    state: TicketState = DONE,
    room: RoomId | None = R1,
    days_ago: int = 1,
) -> PastTicket:
    when = [at(text, days_ago=days_ago) if text else None for text in (joined, called, ended)]
    return PastTicket(
        number=TicketNumber(number), state=state, room=room, checked_in_at=when[0], called_at=when[1],
        ended_at=when[2],
    )  # fmt: skip


def story(*tickets: PastTicket) -> list[tuple[str, str, str | None, str]]:
    """Time, number, before, after of each movement."""
    return [
        (row.at.strftime("%H:%M"), str(row.number), row.before, row.after or "")
        for row in told_day(YESTERDAY, tickets)[1:]
    ]


def a_busy_day(days_ago: int, *, cycle: int = 6) -> list[PastTicket]:
    """Thirty people come from 7:30 on, every two minutes; from 8:00 on one is called each cycle."""
    midnight = at("00:00", days_ago=days_ago)
    return [
        PastTicket(
            number=TicketNumber(f"A{n:03d}"), state=DONE, room=R1,
            checked_in_at=midnight + timedelta(minutes=450 + 2 * n),
            called_at=midnight + timedelta(minutes=480 + cycle * n),
            ended_at=midnight + timedelta(minutes=480 + cycle * n + cycle - 1),
        )
        for n in range(30)
    ]  # fmt: skip


def test_a_ticket_waits_is_called_and_ends_in_the_order_of_the_day() -> None:
    assert story(
        past("A2", "08:00", "08:10", "08:20"),
        past("A1", "08:05", "08:20", "08:31"),
    ) == [
        ("08:00", "A2", None, "waiting"),
        ("08:05", "A1", None, "waiting"),
        ("08:10", "A2", "waiting", "called"),
        ("08:20", "A2", "called", "done"),
        ("08:20", "A1", "waiting", "called"),
        ("08:31", "A1", "called", "done"),
    ]


def test_the_rows_are_one_day_below_every_version_and_ordered_by_call() -> None:
    rows = told_day(YESTERDAY, [past("A2", "08:00", "08:30"), past("A1", "08:05", "08:10")])
    assert {row.version for row in rows} == {past_version(YESTERDAY)}
    assert past_version(YESTERDAY) < past_version(DAY) < 0
    assert [row.step for row in rows] == list(range(len(rows)))
    assert (rows[0].what, rows[0].number) == (Happening.DAY_OPENED, None)
    ranks = {row.number: row.rank or 0 for row in rows[1:]}
    assert ranks[TicketNumber("A1")] < ranks[TicketNumber("A2")]
    assert all(row.hospital_at == row.at for row in rows)


@pytest.mark.parametrize(
    ("ticket", "expected"),
    [
        (past("A1", "08:00"), []),
        (past("A1"), []),
        (past("A1", "08:00", "07:30", "07:40"), []),
        (past("A1", "", "08:10", "08:20"), [(None, "called"), ("called", "done")]),
        (past("A1", "08:00", "08:10", "08:05"), [(None, "waiting"), ("waiting", "called")]),
        (past("A1", "", "08:10", "08:10"), [(None, "called"), ("called", "done")]),
        (
            past("A1", "08:00", "", "09:00", state=TicketState.ABANDONED),
            [(None, "waiting"), ("waiting", "abandoned")],
        ),
        (
            past("A1", "08:00", "09:00", state=TicketState.NO_SHOW, room=None),
            [(None, "waiting"), ("waiting", "no_show")],
        ),
        (past("A1", "08:00", "08:10", "08:20", state=WAITING), [(None, "waiting"), ("waiting", "called")]),
        (past("A1", "08:00", "08:10", days_ago=9), []),
    ],
    ids=[
        "left at an unknown time", "nothing known", "a call of an earlier turn", "no check-in",
        "ended before", "ended at once", "gave up", "called into no room", "not really over",
        "times of another day",
    ],
)  # fmt: skip
def test_only_what_can_be_believed_is_told(
    ticket: PastTicket, expected: list[tuple[str | None, str]]
) -> None:
    others = past("Z9", "11:00", "11:30", "11:40")
    moves = [(before, after) for _, number, before, after in story(ticket, others) if number == "A1"]
    assert moves == expected


def test_a_hospital_without_rooms_still_calls() -> None:
    rows = story(past("A1", "08:00", "08:10", "08:20", room=None))
    assert [after for *_, after in rows] == ["waiting", "called", "done"]


@pytest.fixture
async def house() -> House:
    return await mirrored(House())


@pytest.fixture
def told(house: House) -> ToldDays:
    return ToldDays(units=house.units, learning=house.learning, mirror=house.mirror)


async def tell(told: ToldDays, days: int) -> None:
    for day in (await told.wanted())[:days]:
        await told.keep(day, {L1: a_busy_day((DAY - day).days), LineId("nobody"): a_busy_day(1)})
    await told.learn()


async def test_days_are_wanted_newest_first_until_they_are_known(house: House, told: ToldDays) -> None:
    wanted = await told.wanted()
    assert wanted == [DAY - timedelta(days=n) for n in range(1, limits.QUEUE_LEARN_DAYS + 1)]
    await told.keep(YESTERDAY, {})
    assert await told.wanted() == wanted[1:], "an empty day is known too"
    house.units.lines[L2] = a_line(line_id="L2")
    assert await told.wanted() == wanted[1:], "the platform's own lines want nothing"


async def test_a_line_that_saw_the_day_keeps_what_it_saw(house: House, told: ToldDays) -> None:
    own = Transition(
        version=1, step=9, day=YESTERDAY, what=Happening.OBSERVED, at=at("09:00"), actor="hospital",
        reason="", number=TicketNumber("A1"),
    )  # fmt: skip
    house.units.rows[L1].append(own)
    await told.keep(YESTERDAY, {L1: a_busy_day(1)})
    assert [row for row in house.units.rows[L1] if row.day == YESTERDAY] == [own]


async def test_telling_twice_changes_nothing(house: House, told: ToldDays) -> None:
    await tell(told, 3)
    rows, version = list(house.units.rows[L1]), house.version()
    await told.keep(YESTERDAY, {L1: a_busy_day(1, cycle=9)})
    assert (house.units.rows[L1], house.version()) == (rows, version)


async def test_told_days_give_an_estimate_at_once_and_no_history_for_people(
    house: House, told: ToldDays
) -> None:
    assert (await house.reading.line(L1)).board.estimate is None
    before = await house.reading.history(NURSE, L1, wire.HistoryQuery())
    await tell(told, 4)
    estimate = (await house.reading.line(L1)).board.estimate
    assert estimate is not None
    assert estimate.low[0] <= 6 <= estimate.high[1]
    assert await house.reading.history(NURSE, L1, wire.HistoryQuery()) == before
    told_before = len(house.told("queue:L1"))
    house.clock.advance(timedelta(seconds=1))
    await house.mirror.apply([], confirmed=[L1], as_of=house.clock.now())
    assert len(house.told("queue:L1")) == told_before + 1, "phones need not wait for the next change"
    assert house.newest().estimate == estimate


async def test_another_process_learns_told_days_within_the_interval(house: House, told: ToldDays) -> None:
    web = House(units=house.units, clock=house.clock).reading
    assert (await web.line(L1)).board.estimate is None
    await tell(told, 4)
    assert (await web.line(L1)).board.estimate is None, "not looked at again yet"
    house.clock.advance(timedelta(seconds=limits.QUEUE_LEARN_AGAIN_SECONDS))
    estimate = (await web.line(L1)).board.estimate
    assert estimate is not None
    assert estimate == (await house.reading.line(L1)).board.estimate


async def test_a_day_told_later_is_learned_in_its_place(house: House, told: ToldDays) -> None:
    days = [(DAY - timedelta(days=n)) for n in (1, 2, 4)]
    for day in days:
        await told.keep(day, {L1: a_busy_day((DAY - day).days)})
    await told.learn()
    await told.keep(DAY - timedelta(days=3), {L1: a_busy_day(3)})
    await told.learn()
    late = (await house.reading.line(L1)).board.estimate
    fresh = await mirrored(House())
    at_once = ToldDays(units=fresh.units, learning=fresh.learning, mirror=fresh.mirror)
    await tell(at_once, 4)
    assert late == (await fresh.reading.line(L1)).board.estimate
