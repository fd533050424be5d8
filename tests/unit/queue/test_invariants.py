"""Whatever staff press, in whatever order: the promises of a line hold after every single command.

A random day is played on two lines with random settings. After each command: events lead from the line before
to the line after, transitions are legal, nobody's number changes, the locked places hold.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from core.ids import LineId, RoomId, TicketNumber, VisitRef
from core.refusals import Refusal
from queue_display.calling import (
    call_chosen,
    call_next,
    finish,
    pass_over,
    pass_overdue,
    recall,
    send_for_tests,
    start,
)
from queue_display.draft import Decision, Instruction
from queue_display.events import Event, Happening, TicketMoved, replay, transitions
from queue_display.joining import book, check_in, recheck_in, return_with_results
from queue_display.leaving import cancel, close_day, give_up, stays_overnight, stop_clinic
from queue_display.line import LateRule, Line, LineSettings, Opening, OrderBy
from queue_display.order import guarded
from queue_display.refusals import LineHasMoved
from queue_display.rooms import close_room, open_day, open_room, pause_room
from queue_display.shifting import defer, resume, suspend, transfer
from queue_display.ticket import ENDED, IN_LINE, IN_ROOM, Band, Priority, TicketState
from queue_display.undo import undo
from tests.unit.queue.clinic import MORNING, R1, R2, a_line

S = TicketState
LEGAL: dict[TicketState | None, frozenset[TicketState]] = {
    None: frozenset({S.BOOKED, S.WAITING}),
    S.BOOKED: frozenset({S.WAITING, S.ABANDONED, S.CANCELLED, S.NO_SHOW}),
    S.WAITING: frozenset(
        {S.READY, S.CALLED, S.SUSPENDED, S.WAITING, S.TRANSFERRED, S.ABANDONED, S.CANCELLED}
    ),
    S.READY: frozenset({S.CALLED, S.SUSPENDED, S.WAITING, S.TRANSFERRED, S.ABANDONED, S.CANCELLED}),
    S.CALLED: frozenset({S.CALLED, S.IN_SERVICE, S.PASSED, S.WAITING, S.NO_SHOW}),
    S.IN_SERVICE: frozenset({S.DONE, S.AWAITING_RESULT, S.CALLED}),
    S.AWAITING_RESULT: frozenset({S.WAITING, S.DONE}),
    S.PASSED: frozenset({S.WAITING, S.NO_SHOW, S.TRANSFERRED, S.ABANDONED, S.CALLED, S.CANCELLED}),
    S.SUSPENDED: frozenset({S.WAITING, S.ABANDONED, S.CANCELLED}),
}
SETTINGS = st.builds(
    LineSettings,
    order_by=st.sampled_from(OrderBy),
    late_rule=st.sampled_from(LateRule),
    lock_places=st.integers(0, 3),
    ready_places=st.integers(0, 3),
    priority_step=st.integers(0, 2),
    passed_step=st.integers(0, 3),
    return_step=st.integers(0, 2),
    late_step=st.integers(0, 3),
    recalls_before_pass=st.integers(0, 1),
    pass_limit=st.integers(1, 3),
    auto_pass_seconds=st.sampled_from([None, 120]),
    by_doctor=st.booleans(),
    transferred_keeps_time=st.booleans(),
    overnight=st.booleans(),
)
ON_TICKET: dict[str, tuple[Callable[..., Decision], frozenset[TicketState]]] = {
    "recall": (recall, frozenset({S.CALLED})),
    "start": (start, frozenset({S.CALLED})),
    "finish": (finish, frozenset({S.IN_SERVICE})),
    "send_for_tests": (send_for_tests, frozenset({S.IN_SERVICE})),
    "pass_over": (pass_over, frozenset({S.CALLED})),
    "recheck_in": (recheck_in, frozenset({S.PASSED})),
    "return": (return_with_results, frozenset({S.AWAITING_RESULT})),
    "suspend": (suspend, IN_LINE),
    "resume": (resume, frozenset({S.SUSPENDED})),
    "give_up": (give_up, IN_LINE | {S.BOOKED, S.PASSED}),
    "cancel": (cancel, IN_LINE | {S.BOOKED}),
    "undo": (undo, IN_ROOM | {S.PASSED}),
}
"""Commands that need only a number, and the states in which they make sense."""

LINES = [LineId("L1"), LineId("L2")]
ROOMS = st.sampled_from([R1, R2])
CHANCE = st.integers(0, 999)


class RandomDay(RuleBasedStateMachine):
    """Two lines, some staff, and no plan."""

    @initialize(first=SETTINGS, second=SETTINGS)
    def morning(self, first: LineSettings, second: LineSettings) -> None:
        self.at = MORNING
        self.people = 0
        self.lines = {
            LINES[0]: a_line(first, line_id="L1"),
            LINES[1]: a_line(second, line_id="L2", open_rooms=False),
        }

    def run(self, which: LineId, command: Callable[..., Decision], **arguments: object) -> None:
        self.at += timedelta(seconds=37)
        before = self.lines[which]
        by = Instruction(actor="nurse", at=self.at, expected_version=before.version)
        try:
            after, events = command(before, by, **arguments)
        except Refusal:
            return
        self.keep(before, after, events, undoing=command is undo)

    def keep(self, before: Line, after: Line, events: tuple[Event, ...], *, undoing: bool = False) -> None:
        assert replay(before, events) == after, "snapshot before + events = snapshot after"
        assert after.version == before.version + bool(events)
        _transitions_are_legal(before, after, events)
        _line_is_sound(after)
        if before.day == after.day:
            _numbers_stay(before, after)
            if not undoing:
                _locked_places_hold(before, after, events)
        self.lines[after.id] = after

    def pick(self, which: LineId, chance: int, states: frozenset[TicketState]) -> TicketNumber:
        fitting = [t.number for t in self.lines[which].tickets.values() if t.state in states]
        return fitting[chance % len(fitting)] if fitting else TicketNumber("none")

    @rule(
        which=st.sampled_from(LINES),
        priority=st.sampled_from([Priority.NONE] * 4 + [Priority.ELDERLY, Priority.SPECIAL, Priority.URGENT]),
        slot=st.sampled_from([None, -60, 0, 30]),
        added=st.booleans(),
        twice=st.booleans(),
    )
    def arrive(self, which: LineId, priority: Priority, slot: int | None, added: bool, twice: bool) -> None:
        slot_begin: datetime | None = None if slot is None else self.at + timedelta(minutes=slot)
        self.people += 1
        visit = VisitRef(f"v{self.people}")
        self.run(which, check_in, visit=visit, priority=priority, slot_begin=slot_begin, added=added)
        if twice:
            self.run(which, check_in, visit=visit)
            self.run(which, check_in, visit=VisitRef(f"w{self.people}"))

    @rule(which=st.sampled_from(LINES))
    def book_and_perhaps_come(self, which: LineId) -> None:
        self.people += 1
        visit = VisitRef(f"v{self.people}")
        self.run(which, book, visit=visit, slot_begin=self.at)
        if self.people % 2:
            self.run(which, check_in, visit=visit)

    @rule(which=st.sampled_from(LINES), room=ROOMS, then=st.sampled_from(["none", "start", "test", "pass"]))
    def call(self, which: LineId, room: RoomId, then: str) -> None:
        self.run(which, call_next, room=room)
        holder = self.lines[which].holder(room)
        if holder is not None and then in ("start", "test"):
            self.run(which, start, number=holder.number)
        if holder is not None and then == "test":
            self.run(which, send_for_tests, number=holder.number)
        if holder is not None and then == "pass":
            self.run(which, recall, number=holder.number)
            self.run(which, pass_over, number=holder.number)

    @rule(which=st.sampled_from(LINES), room=ROOMS, chance=CHANCE)
    def choose(self, which: LineId, room: RoomId, chance: int) -> None:
        self.run(which, call_chosen, number=self.pick(which, chance, IN_LINE), room=room)

    @rule(which=st.sampled_from(LINES), what=st.sampled_from(sorted(ON_TICKET)), chance=CHANCE)
    def on_a_ticket(self, which: LineId, what: str, chance: int) -> None:
        command, states = ON_TICKET[what]
        self.run(which, command, number=self.pick(which, chance, states))

    @rule(which=st.sampled_from(LINES), what=st.sampled_from(sorted(ON_TICKET)), chance=CHANCE)
    def on_any_ticket(self, which: LineId, what: str, chance: int) -> None:
        self.run(which, ON_TICKET[what][0], number=self.pick(which, chance, frozenset(TicketState)))

    @rule(which=st.sampled_from(LINES), chance=CHANCE, places=st.integers(0, 4))
    def let_others_go_first(self, which: LineId, chance: int, places: int) -> None:
        self.run(which, defer, number=self.pick(which, chance, IN_LINE), places=places)

    @rule(which=st.sampled_from(LINES), what=st.sampled_from([open_room, open_room, pause_room, close_room]),
          room=ROOMS)  # fmt: skip
    def turn_a_key(self, which: LineId, what: Callable[..., Decision], room: RoomId) -> None:
        self.run(which, what, room=room)

    @rule(which=st.sampled_from(LINES), chance=CHANCE)
    def send_to_the_other_line(self, which: LineId, chance: int) -> None:
        here = self.lines[which]
        there = self.lines[LINES[1 - LINES.index(which)]]
        by = Instruction(actor="nurse", at=self.at, expected_version=here.version)
        number = self.pick(which, chance, IN_LINE | {S.PASSED})
        try:
            left, joined = transfer(here, there, by, number=number)
        except Refusal:
            return
        self.keep(here, *left)
        self.keep(there, *joined)

    @rule(which=st.sampled_from(LINES))
    def wait_a_while(self, which: LineId) -> None:
        self.at += timedelta(minutes=3)
        self.run(which, pass_overdue)

    @rule(which=st.sampled_from(LINES), stop=st.sampled_from([False, False, True]))
    def end_the_day(self, which: LineId, stop: bool) -> None:
        if self.people < 12:
            return
        if stop:
            self.run(which, stop_clinic)
        self.run(which, close_day)
        evening = self.lines[which]
        assert all(t.state in ENDED or stays_overnight(evening, t) for t in evening.tickets.values())
        self.run(which, open_day, day=evening.day + timedelta(days=1))
        _nobody_is_lost(evening, self.lines[which])


def _transitions_are_legal(before: Line, after: Line, events: tuple[Event, ...]) -> None:
    rows = transitions(after, events)
    assert len(rows) == len(events)
    state = {number: ticket.state for number, ticket in before.tickets.items()}
    for event, row in zip(events, rows, strict=True):
        assert (row.version, row.actor, row.at) == (after.version, "nurse", event.at)
        if not isinstance(event, TicketMoved):
            continue
        ticket = event.ticket
        assert event.before is state.get(ticket.number)
        if event.what is Happening.STAYED:
            assert ticket == replace(before.tickets[ticket.number], given=before.day_of(ticket))
            continue
        assert ticket.state in LEGAL[event.before], (event.what, event.before, ticket.state)
        state[ticket.number] = ticket.state


def _line_is_sound(line: Line) -> None:
    live = [t for t in line.tickets.values() if t.is_live]
    assert len({t.visit for t in live}) == len(live), "one live ticket per visit"
    held = [t.room for t in line.now]
    assert len(set(held)) == len(held), "one called or in service per room"
    assert None not in held
    ready = [t.state is S.READY for t in line.waiting]
    assert ready == sorted(ready, reverse=True), "who is asked to the door stands in front"
    if line.opening is Opening.OPEN:
        assert all(ready[: line.settings.ready_places])
    keys = [(t.rank, t.number) for t in line.waiting]
    assert keys == sorted(keys)
    for ahead, ticket in enumerate(line.waiting):
        assert line.ahead(ticket.number) == ahead


def _numbers_stay(before: Line, after: Line) -> None:
    for number, ticket in before.tickets.items():
        now = after.tickets[number]
        assert (now.number, now.visit) == (number, ticket.visit)
        assert now.calls >= ticket.calls
        if ticket.state in ENDED:
            assert now == ticket, "nothing follows an end"


def _nobody_is_lost(evening: Line, morning: Line) -> None:
    """Who is not at an end goes on under the same number, in the same place, in the same room."""
    live = {n: t for n, t in evening.tickets.items() if t.is_live}
    assert morning.tickets.keys() == live.keys()
    assert [t.number for t in morning.waiting] == [t.number for t in evening.waiting]
    assert [(t.number, t.room, t.calls) for t in morning.now] == [
        (t.number, t.room, t.calls) for t in evening.now
    ]
    assert all(morning.day_of(t) == evening.day_of(live[n]) for n, t in morning.tickets.items())
    if morning.settings.overnight:
        assert morning.rooms == evening.rooms
    else:
        assert morning.opening is Opening.CLOSED


def _locked_places_hold(before: Line, after: Line, events: tuple[Event, ...]) -> None:
    moved = [e.ticket for e in events if isinstance(e, TicketMoved) and e.what is not Happening.MADE_READY]
    if any(t.band is Band.URGENT for t in moved):
        return
    themselves = {t.number for t in moved}
    for index, ticket in enumerate(before.waiting[: guarded(before, before.waiting)]):
        now = after.ahead(ticket.number)
        assert ticket.number in themselves or now is None or now <= index, "a locked place was displaced"


TestRandomDay = RandomDay.TestCase


def test_the_version_is_checked_before_anything_else() -> None:
    line = replace(a_line(), version=7)
    by = Instruction(actor="nurse", at=MORNING, expected_version=6)
    for command, _ in ON_TICKET.values():
        with pytest.raises(LineHasMoved):
            command(line, by, number=TicketNumber("nobody"))
