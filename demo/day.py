"""One day of the hospital, as a pure function of its seed and date.

``play`` yields what happens; ``Day`` lets a driver move the clock and hand in check-in requests. Neither
knows of files, tables or real time. As a library::

    for event in play(7, date(2026, 11, 23)):
        print(event.time, event.line, event.number, event.kind)
"""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date
from enum import Enum

from demo import departments
from demo.arrivals import Arrivals, may_check_in
from demo.calling import Calling
from demo.departments import Hospital
from demo.line import LineState, RoomState, RunningLine, RunningRoom
from demo.stage import Stage
from demo.ticket import OVER, Event, Kind, State, Ticket, clock

FIRST_SECOND = clock(6, 30)
LAST_SECOND = clock(18, 30)

_ENDINGS = {
    State.BOOKED: (Kind.NO_SHOW, State.NO_SHOW),
    State.PASSED: (Kind.NO_SHOW, State.NO_SHOW),
    State.CALLED: (Kind.NO_SHOW, State.NO_SHOW),
    State.SERVED: (Kind.FINISHED, State.DONE),
}
"""What the evening makes of tickets that are still open; every other has given up."""


class Answer(Enum):
    """The hospital's answer to a check-in request; the values are the vendor's JGDM codes."""

    DONE = "00"
    NO_SUCH_VISIT = "01"
    ALREADY = "02"
    TOO_EARLY = "03"
    CLINIC_STOPPED = "04"
    OVER = "05"
    MALFORMED = "06"


class Day:
    """A day that is moved by its owner. Same seed, day, hospital and requests: same day, to the second."""

    def __init__(self, seed: int, day: date, *, hospital: Hospital | None = None) -> None:
        self.seed = seed
        self.date = day
        self.over = False
        self._stage = Stage(hospital or departments.build(seed), day, random.Random(f"day:{seed}:{day}"))
        self._stage.now = FIRST_SECOND
        self._arrivals = Arrivals(self._stage)
        self._arrivals.prepare()
        self.places = Counter((visit.line, visit.afternoon) for visit in self._stage.visits.values())
        """Places offered (号源), by line and whether in the afternoon."""
        Calling(self._stage, self._arrivals).prepare()
        self._stage.at(LAST_SECOND, self._close)
        self.until = FIRST_SECOND - 1
        """Everything up to and with this second has happened."""

    @property
    def hospital(self) -> Hospital:
        return self._stage.hospital

    @property
    def lines(self) -> dict[str, RunningLine]:
        """The lines by code, as they stand now."""
        return self._stage.lines

    @property
    def next_at(self) -> int | None:
        """The second in which something happens next; None when the day is over."""
        return self._stage.next_at

    @property
    def changed(self) -> dict[int, Ticket]:
        """Tickets changed since ``forget_changes``, by row; likewise the lines and rooms below, by code."""
        return self._stage.changed

    @property
    def changed_lines(self) -> dict[str, RunningLine]:
        return self._stage.changed_lines

    @property
    def changed_rooms(self) -> dict[str, RunningRoom]:
        return self._stage.changed_rooms

    def forget_changes(self) -> None:
        """The owner has kept every change."""
        self._stage.changed.clear()
        self._stage.changed_lines.clear()
        self._stage.changed_rooms.clear()

    def tickets(self) -> Iterator[Ticket]:
        """Every ticket of the day so far."""
        for line in self._stage.lines.values():
            yield from line.tickets

    def events(self, until: int = LAST_SECOND) -> Iterator[Event]:
        """Let things happen one by one, up to and with a second of the day."""
        while (at := self._stage.next_at) is not None and at <= until:
            yield from self._stage.step()
        self.until = max(self.until, until)
        self._stage.now = max(self._stage.now, min(until, LAST_SECOND))

    def advance(self, until: int) -> list[Event]:
        """``events``, all at once."""
        return list(self.events(until))

    def check_in(self, visit_ref: str, line_code: str = "") -> tuple[Answer, Ticket | None]:
        """Answer a check-in request that comes in now; the ticket is given when it was done or known.

        An empty ``line_code`` means the one line in which the visit can check in.
        """
        known = [
            ticket
            for ticket in self._stage.tickets.get(visit_ref, ())
            if not line_code or ticket.line == line_code
        ]
        if not known:
            return Answer.NO_SUCH_VISIT, None
        able = [ticket for ticket in known if ticket.state in (State.BOOKED, State.PASSED, State.AWAY)]
        if not able:
            return self._why_not(known), None
        ticket = able[0]
        if not may_check_in(ticket, self._stage.now):
            return Answer.TOO_EARLY, None
        self._arrivals.check_in(ticket)
        self._stage.take_events()
        return Answer.DONE, ticket

    def registered(self) -> Counter[tuple[str, bool]]:
        """How many have registered so far, by line and whether for the afternoon."""
        visits = (tickets[0].visit for tickets in self._stage.tickets.values())
        return Counter((visit.line, visit.afternoon) for visit in visits)

    @staticmethod
    def _why_not(known: list[Ticket]) -> Answer:
        if any(ticket.state not in OVER for ticket in known):
            return Answer.ALREADY
        return Answer.CLINIC_STOPPED if known[-1].state is State.STOPPED else Answer.OVER

    def _close(self) -> None:
        """The evening: whatever is still open ends, every room closes, nothing more happens."""
        stage = self._stage
        for line in stage.lines.values():
            for room in line.rooms:
                room.ticket = None
                if room.state is not RoomState.CLOSED:
                    stage.set_room(room, line, RoomState.CLOSED)
            line.waiting.clear()
            for ticket in line.tickets:
                if ticket.state not in OVER:
                    kind, state = _ENDINGS.get(ticket.state, (Kind.GAVE_UP, State.GAVE_UP))
                    ticket.order = None
                    if ticket.state is State.SERVED:
                        ticket.finished_at = stage.now
                    stage.happen(kind, ticket, state)
            if line.state is not LineState.STOPPED:
                stage.set_line(line, LineState.OVER)
        stage.clear()
        self.over = True


def play(
    seed: int, day: date, *, hospital: Hospital | None = None, until: int = LAST_SECOND
) -> Iterator[Event]:
    """Play one day and yield its events in order. ``hospital`` defaults to the one of the seed."""
    yield from Day(seed, day, hospital=hospital).events(until)


__all__ = ["FIRST_SECOND", "LAST_SECOND", "Answer", "Day", "play"]
