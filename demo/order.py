"""Who is called next: where a ticket goes among those who wait, and the sort value the vendor shows.

The first tickets of a line are READY (二次候诊) and locked: only an emergency goes before them.
"""

from collections.abc import Sequence

from demo.ticket import Band, State, Ticket

PLACES_AFTER_PASS = 3
FIRST_VISITS_PER_RETURN = 2

_STEP = 10.0
_NARROWEST = 1e-6


def place_for(ticket: Ticket, waiting: Sequence[Ticket]) -> int:
    """The index at which the ticket joins ``waiting``, by its band and key."""
    if ticket.band is Band.URGENT:
        return _after_band(ticket, waiting, 0)
    start = _after_locked(waiting)
    if ticket.band in (Band.SPECIAL, Band.PRIORITY):
        return _after_band(ticket, waiting, start)
    if ticket.band is Band.RECHECKED:
        return min(start + PLACES_AFTER_PASS, len(waiting))
    if ticket.band is Band.RETURNED:
        return _after_first_visits(waiting, start)
    return _by_key(ticket, waiting, start)


def insert(ticket: Ticket, waiting: list[Ticket], index: int) -> bool:
    """Put the ticket at ``index`` with a sort value between its neighbours.

    Answers True when the values had become too narrow and the whole line was numbered anew.
    """
    waiting.insert(index, ticket)
    before = waiting[index - 1].order if index else None
    after = waiting[index + 1].order if index + 1 < len(waiting) else None
    if before is None:
        ticket.order = 1000.0 if after is None else after - _STEP
    elif after is None:
        ticket.order = before + _STEP
    else:
        ticket.order = (before + after) / 2
        if after - before < _NARROWEST:
            for position, other in enumerate(waiting):
                other.order = 1000.0 + position * _STEP
            return True
    return False


def old_place(ticket: Ticket, waiting: Sequence[Ticket]) -> int:
    """Where a suspended ticket goes back to: its old place, but never before the locked ones."""
    assert ticket.order is not None
    start = _after_locked(waiting)
    for index in range(start, len(waiting)):
        order = waiting[index].order
        if order is not None and order > ticket.order:
            return index
    return len(waiting)


def _after_locked(waiting: Sequence[Ticket]) -> int:
    start = 0
    for index, other in enumerate(waiting):
        if other.state is State.READY or other.band is Band.URGENT:
            start = index + 1
    return start


def _after_band(ticket: Ticket, waiting: Sequence[Ticket], start: int) -> int:
    index = start
    while index < len(waiting) and waiting[index].band.value <= ticket.band.value:
        index += 1
    return index


def _after_first_visits(waiting: Sequence[Ticket], start: int) -> int:
    """One return for every few first visits: after those that follow the last return."""
    for index in range(len(waiting) - 1, start - 1, -1):
        if waiting[index].band is Band.RETURNED:
            start = index + 1
            break
    return min(start + FIRST_VISITS_PER_RETURN, len(waiting))


def _by_key(ticket: Ticket, waiting: Sequence[Ticket], start: int) -> int:
    assert ticket.key is not None
    for index in range(start, len(waiting)):
        key = waiting[index].key
        if key is not None and key > ticket.key:
            return index
    return len(waiting)
