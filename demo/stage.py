"""The stage of a simulated day: its clock, its agenda, its lines, and who joins or leaves them.

Arrivals and calling play on it. Everything that changes is marked here, so that a writer can follow.
"""

import heapq
import random
from collections.abc import Callable
from datetime import date
from typing import Any

from demo import order
from demo.departments import Hospital, LineKind
from demo.line import LineState, RoomState, RunningLine, RunningRoom
from demo.ticket import IN_LINE, Band, Event, Kind, Priority, State, Ticket, Visit

_BANDS = {
    Priority.URGENT: Band.URGENT,
    Priority.SPECIAL: Band.SPECIAL,
    Priority.ELDERLY: Band.PRIORITY,
    Priority.MILITARY: Band.PRIORITY,
    Priority.NONE: Band.NORMAL,
}


class Stage:
    """One hospital day in motion. Not thread-safe; one owner moves it with ``step``."""

    def __init__(self, hospital: Hospital, day: date, rng: random.Random) -> None:
        self.hospital = hospital
        self.day = day
        self.rng = rng
        self.now = 0
        self.lines = {
            plan.code: RunningLine(plan, [RunningRoom(room) for room in plan.rooms])
            for plan in hospital.lines
        }
        self.visits: dict[str, Visit] = {}
        self.tickets: dict[str, list[Ticket]] = {}
        """Every ticket of a visit, by its reference."""
        self.changed: dict[int, Ticket] = {}
        self.changed_lines: dict[str, RunningLine] = {}
        self.changed_rooms: dict[str, RunningRoom] = {}
        self.when_free: Callable[[RunningRoom, RunningLine], None] = lambda room, line: None
        """What a room does when it has nobody; calling puts itself here."""
        self._agenda: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._scheduled = 0
        self._rows = int(f"{day:%y%m%d}") * 10_000
        self._events: list[Event] = []

    @property
    def next_at(self) -> int | None:
        """When the next thing happens; None when nothing is left."""
        return self._agenda[0][0] if self._agenda else None

    def step(self) -> list[Event]:
        """Let the next thing happen and answer what followed from it."""
        self.now, _, action, arguments = heapq.heappop(self._agenda)
        action(*arguments)
        return self.take_events()

    def take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def at(self, second: int, action: Callable[..., None], *arguments: Any) -> None:
        """Put an action on the agenda; what is already past happens now."""
        self._scheduled += 1
        heapq.heappush(self._agenda, (max(self.now, second), self._scheduled, action, arguments))

    def after(self, low: float, high: float, action: Callable[..., None], *arguments: Any) -> None:
        """Put an action on the agenda after a random number of seconds between two bounds."""
        self.at(self.now + round(self.rng.uniform(low, high)), action, *arguments)

    def clear(self) -> None:
        """Nothing more will happen today."""
        self._agenda.clear()

    def happen(self, kind: Kind, ticket: Ticket, state: State) -> None:
        """Bring a ticket into a state and tell it."""
        ticket.state = state
        self.mark(ticket)
        self._events.append(Event(self.day, self.now, kind, ticket.line, ticket, ticket.room))

    def mark(self, ticket: Ticket) -> None:
        """Note that the ticket's row differs from what was written."""
        ticket.changed_at = self.now
        self.changed[ticket.row] = ticket

    def open_ticket(self, visit: Visit, line: RunningLine, number: str) -> Ticket:
        """Make a ticket of the visit in a line; it is BOOKED until it joins."""
        self._rows += 1
        slotted = visit.line == line.code
        own_doctor = line.plan.doctor.code if line.plan.doctor else ""
        ticket = Ticket(
            self._rows, line.code, number, visit, State.BOOKED, doctor=own_doctor, slotted=slotted
        )
        self.visits[visit.ref] = visit
        self.tickets.setdefault(visit.ref, []).append(ticket)
        line.tickets.append(ticket)
        return ticket

    def join(self, ticket: Ticket, kind: Kind, *, band: Band | None = None, key: float | None = None) -> None:
        """Let the ticket wait in its line, placed by ``band`` or else by its priority.

        ``key`` orders normal tickets (the slot, or the moment for those without one).
        """
        line = self.lines[ticket.line]
        ticket.band = _BANDS[ticket.visit.priority] if band is None else band
        ticket.key = (self.now if key is None else key, ticket.number) if ticket.band is Band.NORMAL else None
        ticket.room = ""
        ticket.recalls = 0
        ticket.checked_in_at = self.now
        self.happen(kind, ticket, State.WAITING)
        self.place(ticket, line, order.place_for(ticket, line.waiting))

    def place(self, ticket: Ticket, line: RunningLine, index: int) -> None:
        """Put the ticket into the waiting list and wake whoever waits for it."""
        if order.insert(ticket, line.waiting, index):
            for other in line.waiting:
                self.mark(other)
        self.promote(line)
        for room in line.rooms:
            if room.idle:
                room.idle = False
                self.after(4, 20, self.when_free, room, line)

    def leave(self, ticket: Ticket, kind: Kind, state: State, *, keep_order: bool = False) -> None:
        """Take the ticket out of the waiting list, if it is in it, into another state."""
        line = self.lines[ticket.line]
        if ticket.state in IN_LINE:
            line.waiting.remove(ticket)
        if not keep_order:
            ticket.order = None
        self.happen(kind, ticket, state)
        self.promote(line)

    def promote(self, line: RunningLine) -> None:
        """Send the first in line to the door (二次候诊) while there is a place."""
        free = line.places_ready() - sum(ticket.state is State.READY for ticket in line.waiting)
        if free <= 0:
            return
        for ticket in line.waiting:
            if ticket.state is State.WAITING:
                self.happen(Kind.READY, ticket, State.READY)
                free -= 1
                if free <= 0:
                    return

    def set_room(self, room: RunningRoom, line: RunningLine, state: RoomState) -> None:
        """Open, pause or close a room; the line follows."""
        room.state = state
        room.idle = False
        self.changed_rooms[room.plan.code] = room
        self._events.append(Event(self.day, self.now, Kind.ROOM_STATE, line.code, None, room.plan.code))
        if line.state is LineState.NOT_YET and state is RoomState.OPEN:
            line.state = LineState.OPEN
            self.set_line(line, LineState.OPEN)
        elif line.state_by_rooms() is not line.state:
            self.set_line(line, line.state_by_rooms())
        self.promote(line)

    def set_line(self, line: RunningLine, state: LineState) -> None:
        line.state = state
        self.changed_lines[line.code] = line
        self._events.append(Event(self.day, self.now, Kind.LINE_STATE, line.code, None, ""))

    def sibling(self, line: RunningLine) -> RunningLine | None:
        """Another open line of the department, the shortest."""
        others = [
            other
            for other in self.lines.values()
            if other is not line
            and other.plan.department is line.plan.department
            and other.state in (LineState.OPEN, LineState.PAUSED)
        ]
        return min(others, key=lambda other: len(other.waiting), default=None)

    def shortest(self, kind: LineKind) -> RunningLine | None:
        """The shortest open line of a kind."""
        lines = [
            line for line in self.lines.values() if line.plan.kind is kind and line.state is LineState.OPEN
        ]
        return min(lines, key=lambda line: len(line.waiting), default=None)
