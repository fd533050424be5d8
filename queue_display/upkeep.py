"""What nobody presses a key for, on lines that the platform runs.

Set-up, a new day, calls that nobody answered, and telling again that a quiet line is still as it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from core.actor import SYSTEM
from core.clock import Clock, business_day
from core.ids import DepartmentId, DoctorId, LineId, RoomId
from queue_display.calling import pass_overdue
from queue_display.daybreak import begin_today, is_yesterdays
from queue_display.draft import Decision, Instruction, opening_of
from queue_display.events import Configured, Described, Event, Happening, OpeningChanged, replay
from queue_display.learning import Learning
from queue_display.line import Line, LineSettings, Mode, Opening, Room
from queue_display.publishing import Publisher
from queue_display.store import Change, Unit, Units

log = structlog.get_logger()


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


class OwnLines:
    """The platform's own hands on its own lines. Each sweep is harmless when two workers do it at once."""

    def __init__(self, *, units: Units, clock: Clock, publisher: Publisher, learning: Learning) -> None:
        self._units = units
        self._clock = clock
        self._publisher = publisher
        self._learning = learning

    async def set_up(self, wanted: Sequence[OwnLineSpec]) -> None:
        """Make the configured lines exist as configured; tickets and open rooms stay.

        Raises ``ValueError`` when two lines want one room, for a room holds one patient at a time.
        """
        used: dict[RoomId, LineId] = {}
        for spec in wanted:
            for room, _ in spec.rooms:
                if used.setdefault(room, spec.id) != spec.id:
                    raise ValueError(f"room {room} is wanted by the lines {used[room]} and {spec.id}")
        async with self._units.begin() as unit:
            known = {line.id: line for line in await unit.lines.load_many([spec.id for spec in wanted])}
            for spec in sorted(wanted, key=lambda each: each.id):
                await self._set_up_one(unit, spec, known.get(spec.id))
            await unit.commit()

    async def roll_days(self) -> None:
        """Close the day of every line whose day is over, and begin today."""
        today = business_day(self._clock.now())
        for line in await self._own():
            if not is_yesterdays(line, today):
                continue
            async with self._units.begin() as unit:
                evening = await unit.lines.load_for_change(line.id)
                if not is_yesterdays(evening, today):
                    continue
                morning = await begin_today(unit, evening, self._by())
                self._publish(unit, morning)
                await unit.commit()
            log.info("line.day_opened", line=line.id)
            await self._learning.prepare(morning)

    async def pass_overdue(self) -> None:
        """Pass over the calls that nobody answered in time, where the line's settings say so."""
        for line in await self._own():
            if pass_overdue(line, self._by())[1]:
                async with self._units.begin() as unit:
                    before = await unit.lines.load_for_change(line.id)
                    await self._keep(unit, before, pass_overdue(before, self._by()))
                    await unit.commit()

    async def reaffirm(self) -> None:
        """Tell every own line again, as it is: what the database holds is true now."""
        now = self._clock.now()
        async with self._units.begin() as unit:
            ids = await unit.lines.ids(Mode.OWN)
            await unit.lines.confirm(ids, as_of=now, hospital_at=None)
            for line in await unit.lines.load_many(ids):
                self._publish(unit, replace(line, as_of=now))
            await unit.commit()

    async def _own(self) -> list[Line]:
        async with self._units.read() as unit:
            return await unit.lines.load_many(await unit.lines.ids(Mode.OWN))

    async def _set_up_one(self, unit: Unit, spec: OwnLineSpec, known: Line | None) -> None:
        if known is None:
            await unit.lines.keep(Change(None, self._new(spec), ()))
            return
        if known.mode is not Mode.OWN:
            raise ValueError(f"line {spec.id} is the hospital's: it is mirrored")
        await self._keep(unit, known, _configured(known, spec, self._by("configuration")))

    async def _keep(self, unit: Unit, before: Line, decided: Decision) -> None:
        after, events = decided
        if events:
            await unit.lines.keep(Change(before, after, events))
            self._publish(unit, after)

    def _new(self, spec: OwnLineSpec) -> Line:
        now = self._clock.now()
        return Line(
            id=spec.id,
            name=spec.name,
            department=spec.department,
            department_name=spec.department_name,
            doctor=spec.doctor,
            doctor_name=spec.doctor_name,
            mode=Mode.OWN,
            day=business_day(now),
            version=0,
            as_of=now,
            rooms=tuple(Room(room, name) for room, name in spec.rooms),
            settings=spec.settings,
        )

    def _by(self, reason: str = "") -> Instruction:
        return Instruction(actor=SYSTEM.id, at=self._clock.now(), expected_version=None, reason=reason)

    def _publish(self, unit: Unit, line: Line) -> None:
        unit.publish(*self._publisher.outgoing(line, at=self._clock.now()))


def _configured(line: Line, spec: OwnLineSpec, by: Instruction) -> Decision:
    """The line under the configured name, rooms and settings. A room that stays keeps its state."""
    held = {room.id: room for room in line.rooms}
    busy = {ticket.room for ticket in line.now}
    rooms = [
        replace(held[room], name=name) if room in held else Room(room, name) for room, name in spec.rooms
    ]
    rooms += [room for room in line.rooms if room.id in busy and room.id not in dict(spec.rooms)]
    version = line.version + 1
    events: list[Event] = []
    described = Described(
        what=Happening.DESCRIBED, version=version, at=by.at, actor=by.actor, reason=by.reason, name=spec.name,
        department=spec.department, department_name=spec.department_name, doctor=spec.doctor,
        doctor_name=spec.doctor_name, rooms=tuple(rooms),
    )  # fmt: skip
    if replace(replay(line, (described,)), version=line.version) != line:
        events.append(described)
    opening = opening_of(tuple(rooms))
    if line.opening not in (opening, Opening.STOPPED):
        events.append(
            OpeningChanged(what=Happening.OPENING_CHANGED, version=version, at=by.at, actor=by.actor,
                           reason=by.reason, opening=opening)
        )  # fmt: skip
    if spec.settings != line.settings:
        events.append(
            Configured(what=Happening.CONFIGURED, version=version, at=by.at, actor=by.actor,
                       reason=by.reason, settings=spec.settings)
        )  # fmt: skip
    return replay(line, events), tuple(events)
