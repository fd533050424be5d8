"""The running state of one line and its rooms during a simulated day."""

from dataclasses import dataclass, field
from enum import Enum

from demo.departments import LineKind, LinePlan, Room
from demo.ticket import State, Ticket


class LineState(Enum):
    """The values are the vendor's DLZT codes."""

    NOT_YET = "0"
    OPEN = "1"
    PAUSED = "2"
    STOPPED = "3"
    OVER = "9"


class RoomState(Enum):
    """The values are the vendor's ZSZT codes."""

    CLOSED = "0"
    OPEN = "1"
    PAUSED = "2"


@dataclass(slots=True, eq=False)
class RunningRoom:
    """A room at work. ``ticket`` is the one called or served; ``idle`` says it waits for somebody to come."""

    plan: Room
    state: RoomState = RoomState.CLOSED
    ticket: Ticket | None = None
    idle: bool = False
    drift: float = 0.0
    """How far the doctor's pace has wandered, as a logarithm."""
    coffee_at: int = 0
    ends_at: int = 0
    latest: int = 0
    """When the session ends, and how long the doctor stays for those who still wait."""


@dataclass(slots=True, eq=False)
class RunningLine:
    """A line at work: ``waiting`` is in call order, ``tickets`` holds every ticket of the day."""

    plan: LinePlan
    rooms: list[RunningRoom]
    state: LineState = LineState.NOT_YET
    waiting: list[Ticket] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    numbered: int = 0

    @property
    def code(self) -> str:
        return self.plan.code

    def next_number(self) -> str:
        """A number that was never given out in this line today."""
        self.numbered += 1
        return f"{self.plan.letter}{self.numbered:03d}"

    def next_ticket(self) -> Ticket | None:
        """The first in line who may be called."""
        return next((ticket for ticket in self.waiting if ticket.state is not State.HELD), None)

    def places_ready(self) -> int:
        """How many wait at the door (二次候诊): two a room; nobody at the pharmacy or at a closed line."""
        if self.plan.kind is LineKind.PHARMACY or self.state not in (LineState.OPEN, LineState.PAUSED):
            return 0
        return 2 * sum(room.state is not RoomState.CLOSED for room in self.rooms)

    def state_by_rooms(self) -> LineState:
        """What the rooms make of the line: open when one works, paused when all that are there rest."""
        if self.state in (LineState.STOPPED, LineState.OVER, LineState.NOT_YET):
            return self.state
        working = any(room.state is RoomState.OPEN for room in self.rooms)
        return LineState.OPEN if working else LineState.PAUSED
