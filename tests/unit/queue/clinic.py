"""A small clinic for tests: a morning, a line with two rooms, people, and commands without ceremony."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from core.clock import CHINA
from core.ids import DepartmentId, DoctorId, LineId, RoomId, TicketNumber, VisitRef
from queue_display.draft import Decision, Instruction
from queue_display.events import Event, replay
from queue_display.joining import check_in
from queue_display.line import Line, LineSettings, Mode, Opening, Room, RoomState

DAY = date(2026, 11, 23)
MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=CHINA)
NURSE = "nurse-1"
R1, R2 = RoomId("R1"), RoomId("R2")
PLAIN = LineSettings(lock_places=0, ready_places=0)
"""No locked places, nobody asked to the door: only the rule under test."""


def after(minutes: float) -> datetime:
    """So many minutes after the morning began."""
    return MORNING + timedelta(minutes=minutes)


def a_line(
    settings: LineSettings = PLAIN, *, line_id: str = "L1", mode: Mode = Mode.OWN, open_rooms: bool = True
) -> Line:
    state = RoomState.OPEN if open_rooms else RoomState.CLOSED
    return Line(
        id=LineId(line_id),
        name="内科 普通门诊",
        department=DepartmentId("D1"),
        department_name="内科",
        mode=mode,
        day=DAY,
        version=1,
        as_of=MORNING,
        opening=Opening.OPEN if open_rooms else Opening.CLOSED,
        rooms=(
            Room(id=R1, name="301诊室", state=state, doctor=DoctorId("doc-1")),
            Room(id=R2, name="302诊室", state=state, doctor=DoctorId("doc-2")),
        ),
        settings=settings,
    )


def by(line: Line, minutes: float = 0, *, actor: str = NURSE, reason: str = "") -> Instruction:
    """An instruction from somebody who has looked at this very line."""
    return Instruction(actor=actor, at=after(minutes), expected_version=line.version, reason=reason)


def do(line: Line, command: Callable[..., Decision], minutes: float = 0, **arguments: Any) -> Line:
    """Run a command and prove that its events lead from the line before to the line after."""
    done, events = command(line, by(line, minutes), **arguments)
    prove(line, done, events)
    return done


def prove(before: Line, done: Line, events: tuple[Event, ...]) -> None:
    assert replay(before, events) == done
    assert done.version == before.version + bool(events)
    assert all(event.version == done.version and event.actor for event in events)


def number(text: str) -> TicketNumber:
    return TicketNumber(text)


def with_waiting(line: Line, *names: str, minutes: float = 0, **how: Any) -> Line:
    """Check people in, each a minute after the other, under these numbers."""
    for step, each in enumerate(names):
        line = do(line, check_in, minutes + step, visit=VisitRef(f"v-{each}"), number=number(each), **how)
    return line


def order(line: Line) -> str:
    """The waiting line's numbers, in order."""
    return " ".join(t.number for t in line.waiting)
