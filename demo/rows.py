"""One thing of the hospital as one row of the vendor's tables, with the vendor's bad habits."""

import random
from datetime import date

from demo import people
from demo.codes import STATUS, char, day_code, gb, hhmm, hhmmss, stamp_of
from demo.departments import Department, Doctor, Hospital, LineKind, LinePlan, Room
from demo.line import RunningLine, RunningRoom
from demo.ticket import Priority, Ticket, Visit

Row = tuple[str | bytes | int | float | None, ...]

_WIDE_BLANK = "\u3000"


def nothing(turn: int) -> str | None:
    """The vendor's two ways to say “none”, by turns."""
    return "" if turn % 2 else None


def department_row(index: int, department: Department) -> Row:
    place = department.place + " " * (index % 3)
    abolished = "1" if department.abolished else "0"
    return char(department.code, 8), gb(department.name), nothing(index), department.kind, place, abolished


def doctor_row(doctor: Doctor) -> Row:
    retired = "1" if doctor.retired else "0"
    return (
        char(doctor.code, 8),
        char(doctor.name, 20),
        char(doctor.department, 8),
        char(doctor.title, 2),
        retired,
    )


def room_row(index: int, room: Room) -> Row:
    name = char(room.name + _WIDE_BLANK * (index % 2), 30)
    return char(room.code, 8), name, char(room.department, 8), room.place + "  ", "0", nothing(index)


def line_row(index: int, line: LinePlan) -> Row:
    doctor = char(line.doctor.code, 8) if line.doctor else nothing(index)
    name = char(line.name + _WIDE_BLANK * (index % 2), 40)
    return char(line.code, 8), name, line.kind, char(line.department.code, 8), doctor, "0", index + 1


def line_room_rows(hospital: Hospital) -> list[Row]:
    return [(char(line.code, 8), char(room.code, 8)) for line in hospital.lines for room in line.rooms]


def line_state_row(line: RunningLine) -> Row:
    """Values for ``UPDATE PD_DLDM SET DLZT = ? WHERE DLDM = ?``."""
    return line.state.value, char(line.code, 8)


def room_state_row(index: int, room: RunningRoom) -> Row:
    """Values for ``UPDATE MZ_ZSDM SET ZSZT = ?, YSDM = ? WHERE ZSDM = ?``."""
    there = char(room.plan.doctor.code, 8) if room.state.value != "0" else nothing(index)
    return room.state.value, there, char(room.plan.code, 8)


def schedule_number(day: date, line_index: int, *, afternoon: bool) -> int:
    """PBXH: one for each line and half day."""
    return int(f"{day:%y%m%d}") * 1000 + line_index * 2 + afternoon


def schedule_row(
    day: date, line_index: int, line: LinePlan, *, afternoon: bool, places: int, taken: int, stopped: bool
) -> Row:
    title = line.doctor.title if line.doctor else "4"
    fee, treatment = {"1": (10.0, "40.00"), "2": (8.0, "27.00"), "3": (5.5, "15.00")}.get(
        title, (5.0, "10.00")
    )
    return (
        schedule_number(day, line_index, afternoon=afternoon),
        day_code(day),
        "2" if afternoon else "1",
        char(line.code, 8),
        char(line.department.code, 8),
        char(line.doctor.code, 8) if line.doctor else nothing(line_index),
        fee,
        treatment,
        places,
        taken,
        "2" if stopped else "1",
        "医生临时外出" if stopped else nothing(line_index + 1),
    )


def patient_row(seed: int, visit: Visit) -> tuple[Row, bytes]:
    """The GY_BRXX row of who came for a visit, and the name as the queue table repeats it."""
    rng = random.Random(f"person:{seed}:{visit.ref}")
    person = people.invent(rng, age=visit.age, female=visit.female)
    sex = "9" if rng.random() < 0.004 else "2" if person.female else "1"
    born = day_code(person.born) if rng.random() < 0.985 else nothing(len(person.name))
    name = gb(person.name)
    row = (
        _patient_ref(visit),
        name,
        sex,
        born,
        char("01", 2) if person.document else "99",
        person.document or nothing(visit.age),
        person.telephone or nothing(visit.age + 1),
        gb(person.guardian) if person.guardian else None,
    )
    return row, name


def registration_row(day: date, visit: Visit, line_index: int, line: LinePlan) -> Row:
    exam = line.kind is LineKind.EXAM
    urgent = visit.priority is Priority.URGENT
    kind = "4" if exam else "3" if urgent else "2" if line.doctor else "1"
    return (
        visit.ref,
        _patient_ref(visit),
        schedule_number(day, line_index, afternoon=visit.afternoon),
        char(line.department.code, 8),
        char(line.doctor.code, 8) if line.doctor else nothing(visit.age),
        day_code(day),
        "2" if visit.afternoon else "1",
        hhmm(visit.slot_begin),
        hhmm(visit.slot_end),
        visit.how.value,
        kind,
        "120.00" if exam else "50.00" if line.doctor else "15.00",
        "2" if visit.follow_up else "1",
        visit.priority.value or nothing(visit.age),
        visit.state,
    )


def queue_row(day: date, ticket: Ticket, name: bytes, kind: LineKind) -> Row:
    """The MZ_PDXX row of a ticket as it stands."""
    visit, turn = ticket.visit, ticket.row
    slotted = ticket.slotted
    return (
        ticket.row,
        day_code(day),
        char(ticket.line, 8),
        char(ticket.number, 8),
        visit.ref,
        name,
        char(STATUS[kind][ticket.state], 2),
        "2" if ticket.returning else "1",
        visit.priority.value or nothing(turn),
        ticket.order,
        char(ticket.room, 8) if ticket.room else nothing(turn),
        char(ticket.doctor, 8) if ticket.doctor else nothing(turn + 1),
        hhmm(visit.slot_begin) if slotted else "",
        hhmm(visit.slot_end) if slotted else "",
        "" if ticket.checked_in_at is None else hhmmss(ticket.checked_in_at),
        stamp_of(day, ticket.called_at),
        stamp_of(day, ticket.started_at),
        stamp_of(day, ticket.finished_at),
        ticket.calls,
        ticket.passes,
        stamp_of(day, ticket.changed_at),
        None,
    )


def history_row(day: date, ticket: Ticket, kind: LineKind) -> Row:
    """The PD_LSXX row of a ticket whose day is over: no patient, no visit."""
    return (
        day_code(day),
        ticket.row,
        char(ticket.line, 8),
        char(ticket.number, 8),
        "2" if ticket.returning else "1",
        ticket.visit.priority.value or nothing(ticket.row),
        char(ticket.room, 8) if ticket.room else nothing(ticket.row),
        char(ticket.doctor, 8) if ticket.doctor else nothing(ticket.row + 1),
        hhmm(ticket.visit.slot_begin) if ticket.slotted else "",
        "" if ticket.checked_in_at is None else hhmmss(ticket.checked_in_at),
        stamp_of(day, ticket.called_at),
        stamp_of(day, ticket.started_at),
        stamp_of(day, ticket.finished_at),
        ticket.calls,
        ticket.passes,
        char(STATUS[kind][ticket.state], 2),
    )


def _patient_ref(visit: Visit) -> str:
    return "BR" + visit.ref[4:]
