"""How doctors and windows work: sessions and pauses, calls, no-answers, services and what follows them."""

import math

from demo.arrivals import Arrivals
from demo.departments import LineKind
from demo.line import LineState, RoomState, RunningLine, RunningRoom
from demo.stage import Stage
from demo.ticket import Kind, State, Ticket, clock

RECALLS = 2
PASSES = 3

_ABSENT_SHARE = 0.07
_COMES_ON_RECALL_SHARE = 0.35
_COMES_AFTER_PASS_SHARE = 0.74
_RETURN_FACTOR = 0.45
_SHORTEST_SERVICE = 25.0
_NO_TESTS_AFTER = clock(16)

_SESSIONS = {
    LineKind.CLINIC: ((clock(8), clock(12), clock(12, 50)), (clock(13, 30), clock(17, 10), clock(18, 15))),
    LineKind.EXAM: ((clock(8), clock(12), clock(12, 40)), (clock(13, 30), clock(17, 20), clock(18, 15))),
    LineKind.PHARMACY: ((clock(8), clock(18), clock(18, 20)),),
}
"""Begin, end, and how long one stays for those who still wait."""


class Calling:
    """The rooms of the day at work, on one stage."""

    def __init__(self, stage: Stage, arrivals: Arrivals) -> None:
        self._stage = stage
        self._arrivals = arrivals
        self._rng = stage.rng
        stage.when_free = self.call_next

    def prepare(self) -> None:
        """Put the sessions of every room on the agenda."""
        for line in self._stage.lines.values():
            for room in line.rooms:
                for begin, end, latest in _SESSIONS[line.plan.kind]:
                    late = (
                        self._rng.randint(0, 60) if self._rng.random() < 0.4 else self._rng.randint(60, 720)
                    )
                    self._stage.at(begin + late, self._open, room, line, end, latest)

    def call_next(self, room: RunningRoom, line: RunningLine) -> None:
        """What a free room does: pause, go, call the next, or wait for somebody to come."""
        stage = self._stage
        if room.state is not RoomState.OPEN or room.ticket is not None:
            return
        if 0 < room.coffee_at <= stage.now:
            room.coffee_at = 0
            stage.set_room(room, line, RoomState.PAUSED)
            stage.after(240, 780, self._resume, room, line)
            return
        ticket = self._next(room, line)
        if ticket is not None:
            self._call(room, line, ticket)
        elif stage.now >= room.ends_at or line.state is LineState.STOPPED:
            stage.set_room(room, line, RoomState.CLOSED)
        else:
            room.idle = True

    def _next(self, room: RunningRoom, line: RunningLine) -> Ticket | None:
        """The next to call; after hours only those who belong to this session."""
        if self._stage.now >= room.latest or line.state is LineState.STOPPED:
            return None
        ticket = line.next_ticket()
        if self._stage.now < room.ends_at:
            return ticket
        return next(
            (
                other
                for other in line.waiting
                if other.state is not State.HELD and other.visit.slot_begin < room.ends_at
            ),
            None,
        )

    def _open(self, room: RunningRoom, line: RunningLine, end: int, latest: int) -> None:
        stage = self._stage
        if line.state is LineState.STOPPED:
            return
        room.ends_at, room.latest = end, latest
        room.coffee_at = stage.now + self._rng.randint(75, 150) * 60 if self._rng.random() < 0.7 else 0
        stage.set_room(room, line, RoomState.OPEN)
        stage.at(end, self._end, room, line)
        self.call_next(room, line)

    def _end(self, room: RunningRoom, line: RunningLine) -> None:
        """The session is over: whoever sits idle goes; the others go when they are done."""
        if room.idle:
            self.call_next(room, line)

    def _resume(self, room: RunningRoom, line: RunningLine) -> None:
        if room.state is RoomState.PAUSED:
            self._stage.set_room(room, line, RoomState.OPEN)
            self.call_next(room, line)

    def _call(self, room: RunningRoom, line: RunningLine, ticket: Ticket) -> None:
        stage = self._stage
        ticket.room, ticket.doctor = room.plan.code, room.plan.doctor.code
        ticket.called_at = stage.now
        ticket.calls += 1
        ticket.recalls = 0
        room.ticket = ticket
        stage.leave(ticket, Kind.CALLED, State.CALLED)
        self._answer(room, line, ticket, comes=self._rng.random() >= _ABSENT_SHARE)

    def _answer(self, room: RunningRoom, line: RunningLine, ticket: Ticket, *, comes: bool) -> None:
        near = line.plan.kind is LineKind.PHARMACY
        if comes:
            low, high = (4, 18) if near else (10, 55)
            self._stage.after(low, high, self._start, room, line, ticket, ticket.calls)
        else:
            low, high = (12, 25) if near else (28, 50)
            self._stage.after(low, high, self._call_again, room, line, ticket, ticket.calls)

    def _call_again(self, room: RunningRoom, line: RunningLine, ticket: Ticket, calls: int) -> None:
        """Nobody came: recall, and after enough recalls pass over."""
        if not self._is_called(room, ticket, calls):
            return
        stage = self._stage
        if ticket.recalls >= RECALLS:
            self._pass_over(room, line, ticket)
            return
        ticket.calls += 1
        ticket.recalls += 1
        ticket.called_at = stage.now
        stage.happen(Kind.RECALLED, ticket, State.CALLED)
        self._answer(room, line, ticket, comes=self._rng.random() < _COMES_ON_RECALL_SHARE)

    def _pass_over(self, room: RunningRoom, line: RunningLine, ticket: Ticket) -> None:
        stage = self._stage
        room.ticket = None
        ticket.room = ""
        ticket.passes += 1
        stage.happen(Kind.PASSED, ticket, State.PASSED)
        if ticket.passes < PASSES and self._rng.random() < _COMES_AFTER_PASS_SHARE:
            stage.after(90, 1500, self._arrivals.come_after_pass, ticket, ticket.passes)
        stage.after(3, 12, self.call_next, room, line)

    def _start(self, room: RunningRoom, line: RunningLine, ticket: Ticket, calls: int) -> None:
        if not self._is_called(room, ticket, calls):
            return
        ticket.started_at = self._stage.now
        ticket.finished_at = None
        self._stage.happen(Kind.STARTED, ticket, State.SERVED)
        self._stage.at(self._stage.now + self._service_seconds(room, line, ticket), self._finish, room, line)

    def _service_seconds(self, room: RunningRoom, line: RunningLine, ticket: Ticket) -> int:
        department = line.plan.department
        room.drift = 0.9 * room.drift + self._rng.gauss(0, 0.07)
        mean = department.service_minutes * 60 * room.plan.doctor.pace
        if ticket.returning:
            mean *= _RETURN_FACTOR
        normal = self._rng.gauss(-(department.spread**2) / 2, department.spread)
        return round(max(_SHORTEST_SERVICE, mean * math.exp(normal + room.drift)))

    def _finish(self, room: RunningRoom, line: RunningLine) -> None:
        stage, ticket = self._stage, room.ticket
        if ticket is None or ticket.state is not State.SERVED:
            return
        room.ticket = None
        ticket.finished_at = stage.now
        if self._needs_tests(line, ticket):
            stage.happen(Kind.SENT_FOR_TESTS, ticket, State.AWAY)
            if self._rng.random() < line.plan.department.exam_share:
                stage.after(180, 600, self._arrivals.join_exam, ticket)
            else:
                stage.after(1500, 4500, self._arrivals.come_back, ticket)
        else:
            stage.happen(Kind.FINISHED, ticket, State.DONE)
            self._follow_up(line, ticket)
        stage.after(3, 12, self.call_next, room, line)

    def _needs_tests(self, line: RunningLine, ticket: Ticket) -> bool:
        if ticket.returning or self._stage.now > _NO_TESTS_AFTER:
            return False
        return self._rng.random() < line.plan.department.tests_share

    def _follow_up(self, line: RunningLine, ticket: Ticket) -> None:
        """After the doctor to the pharmacy, after the exam back to the doctor."""
        if ticket.exam_for is not None:
            self._stage.after(300, 1200, self._arrivals.come_back, ticket.exam_for)
        elif self._rng.random() < line.plan.department.medicine_share:
            self._stage.after(240, 840, self._arrivals.join_pharmacy, ticket.visit)

    @staticmethod
    def _is_called(room: RunningRoom, ticket: Ticket, calls: int) -> bool:
        """Whether this very call still stands; anything planned for an earlier one is void."""
        return room.ticket is ticket and ticket.state is State.CALLED and ticket.calls == calls
