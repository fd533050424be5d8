"""How every command is written: check, decide events one by one on a draft, hand back line and events.

A draft lives inside one pure function and is thrown away; nothing outside sees it change.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from core import limits
from core.ids import RoomId, TicketNumber
from queue_display.events import Event, Happening, OpeningChanged, Respaced, RoomChanged, TicketMoved, replay
from queue_display.line import Line, Mode, Opening, Room, RoomState, place
from queue_display.order import entry, rank_at
from queue_display.refusals import (
    ClinicIsStopped,
    LineHasMoved,
    LineIsFull,
    LineIsMirrored,
    NoSuchRoom,
    NoSuchTicket,
    NumberIsTaken,
    RoomIsBusy,
    RoomIsNotOpen,
    WrongState,
)
from queue_display.ticket import RANK_STEP, Ticket, TicketState

Decision = tuple[Line, tuple[Event, ...]]
"""The line afterwards, and what happened. No events: nothing was to be done and the line is as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Who wants it, when, why, and which version of the line was looked at.

    ``expected_version`` None is for the platform's own sweeps, which hold the line's row.
    """

    actor: str
    at: datetime
    expected_version: int | None
    reason: str = ""


class Draft:
    """A line while one command is being decided.

    Refuses at once with ``LineIsMirrored`` when the hospital runs the line, and with ``LineHasMoved`` when it
    is not the line that the actor looked at.
    """

    def __init__(self, line: Line, by: Instruction) -> None:
        if line.mode is Mode.MIRROR:
            raise LineIsMirrored(line=line.id)
        if by.expected_version is not None and by.expected_version != line.version:
            raise LineHasMoved.since(line)
        self.line = line
        self.by = by
        self._version = line.version + 1
        self._events: list[Event] = []

    def ticket(self, number: TicketNumber, *, allowed: frozenset[TicketState]) -> Ticket:
        """The ticket, in one of these states; else ``NoSuchTicket`` or ``WrongState``."""
        ticket = self.line.tickets.get(number)
        if ticket is None:
            raise NoSuchTicket(line=self.line.id, number=number)
        if ticket.state not in allowed:
            raise WrongState(number=number, state=ticket.state, allowed=allowed)
        return ticket

    def room(self, room: RoomId) -> Room:
        """The room; else ``NoSuchRoom``."""
        found = self.line.room(room)
        if found is None:
            raise NoSuchRoom(line=self.line.id, room=room)
        return found

    def free_room(self, room: RoomId) -> Room:
        """The room, open and holding nobody; else ``RoomIsNotOpen`` or ``RoomIsBusy``."""
        found = self.room(room)
        if found.state is not RoomState.OPEN:
            raise RoomIsNotOpen(room=room, state=found.state)
        self.nobody_in(room)
        return found

    def nobody_in(self, room: RoomId) -> None:
        """Refuse with ``RoomIsBusy`` when somebody is called into the room or in service there."""
        holder = self.line.holder(room)
        if holder is not None:
            raise RoomIsBusy(room=room, number=holder.number, state=holder.state)

    def not_stopped(self) -> None:
        """Refuse with ``ClinicIsStopped`` on such a day."""
        if self.line.opening is Opening.STOPPED:
            raise ClinicIsStopped(line=self.line.id)

    def room_for_one_more(self, number: TicketNumber) -> None:
        """Refuse with ``NumberIsTaken`` or ``LineIsFull``."""
        if number in self.line.tickets:
            raise NumberIsTaken(line=self.line.id, number=number)
        if len(self.line.tickets) >= limits.QUEUE_TICKETS_PER_LINE:
            raise LineIsFull(line=self.line.id, limit=limits.QUEUE_TICKETS_PER_LINE)

    def move(self, what: Happening, *tickets: Ticket, reason: str = "") -> None:
        """The same thing happened to these tickets, which now are as given."""
        self._add(
            *(
                TicketMoved(
                    what=what,
                    version=self._version,
                    at=self.by.at,
                    actor=self.by.actor,
                    reason=reason or self.by.reason,
                    ticket=replace(ticket, changed_at=self.by.at, changed_by=self.by.actor),
                    before=self._state_of(ticket.number),
                )
                for ticket in tickets
            )
        )

    def enter(self, what: Happening, ticket: Ticket, *, index: int | None = None) -> None:
        """Put the ticket into the waiting line, at ``index`` among the others or where its band puts it."""
        others = self.others(ticket.number)
        if index is None:
            index = entry(self.line, ticket, others)
        rank = rank_at(self.line, others, index)
        if rank is None:
            self._respace()
            others = self.others(ticket.number)
            rank = rank_at(self.line, others, index)
            assert rank is not None, "ranks were just spread"
        self.move(what, replace(ticket, state=TicketState.WAITING, rank=rank))

    def others(self, number: TicketNumber) -> tuple[Ticket, ...]:
        """The waiting line without that ticket."""
        return tuple(t for t in self.line.waiting if t.number != number)

    def change_room(self, what: Happening, room: Room) -> None:
        """The room is now as given, and the line as a whole as its rooms say, unless it is stopped."""
        self._add(
            RoomChanged(what=what, version=self._version, at=self.by.at, actor=self.by.actor,
                        reason=self.by.reason, room=room)
        )  # fmt: skip
        if self.line.opening is not Opening.STOPPED:
            self.change_opening(Happening.OPENING_CHANGED, opening_of(self.line.rooms))

    def change_opening(self, what: Happening, opening: Opening) -> None:
        """The line as a whole is now as given; nothing happens when it already is."""
        if opening is not self.line.opening:
            self._add(
                OpeningChanged(what=what, version=self._version, at=self.by.at, actor=self.by.actor,
                               reason=self.by.reason, opening=opening)
            )  # fmt: skip

    def done(self) -> Decision:
        """The finished decision; before that, ask the next ones to the door."""
        if self._events:
            self._fill_ready_places()
        return self.line, tuple(self._events)

    def _fill_ready_places(self) -> None:
        """Who stands in the first places, or before somebody already at the door, is asked to the door.

        Nobody is sent back from it. Before the line opens nobody is asked.
        """
        waiting = self.line.waiting
        up_to = self.line.settings.ready_places if self.line.opening is Opening.OPEN else 0
        up_to = max([up_to, *(i + 1 for i, t in enumerate(waiting) if t.state is TicketState.READY)])
        asked = (t for t in waiting[:up_to] if t.state is TicketState.WAITING)
        self.move(Happening.MADE_READY, *(replace(t, state=TicketState.READY) for t in asked))

    def _respace(self) -> None:
        in_order = sorted(self.line.tickets.values(), key=place)
        ranks = tuple((t.number, (i + 1) * RANK_STEP) for i, t in enumerate(in_order))
        self._add(
            Respaced(what=Happening.RESPACED, version=self._version, at=self.by.at, actor=self.by.actor,
                     ranks=ranks)
        )  # fmt: skip

    def _state_of(self, number: TicketNumber) -> TicketState | None:
        known = self.line.tickets.get(number)
        return None if known is None else known.state

    def _add(self, *events: Event) -> None:
        self._events.extend(events)
        self.line = replay(self.line, events)


def opening_of(rooms: tuple[Room, ...]) -> Opening:
    """What a line does whose rooms are these."""
    states = {room.state for room in rooms}
    if RoomState.OPEN in states:
        return Opening.OPEN
    return Opening.PAUSED if RoomState.PAUSED in states else Opening.CLOSED
