"""What the queue needs of storage: ports, implemented in ``adapters/sql`` and, for tests, in memory."""

import enum
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from core.events import Outgoing
from core.ids import DepartmentId, DoctorId, LineId, TicketNumber
from queue_display.events import Event, Transition
from queue_display.line import Line, Mode, Opening, Room
from queue_display.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Change:
    """One line before and after, and what happened in between. ``before`` None = a new line."""

    before: Line | None
    after: Line
    events: tuple[Event, ...]

    @property
    def changed_tickets(self) -> tuple[Ticket, ...]:
        """The tickets whose rows must be written."""
        if self.before is None or self.before.day != self.after.day:
            return tuple(self.after.tickets.values())
        old = self.before.tickets
        return tuple(t for n, t in self.after.tickets.items() if old.get(n) is not t and old.get(n) != t)

    @property
    def removed_numbers(self) -> tuple[TicketNumber, ...]:
        """The numbers whose rows must go. A new day removes nothing: the old day's rows are history."""
        if self.before is None or self.before.day != self.after.day:
            return ()
        return tuple(n for n in self.before.tickets if n not in self.after.tickets)


@dataclass(frozen=True, slots=True)
class ToldDay:
    """One line's past day as history rows, all under the day's ``past_version``, steps from 0."""

    line: LineId
    day: date
    rows: tuple[Transition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRow:
    """A line in a list: everything but its tickets, which are only counted."""

    id: LineId
    name: str
    department: DepartmentId
    department_name: str
    doctor: DoctorId | None
    doctor_name: str
    mode: Mode
    day: date
    version: int
    as_of: datetime
    fresh: bool
    opening: Opening
    rooms: tuple[Room, ...]
    waiting: int
    """How many tickets are WAITING or READY."""


class Lines(Protocol):
    """The lines, each with the tickets of its current day (``Line.day``)."""

    async def load(self, line: LineId) -> Line:
        """Fetch a line. Refuses with ``NoSuchLine``."""

    async def load_for_change(self, line: LineId) -> Line:
        """Fetch a line and hold its row until the unit ends. Refuses with ``NoSuchLine``."""

    async def hold(self, lines: Sequence[LineId]) -> None:
        """Hold the rows of several lines until the unit ends; what is loaded afterwards stays the newest."""

    async def load_many(self, lines: Sequence[LineId]) -> list[Line]:
        """Fetch several lines in few statements, without holding them; unknown ids are left out."""

    async def ids(self, mode: Mode | None = None) -> list[LineId]:
        """The ids of all lines, ascending, perhaps of one mode only."""

    async def page(
        self, *, department: DepartmentId | None, after: LineId | None, limit: int
    ) -> list[LineRow]:
        """Lines for a list, by id, those behind ``after``."""

    async def keep(self, change: Change) -> None:
        """Write one change: the line's row, ``changed_tickets``, ``removed_numbers`` and its transitions.

        The row is written only where its version is still ``before.version``; otherwise refuses with
        ``LineHasMoved`` and the unit must not be committed.
        """

    async def keep_many(self, changes: Sequence[Change]) -> None:
        """Write many changes in few statements. Same promise as ``keep``, for all or none."""

    async def confirm(
        self, lines: Sequence[LineId], *, as_of: datetime, hospital_at: datetime | None
    ) -> None:
        """Set ``as_of`` and ``hospital_at``, both or, where a later moment is known, neither; nothing else
        changes, least of all the version."""

    async def history(self, line: LineId, *, before: tuple[int, int] | None, limit: int) -> list[Transition]:
        """A line's transitions, newest first, those older than ``(version, step)``; no told days."""

    async def movements(self, line: LineId, *, since: date, until: date, limit: int) -> list[Transition]:
        """Transitions of the days ``since <= day < until`` that move a ticket (``number`` set), told days
        too, oldest first, by ``(day, version, step)``; when there are more than ``limit``, the newest
        ``limit`` of them."""

    async def known_days(
        self, lines: Sequence[LineId], *, since: date, until: date
    ) -> dict[LineId, frozenset[date]]:
        """The days ``since <= day < until`` of which the history of each line holds anything at all."""

    async def keep_told(self, days: Sequence[ToldDay]) -> None:
        """Add days that the hospital told afterwards, all of one date (``queue_display.past``).

        A line whose history knows the date already keeps what it has, so that telling twice changes nothing.
        Versions of lines stay untouched.
        """

    async def told_days(self, line: LineId) -> int:
        """How many told days the line's history holds."""


class Past(enum.StrEnum):
    """The two parts of a line's past."""

    TICKETS = "tickets"
    HISTORY = "history"


class PastDays(Protocol):
    """Days that are over, to be forgotten one by one. The present day of a line is never asked for."""

    async def days(self, what: Past, line: LineId, *, before: date, limit: int) -> list[date]:
        """The oldest days before that one of which the line has such rows."""

    async def forget(self, what: Past, line: LineId, day: date) -> int:
        """Delete one day's rows of a line; answers how many there were."""


class Unit(Protocol):
    """One transaction: everything in it happens, or nothing."""

    @property
    def lines(self) -> Lines:
        """The lines, inside this transaction."""

    @property
    def past(self) -> PastDays:
        """The lines' past, inside this transaction."""

    def publish(self, *outgoing: Outgoing) -> None:
        """Put publications in the outbox; they leave after the commit, in this order per channel."""

    async def commit(self) -> None:
        """Make it true. Leaving the unit without this undoes everything."""


class Units(Protocol):
    """Opens transactions. Raises ``core.refusals.StorageUnavailable`` when the database cannot serve."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that will write."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that only reads; ``commit`` is not needed."""
