"""The house: departments, lines, rooms and doctors, and how each department works.

Values only. The doctors' names are invented from a seed, so one seed always gives one hospital.
"""

import random
from dataclasses import dataclass, replace
from enum import StrEnum

from demo import people


class LineKind(StrEnum):
    """What people wait for; the values are the vendor's DLLX codes."""

    CLINIC = "1"
    EXAM = "2"
    PHARMACY = "3"


@dataclass(frozen=True, slots=True)
class Department:
    """One department and its habits. Durations are minutes, shares are probabilities."""

    code: str
    name: str
    kind: LineKind
    place: str
    service_minutes: float
    spread: float
    """Sigma of the lognormal service time."""
    tests_share: float = 0.0
    """Share of first visits sent for tests and expected back."""
    exam_share: float = 0.0
    """Of those, the share sent to our own exam lines."""
    medicine_share: float = 0.0
    ages: tuple[int, int] = (16, 88)
    female_share: float = 0.52
    letter: str = "A"
    abolished: bool = False


@dataclass(frozen=True, slots=True)
class Doctor:
    code: str
    name: str
    department: str
    title: str
    pace: float
    """Factor on the department's service time; 1.2 is slow."""
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    code: str
    name: str
    department: str
    place: str
    doctor: Doctor


@dataclass(frozen=True, slots=True)
class LinePlan:
    """One waiting line: a doctor's own (``doctor`` given) or a pool that several rooms serve."""

    code: str
    name: str
    department: Department
    rooms: tuple[Room, ...]
    doctor: Doctor | None
    letter: str
    """First letter of its ticket numbers; differs within a department, so that halls are unambiguous."""

    @property
    def kind(self) -> LineKind:
        return self.department.kind


@dataclass(frozen=True, slots=True)
class Hospital:
    departments: tuple[Department, ...]
    doctors: tuple[Doctor, ...]
    lines: tuple[LinePlan, ...]

    @property
    def rooms(self) -> tuple[Room, ...]:
        return tuple(room for line in self.lines for room in line.rooms)


_CLINIC, _EXAM, _PHARMACY = LineKind.CLINIC, LineKind.EXAM, LineKind.PHARMACY

DEPARTMENTS = (
    Department("0101", "心血管内科", _CLINIC, "门诊楼3层东区", 7.6, 0.50, 0.22, 0.25, 0.55, (35, 92), 0.47),
    Department("0102", "消化内科", _CLINIC, "门诊楼3层西区", 6.8, 0.45, 0.20, 0.35, 0.55, (18, 85), 0.50),
    Department(
        "0103", "呼吸与危重症医学科", _CLINIC, "门诊楼3层西区", 6.4, 0.45, 0.22, 0.0, 0.60, (18, 90), 0.45
    ),
    Department("0104", "内分泌科", _CLINIC, "门诊楼3层东区", 6.2, 0.40, 0.18, 0.25, 0.65, (25, 86), 0.55),
    Department("0201", "普通外科", _CLINIC, "门诊楼2层东区", 5.6, 0.60, 0.15, 0.45, 0.30, (16, 84), 0.48),
    Department("0202", "骨科", _CLINIC, "门诊楼2层西区", 6.0, 0.55, 0.25, 0.05, 0.35, (8, 88), 0.50),
    Department("0301", "妇科", _CLINIC, "门诊楼4层东区", 7.0, 0.45, 0.22, 0.60, 0.40, (16, 74), 1.0),
    Department("0401", "儿科", _CLINIC, "门诊楼1层东区", 5.4, 0.45, 0.22, 0.10, 0.65, (0, 14), 0.46),
    Department("0501", "眼科", _CLINIC, "门诊楼4层西区", 5.2, 0.50, 0.20, 0.0, 0.40, (5, 88), 0.52),
    Department("0601", "皮肤科", _CLINIC, "门诊楼5层", 4.4, 0.55, 0.06, 0.0, 0.60, (3, 82), 0.56),
    Department("0801", "超声医学科", _EXAM, "医技楼2层", 9.0, 0.35, ages=(16, 86), female_share=0.6),
    Department("0901", "门诊药房", _PHARMACY, "门诊楼1层大厅", 1.25, 0.45),
)
"""The twelve that work. Order of fields: tests, exam and medicine shares, ages, share of women."""

ABOLISHED = Department("0105", "老年病科", _CLINIC, "", 6.0, 0.4, abolished=True)

_ROOMS_OF_LINES: dict[str, tuple[int, ...]] = {
    "0101": (1, 1, 2),
    "0102": (1, 1),
    "0103": (1, 1),
    "0104": (1, 1),
    "0201": (1, 1),
    "0202": (1, 1, 2),
    "0301": (1, 1, 2),
    "0401": (1, 1, 3),
    "0501": (1, 1),
    "0601": (1, 1),
    "0801": (1, 1, 1),
    "0901": (1, 1, 1),
}
"""How many rooms serve each line of a department. More than one makes it a pool without a doctor's name."""

_FLOOR_ROOMS = {
    "0101": 301,
    "0102": 311,
    "0103": 316,
    "0104": 306,
    "0201": 201,
    "0202": 211,
    "0301": 401,
    "0401": 101,
    "0501": 411,
    "0601": 501,
}


def build(seed: int, *, departments: int = 0) -> Hospital:
    """Build the hospital of a seed: all of it, or only the first ``departments`` of it (for tests)."""
    rng = random.Random(f"house:{seed}")
    chosen = DEPARTMENTS[:departments] if departments else DEPARTMENTS
    lines: list[LinePlan] = []
    doctors: list[Doctor] = []
    for department in DEPARTMENTS:
        made = _lines_of(department, rng)
        if department in chosen:
            lines += made
            doctors += [room.doctor for line in made for room in line.rooms]
    gone = _doctor(rng, chosen[0], 90)
    doctors.append(replace(gone, retired=True))
    return Hospital((*chosen, ABOLISHED), tuple(doctors), tuple(lines))


def _lines_of(department: Department, rng: random.Random) -> list[LinePlan]:
    lines = []
    room_index = 0
    for index, room_count in enumerate(_ROOMS_OF_LINES[department.code]):
        rooms = []
        for _ in range(room_count):
            rooms.append(_room(department, room_index, _doctor(rng, department, room_index + 1)))
            room_index += 1
        own = room_count == 1 and department.kind is _CLINIC
        lines.append(
            LinePlan(
                code=f"{department.code}{index + 1:02d}",
                name=_line_name(department, index, rooms[0].doctor if own else None),
                department=department,
                rooms=tuple(rooms),
                doctor=rooms[0].doctor if own else None,
                letter={_CLINIC: "ABC", _EXAM: "UVW", _PHARMACY: "XYZ"}[department.kind][index],
            )
        )
    return lines


def _line_name(department: Department, index: int, doctor: Doctor | None) -> str:
    if doctor is not None:
        return f"{department.name} {doctor.name}"
    if department.kind is _EXAM:
        return f"B超{index + 1}室"
    if department.kind is _PHARMACY:
        return f"药房{index + 1}号窗口"
    return f"{department.name} 普通门诊"


def _room(department: Department, index: int, doctor: Doctor) -> Room:
    if department.kind is _EXAM:
        code, name = f"B{index + 1:02d}", f"B超{index + 1}室"
    elif department.kind is _PHARMACY:
        code, name = f"YF{index + 1}", f"{index + 1}号窗口"
    else:
        number = _FLOOR_ROOMS[department.code] + index
        code, name = str(number), f"{number}诊室"
    return Room(code, name, department.code, department.place, doctor)


def _doctor(rng: random.Random, department: Department, number: int) -> Doctor:
    person = people.invent(rng, age=rng.randint(28, 60), female=rng.random() < 0.5, common_only=True)
    title = rng.choices("1234", (2, 3, 4, 1))[0]
    return Doctor(
        code=f"{department.code}{number:02d}",
        name=person.name,
        department=department.code,
        title=title,
        pace=rng.uniform(0.82, 1.22),
    )
