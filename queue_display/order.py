"""Who stands before whom: where a ticket enters the line, by band and by the line's settings.

A place is decided once, at insertion, and becomes a rank. The *guarded* first places (those locked by the
settings and those already asked to the door) are never displaced, except by an emergency.

    URGENT       in front of everybody but other emergencies
    SPECIAL      behind the guarded places, before every band behind its own
    PRIORITY     the same; with ``priority_step`` at most one after every so many others
    PASSED       behind ``passed_step`` places, and behind those who came back before
    RETURN       one after every ``return_step`` first visits, counting those called since the last return
    ORDINARY     by time; TRANSFERRED counts like them, with the time of the transfer
    ADDED        behind all of these, by time
    LATE         at the end of the own slot, or of the line; at least ``late_step`` places back
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from queue_display.line import LateRule, Line, LineSettings, OrderBy
from queue_display.ticket import RANK_STEP, Band, Priority, Ticket, TicketKind, TicketState

_BY_TIME = frozenset({Band.ORDINARY, Band.TRANSFERRED, Band.ADDED, Band.LATE})


def band_of(ticket: Ticket, settings: LineSettings, *, at: datetime, added: bool = False) -> Band:
    """Why a ticket that enters the line now stands where it will stand."""
    if ticket.priority is Priority.URGENT:
        return Band.URGENT
    if ticket.kind is TicketKind.RETURN:
        return Band.RETURN
    if ticket.priority is Priority.SPECIAL:
        return Band.SPECIAL
    if ticket.priority is not Priority.NONE:
        return Band.PRIORITY
    if is_late(ticket, settings, at=at):
        return Band.LATE
    return Band.ADDED if added else Band.ORDINARY


def is_late(ticket: Ticket, settings: LineSettings, *, at: datetime) -> bool:
    """Whether the slot began longer ago than the settings forgive."""
    if ticket.slot_begin is None or settings.late_after_minutes is None:
        return False
    return at - ticket.slot_begin > timedelta(minutes=settings.late_after_minutes)


def order_time(ticket: Ticket, settings: LineSettings, *, at: datetime) -> datetime:
    """The time that decides among equals."""
    if settings.order_by is OrderBy.SLOT and ticket.slot_begin is not None:
        return ticket.slot_begin
    return at


def guarded(line: Line, others: Sequence[Ticket]) -> int:
    """How many first places may not be displaced."""
    ready = sum(t.state is TicketState.READY for t in others)
    return min(max(line.settings.lock_places, ready), len(others))


def entry(line: Line, ticket: Ticket, others: Sequence[Ticket]) -> int:
    """At which index among ``others`` (the waiting line without it) a ticket enters, by its band."""
    guard = guarded(line, others)
    settings = line.settings
    match ticket.band:
        case Band.URGENT:
            return _before_bands_behind(Band.URGENT, others, guard=0)
        case Band.PASSED:
            return _behind_places(others, places=max(guard, settings.passed_step))
        case Band.PRIORITY if settings.priority_step:
            return _one_after_every(
                settings.priority_step,
                others,
                guard=guard,
                credit=_called_since(line, lambda t: t.band is Band.PRIORITY, lambda t: True),
                same=lambda t: t.band is Band.PRIORITY,
                counted=lambda t: t.band is not Band.PRIORITY,
            )
        case Band.RETURN if settings.return_step:
            return _one_after_every(
                settings.return_step,
                others,
                guard=guard,
                credit=_called_since(line, _is_return, _is_first),
                same=_is_return,
                counted=_is_first,
            )
        case Band.SPECIAL | Band.PRIORITY | Band.RETURN:
            return _before_bands_behind(ticket.band, others, guard=guard)
    found = _by_time(ticket, others, settings, guard=guard)
    if ticket.band is Band.LATE:
        found = max(found, min(settings.late_step, len(others)))
    return found


def rank_at(line: Line, others: Sequence[Ticket], index: int) -> int | None:
    """A rank that puts a ticket at that index; None when two neighbours leave no number between them.

    The end of the line is behind every rank of the day, so that a call which is undone finds its place again
    before those who came later.
    """
    if index >= len(others):
        return max((t.rank for t in line.tickets.values()), default=0) + RANK_STEP
    behind = others[index].rank
    if index == 0:
        return behind - RANK_STEP
    middle = (others[index - 1].rank + behind) // 2
    return middle if others[index - 1].rank < middle else None


def index_of_rank(ticket: Ticket, others: Sequence[Ticket]) -> int:
    """Where its own rank would put a ticket among the others."""
    return sum((t.rank, t.number) < (ticket.rank, ticket.number) for t in others)


def _before_bands_behind(band: Band, others: Sequence[Ticket], *, guard: int) -> int:
    return next((i for i in range(guard, len(others)) if others[i].band > band), len(others))


def _behind_places(others: Sequence[Ticket], *, places: int) -> int:
    index = min(places, len(others))
    while index < len(others) and others[index].band is Band.PASSED:
        index += 1
    return index


def _one_after_every(
    step: int,
    others: Sequence[Ticket],
    *,
    guard: int,
    credit: int,
    same: Callable[[Ticket], bool],
    counted: Callable[[Ticket], bool],
) -> int:
    count = credit
    for index, other in enumerate(others):
        if same(other):
            count = 0
            continue
        if index >= guard and count >= step:
            return index
        count += counted(other)
    return len(others)


def _called_since(line: Line, same: Callable[[Ticket], bool], counted: Callable[[Ticket], bool]) -> int:
    """How many that count were called since the last one of the same sort was."""
    called = [(t.called_at, t) for t in line.tickets.values() if t.called_at is not None]
    last = max((at for at, t in called if same(t)), default=None)
    return sum(counted(t) and not same(t) and (last is None or at > last) for at, t in called)


def _is_return(ticket: Ticket) -> bool:
    return ticket.kind is TicketKind.RETURN


def _is_first(ticket: Ticket) -> bool:
    return ticket.kind is TicketKind.FIRST


def _by_time(ticket: Ticket, others: Sequence[Ticket], settings: LineSettings, *, guard: int) -> int:
    mine = _time_key(ticket, settings)
    for index in range(guard, len(others)):
        other = others[index]
        if other.band in _BY_TIME and _time_key(other, settings) > mine:
            return index
    return len(others)


def _time_key(ticket: Ticket, settings: LineSettings) -> tuple[int, datetime, bool, datetime, str]:
    late = ticket.band is Band.LATE
    group = 0
    if ticket.band is Band.ADDED:
        group = 1
    elif late and settings.late_rule is LateRule.LINE_END:
        group = 2
    return group, ticket.order_at, late, ticket.checked_in_at or ticket.order_at, ticket.number
