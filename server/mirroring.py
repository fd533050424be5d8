"""Where the hospital link and the waiting line meet: one's words into the other's. No rule lives here.

``front_machine`` and ``queue_display`` do not know each other; this is the port between them, filled.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Protocol

import structlog

from clinic.directory import ConsultingRoom, Department, Directories, Doctor, HospitalContacts
from clinic.directory import Directory as ClinicDirectory
from core import limits
from core.clock import Clock, business_day
from core.ids import DepartmentId, DoctorId, LineId, RoomId, TicketNumber, VisitRef
from front_machine.contract import Directory, HisTicket, LineState, PastDay
from front_machine.contract import Opening as HisOpening
from front_machine.contract import PastTicket as HisPastTicket
from front_machine.mirror import Observation
from queue_display.line import Opening, Room, RoomState
from queue_display.mirroring import MirrorService
from queue_display.observed import (
    LineDescription,
    ObservedLine,
    ObservedTicket,
    kind_of,
    priority_of,
    state_of,
)
from queue_display.past import PastTicket
from queue_display.telling import ToldDays

log = structlog.get_logger()


class Unit(Protocol):
    """One transaction over the directory and the news of the hospital."""

    @property
    def directory(self) -> Directories:
        """The clinic's directory."""

    @property
    def hospital(self) -> HospitalContacts:
        """What the other processes are told about the hospital."""

    async def commit(self) -> None:
        """Make it true."""


class Units(Protocol):
    """Opens them."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that will write."""


class QueueMirror:
    """``front_machine.mirror.Mirror``, kept by the queue and the clinic's directory."""

    def __init__(self, mirror: MirrorService, told: ToldDays, units: Units, clock: Clock) -> None:
        self._mirror = mirror
        self._told = told
        self._units = units
        self._clock = clock
        self._noted = float("-inf")

    async def apply(self, observation: Observation) -> Collection[str]:
        """Hand one look over; answers the lines that must be handed over again."""
        applied = await self._mirror.apply(
            [observed_line(state) for state in observation.changed],
            confirmed=[LineId(line) for line in observation.unchanged],
            as_of=observation.as_of,
            hospital_at=observation.his_now,
        )
        if self._clock.monotonic() - self._noted >= limits.HOSPITAL_NOTE_SECONDS:
            async with self._units.begin() as unit:
                await unit.hospital.heard(observation.as_of)
                await unit.commit()
            self._noted = self._clock.monotonic()
        return {*(refusal.line for refusal in applied.refused), *applied.unknown_lines}

    async def directory(self, directory: Directory) -> None:
        """Keep the directory, and let the lines follow it."""
        async with self._units.begin() as unit:
            await unit.directory.keep(clinic_directory(directory))
            await unit.commit()
        await self._mirror.directory(line_descriptions(directory), day=business_day(self._clock.now()))

    async def past_wanted(self) -> Sequence[date]:
        """Days of which some mirrored line knows nothing."""
        return await self._told.wanted()

    async def past(self, day: date, told: Sequence[PastDay]) -> None:
        """Keep a day that is over."""
        tickets = {LineId(each.line): [past_ticket(ticket) for ticket in each.tickets] for each in told}
        await self._told.keep(day, tickets)

    async def past_ended(self) -> None:
        """Learn from the days that came."""
        await self._told.learn()

    async def unreachable(self, since: datetime) -> None:
        """Tell the other processes, and mark what nobody confirms any more."""
        self._noted = float("-inf")
        async with self._units.begin() as unit:
            await unit.hospital.silent(since)
            await unit.commit()
        await self._mirror.unreachable()


def observed_line(state: LineState) -> ObservedLine:
    """One line's state as the queue takes it."""
    return ObservedLine(
        line=LineId(state.line),
        day=state.day,
        tickets=[observed_ticket(ticket) for ticket in state.tickets],
        opening=None if state.open is HisOpening.UNKNOWN else Opening(state.open.value),
    )


def observed_ticket(ticket: HisTicket) -> ObservedTicket:
    """One ticket as the queue takes it; the name is masked already."""
    return ObservedTicket(
        number=TicketNumber(ticket.number),
        visit=VisitRef(ticket.visit),
        state=state_of(ticket.state.value),
        his_code=ticket.his_code,
        kind=kind_of(ticket.kind),
        priority=priority_of(ticket.priority),
        room=None if ticket.room is None else RoomId(ticket.room),
        doctor=None if ticket.doctor is None else DoctorId(ticket.doctor),
        order=ticket.order,
        slot_begin=ticket.slot_begin,
        checked_in_at=ticket.checked_in_at,
        called_at=ticket.called_at,
        recall_count=ticket.recall_count,
        passed_count=ticket.passed_count,
        name=ticket.masked_name or "",
    )


def past_ticket(ticket: HisPastTicket) -> PastTicket:
    """One ticket of a day that is over, as the queue learns from it."""
    return PastTicket(
        number=TicketNumber(ticket.number),
        state=state_of(ticket.state.value),
        room=None if ticket.room is None else RoomId(ticket.room),
        checked_in_at=ticket.checked_in_at,
        called_at=ticket.called_at,
        ended_at=ticket.ended_at,
    )


def clinic_directory(directory: Directory) -> ClinicDirectory:
    """The hospital's directory as the clinic keeps it."""
    return ClinicDirectory(
        departments=tuple(
            Department(
                code=DepartmentId(each.code),
                name=each.name,
                parent=None if each.parent is None else DepartmentId(each.parent),
                location=each.location or "",
            )
            for each in directory.departments
        ),
        doctors=tuple(
            Doctor(
                code=DoctorId(each.code),
                name=each.name,
                department=None if each.department is None else DepartmentId(each.department),
                title=each.title or "",
            )
            for each in directory.doctors
        ),
        rooms=tuple(
            ConsultingRoom(
                code=RoomId(each.code),
                name=each.name,
                department=None if each.department is None else DepartmentId(each.department),
                location=each.location or "",
            )
            for each in directory.rooms
        ),
    )


def line_descriptions(directory: Directory) -> Sequence[LineDescription]:
    """The lines of the directory, with the names of what they refer to."""
    departments = {each.code: each.name for each in directory.departments}
    doctors = {each.code: each.name for each in directory.doctors}
    rooms = {each.code: each.name for each in directory.rooms}
    return [
        LineDescription(
            line=LineId(each.code),
            name=each.name,
            department=DepartmentId(each.department or ""),
            department_name=departments.get(each.department or "", ""),
            doctor=None if each.doctor is None else DoctorId(each.doctor),
            doctor_name=doctors.get(each.doctor or "", ""),
            rooms=tuple(
                Room(id=RoomId(code), name=rooms.get(code, code), state=RoomState.OPEN) for code in each.rooms
            ),
        )
        for each in directory.lines
    ]
