"""Who has registered for a day, in which time slot, and when each of them really arrives."""

import random
from collections.abc import Iterator
from datetime import date

from demo.departments import Hospital, LineKind, LinePlan
from demo.ticket import How, Priority, Visit, clock

OPENS = clock(7, 0)
SLOT = 30 * 60
MORNING = tuple(range(clock(8), clock(12), SLOT))
AFTERNOON = tuple(range(clock(13, 30), clock(17), SLOT))

MORNING_LOAD = 1.05
AFTERNOON_LOAD = 0.72
"""Share of the doctors' time that is given away as registrations."""

_OVERHEAD_MINUTES = 1.15
"""What a patient costs besides the service itself: walking in, calling in vain, typing."""

_EXAM_BOOKED_SHARE = 0.45
_WALK_IN_SHARE = 0.3
_NO_SHOW_SHARE = 0.06
_CANCEL_SHARE = 0.025


def visits(hospital: Hospital, day: date, rng: random.Random) -> list[Visit]:
    """Draw the day's registrations of every clinic and exam line, with ticket numbers in slot order."""
    result: list[Visit] = []
    for line in hospital.lines:
        if line.kind is not LineKind.PHARMACY:
            for index, visit in enumerate(_visits_of(line, rng)):
                visit.number = f"{line.letter}{index + 1:03d}"
                visit.ref = visit_ref(day, len(result) + 1)
                result.append(visit)
    return result


def visit_ref(day: date, number: int) -> str:
    """The hospital's own visit number (挂号序号)."""
    return f"MZ{day:%Y%m%d}{number:05d}"


def added(line: LinePlan, rng: random.Random, *, at: int, urgent: bool) -> Visit:
    """Draw one who comes without a slot: an added number (加号) or an emergency, still unnumbered."""
    visit = _person(line, rng, slot=at // SLOT * SLOT, afternoon=at >= clock(12, 30))
    visit.how = How.WALK_IN if urgent else How.ADDED
    visit.priority = Priority.URGENT if urgent else visit.priority
    visit.registers_at = visit.arrives_at = at
    return visit


def _visits_of(line: LinePlan, rng: random.Random) -> Iterator[Visit]:
    department = line.department
    minutes = department.service_minutes * (1 + department.tests_share * 0.4) + _OVERHEAD_MINUTES
    share = _EXAM_BOOKED_SHARE if line.kind is LineKind.EXAM else 1.0
    owed = 0.0
    for slot in (*MORNING, *AFTERNOON):
        afternoon = slot >= clock(12)
        load = AFTERNOON_LOAD if afternoon else MORNING_LOAD
        for room in line.rooms:
            owed += SLOT / 60 / (minutes * room.doctor.pace) * load * share
        for _ in range(int(owed)):
            yield _arriving(_person(line, rng, slot=slot, afternoon=afternoon), rng)
        owed -= int(owed)


def _person(line: LinePlan, rng: random.Random, *, slot: int, afternoon: bool) -> Visit:
    low, high = line.department.ages
    age = round(rng.triangular(low, high, low + (high - low) * 0.55))
    roll = rng.random()
    priority = Priority.NONE
    if age >= 80 or (age >= 70 and roll < 0.1):
        priority = Priority.ELDERLY
    elif age >= 18 and roll > 0.988:
        priority = Priority.MILITARY
    elif roll > 0.983:
        priority = Priority.SPECIAL
    return Visit(
        ref="",
        line=line.code,
        age=age,
        female=rng.random() < line.department.female_share,
        how=How.BOOKED,
        priority=priority,
        afternoon=afternoon,
        slot_begin=slot,
        slot_end=slot + SLOT,
        follow_up=rng.random() < 0.4,
    )


def _arriving(visit: Visit, rng: random.Random) -> Visit:
    if rng.random() < _WALK_IN_SHARE:
        visit.how = How.WALK_IN
        visit.registers_at = max(OPENS, visit.slot_begin - rng.randint(2, 50) * 60 - rng.randrange(60))
        visit.arrives_at = visit.registers_at + rng.randint(20, 300)
        return visit
    roll = rng.random()
    if roll < _CANCEL_SHARE:
        visit.cancels_at = max(OPENS, visit.slot_begin - rng.randint(20, 240) * 60)
    elif roll >= _CANCEL_SHARE + _NO_SHOW_SHARE:
        early = rng.gauss(26, 18) if rng.random() < 0.93 else -rng.expovariate(1 / 35)
        visit.arrives_at = max(OPENS + rng.randrange(900), visit.slot_begin - int(early * 60))
    return visit
