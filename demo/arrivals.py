"""How people come into a line and how they leave it without being seen."""

from demo import order, plan
from demo.departments import LineKind
from demo.line import LineState, RoomState, RunningLine
from demo.stage import Stage
from demo.ticket import IN_LINE, Band, How, Kind, State, Ticket, Visit, clock

EARLIEST_CHECK_IN = 90 * 60
"""How long before the slot the vendor accepts a check-in request."""

_FIRST_UNBOOKED = 50_000
"""Visit numbers above this belong to those who came without a slot."""

_GIVE_UP_SHARE = 0.008
_SUSPEND_SHARE = 0.02
_HOLD_SHARE = 0.008
_TRANSFER_SHARE = 0.007
_STOPPED_MOVE_SHARE = 0.65


class Arrivals:
    """Registrations, check-ins, returns, transfers and the ways to give up, on one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._rng = stage.rng
        self._unbooked = 0

    def prepare(self) -> None:
        """Put the day's registrations and surprises on the agenda."""
        stage = self._stage
        for visit in plan.visits(stage.hospital, stage.day, self._rng):
            stage.lines[visit.line].numbered += 1
            stage.visits[visit.ref] = visit
            stage.at(visit.registers_at, self._register, visit)
        clinics = [line for line in stage.lines.values() if line.plan.kind is LineKind.CLINIC]
        for line in clinics:
            for _ in range(self._rng.choices((0, 1, 2, 3), (4, 4, 2, 1))[0]):
                stage.at(self._rng.randint(clock(8, 40), clock(11, 10)), self._come_unbooked, line, False)
            if self._rng.random() < 0.25:
                stage.at(self._rng.randint(clock(8, 20), clock(16, 30)), self._come_unbooked, line, True)
        own = [line for line in clinics if line.plan.doctor is not None]
        if own:
            stage.at(self._rng.randint(clock(9, 20), clock(10, 50)), self._stop, self._rng.choice(own))

    def check_in(self, ticket: Ticket) -> None:
        """Let a booked, passed or tested ticket wait (again)."""
        stage = self._stage
        if ticket.state is State.BOOKED:
            visit = ticket.visit
            stage.join(ticket, Kind.CHECKED_IN, key=self._slot_key(visit))
            self._tempt(ticket)
        elif ticket.state is State.PASSED:
            stage.join(ticket, Kind.RECHECKED_IN, band=Band.RECHECKED)
        elif ticket.state is State.AWAY:
            self.come_back(ticket)

    def come_back(self, ticket: Ticket) -> None:
        """Return from tests (回诊). A stopped clinic hands the patient to a colleague."""
        if ticket.state is not State.AWAY:
            return
        ticket.returning = True
        if self._stage.lines[ticket.line].state is LineState.STOPPED:
            self._transfer(ticket, or_else=State.STOPPED)
        else:
            self._stage.join(ticket, Kind.RETURNED, band=Band.RETURNED)

    def come_after_pass(self, ticket: Ticket, passes: int) -> None:
        """Come back after having missed the call, unless something else happened meanwhile."""
        if ticket.state is State.PASSED and ticket.passes == passes:
            self.check_in(ticket)

    def join_exam(self, ticket: Ticket) -> None:
        """Queue for the exam the doctor ordered; come back later all the same where none is open."""
        line = self._stage.shortest(LineKind.EXAM)
        if ticket.state is not State.AWAY:
            return
        if line is None:
            self._stage.after(1500, 4500, self.come_back, ticket)
            return
        exam = self._stage.open_ticket(ticket.visit, line, line.next_number())
        exam.exam_for = ticket
        self._stage.join(exam, Kind.CHECKED_IN)

    def join_pharmacy(self, visit: Visit) -> None:
        """Queue for the medicine at the shortest window that is open."""
        line = self._stage.shortest(LineKind.PHARMACY)
        if line is not None:
            ticket = self._stage.open_ticket(visit, line, line.next_number())
            self._stage.join(ticket, Kind.CHECKED_IN)

    def _register(self, visit: Visit) -> None:
        stage = self._stage
        line = stage.lines[visit.line]
        if line.state is LineState.STOPPED:
            del stage.visits[visit.ref]
            return
        ticket = stage.open_ticket(visit, line, visit.number)
        stage.happen(Kind.REGISTERED, ticket, State.BOOKED)
        if visit.cancels_at is not None:
            stage.at(visit.cancels_at, self._cancel, ticket)
        if visit.arrives_at is not None:
            stage.at(visit.arrives_at, self._arrive, ticket)

    def _come_unbooked(self, line: RunningLine, urgent: bool) -> None:
        stage = self._stage
        if line.state is not LineState.OPEN:
            return
        visit = plan.added(line.plan, self._rng, at=stage.now, urgent=urgent)
        self._unbooked += 1
        visit.ref = plan.visit_ref(stage.day, _FIRST_UNBOOKED + self._unbooked)
        visit.number = line.next_number()
        ticket = stage.open_ticket(visit, line, visit.number)
        stage.happen(Kind.REGISTERED, ticket, State.BOOKED)
        stage.join(ticket, Kind.CHECKED_IN, key=float("inf"))

    def _arrive(self, ticket: Ticket) -> None:
        if ticket.state is State.BOOKED:
            self.check_in(ticket)

    def _slot_key(self, visit: Visit) -> float:
        """The slot for those in time; those who are late go to the end of the slot they arrive in."""
        if self._stage.now < visit.slot_end:
            return visit.slot_begin
        return self._stage.now // plan.SLOT * plan.SLOT + plan.SLOT - 1

    def _tempt(self, ticket: Ticket) -> None:
        """Perhaps something will happen to the patient while waiting."""
        stage = self._stage
        roll = self._rng.random()
        for share, low, high, action in (
            (_GIVE_UP_SHARE, 1800, 5400, self._give_up),
            (_SUSPEND_SHARE, 30, 500, self._suspend),
            (_HOLD_SHARE, 10, 120, self._hold),
            (_TRANSFER_SHARE, 180, 1200, self._move),
        ):
            if roll < share:
                stage.after(low, high, action, ticket)
                return
            roll -= share

    def _cancel(self, ticket: Ticket) -> None:
        if ticket.state is State.BOOKED:
            ticket.visit.state = "2"
            self._stage.happen(Kind.CANCELLED, ticket, State.CANCELLED)

    def _give_up(self, ticket: Ticket) -> None:
        if ticket.state is State.WAITING:
            self._stage.leave(ticket, Kind.GAVE_UP, State.GAVE_UP)

    def _suspend(self, ticket: Ticket) -> None:
        if ticket.state is State.WAITING:
            self._stage.leave(ticket, Kind.SUSPENDED, State.SUSPENDED, keep_order=True)
            self._stage.after(300, 1200, self._resume, ticket)

    def _resume(self, ticket: Ticket) -> None:
        if ticket.state is State.SUSPENDED:
            line = self._stage.lines[ticket.line]
            index = order.old_place(ticket, line.waiting)
            self._stage.happen(Kind.RESUMED, ticket, State.WAITING)
            self._stage.place(ticket, line, index)

    def _hold(self, ticket: Ticket) -> None:
        """The undocumented code: the cashier has the ticket open for a minute or two."""
        if ticket.state is State.WAITING:
            self._stage.happen(Kind.HELD, ticket, State.HELD)
            self._stage.after(60, 150, self._release, ticket)

    def _release(self, ticket: Ticket) -> None:
        if ticket.state is State.HELD:
            line = self._stage.lines[ticket.line]
            self._stage.happen(Kind.RELEASED, ticket, State.WAITING)
            line.waiting.remove(ticket)
            self._stage.place(ticket, line, order.old_place(ticket, line.waiting))

    def _move(self, ticket: Ticket) -> None:
        if ticket.state is State.WAITING:
            self._transfer(ticket, or_else=None)

    def _transfer(self, ticket: Ticket, *, or_else: State | None) -> None:
        """Hand the patient to the department's shortest other line, under a new number."""
        stage = self._stage
        target = stage.sibling(stage.lines[ticket.line])
        if target is None:
            if or_else is not None:
                ticket.visit.state = "3"
                stage.leave(ticket, Kind.CLINIC_STOPPED, or_else)
            return
        stage.leave(ticket, Kind.TRANSFERRED, State.TRANSFERRED)
        again = stage.open_ticket(ticket.visit, target, target.next_number())
        again.returning = ticket.returning
        stage.join(again, Kind.CHECKED_IN)

    def _stop(self, line: RunningLine) -> None:
        """The doctor is called away for the rest of the day (停诊)."""
        stage = self._stage
        stage.set_line(line, LineState.STOPPED)
        for room in line.rooms:
            if room.ticket is not None and room.ticket.state is State.CALLED:
                room.ticket = None
            if room.ticket is None:
                stage.set_room(room, line, RoomState.CLOSED)
        for ticket in list(line.tickets):
            present = ticket.state in IN_LINE or ticket.state in (State.CALLED, State.SUSPENDED)
            if present and self._rng.random() < _STOPPED_MOVE_SHARE:
                self._transfer(ticket, or_else=State.STOPPED)
            elif present or ticket.state in (State.BOOKED, State.PASSED):
                ticket.visit.state = "3"
                stage.leave(ticket, Kind.CLINIC_STOPPED, State.STOPPED)


def may_check_in(ticket: Ticket, now: int) -> bool:
    """Whether it is not too early for the ticket's slot; those without a slot may always."""
    if ticket.state is not State.BOOKED or ticket.visit.how is How.ADDED:
        return True
    return now >= ticket.visit.slot_begin - EARLIEST_CHECK_IN
