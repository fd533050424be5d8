"""Rooms follow the configuration, but no patient loses the room and no room gets two patients."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.ids import DepartmentId, LineId, RoomId, TicketNumber, VisitRef
from core.refusals import Refusal
from queue_display.calling import call_next, finish, start
from queue_display.configuring import OwnLineSpec, configure, is_settled
from queue_display.draft import Instruction
from queue_display.events import replay
from queue_display.joining import check_in
from queue_display.line import Line, LineSettings, Opening, RoomState
from queue_display.rooms import open_room
from tests.unit.queue.clinic import MORNING, PLAIN, prove

LINES = [LineId("L1"), LineId("L2"), LineId("L3")]
ROOMS = [RoomId(f"R{n}") for n in range(1, 5)]
Given = Mapping[RoomId, LineId | None]
GIVEN = st.fixed_dictionaries({room: st.sampled_from([*LINES, None]) for room in ROOMS})
"""Which line gets which room."""
WORK = st.lists(
    st.tuples(st.sampled_from(LINES), st.sampled_from(ROOMS), st.sampled_from(["open", "call", "end"]))
)


def specs(
    given: Given, *, named: Sequence[LineId] = LINES, settings: LineSettings = PLAIN
) -> list[OwnLineSpec]:
    return [
        OwnLineSpec(
            id=line, name=f"line {line}", department=DepartmentId("D1"), department_name="内科",
            rooms=tuple((room, room.lower()) for room, owner in given.items() if owner == line),
            settings=settings,
        )
        for line in named
    ]  # fmt: skip


def by(actor: str = "system") -> Instruction:
    return Instruction(actor=actor, at=MORNING + timedelta(minutes=1), expected_version=None)


def configured(lines: dict[LineId, Line], wanted: Sequence[OwnLineSpec]) -> dict[LineId, Line]:
    after = dict(lines)
    for change in configure(lines, wanted, by()):
        if change.before is not None:
            prove(change.before, change.after, change.events)
        after[change.after.id] = change.after
    for line in lines.values():
        assert after[line.id].tickets == line.tickets, "nobody is touched"
        assert all(after[line.id].room(ticket.room) for ticket in line.now if ticket.room), (
            "who is inside stays"
        )
    everywhere = [room.id for line in after.values() for room in line.rooms]
    assert len(everywhere) == len(set(everywhere)), "a room belongs to one line"
    assert configure(after, wanted, by()) == (), "asked again, nothing more can be done"
    return after


def worked(lines: dict[LineId, Line], which: LineId, room: RoomId, what: str) -> None:
    """A room opens, takes the next one, or becomes free, where the rules allow it."""
    line, here = lines[which], lines[which].holder(room)
    try:
        if what == "open":
            line, _ = open_room(line, by("nurse"), room=room)
        elif what == "call":
            line, _ = check_in(line, by("nurse"), visit=VisitRef(f"v{len(line.tickets)}"))
            line, _ = call_next(line, by("nurse"), room=room)
        elif here is not None:
            line, _ = finish(start(line, by("nurse"), number=here.number)[0], by("nurse"), number=here.number)
    except Refusal:
        return
    lines[which] = line


@given(first=GIVEN, steps=st.lists(st.tuples(WORK, GIVEN, st.sets(st.sampled_from(LINES))), max_size=3))
def test_whatever_is_configured_while_people_are_inside_each_room_has_one_line(
    first: Given, steps: Sequence[tuple[Sequence[tuple[LineId, RoomId, str]], Given, set[LineId]]]
) -> None:
    lines = configured({}, specs(first))
    wanted = specs(first)
    for work, then, named in steps:
        for each in work:
            worked(lines, *each)
        wanted = specs({room: line for room, line in then.items() if line in named}, named=sorted(named))
        lines = configured(lines, wanted)
    for line in LINES:
        for room in ROOMS:
            worked(lines, line, room, "end")
    lines = configured(lines, wanted)
    assert is_settled(lines, wanted)
    for spec in wanted:
        assert [room.id for room in lines[spec.id].rooms] == [room for room, _ in spec.rooms]


def test_an_occupied_room_takes_nobody_new_and_moves_when_it_is_free() -> None:
    here, there = LINES[:2]
    room, number = ROOMS[0], TicketNumber("A001")
    lines = configured({}, specs({room: here}, named=[here, there]))
    for what in ("open", "call"):
        worked(lines, here, room, what)
    moved = specs({room: there}, named=[here, there])
    lines = configured(lines, moved)
    assert not is_settled(lines, moved)
    assert lines[there].rooms == ()
    [leaving] = lines[here].rooms
    assert (leaving.state, lines[here].opening) == (RoomState.PAUSED, Opening.PAUSED)
    assert lines[here].holder(room) is not None
    started, _ = start(lines[here], by("nurse"), number=number)
    lines[here], _ = finish(started, by("nurse"), number=number)
    lines = configured(lines, moved)
    assert is_settled(lines, moved)
    assert (lines[here].rooms, lines[here].opening) == ((), Opening.CLOSED)
    [arrived] = lines[there].rooms
    assert (arrived.id, arrived.state) == (room, RoomState.CLOSED), "it is opened by those who work there now"


def test_a_line_that_is_no_longer_configured_gives_up_only_what_others_want() -> None:
    lines = configured({}, specs({ROOMS[0]: LINES[0], ROOMS[1]: LINES[0]}, named=LINES[:1]))
    lines = configured(lines, specs({ROOMS[0]: LINES[1]}, named=LINES[1:2]))
    assert [room.id for room in lines[LINES[0]].rooms] == [ROOMS[1]]
    assert lines[LINES[0]].name == "line L1"


def test_other_rules_and_names_arrive_together() -> None:
    lines = configured({}, specs({ROOMS[0]: LINES[0]}, named=LINES[:1]))
    before = lines[LINES[0]]
    [change] = configure(lines, specs({ROOMS[1]: LINES[0]}, named=LINES[:1], settings=LineSettings()), by())
    assert replay(before, change.events) == change.after
    assert (change.after.settings, change.after.version) == (LineSettings(), before.version + 1)
