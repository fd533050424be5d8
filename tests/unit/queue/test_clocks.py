"""A hospital whose clock is wrong: what happened is shown on ours, what was promised stays where it was."""

from datetime import timedelta

import msgspec
import pytest

from core import limits
from core.ids import RoomId, ScreenId, TicketNumber, VisitRef
from queue_display import wire
from queue_display.observed import ObservedLine, ObservedTicket, state_of
from tests.unit.queue.clinic import DAY, MORNING, R1
from tests.unit.queue.test_services import L1, NURSE, House, mirrored

WRONG = timedelta(hours=2, minutes=7)
"""So much the hospital's clock is ahead of ours."""
THERE = MORNING + WRONG
MINUTE = timedelta(minutes=1)


def one(number: str, state: str, **more: object) -> ObservedTicket:
    told = ObservedTicket(
        number=TicketNumber(number), visit=VisitRef(number), state=state_of(state),
        checked_in_at=THERE - 30 * MINUTE, slot_begin=THERE,
    )  # fmt: skip
    return msgspec.structs.replace(told, **more)


async def look(house: House, *, called_ago: timedelta = MINUTE) -> None:
    """The hospital calls A1 into the room; A2 waits."""
    page = ObservedLine(
        line=L1, day=DAY, opening=None,
        tickets=[one("A1", "called", room=RoomId(R1), called_at=THERE - called_ago), one("A2", "waiting")],
    )  # fmt: skip
    now = house.clock.now()
    await house.mirror.apply([page], as_of=now, hospital_at=now + WRONG)


@pytest.fixture
async def house() -> House:
    return await mirrored(House())


async def test_a_call_is_told_on_our_clock_to_phones_screens_and_staff(house: House) -> None:
    await look(house)
    board, called = house.newest(), MORNING - MINUTE
    assert [now.called_at for now in board.now] == [called]
    assert (await house.reading.line(L1)).board == board, "the snapshot says what was published"
    assert (await house.reading.ticket(L1, TicketNumber("A1"))).called_at == called
    screen = await house.reading.screen(NURSE, ScreenId("hall"))
    published = msgspec.json.decode(house.told("screen:hall")[-1], type=wire.ScreenPart)
    assert [now.called_at for now in published.now] == [called]
    assert screen.parts == [published]
    staff = {ticket.number: ticket for ticket in (await house.reading.staff(NURSE, L1)).tickets}
    assert (staff["A1"].called_at, staff["A1"].checked_in_at) == (called, MORNING - 30 * MINUTE)
    assert staff["A2"].called_at is None


async def test_a_booked_slot_never_moves(house: House) -> None:
    await look(house)
    assert {ticket.slot_begin for ticket in (await house.reading.staff(NURSE, L1)).tickets} == {THERE}


async def test_the_snapshot_says_what_was_published_after_a_confirmation_too(house: House) -> None:
    await look(house)
    house.clock.advance(timedelta(seconds=20))
    now = house.clock.now()
    await house.mirror.apply([], confirmed=[L1], as_of=now, hospital_at=now + WRONG + timedelta(seconds=3))
    assert house.newest().as_of == now
    assert house.newest().now[0].called_at == MORNING - MINUTE - timedelta(seconds=3)
    assert (await house.reading.line(L1)).board == house.newest()


async def test_nothing_happened_after_it_was_seen(house: House) -> None:
    await look(house, called_ago=-5 * MINUTE)
    assert house.newest().now[0].called_at == house.newest().as_of


async def test_a_hospital_without_a_clock_is_taken_at_its_word(house: House) -> None:
    page = ObservedLine(line=L1, day=DAY, tickets=[one("A1", "called", called_at=THERE)], opening=None)
    await house.mirror.apply([page], as_of=house.clock.now())
    assert house.newest().now[0].called_at == THERE


async def test_a_look_that_comes_late_moves_no_clock(house: House) -> None:
    await look(house)
    earlier = house.clock.now() - timedelta(seconds=10)
    page = ObservedLine(
        line=L1, day=DAY, opening=None,
        tickets=[one("A1", "called", room=RoomId(R1), called_at=THERE - MINUTE), one("A2", "ready")],
    )  # fmt: skip
    await house.mirror.apply([page], as_of=earlier, hospital_at=earlier + WRONG)
    assert house.newest().ready == ["A2"]
    assert [now.called_at for now in house.newest().now] == [MORNING - MINUTE]
    house.clock.advance(timedelta(seconds=limits.QUEUE_REAFFIRM_SECONDS))
    await house.mirror.apply([], confirmed=[L1], as_of=earlier, hospital_at=earlier + WRONG)
    line = house.units.lines[L1]
    assert (line.as_of, line.hospital_at) == (MORNING, MORNING + WRONG), "both or neither"
    assert (house.newest().as_of, house.newest().fresh) == (MORNING, False), "its age stays visible"
