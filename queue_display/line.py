"""The waiting line: who stands in it, who is next, and the settings the hospital chose for it.

Values only. What may be done to a line is in ``calling``, ``joining``, ``leaving``, ``rooms`` and ``undo``;
what was done is in ``events``.
"""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from core.ids import DepartmentId, DoctorId, LineId, RoomId, TicketNumber, VisitRef
from queue_display.ticket import IN_LINE, IN_ROOM, Ticket, TicketState

# Beyond noon nobody could say whose date a day has.
_BEGINS = re.compile(r"(?:0[0-9]|1[01]):[0-5][0-9]|12:00")


class Mode(enum.StrEnum):
    """Who holds the truth: the hospital's own calling system, or this platform."""

    MIRROR = "mirror"
    OWN = "own"


class Opening(enum.StrEnum):
    """What the line as a whole is doing. STOPPED is 停诊: the clinic will not take place today."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    STOPPED = "stopped"


class RoomState(enum.StrEnum):
    """What one room is doing."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"


class OrderBy(enum.StrEnum):
    """Which time decides among equals: the arrival, or the booked slot's beginning."""

    CHECKED_IN = "checked_in"
    SLOT = "slot"


class LateRule(enum.StrEnum):
    """Where somebody goes who arrives too late for the slot: to its end, or to the end of the line."""

    SLOT_END = "slot_end"
    LINE_END = "line_end"


@dataclass(frozen=True, slots=True)
class Room:
    """One consulting room of a line. ``doctor`` is who works in it now."""

    id: RoomId
    name: str
    state: RoomState = RoomState.CLOSED
    doctor: DoctorId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """The rules that a hospital sets per line. Places and steps count tickets; 0 switches a rule off."""

    order_by: OrderBy = OrderBy.CHECKED_IN
    lock_places: int = 2
    """锁定: nobody but an emergency is put before the first so many."""
    ready_places: int = 2
    """二次候诊: so many are asked to wait at the room's door."""
    priority_step: int = 0
    """优先: at most one priority ticket after every so many others; 0 = all before the others."""
    passed_step: int = 3
    """过号间隔: who was passed and came back goes behind so many."""
    return_step: int = 2
    """回诊: one return after every so many first visits; 0 = returns go first."""
    late_after_minutes: int | None = 30
    """迟到: later than the slot's beginning by more than this is late; None = nobody is late."""
    late_rule: LateRule = LateRule.SLOT_END
    late_step: int = 0
    """Who is late goes behind at least so many."""
    transferred_keeps_time: bool = False
    """转诊: the arrival in the first line counts, instead of the moment of transfer."""
    defer_places: int = 10
    """延后: one wish to be later moves a ticket back by at most so many."""
    recalls_before_pass: int = 1
    """Who does not come may be passed over after so many recalls …"""
    pass_after_seconds: int = 60
    """… or so long after the last call."""
    auto_pass_seconds: int | None = None
    """A call that nobody answered is passed over by itself after this; None = never."""
    pass_limit: int = 3
    """过号上限: passed over so often is a no-show."""
    undo_seconds: int = 180
    by_doctor: bool = False
    """A ticket that names a doctor is called only into that doctor's room."""
    number_prefix: str = "A"
    number_digits: int = 3
    day_begins: str = "00:00"
    """换日: when the line's day begins, ``HH:MM`` on China's clock, at noon at the latest."""
    overnight: bool = False
    """通宵: whoever is in the line when its day ends stays in it, and its rooms go on."""

    def __post_init__(self) -> None:
        """Refuse (``ValueError``) what would silently turn a rule round, and a day that begins never."""
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, int) and value < 0:
                raise ValueError(f"{name} is negative")
        if self.pass_limit < 1:
            raise ValueError("pass_limit is below 1")
        if not _BEGINS.fullmatch(self.day_begins):
            raise ValueError("day_begins is no time of day from 00:00 to 12:00")


def place(ticket: Ticket) -> tuple[int, str]:
    """The key by which a line is ordered."""
    return ticket.rank, ticket.number


@dataclass(frozen=True)
class Line:
    """One line on one day, whole. ``version`` grows by one with every committed command or sync change.

    ``tickets`` holds all of the day's tickets, ended ones too, because a number is never reused, and those
    that stayed overnight. Treat it as frozen: every change makes a new mapping. ``as_of`` is the last
    confirmation by whoever holds the truth; ``fresh`` is False when the hospital has not confirmed for too
    long; ``hospital_at`` is ``as_of`` on the hospital's own clock (mirror mode only).
    """

    id: LineId
    name: str
    department: DepartmentId
    department_name: str
    mode: Mode
    day: date
    version: int
    as_of: datetime
    doctor: DoctorId | None = None
    doctor_name: str = ""
    opening: Opening = Opening.CLOSED
    fresh: bool = True
    hospital_at: datetime | None = None
    rooms: tuple[Room, ...] = ()
    tickets: Mapping[TicketNumber, Ticket] = field(default_factory=dict)
    settings: LineSettings = field(default_factory=LineSettings)

    @cached_property
    def waiting(self) -> tuple[Ticket, ...]:
        """Everyone still to be called, in order."""
        return tuple(sorted((t for t in self.tickets.values() if t.state in IN_LINE), key=place))

    @cached_property
    def now(self) -> tuple[Ticket, ...]:
        """Who is called or in service, newest call first."""
        here = [t for t in self.tickets.values() if t.state in IN_ROOM]
        here.sort(key=lambda t: (-(t.called_at or t.changed_at).timestamp(), t.number))
        return tuple(here)

    def in_state(self, state: TicketState) -> tuple[Ticket, ...]:
        """The tickets in one state, in order."""
        return tuple(sorted((t for t in self.tickets.values() if t.state is state), key=place))

    def room(self, room: RoomId) -> Room | None:
        """The room of that id, if this line has it."""
        return next((each for each in self.rooms if each.id == room), None)

    def day_of(self, ticket: Ticket) -> date:
        """The day on which the ticket's number was given; together they name the ticket."""
        return ticket.given or self.day

    def holder(self, room: RoomId) -> Ticket | None:
        """Who is called into the room or in service there."""
        return next((t for t in self.tickets.values() if t.room == room and t.state in IN_ROOM), None)

    def of_visit(self, visit: VisitRef) -> Ticket | None:
        """The live ticket of a visit, if it has one here."""
        return next((t for t in self.tickets.values() if t.visit == visit and t.is_live), None)

    def ahead(self, number: TicketNumber) -> int | None:
        """How many will be called before this ticket; None when it does not wait."""
        return next((at for at, t in enumerate(self.waiting) if t.number == number), None)
