"""The platform's own lines as the hospital configured them: names, rules, and which line has which room.

Pure. A room holds one patient at a time, so it belongs to one line at a time. A room that is given to another
line while somebody is in it stays where it is, paused, until it is free, and only then moves: the patient's
line keeps the room it calls into, and nobody else is called into an occupied one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.ids import DepartmentId, DoctorId, LineId, RoomId
from queue_display.daybreak import day_at
from queue_display.draft import Decision, Instruction, opening_of
from queue_display.events import Configured, Described, Event, Happening, OpeningChanged, replay
from queue_display.line import Line, LineSettings, Mode, Opening, Room, RoomState
from queue_display.store import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLineSpec:
    """A line that the hospital wants the platform to run, as configured. Rooms are (id, name)."""

    id: LineId
    name: str
    department: DepartmentId
    department_name: str
    rooms: tuple[tuple[RoomId, str], ...]
    doctor: DoctorId | None = None
    doctor_name: str = ""
    settings: LineSettings


def configure(
    held: Mapping[LineId, Line], wanted: Sequence[OwnLineSpec], by: Instruction
) -> tuple[Change, ...]:
    """What makes the lines be as configured, as far as patients allow it now; tickets and open rooms stay.

    ``held`` is every line that the platform runs, and whatever else has one of the ids. A line that is no
    longer configured keeps what nobody else wants. Raises ``ValueError`` when two lines want one room, or a
    line is the hospital's.
    """
    owners = _owners(wanted)
    busy = {ticket.room: line.id for line in held.values() for ticket in line.now}
    changes: list[Change] = []
    for spec in sorted(wanted, key=lambda each: each.id):
        known = held.get(spec.id)
        if known is not None and known.mode is not Mode.OWN:
            raise ValueError(f"line {spec.id} is the hospital's: it is mirrored")
        free = [(room, name) for room, name in spec.rooms if busy.get(room, spec.id) == spec.id]
        if known is None:
            changes.append(Change(None, _new(spec, free, by), ()))
        else:
            changes += _change(known, _as_configured(known, spec, _rooms(known, free), by))
    for line in held.values():
        if line.mode is Mode.OWN and all(spec.id != line.id for spec in wanted):
            kept = [(room.id, room.name) for room in line.rooms if room.id not in owners]
            changes += _change(line, _with_rooms(line, _rooms(line, kept), by))
    return tuple(changes)


def is_settled(lines: Mapping[LineId, Line], wanted: Sequence[OwnLineSpec]) -> bool:
    """Whether every room is where it is wanted, and nowhere else; until then ask ``configure`` again."""
    rooms_of = {spec.id: {room for room, _ in spec.rooms} for spec in wanted}
    owners = _owners(wanted)
    for line in lines.values():
        here = {room.id for room in line.rooms}
        wrong = here ^ rooms_of[line.id] if line.id in rooms_of else here & owners.keys()
        if line.mode is Mode.OWN and wrong:
            return False
    return True


def _owners(wanted: Iterable[OwnLineSpec]) -> dict[RoomId, LineId]:
    owners: dict[RoomId, LineId] = {}
    for spec in wanted:
        for room, _ in spec.rooms:
            if owners.setdefault(room, spec.id) != spec.id:
                raise ValueError(f"room {room} is wanted by the lines {owners[room]} and {spec.id}")
    return owners


def _rooms(line: Line, given: Sequence[tuple[RoomId, str]]) -> tuple[Room, ...]:
    """The rooms that a line is given, in the state they have; then those it must leave but is still in."""
    known = {room.id: room for room in line.rooms}
    here = [replace(known[room], name=name) if room in known else Room(room, name) for room, name in given]
    kept = {room for room, _ in given}
    return (*here, *(_leaving(room) for room in line.rooms if room.id not in kept and line.holder(room.id)))


def _leaving(room: Room) -> Room:
    return replace(room, state=RoomState.PAUSED) if room.state is RoomState.OPEN else room


def _as_configured(line: Line, spec: OwnLineSpec, rooms: tuple[Room, ...], by: Instruction) -> Decision:
    named = replace(
        line, name=spec.name, department=spec.department, department_name=spec.department_name,
        doctor=spec.doctor, doctor_name=spec.doctor_name,
    )  # fmt: skip
    after, events = _with_rooms(line, rooms, by, named=named)
    if spec.settings != line.settings:
        configured = Configured(
            what=Happening.CONFIGURED, version=line.version + 1, at=by.at, actor=by.actor, reason=by.reason,
            settings=spec.settings,
        )  # fmt: skip
        after, events = replay(after, (configured,)), (*events, configured)
    return after, events


def _with_rooms(
    line: Line, rooms: tuple[Room, ...], by: Instruction, *, named: Line | None = None
) -> Decision:
    """The line in these rooms, under the names of ``named``; nothing happens when it already is so."""
    told = named or line
    events: list[Event] = []
    described = Described(
        what=Happening.DESCRIBED, version=line.version + 1, at=by.at, actor=by.actor, reason=by.reason,
        name=told.name, department=told.department, department_name=told.department_name, doctor=told.doctor,
        doctor_name=told.doctor_name, rooms=rooms,
    )  # fmt: skip
    if replace(replay(line, (described,)), version=line.version) != line:
        events.append(described)
    opening = opening_of(rooms)
    if line.opening not in (opening, Opening.STOPPED):
        events.append(
            OpeningChanged(what=Happening.OPENING_CHANGED, version=line.version + 1, at=by.at,
                           actor=by.actor, reason=by.reason, opening=opening)
        )  # fmt: skip
    return replay(line, events), tuple(events)


def _new(spec: OwnLineSpec, rooms: Sequence[tuple[RoomId, str]], by: Instruction) -> Line:
    return Line(
        id=spec.id,
        name=spec.name,
        department=spec.department,
        department_name=spec.department_name,
        doctor=spec.doctor,
        doctor_name=spec.doctor_name,
        mode=Mode.OWN,
        day=day_at(spec.settings, by.at),
        version=0,
        as_of=by.at,
        rooms=tuple(Room(room, name) for room, name in rooms),
        settings=spec.settings,
    )


def _change(before: Line, decided: Decision) -> tuple[Change, ...]:
    after, events = decided
    return (Change(before, after, events),) if events else ()
