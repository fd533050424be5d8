"""What the day is made of: visits, tickets and the events of their life.

Times are whole seconds since the midnight of the hospital's day, as precise as the hospital's own columns.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import Enum, StrEnum
from typing import NamedTuple

CHINA = timezone(timedelta(hours=8), "CST")


def clock(hours: int, minutes: int = 0) -> int:
    """Seconds since midnight of a time of day."""
    return (hours * 60 + minutes) * 60


def moment(day: date, at: int) -> datetime:
    """The aware moment ``at`` seconds into a day."""
    return datetime(day.year, day.month, day.day, tzinfo=CHINA) + timedelta(seconds=at)


class State(Enum):
    """Where a ticket stands, in the simulation's own words; the vendor's codes are in ``codes.py``."""

    BOOKED = "booked"
    WAITING = "waiting"
    READY = "ready"
    CALLED = "called"
    SERVED = "in service"
    AWAY = "away for tests"
    PASSED = "passed"
    SUSPENDED = "suspended"
    HELD = "held by the cashier"
    DONE = "done"
    NO_SHOW = "no show"
    TRANSFERRED = "transferred"
    GAVE_UP = "gave up"
    CANCELLED = "cancelled"
    STOPPED = "clinic stopped"


IN_LINE = frozenset({State.WAITING, State.READY, State.HELD})
OVER = frozenset(
    {State.DONE, State.NO_SHOW, State.TRANSFERRED, State.GAVE_UP, State.CANCELLED, State.STOPPED}
)


class Priority(Enum):
    """Who goes before others; the values are the vendor's YXBZ codes."""

    NONE = ""
    ELDERLY = "1"
    MILITARY = "2"
    URGENT = "3"
    SPECIAL = "8"


class How(Enum):
    """How a registration came about; the values are the vendor's GHFS codes."""

    WALK_IN = "1"
    BOOKED = "2"
    ADDED = "3"


class Band(Enum):
    """By which rule a waiting ticket found its place."""

    URGENT = 0
    SPECIAL = 1
    PRIORITY = 2
    NORMAL = 3
    RECHECKED = 4
    RETURNED = 5


class Kind(StrEnum):
    """What happened. The last group concerns a line or a room and has no ticket."""

    REGISTERED = "registered"
    CHECKED_IN = "checked_in"
    READY = "ready"
    CALLED = "called"
    RECALLED = "recalled"
    STARTED = "started"
    FINISHED = "finished"
    SENT_FOR_TESTS = "sent_for_tests"
    RETURNED = "returned"
    PASSED = "passed"
    RECHECKED_IN = "rechecked_in"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    HELD = "held"
    RELEASED = "released"
    TRANSFERRED = "transferred"
    GAVE_UP = "gave_up"
    CANCELLED = "cancelled"
    CLINIC_STOPPED = "clinic_stopped"
    NO_SHOW = "no_show"
    LINE_STATE = "line_state"
    ROOM_STATE = "room_state"


@dataclass(slots=True, eq=False)
class Visit:
    """One registration (挂号): who, for which line, when."""

    ref: str
    line: str
    age: int
    female: bool
    how: How
    priority: Priority
    afternoon: bool
    slot_begin: int
    slot_end: int
    follow_up: bool
    registers_at: int = 0
    arrives_at: int | None = None
    """None: never comes."""
    cancels_at: int | None = None
    number: str = ""
    state: str = "1"
    """The vendor's GHZT: 1 valid, 2 cancelled, 3 clinic stopped."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One place in one line. The number never changes; everything else may."""

    row: int
    line: str
    number: str
    visit: Visit
    state: State
    band: Band = Band.NORMAL
    returning: bool = False
    key: tuple[float, str] | None = None
    """Place among normal tickets: (slot or arrival, number); None for those placed by another rule."""
    order: float | None = None
    room: str = ""
    doctor: str = ""
    slotted: bool = True
    """Whether the visit's time slot is the one of this line."""
    checked_in_at: int | None = None
    called_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    calls: int = 0
    recalls: int = 0
    """Repetitions of the present call."""
    passes: int = 0
    changed_at: int = 0
    exam_for: "Ticket | None" = None
    """The ticket of the clinic whose doctor waits for this exam."""


class Event(NamedTuple):
    """Something that happened at the hospital. ``ticket`` is the live object, as it stands now."""

    day: date
    at: int
    kind: Kind
    line: str
    ticket: Ticket | None
    room: str

    @property
    def time(self) -> datetime:
        return moment(self.day, self.at)

    @property
    def number(self) -> str:
        """The ticket's number, or nothing where the event concerns a line or room."""
        return "" if self.ticket is None else self.ticket.number
