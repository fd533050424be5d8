"""Days before the platform knew a line, as the hospital's own records tell them afterwards.

Pure. A told day becomes history rows that ``replaying`` reads like a day that was seen. What the records
leave out stays out: nothing is invented to fill a gap.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import IntEnum

from core.clock import CHINA
from core.ids import RoomId, TicketNumber
from queue_display.events import Happening, Transition, past_version
from queue_display.mirror import ACTOR
from queue_display.ticket import IN_LINE, IN_ROOM, RANK_STEP, TicketState

REASON = "told_later"
LONGEST_DAY = timedelta(hours=36)
"""A business day may run into the next morning; a time beyond is no time of that day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTicket:
    """One ticket of a day that is over, on the hospital's clock: its last turn, and how it ended."""

    number: TicketNumber
    state: TicketState
    room: RoomId | None = None
    checked_in_at: datetime | None = None
    called_at: datetime | None = None
    ended_at: datetime | None = None


def told_day(day: date, tickets: Iterable[PastTicket]) -> tuple[Transition, ...]:
    """The history rows of one line's past day: ``DAY_OPENED``, then the movements of its tickets in order.

    The order of the line is the order in which the hospital called, for that is where its queue led. Who left
    the line at an unknown time is left out: nobody knows before whom they stood. A call without a room, on a
    day on which others have rooms, ends the wait and holds no room.
    """
    midnight = datetime.combine(day, time(), tzinfo=CHINA)
    turns = [turn for ticket in tickets if (turn := _turn(ticket, midnight)) is not None]
    turns.sort(key=lambda turn: (turn.called or turn.ended or midnight, turn.number))
    has_rooms = any(turn.room is not None for turn in turns)
    movements = [
        movement
        for place, turn in enumerate(turns, start=1)
        for movement in _movements(turn, place * RANK_STEP, has_rooms=has_rooms)
    ]
    movements.sort(key=lambda movement: (movement.at, movement.kind, movement.rank))
    opened = Transition(
        version=past_version(day), step=0, day=day, what=Happening.DAY_OPENED, at=midnight, actor=ACTOR,
        reason=REASON, hospital_at=midnight,
    )  # fmt: skip
    return (opened, *(movement.row(day, step) for step, movement in enumerate(movements, start=1)))


@dataclass(frozen=True, slots=True)
class _Turn:
    """A ticket's way through the day, as far as it can be believed: joined, then called, then ended."""

    number: TicketNumber
    room: RoomId | None
    joined: datetime | None
    called: datetime | None
    ended: datetime | None
    outcome: TicketState


class _Kind(IntEnum):
    """At one moment a room becomes free before it calls, and who comes is there before the call."""

    ENDED = 0
    JOINED = 1
    CALLED = 2
    ENDED_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class _Movement:
    at: datetime
    kind: _Kind
    rank: int
    number: TicketNumber
    before: TicketState | None
    after: TicketState
    room: RoomId | None

    def row(self, day: date, step: int) -> Transition:
        return Transition(
            version=past_version(day), step=step, day=day, what=Happening.OBSERVED, at=self.at, actor=ACTOR,
            reason=REASON, number=self.number, before=self.before, after=self.after, room=self.room,
            rank=self.rank, hospital_at=self.at,
        )  # fmt: skip


def _turn(ticket: PastTicket, midnight: datetime) -> _Turn | None:
    """What can be believed of the ticket; None when it says nothing about waiting.

    A call before the check-in belongs to a turn before this one, an end before the call to nothing.
    """
    joined, called, ended = (
        at if at is not None and midnight <= at < midnight + LONGEST_DAY else None
        for at in (ticket.checked_in_at, ticket.called_at, ticket.ended_at)
    )
    if called is not None and joined is not None and called < joined:
        called = None
    begun = called or joined
    still_there = ticket.state in IN_LINE | IN_ROOM
    if ended is not None and (still_there or begun is None or ended < begun):
        ended = None
    if called is None and ended is None:
        return None
    outcome = TicketState.UNKNOWN if still_there else ticket.state
    return _Turn(ticket.number, ticket.room, joined, called, ended, outcome)


def _movements(turn: _Turn, rank: int, *, has_rooms: bool) -> Iterator[_Movement]:
    state: TicketState | None = None
    last: datetime | None = None

    def to(after: TicketState, at: datetime, kind: _Kind) -> _Movement:
        return _Movement(at, kind, rank, turn.number, state, after, turn.room)

    if turn.joined is not None:
        yield to(TicketState.WAITING, turn.joined, _Kind.JOINED)
        state, last = TicketState.WAITING, turn.joined
    ended = turn.ended
    if turn.called is not None and has_rooms and turn.room is None:
        ended = turn.called
    elif turn.called is not None:
        yield to(TicketState.CALLED, turn.called, _Kind.CALLED)
        state, last = TicketState.CALLED, turn.called
    if ended is not None and last is not None:
        yield to(turn.outcome, ended, _Kind.ENDED_AT_ONCE if ended == last else _Kind.ENDED)
