"""A line that the hospital's own system runs: what was seen now against what was seen last.

Pure. The hospital holds the truth, so nothing is inferred: a state nobody mapped is UNKNOWN, the hospital's
order is the order, a ticket that is no longer listed is gone. A page that cannot be true (a ticket twice,
half a page, most of the line gone at once) is refused whole, and the last good state stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from msgspec import Struct

from core import limits
from core.ids import TicketNumber
from core.masking import mask_name
from queue_display.draft import Decision
from queue_display.events import (
    DayOpened,
    Described,
    Event,
    Happening,
    OpeningChanged,
    SightChanged,
    TicketMoved,
    TicketVanished,
    replay,
)
from queue_display.line import Line, Mode, Opening, Room
from queue_display.observed import LineDescription, ObservedLine, ObservedTicket, PageRefused, checked
from queue_display.ticket import ENDED, IN_LINE, RANK_STEP, Ticket, TicketState

ACTOR = "hospital"
_AFTER_A_CALL = frozenset({TicketState.CALLED, TicketState.IN_SERVICE, TicketState.UNKNOWN})
_KEEPS_CALL_TIME = _AFTER_A_CALL | {TicketState.PASSED, TicketState.DONE, TicketState.AWAITING_RESULT}


def new_mirrored(seen: LineDescription, *, day: date, at: datetime) -> Line:
    """A line of the directory that was not known before: no tickets seen yet, not fresh before they are."""
    return Line(
        id=seen.line,
        name=seen.name,
        department=seen.department,
        department_name=seen.department_name,
        doctor=seen.doctor,
        doctor_name=seen.doctor_name,
        rooms=seen.rooms,
        mode=Mode.MIRROR,
        day=day,
        version=0,
        as_of=at,
        fresh=False,
    )


def observe(
    line: Line,
    seen: ObservedLine,
    *,
    at: datetime,
    hospital_at: datetime | None = None,
    doubted_since: datetime | None = None,
) -> Decision:
    """The line as the hospital has it now, and what changed since it was last seen.

    ``at`` is when the hospital was asked, by the platform's clock. ``doubted_since`` is when pages of this
    line began to be refused as ``shrunk`` or ``older_day``: what lasts is believed. Refuses with
    ``PageRefused``.
    """
    patience = timedelta(seconds=limits.QUEUE_SHRINK_CONFIRM_SECONDS)
    lasting = doubted_since is not None and at - doubted_since >= patience
    page = checked(line, seen, lasting=lasting)
    head = _Head(version=line.version + 1, at=at, hospital_at=hospital_at)
    events: list[Event] = []
    known: Mapping[TicketNumber, Ticket] = line.tickets
    is_new_day = seen.day != line.day
    if is_new_day:
        events.append(head.day_opened(seen.day, line.rooms))
        known = _who_stays(line, page, day=seen.day)
    gone = [t for n, t in known.items() if n not in page]
    _believe_the_loss(line, gone, lasting=lasting)
    if not line.fresh:
        events.append(head.sighted())
    opening = Opening.CLOSED if is_new_day else line.opening
    if seen.opening is not None and seen.opening is not opening:
        events.append(head.opening(seen.opening))
    ranks = _ranks(page, known)
    for number, each in page.items():
        before = known.get(number)
        rank = ranks.get(number, before.rank if before is not None else 0)
        if before is not None and is_new_day:
            events.append(head.moved(_ticket(each, before, rank=rank, head=head), before, is_new_day=True))
        elif before is None or not _same(before, each, rank):
            events.append(head.moved(_ticket(each, before, rank=rank, head=head), before))
    events += (head.vanished(t) for t in gone)
    return (replay(line, events), tuple(events)) if events else (line, ())


def describe(line: Line, seen: LineDescription, *, at: datetime) -> Decision:
    """The line under the name, department, doctor and rooms that the directory gives now."""
    told = (seen.name, seen.department, seen.department_name, seen.doctor, seen.doctor_name, seen.rooms)
    if told == (
        line.name, line.department, line.department_name, line.doctor, line.doctor_name, line.rooms
    ):  # fmt: skip
        return line, ()
    event = Described(
        what=Happening.DESCRIBED,
        version=line.version + 1,
        at=at,
        actor=ACTOR,
        name=seen.name,
        department=seen.department,
        department_name=seen.department_name,
        doctor=seen.doctor,
        doctor_name=seen.doctor_name,
        rooms=seen.rooms,
    )
    return replay(line, (event,)), (event,)


def lose_sight(line: Line, *, at: datetime, reason: str) -> Decision:
    """The hospital has not confirmed the line for too long. Its state stays, marked as not fresh."""
    return _sight(line, Happening.LOST_SIGHT, fresh=False, at=at, hospital_at=None, reason=reason)


def regain_sight(line: Line, *, at: datetime, hospital_at: datetime | None) -> Decision:
    """The hospital confirms the line again, unchanged."""
    return _sight(line, Happening.SIGHTED, fresh=True, at=at, hospital_at=hospital_at, reason="")


class _Head(Struct, frozen=True, kw_only=True):
    """What all events of one observation share."""

    version: int
    at: datetime
    hospital_at: datetime | None

    def moved(self, ticket: Ticket, before: Ticket | None, *, is_new_day: bool = False) -> TicketMoved:
        stayed = is_new_day and before is not None and before.state is ticket.state
        return TicketMoved(
            what=Happening.STAYED if stayed else Happening.OBSERVED, version=self.version, at=self.at,
            actor=ACTOR, hospital_at=self.hospital_at, ticket=ticket,
            before=None if before is None else before.state,
        )  # fmt: skip

    def vanished(self, ticket: Ticket) -> TicketVanished:
        return TicketVanished(
            what=Happening.VANISHED, version=self.version, at=self.at, actor=ACTOR,
            hospital_at=self.hospital_at, number=ticket.number, before=ticket.state,
        )  # fmt: skip

    def day_opened(self, day: date, rooms: tuple[Room, ...]) -> DayOpened:
        return DayOpened(
            what=Happening.DAY_OPENED, version=self.version, at=self.at, actor=ACTOR,
            hospital_at=self.hospital_at, day=day, rooms=rooms,
        )  # fmt: skip

    def opening(self, opening: Opening) -> OpeningChanged:
        return OpeningChanged(
            what=Happening.OPENING_CHANGED, version=self.version, at=self.at, actor=ACTOR,
            hospital_at=self.hospital_at, opening=opening,
        )  # fmt: skip

    def sighted(self) -> SightChanged:
        return SightChanged(
            what=Happening.SIGHTED, version=self.version, at=self.at, actor=ACTOR,
            hospital_at=self.hospital_at, fresh=True,
        )  # fmt: skip


def _who_stays(
    line: Line, page: Mapping[TicketNumber, ObservedTicket], *, day: date
) -> dict[TicketNumber, Ticket]:
    """The tickets that the hospital takes over into another day: same number, same visit, not at an end."""
    staying: dict[TicketNumber, Ticket] = {}
    for number, ticket in line.tickets.items():
        told = page.get(number)
        if told is not None and told.visit == ticket.visit and ticket.is_live and told.state not in ENDED:
            given = line.day_of(ticket)
            staying[number] = replace(ticket, given=None if given == day else given)
    return staying


def _believe_the_loss(line: Line, gone: Sequence[Ticket], *, lasting: bool) -> None:
    """Refuse when more people vanished at once than leave a line unseen, unless that has lasted."""
    lost = sum(t.is_live for t in gone)
    live = sum(t.is_live for t in line.tickets.values()) if lost else 0
    if lost <= max(2, live // 4):
        return
    if not lasting:
        raise PageRefused(line=line.id, row=0, why="shrunk")


def _same(ticket: Ticket, seen: ObservedTicket, rank: int) -> bool:
    """Whether nothing is told that is not known. The hot path: most tickets, most of the time."""
    return (
        ticket.state is seen.state
        and ticket.rank == rank
        and (ticket.called_at == seen.called_at or (seen.called_at is None and _holds_call(seen.state)))
        and ticket.recall_count == seen.recall_count
        and ticket.passed_count == seen.passed_count
        and ticket.room == seen.room
        and ticket.his_code == seen.his_code
        and ticket.priority is seen.priority
        and ticket.kind is seen.kind
        and ticket.checked_in_at == seen.checked_in_at
        and ticket.doctor == seen.doctor
        and ticket.slot_begin == seen.slot_begin
        and ticket.visit == seen.visit
        and (ticket.name == seen.name or ticket.name == mask_name(seen.name))
    )


def _holds_call(state: TicketState) -> bool:
    return state in _KEEPS_CALL_TIME


def _ticket(seen: ObservedTicket, before: Ticket | None, *, rank: int, head: _Head) -> Ticket:
    now = head.hospital_at or head.at
    is_new_call = _is_new_call(seen, before)
    called_at = seen.called_at
    if called_at is None and _holds_call(seen.state):
        # The hospital keeps no time of the call: the moment at which it was first seen is honest.
        called_at = now if is_new_call or before is None else before.called_at
    calls = 0 if before is None else before.calls
    if is_new_call:
        calls = calls + 1 if before is not None else seen.recall_count + 1
    passed = seen.state is TicketState.PASSED
    still = before is not None and before.state is seen.state
    return Ticket(
        number=seen.number,
        visit=seen.visit,
        state=seen.state,
        kind=seen.kind,
        priority=seen.priority,
        rank=rank,
        order_at=seen.checked_in_at or seen.slot_begin or (now if before is None else before.order_at),
        name=mask_name(seen.name),
        room=seen.room,
        doctor=seen.doctor,
        slot_begin=seen.slot_begin,
        checked_in_at=seen.checked_in_at,
        called_at=called_at,
        passed_at=(before.passed_at if before is not None and still else now) if passed else None,
        calls=calls,
        recall_count=seen.recall_count,
        passed_count=seen.passed_count,
        changed_at=now,
        changed_by=ACTOR,
        his_code=seen.his_code,
        given=before.given if before is not None and before.visit == seen.visit else None,
    )


def _is_new_call(seen: ObservedTicket, before: Ticket | None) -> bool:
    """Whether this is an announcement that was not seen before."""
    if seen.state is not TicketState.CALLED:
        return False
    if before is None or before.state not in _AFTER_A_CALL or not before.calls:
        return True
    return (
        (seen.called_at is not None and seen.called_at != before.called_at)
        or seen.recall_count > before.recall_count
        or seen.room != before.room
    )


def _ranks(
    page: dict[TicketNumber, ObservedTicket], known: Mapping[TicketNumber, Ticket]
) -> dict[TicketNumber, int]:
    """Ranks that put the waiting tickets in the hospital's order and change as few rows as possible.

    Who waited before keeps the old rank while these still ascend; newcomers get one in between.
    """
    waiting = [t for t in page.values() if t.state in IN_LINE]
    if any(t.order is not None for t in waiting):
        waiting.sort(key=lambda t: (t.order is None, t.order or 0.0, t.number))
    old = [known.get(t.number) for t in waiting]
    ranks = [t.rank if t is not None and t.state in IN_LINE else None for t in old]
    filled = _fill(ranks)
    if filled is None:
        filled = [(i + 1) * RANK_STEP for i in range(len(waiting))]
    return {t.number: rank for t, rank in zip(waiting, filled, strict=True)}


def _fill(ranks: list[int | None]) -> list[int] | None:
    """Numbers for the gaps, strictly ascending with those given; None when that cannot be."""
    filled: list[int] = []
    waiting_for = 0
    for rank in ranks:
        if rank is None:
            waiting_for += 1
            continue
        if filled and rank <= filled[-1]:
            return None
        if waiting_for:
            low = filled[-1] if filled else rank - RANK_STEP * (waiting_for + 1)
            step = (rank - low) // (waiting_for + 1)
            if step == 0:
                return None
            filled += [low + step * (i + 1) for i in range(waiting_for)]
            waiting_for = 0
        filled.append(rank)
    last = filled[-1] if filled else 0
    return filled + [last + RANK_STEP * (i + 1) for i in range(waiting_for)]


def _sight(
    line: Line, what: Happening, *, fresh: bool, at: datetime, hospital_at: datetime | None, reason: str
) -> Decision:
    if line.fresh is fresh:
        return line, ()
    event = SightChanged(
        what=what, version=line.version + 1, at=at, actor=ACTOR, reason=reason, hospital_at=hospital_at,
        fresh=fresh,
    )  # fmt: skip
    return replay(line, (event,)), (event,)
