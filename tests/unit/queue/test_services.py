"""Use cases over stores in memory: what is committed is published, to everybody who shows the line."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from core import limits
from core.actor import Actor, Role
from core.clock import ManualClock
from core.ids import DepartmentId, LineId, RoomId, ScreenId, TicketNumber
from queue_display import wire
from queue_display.board import ADVICE_CODES, ScreenSpec, board_of
from queue_display.configuring import OwnLineSpec
from queue_display.estimate import Estimator
from queue_display.learning import Learning
from queue_display.line import LineSettings, Mode, Opening, Room
from queue_display.mirroring import MirrorService
from queue_display.observed import LineDescription, ObservedLine
from queue_display.publishing import Publisher
from queue_display.reading import QueueReadings
from queue_display.refusals import LineHasMoved, LineIsMirrored, NoSuchLine, NoSuchScreen, NoSuchTicket
from queue_display.service import QueueService
from queue_display.ticket import TicketState
from queue_display.upkeep import OwnLines
from tests.unit.queue.clinic import DAY, MORNING, R1, R2, a_line, number
from tests.unit.queue.memory import MemoryUnits
from tests.unit.queue.test_mirror import one

NURSE = Actor(id="nurse-1", role=Role.NURSE, lines=frozenset({LineId("L1"), LineId("L2")}))
STRANGER = Actor(id="nurse-9", role=Role.NURSE, lines=frozenset({LineId("L9")}))
KIOSK = Actor(id="kiosk-1", role=Role.KIOSK)
L1, L2, L7 = LineId("L1"), LineId("L2"), LineId("L7")
HALL = ScreenSpec(
    id=ScreenId("hall"), kind="hall", title_zh="大厅", title_en="Hall", departments=(DepartmentId("D1"),)
)
DOOR = ScreenSpec(id=ScreenId("door"), kind="room", title_zh="", title_en="", lines=(L1,), rooms=(R2,))


class House:
    """Everything of the queue, composed as in production but in memory."""

    def __init__(self, *, units: MemoryUnits | None = None, clock: ManualClock | None = None) -> None:
        self.units = units or MemoryUnits()
        self.clock = clock or ManualClock(MORNING)
        estimator = Estimator()
        self.learning = learning = Learning(units=self.units, estimator=estimator, clock=self.clock)
        publisher = Publisher(screens=(HALL, DOOR), waits=estimator.waits)
        shared = {"units": self.units, "clock": self.clock, "learning": learning}
        self.queue = QueueService(publisher=publisher, waits=estimator.waits, **shared)  # type: ignore[arg-type]
        self.own = OwnLines(publisher=publisher, **shared)  # type: ignore[arg-type]
        self.mirror = MirrorService(publisher=publisher, **shared)  # type: ignore[arg-type]
        self.reading = QueueReadings(
            positions=self, waits=estimator.waits, screens=(HALL, DOOR), build="b1", **shared  # type: ignore[arg-type]
        )  # fmt: skip

    async def position(self, channel: str) -> tuple[int, str]:
        return len(self.told(channel)), "e"

    def told(self, channel: str) -> list[bytes]:
        return [out.data for out in self.units.published if out.channel == channel]

    def newest(self, line: str = "L1") -> wire.Board:
        return msgspec.json.decode(self.told(f"queue:{line}")[-1], type=wire.Board)

    def version(self, line: LineId = L1) -> int:
        return self.units.lines[line].version

    async def with_people(self, *numbers: str) -> "House":
        self.units.lines = {L1: a_line(), L2: a_line(line_id="L2")}
        for each in numbers:
            body = wire.CheckIn(
                expected_version=self.version(), visit=f"v-{each}", number=each, name="诸葛孔明"
            )
            await self.queue.check_in(NURSE, L1, body)
        return self


@pytest.fixture
def house() -> House:
    return House()


async def test_a_call_is_committed_and_told_to_phones_and_screens_together(house: House) -> None:
    await house.with_people("A1", "A2")
    answer = await house.queue.call_next(
        NURSE, L1, wire.IntoRoom(expected_version=house.version(), room="R1")
    )
    assert answer.ticket is not None
    assert (answer.ticket.number, answer.ticket.state, answer.version) == ("A1", "called", 4)
    assert house.newest() == answer.board == board_of(house.units.lines[L1], None)
    part = msgspec.json.decode(house.told("screen:hall")[-1], type=wire.ScreenPart)
    assert (part.now[0].call_id, part.now[0].name) == ("L1:2026-11-23:A1:1", "诸葛*明")
    assert [t.number for t in part.next] == ["A2"]
    door = msgspec.json.decode(house.told("screen:door")[-1], type=wire.ScreenPart)
    assert (door.now, door.rooms) == ([], ["302诊室"]), "the call was into the other room"
    assert b"\xe8\xaf\xb8" not in house.told("queue:L1")[-1], "no name on the open channel"


async def test_the_second_of_two_nurses_gets_a_conflict_and_nothing_is_published(house: House) -> None:
    await house.with_people("A1", "A2")
    stale = wire.IntoRoom(expected_version=house.version(), room="R2")
    await house.queue.call_next(NURSE, L1, wire.IntoRoom(expected_version=house.version(), room="R1"))
    before = len(house.units.published)
    with pytest.raises(LineHasMoved):
        await house.queue.call_next(NURSE, L1, stale)
    assert len(house.units.published) == before


async def test_who_does_not_work_at_a_line_is_told_that_there_is_none(house: House) -> None:
    await house.with_people("A1")
    body = wire.Command(expected_version=house.version())
    with pytest.raises(NoSuchLine):
        await house.queue.give_up(STRANGER, L1, number("A1"), body)
    with pytest.raises(NoSuchLine):
        await house.queue.give_up(KIOSK, L1, number("A1"), body)
    with pytest.raises(NoSuchLine):
        await house.reading.staff(STRANGER, L1)
    await house.queue.check_in(KIOSK, L1, wire.CheckIn(expected_version=house.version(), visit="kiosk"))


async def test_a_transfer_changes_and_publishes_both_lines(house: House) -> None:
    await house.with_people("A1")
    body = wire.Transfer(expected_version=house.version(), to_line="L2")
    answer = await house.queue.transfer(NURSE, L1, number("A1"), body)
    assert answer.board.waiting == []
    assert house.newest("L2").waiting == ["A001"]
    view = await house.reading.ticket(L1, number("A1"))
    assert (view.advice, view.moved_to) == ("other_line", wire.MovedTo(line="L2", number="A001"))


async def test_every_command_of_a_consultation_through_the_service(house: House) -> None:
    await house.with_people("A1", "A2", "A3", "A4")
    q, a1, a2 = house.queue, number("A1"), number("A2")

    def seen() -> wire.Command:
        house.clock.advance(timedelta(seconds=20))
        return wire.Command(expected_version=house.version())

    def into(room: str) -> wire.IntoRoom:
        return wire.IntoRoom(expected_version=house.version(), room=room)

    await q.call_next(NURSE, L1, into("R1"))
    await q.start(NURSE, L1, a1, seen())
    await q.send_for_tests(NURSE, L1, a1, seen())
    await q.return_with_results(NURSE, L1, a1, seen())
    await q.call_chosen(NURSE, L1, a2, into("R2"))
    await q.recall(NURSE, L1, a2, seen())
    await q.pass_over(NURSE, L1, a2, seen())
    await q.recheck_in(NURSE, L1, a2, seen())
    await q.suspend(NURSE, L1, a2, seen())
    await q.resume(NURSE, L1, a2, seen())
    await q.defer(NURSE, L1, a2, wire.Defer(expected_version=house.version(), places=1))
    await q.cancel(NURSE, L1, a2, seen())
    await q.call_chosen(NURSE, L1, number("A3"), into("R1"))
    await q.undo(NURSE, L1, number("A3"), wire.Undo(expected_version=house.version()))
    await q.pause_room(NURSE, L1, R2, seen())
    await q.close_room(NURSE, L1, R2, seen())
    await q.open_room(NURSE, L1, R2, wire.OpenRoom(expected_version=house.version()))
    await q.call_chosen(NURSE, L1, a1, into("R1"))
    await q.start(NURSE, L1, a1, seen())
    await q.finish(NURSE, L1, a1, seen())
    answer = await q.stop_clinic(NURSE, L1, seen())
    assert (answer.board.open, answer.board.waiting) == ("stopped", [])
    assert (await house.reading.ticket(L1, number("A4"))).advice == "clinic_stopped"
    first = await house.reading.history(NURSE, L1, wire.HistoryQuery(limit=10))
    second = await house.reading.history(NURSE, L1, wire.HistoryQuery(limit=200, cursor=first.next))
    whole = [(i.version, i.step) for i in first.items + second.items]
    assert whole == sorted(whole, reverse=True)
    assert second.next is None
    assert len(set(whole)) == len(whole) > 24


async def test_snapshots_tell_where_their_channel_stands(house: House) -> None:
    await house.with_people("A1", "A2")
    view = await house.reading.line(L1)
    assert (view.position, view.waiting, view.board) == (wire.Place(2, "e"), 2, house.newest())
    page = await house.reading.lines(wire.LineQuery(limit=1))
    assert ([i.id for i in page.items], page.next) == (["L1"], "L1")
    rest = await house.reading.lines(wire.LineQuery(limit=1, cursor=page.next))
    assert ([i.id for i in rest.items], rest.next) == (["L2"], None)
    ticket = await house.reading.ticket(L1, number("A2"))
    assert (ticket.ahead, ticket.low, ticket.advice) == (1, None, "stay_close")
    with pytest.raises(NoSuchTicket):
        await house.reading.ticket(L1, number("Z1"))
    staff = await house.reading.staff(NURSE, L1)
    assert [(t.number, t.ahead) for t in staff.tickets] == [("A1", 0), ("A2", 1)]
    assert "stay_close" in ADVICE_CODES


async def test_a_screen_needs_its_own_token(house: House) -> None:
    await house.with_people("A1")
    mine = Actor(id="s", role=Role.SCREEN, screen=ScreenId("hall"))
    view = await house.reading.screen(mine, ScreenId("hall"))
    assert ([p.line for p in view.parts], view.build) == (["L1", "L2"], "b1")
    for who, which in ((mine, "door"), (Actor(id="", role=Role.ANONYMOUS), "hall"), (NURSE, "none")):
        with pytest.raises(NoSuchScreen):
            await house.reading.screen(who, ScreenId(which))


SPEC = OwnLineSpec(
    id=L7, name="换药室", department=DepartmentId("D1"), department_name="外科",
    rooms=((RoomId("R7"), "换药室"),), settings=LineSettings(),
)  # fmt: skip


async def test_configured_lines_appear_follow_the_configuration_and_share_no_room(house: House) -> None:
    await house.own.set_up([SPEC])
    assert house.units.lines[L7].mode is Mode.OWN
    await house.own.set_up([SPEC])
    assert house.version(L7) == 0, "nothing to do, nothing done"
    changed = replace(SPEC, name="换药", settings=LineSettings(lock_places=5))
    await house.own.set_up([changed])
    line = house.units.lines[L7]
    assert (line.name, line.settings.lock_places, line.version) == ("换药", 5, 1)
    with pytest.raises(ValueError, match="R7"):
        await house.own.set_up([SPEC, replace(SPEC, id=LineId("L8"))])


async def test_a_line_whose_only_open_room_is_configured_away_is_closed(house: House) -> None:
    await house.own.set_up([SPEC])
    staff = replace(NURSE, lines=frozenset({L7}))
    await house.queue.open_room(staff, L7, RoomId("R7"), wire.OpenRoom(expected_version=0))
    assert house.newest("L7").open == "open"
    await house.own.set_up([replace(SPEC, rooms=((RoomId("R8"), "新换药室"),))])
    assert house.newest("L7").open == "closed"


async def test_the_night_closes_the_day_and_unanswered_calls_are_swept(house: House) -> None:
    await house.with_people("A1")
    line = house.units.lines[L1]
    house.units.lines[L1] = replace(line, settings=replace(line.settings, auto_pass_seconds=60))
    await house.queue.call_next(NURSE, L1, wire.IntoRoom(expected_version=house.version(), room="R1"))
    house.clock.advance(timedelta(seconds=61))
    await house.own.pass_overdue()
    assert house.newest().passed == ["A1"]
    await house.own.roll_days()
    assert house.units.lines[L1].day == DAY
    house.clock.advance(timedelta(hours=17))
    await house.own.roll_days()
    assert (house.units.lines[L1].day, house.newest().waiting) == (DAY + timedelta(days=1), [])
    before = house.version()
    house.clock.advance(timedelta(seconds=15))
    await house.own.reaffirm()
    assert (house.newest().as_of, house.newest().version) == (house.clock.now(), before)


def page(*numbers: str) -> ObservedLine:
    return ObservedLine(line=L1, day=DAY, tickets=[one(n) for n in numbers], opening=Opening.OPEN)


async def mirrored(house: House) -> House:
    told = LineDescription(
        line=L1, name="内科", department=DepartmentId("D1"), department_name="内科", rooms=(Room(R1, "301"),)
    )
    await house.mirror.directory([told], day=DAY)
    await house.mirror.apply([page("A1", "A2")], as_of=house.clock.now())
    return house


async def test_what_changed_is_kept_in_one_transaction_and_quiet_lines_are_reaffirmed(house: House) -> None:
    await mirrored(house)
    assert (house.newest().waiting, house.newest().fresh) == (["A1", "A2"], True)
    commits = house.units.commits
    applied = await house.mirror.apply([], confirmed=[L1], as_of=house.clock.advance(timedelta(seconds=1)))
    assert (applied.changed, house.units.commits) == (0, commits), "nothing new costs no transaction"
    house.clock.advance(timedelta(seconds=limits.QUEUE_REAFFIRM_SECONDS))
    await house.mirror.apply([], confirmed=[L1], as_of=house.clock.now())
    assert house.newest().as_of == house.clock.now()
    assert house.newest().version == house.version()


async def test_a_silent_hospital_makes_the_line_stale_and_its_return_fresh(house: House) -> None:
    await mirrored(house)
    seen_at = house.clock.now()
    house.clock.advance(timedelta(seconds=limits.HOSPITAL_STALE_SECONDS))
    await house.mirror.unreachable()
    stale = house.newest()
    assert (stale.fresh, stale.as_of, stale.waiting) == (False, seen_at, ["A1", "A2"])
    told = len(house.units.published)
    await house.mirror.unreachable()
    assert len(house.units.published) == told, "said once"
    await house.mirror.apply([], confirmed=[L1], as_of=house.clock.advance(timedelta(seconds=5)))
    assert (house.newest().fresh, house.newest().version) == (True, stale.version + 1)


async def test_one_bad_page_spoils_neither_its_line_nor_the_others(house: House) -> None:
    await mirrored(house)
    told = LineDescription(line=L2, name="外科", department=DepartmentId("D1"), department_name="外科")
    await house.mirror.directory([told], day=DAY)
    bad = page("A1", "A2", "A2")
    good = msgspec.structs.replace(page("B1"), line=L2)
    strange = msgspec.structs.replace(page("C1"), line=LineId("L99"))
    applied = await house.mirror.apply([bad, good, strange], as_of=house.clock.advance(timedelta(seconds=1)))
    assert [(r.line, r.row, r.why) for r in applied.refused] == [("L1", 3, "duplicate_ticket")]
    assert (applied.changed, applied.unknown_lines) == (1, (LineId("L99"),))
    assert house.newest("L1").waiting == ["A1", "A2"]
    assert house.newest("L2").waiting == ["B1"]
    house.clock.advance(timedelta(seconds=limits.HOSPITAL_STALE_SECONDS))
    await house.mirror.apply([bad], confirmed=[L2], as_of=house.clock.now())
    assert (house.newest("L1").fresh, house.newest("L2").fresh) == (False, True), "its age grows visibly"


async def test_a_shrunk_line_is_believed_after_a_while(house: House) -> None:
    await mirrored(house)
    await house.mirror.apply([page(*(f"A{i}" for i in range(1, 9)))], as_of=house.clock.now())
    for _ in range(2):
        applied = await house.mirror.apply([page()], as_of=house.clock.advance(timedelta(seconds=1)))
        assert applied.refused[0].why == "shrunk"
    house.clock.advance(timedelta(seconds=limits.QUEUE_SHRINK_CONFIRM_SECONDS))
    await house.mirror.apply([page()], as_of=house.clock.now())
    assert house.newest().waiting == []


async def test_a_day_ahead_is_left_again_after_a_while(house: House) -> None:
    await mirrored(house)
    ahead = msgspec.structs.replace(page("A1"), day=DAY + timedelta(days=1))
    await house.mirror.apply([ahead], as_of=house.clock.advance(timedelta(seconds=1)))
    for _ in range(2):
        applied = await house.mirror.apply([page("A2")], as_of=house.clock.advance(timedelta(seconds=1)))
        assert applied.refused[0].why == "older_day"
    house.clock.advance(timedelta(seconds=limits.QUEUE_SHRINK_CONFIRM_SECONDS))
    await house.mirror.apply([page("A2")], as_of=house.clock.now())
    assert (house.newest().day, house.newest().waiting) == (DAY, ["A2"])


async def test_another_worker_was_first_so_the_line_is_read_anew(house: House) -> None:
    await mirrored(house)
    line = house.units.lines[L1]
    house.units.lines[L1] = replace(line, version=line.version + 5)
    await house.mirror.apply([page("A1", "A2", "A3")], as_of=house.clock.advance(timedelta(seconds=1)))
    assert (house.version(), house.newest().waiting) == (line.version + 6, ["A1", "A2", "A3"])


async def test_a_mirrored_line_is_not_operated_here(house: House) -> None:
    await mirrored(house)
    with pytest.raises(LineIsMirrored):
        await house.queue.check_in(NURSE, L1, wire.CheckIn(expected_version=house.version(), visit="v"))
    assert house.units.lines[L1].tickets[TicketNumber("A1")].state is TicketState.WAITING


async def test_the_first_command_of_a_new_day_begins_it_and_loses_nobody(house: House) -> None:
    await house.with_people("A001")
    version = house.version()
    house.clock.advance(timedelta(days=1))
    body = wire.CheckIn(expected_version=version, visit="v-new", number="A001")
    with pytest.raises(LineHasMoved) as moved:
        await house.queue.check_in(NURSE, L1, body)
    today = house.units.lines[L1]
    assert today.day == DAY + timedelta(days=1)
    assert moved.value.facts["version"] == today.version > version
    assert house.newest().waiting == []
    again = wire.CheckIn(expected_version=today.version, visit="v-new", number="A001")
    answer = await house.queue.check_in(NURSE, L1, again)
    await house.own.roll_days()
    assert house.units.lines[L1].version == answer.version, "the sweep finds nothing left to do"
    assert house.newest().waiting == ["A001"]


async def test_a_transfer_begins_the_day_of_both_lines(house: House) -> None:
    await house.with_people("A001")
    house.clock.advance(timedelta(days=1))
    body = wire.Transfer(expected_version=house.version(), to_line="L2")
    with pytest.raises(LineHasMoved):
        await house.queue.transfer(NURSE, L1, number("A001"), body)
    assert {line.day for line in house.units.lines.values()} == {DAY + timedelta(days=1)}
