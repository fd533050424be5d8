"""Waiting times as ranges, learned from each line's own past; no answer until there is enough of it.

The only state is what was learned (one ``Pace`` per line); the present comes from the line itself. So every
process answers alike from the same rows, and a board costs microseconds.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from itertools import groupby, pairwise

from core.clock import CHINA
from core.ids import LineId
from queue_display.board import Waits
from queue_display.events import Transition
from queue_display.line import Line, Opening
from queue_display.pace import BREAK_CYCLES, Moment, Pace, RoomNow
from queue_display.replaying import NO_ROOM, learn_day
from queue_display.ticket import IN_LINE, IN_ROOM


class Estimator:
    """The learned pace of every line of this process."""

    def __init__(self) -> None:
        self._paces: dict[LineId, Pace] = {}
        self._until: dict[LineId, date] = {}

    def learn(self, line: LineId, rows: Sequence[Transition], *, until: date) -> None:
        """Add past days, given as the movements before ``until`` in order. Days known already are skipped."""
        pace = self._paces.setdefault(line, Pace())
        known = self._until.get(line)
        for day, of_day in groupby(rows, key=lambda row: row.day):
            if day < until and (known is None or day >= known):
                learn_day(pace, list(of_day))
        self._until[line] = until

    def learn_anew(self, line: LineId, rows: Sequence[Transition], *, until: date) -> None:
        """As ``learn``, from nothing: for a past that has got other days. The old answers last until then."""
        pace = Pace()
        for day, of_day in groupby(rows, key=lambda row: row.day):
            if day < until:
                learn_day(pace, list(of_day))
        self._paces[line] = pace
        self._until[line] = until

    def waits(self, line: Line, at: datetime) -> Waits | None:
        """A range of whole minutes for each waiting place; None while the past is too short to say."""
        pace = self._paces.get(line.id)
        if pace is None or pace.cycle is None or not line.waiting:
            return None
        moment = moment_of(line, at, longest=BREAK_CYCLES * pace.cycle)
        reckoning = pace.reckon(moment)
        ranges = None if reckoning is None else pace.ranges(reckoning, pace.cycle_of(moment))
        return None if ranges is None else Waits(pace.samples, *ranges)


def moment_of(line: Line, at: datetime, *, longest: float) -> Moment:
    """The line's day so far. Above ``longest`` minutes between two calls a room was at rest."""
    if line.hospital_at is not None:
        at = line.hospital_at + (at - line.as_of)
    midnight = datetime.combine(line.day, time(), tzinfo=CHINA).timestamp()
    now = _minute(at, midnight)
    calls: dict[str, list[tuple[float, float]]] = {}
    free: dict[str, float] = {}
    held: set[str] = set()
    has_rooms = any(ticket.room is not None for ticket in line.tickets.values())
    for ticket in line.tickets.values():
        # Who waits again keeps the time of an old call: that is no room at work.
        if ticket.called_at is None or ticket.state in IN_LINE or (ticket.room is None and has_rooms):
            continue
        room = ticket.room or NO_ROOM
        called = _minute(ticket.called_at, midnight)
        joined = ticket.checked_in_at
        calls.setdefault(room, []).append((called, called if joined is None else _minute(joined, midnight)))
        if ticket.state in IN_ROOM:
            held.add(room)
        else:
            ended = _minute(ticket.ended_at or ticket.passed_at or ticket.changed_at, midnight)
            free[room] = max(free.get(room, 0.0), ended)
    cycles, minutes = 0, 0.0
    rooms: list[RoomNow] = []
    for room, those in calls.items():
        those.sort()
        for (last, _), (called, joined_at) in pairwise(those):
            if joined_at <= last and called - last <= longest:
                cycles += 1
                minutes += called - last
        rooms.append(RoomNow(now - those[-1][0], None if room in held else now - free.get(room, now)))
    return Moment(
        minute=now,
        joined=tuple(_minute(t.checked_in_at or t.order_at, midnight) for t in line.waiting),
        rooms=tuple(rooms),
        since_start=now - _started(sorted(at for those in calls.values() for at, _ in those), longest),
        cycles=cycles,
        cycle_minutes=minutes,
        working=line.opening in (Opening.OPEN, Opening.STOPPED),
    )


def _started(calls: list[float], longest: float) -> float:
    """The first of the calls that followed one another without a rest until now."""
    started = 0.0
    for last, at in pairwise([-longest, *calls]):
        if at - last > longest or not started:
            started = at
    return started


def _minute(at: datetime, midnight: float) -> float:
    return (at.timestamp() - midnight) / 60
