"""Lines, tickets and events for the tests of storage: real commands, not hand-made rows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from core.clock import CHINA
from core.ids import DepartmentId, LineId, RoomId, TicketNumber, VisitRef
from queue_display.events import Event, Happening, OpeningChanged, TicketMoved, replay
from queue_display.line import Line, LineSettings, Mode, Opening, Room, RoomState
from queue_display.store import Change
from queue_display.ticket import Ticket, TicketState

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, 0, 0, 123_457, tzinfo=CHINA)


def a_ticket(number: str, *, state: TicketState = TicketState.WAITING, rank: int = 1) -> Ticket:
    """A ticket of somebody with a rare character in the name."""
    return Ticket(
        number=TicketNumber(number),
        visit=VisitRef(f"V-{number}"),
        state=state,
        rank=rank,
        order_at=NOON,
        name="𠮷*三",
        changed_at=NOON + timedelta(microseconds=1),
    )


def a_line(name: str = "L0301", *, tickets: int = 3, version: int = 1) -> Line:
    """An own-mode line with waiting tickets A001, A002, …"""
    waiting = [a_ticket(f"A{n:03d}", rank=n) for n in range(1, tickets + 1)]
    return Line(
        id=LineId(name),
        name="心内科 张医生",
        department=DepartmentId("D03"),
        department_name="心内科",
        mode=Mode.OWN,
        day=DAY,
        version=version,
        as_of=NOON,
        opening=Opening.OPEN,
        rooms=(Room(id=RoomId("R301"), name="301诊室", state=RoomState.OPEN),),
        tickets={ticket.number: ticket for ticket in waiting},
        settings=LineSettings(pass_limit=5, late_after_minutes=None),
    )


def moved(line: Line, *numbers: str, to: TicketState = TicketState.CALLED) -> Change:
    """These tickets change state in one change."""
    events = tuple(
        TicketMoved(
            what=Happening.CALLED,
            version=line.version + 1,
            at=NOON + timedelta(seconds=line.version),
            actor="nurse-1",
            reason="叫号",
            ticket=replace(line.tickets[TicketNumber(number)], state=to, room=RoomId("R301")),
            before=line.tickets[TicketNumber(number)].state,
        )
        for number in numbers
    )
    return change(line, events)


def change(line: Line, events: Sequence[Event]) -> Change:
    """What these events make of the line."""
    return Change(before=line, after=replay(line, events), events=tuple(events))


def paused(line: Line) -> Change:
    """The line as a whole pauses: a change without a ticket."""
    event = OpeningChanged(
        what=Happening.OPENING_CHANGED,
        version=line.version + 1,
        at=NOON + timedelta(seconds=line.version),
        actor="nurse-1",
        opening=Opening.PAUSED,
    )
    return change(line, [event])


def new(line: Line) -> Change:
    """The line appears."""
    return Change(before=None, after=line, events=())
