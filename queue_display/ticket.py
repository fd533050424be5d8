"""One number in one line on one day, and everything a ticket may be.

    BOOKED --check_in--> WAITING --(next K)--> READY --call--> CALLED --start--> IN_SERVICE --finish--> DONE
    IN_SERVICE --send_for_tests--> AWAITING_RESULT --return--> WAITING (kind RETURN)
    CALLED --pass_over--> PASSED --recheck_in--> WAITING; at the limit or at the end of the day NO_SHOW
    WAITING <-> SUSPENDED; --transfer--> TRANSFERRED; --give_up--> ABANDONED; --cancel--> CANCELLED

UNKNOWN exists only in mirror mode: the hospital used a code that nobody has mapped, and nothing is guessed.
"""

import enum
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from core.ids import DoctorId, LineId, RoomId, TicketNumber, VisitRef

RANK_STEP: Final = 1 << 32
"""The usual distance between neighbours' ranks: 32 insertions at one spot before ranks are spread anew."""


class TicketState(enum.StrEnum):
    """Where a ticket stands. See the module's picture for who may follow whom."""

    BOOKED = "booked"
    WAITING = "waiting"
    READY = "ready"
    CALLED = "called"
    IN_SERVICE = "in_service"
    AWAITING_RESULT = "awaiting_result"
    PASSED = "passed"
    SUSPENDED = "suspended"
    DONE = "done"
    NO_SHOW = "no_show"
    TRANSFERRED = "transferred"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


IN_LINE: Final = frozenset({TicketState.WAITING, TicketState.READY})
"""Still to be called: these, by rank, are the waiting line."""

IN_ROOM: Final = frozenset({TicketState.CALLED, TicketState.IN_SERVICE})
"""Holding a room: at most one per room."""

ENDED: Final = frozenset(
    {
        TicketState.DONE,
        TicketState.NO_SHOW,
        TicketState.TRANSFERRED,
        TicketState.ABANDONED,
        TicketState.CANCELLED,
    }
)
"""Nothing follows these."""


class TicketKind(enum.StrEnum):
    """First visit (初诊), or back with results (回诊)."""

    FIRST = "first"
    RETURN = "return"


class Priority(enum.StrEnum):
    """The label that is shown beside a ticket which goes before others; a label is never hidden."""

    NONE = "none"
    ELDERLY = "elderly"
    CHILD = "child"
    PREGNANT = "pregnant"
    DISABLED = "disabled"
    MILITARY = "military"
    SPECIAL = "special"
    URGENT = "urgent"


class Band(enum.IntEnum):
    """Why a ticket stands where it stands (domain: order bands), smaller first.

    A band decides where a ticket is *inserted*; after that the place is its rank, so nobody's place
    changes because somebody else's reason does.
    """

    URGENT = 0
    SPECIAL = 5
    PRIORITY = 20
    PASSED = 30
    RETURN = 40
    ORDINARY = 45
    TRANSFERRED = 50
    ADDED = 60
    LATE = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One place in one line. ``name`` is already masked (张*三); a full name never reaches this value.

    Order: the line is its waiting tickets by ``(rank, number)``. ``rank`` is explicit and sparse instead of
    being computed from (band, step, time), because "after three places" and "one return per two first
    visits" are facts about the moment of insertion. ``order_at`` is the time that decides among equals.
    A rank stays with the ticket while it is called or suspended, so that undo restores the old place.

    ``calls`` counts every announcement of this ticket and never goes back, not even by undo: it names the
    call (``call_id``). ``recall_count`` counts repetitions of the present call only.

    ``given`` is the day on which the number was given, where that is not the line's own day: the ticket
    stayed overnight.
    """

    number: TicketNumber
    visit: VisitRef
    state: TicketState
    kind: TicketKind = TicketKind.FIRST
    priority: Priority = Priority.NONE
    band: Band = Band.ORDINARY
    rank: int = 0
    order_at: datetime
    name: str = ""
    room: RoomId | None = None
    doctor: DoctorId | None = None
    slot_begin: datetime | None = None
    checked_in_at: datetime | None = None
    called_at: datetime | None = None
    started_at: datetime | None = None
    passed_at: datetime | None = None
    ended_at: datetime | None = None
    calls: int = 0
    recall_count: int = 0
    passed_count: int = 0
    changed_at: datetime
    changed_by: str = ""
    moved_to: LineId | None = None
    moved_number: TicketNumber | None = None
    his_code: str | None = None
    given: date | None = None

    @property
    def is_live(self) -> bool:
        """Whether something may still happen to it today."""
        return self.state not in ENDED
