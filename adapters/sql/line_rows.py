"""Lines, tickets and transitions as rows, and back, exactly.

Written out field by field because a mirrored clinic turns thousands of tickets into rows each second.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from adapters.sql.instants import from_day, from_us, from_us_or_none, to_day, to_us, to_us_or_none
from core.ids import DepartmentId, LineId, RoomId, TicketNumber, VisitRef
from queue_display.events import Happening, Transition
from queue_display.line import Line, LineSettings, Mode, Opening, Room
from queue_display.store import LineRow
from queue_display.ticket import IN_LINE, Band, Priority, Ticket, TicketKind, TicketState

Row = Sequence[Any]

# Looking a member up in a dict costs a fifth of calling the enumeration.
_STATES = {each.value: each for each in TicketState}
_KINDS = {each.value: each for each in TicketKind}
_PRIORITIES = {each.value: each for each in Priority}
_BANDS = {each.value: each for each in Band}
_HAPPENINGS = {each.value: each for each in Happening}

_DEFAULTS = LineSettings()
_rooms = msgspec.json.Decoder(tuple[Room, ...])
_settings = msgspec.json.Decoder(LineSettings)
_encode = msgspec.json.Encoder().encode


def line_row(line: Line) -> tuple[Any, ...]:
    """A line's row, in the order of ``tables.line``."""
    return (
        line.id,
        line.name,
        line.department,
        line.department_name,
        line.doctor,
        line.doctor_name,
        line.mode.value,
        to_day(line.day),
        line.version,
        to_us(line.as_of),
        to_us_or_none(line.hospital_at),
        int(line.fresh),
        line.opening.value,
        _encode(line.rooms).decode(),
        _settings_text(line.settings),
        sum(1 for ticket in line.tickets.values() if ticket.state in IN_LINE),
    )


def _settings_text(settings: LineSettings) -> str:
    """Only what differs from the defaults, so that a better default reaches lines that never chose."""
    if settings == _DEFAULTS:
        return "{}"
    chosen = {
        name: value
        for name in LineSettings.__slots__
        if (value := getattr(settings, name)) != getattr(_DEFAULTS, name)
    }
    return _encode(chosen).decode()


def line_from(row: Row, tickets: Iterable[Row]) -> Line:
    """The line of a row of ``tables.line``, with its day's rows of ``tables.ticket``."""
    return Line(
        id=LineId(row[0]),
        name=row[1],
        department=DepartmentId(row[2]),
        department_name=row[3],
        doctor=row[4],
        doctor_name=row[5],
        mode=Mode(row[6]),
        day=from_day(row[7]),
        version=row[8],
        as_of=from_us(row[9]),
        hospital_at=from_us_or_none(row[10]),
        fresh=bool(row[11]),
        opening=Opening(row[12]),
        rooms=_rooms.decode(row[13]),
        settings=_settings.decode(row[14]),
        tickets={(ticket := ticket_from(each)).number: ticket for each in tickets},
    )


def list_row_from(row: Row) -> LineRow:
    """The entry of a list for a row of ``tables.line``."""
    return LineRow(
        id=LineId(row[0]),
        name=row[1],
        department=DepartmentId(row[2]),
        department_name=row[3],
        doctor=row[4],
        doctor_name=row[5],
        mode=Mode(row[6]),
        day=from_day(row[7]),
        version=row[8],
        as_of=from_us(row[9]),
        fresh=bool(row[11]),
        opening=Opening(row[12]),
        rooms=_rooms.decode(row[13]),
        waiting=row[15],
    )


def ticket_row(line: LineId, day: str, ticket: Ticket) -> tuple[Any, ...]:
    """A ticket's row, in the order of ``tables.ticket``."""
    return (
        line,
        day,
        ticket.number,
        ticket.visit,
        ticket.state.value,
        ticket.kind.value,
        ticket.priority.value,
        ticket.band.value,
        ticket.rank,
        to_us(ticket.order_at),
        ticket.name,
        ticket.room,
        ticket.doctor,
        to_us_or_none(ticket.slot_begin),
        to_us_or_none(ticket.checked_in_at),
        to_us_or_none(ticket.called_at),
        to_us_or_none(ticket.started_at),
        to_us_or_none(ticket.passed_at),
        to_us_or_none(ticket.ended_at),
        ticket.calls,
        ticket.recall_count,
        ticket.passed_count,
        to_us(ticket.changed_at),
        ticket.changed_by,
        ticket.moved_to,
        ticket.moved_number,
        ticket.his_code,
        None if ticket.given is None else to_day(ticket.given),
    )


def ticket_from(row: Row) -> Ticket:
    """The ticket of a row of ``tables.ticket``."""
    return Ticket(
        number=TicketNumber(row[2]),
        visit=VisitRef(row[3]),
        state=_STATES[row[4]],
        kind=_KINDS[row[5]],
        priority=_PRIORITIES[row[6]],
        band=_BANDS[row[7]],
        rank=row[8],
        order_at=from_us(row[9]),
        name=row[10],
        room=row[11],
        doctor=row[12],
        slot_begin=from_us_or_none(row[13]),
        checked_in_at=from_us_or_none(row[14]),
        called_at=from_us_or_none(row[15]),
        started_at=from_us_or_none(row[16]),
        passed_at=from_us_or_none(row[17]),
        ended_at=from_us_or_none(row[18]),
        calls=row[19],
        recall_count=row[20],
        passed_count=row[21],
        changed_at=from_us(row[22]),
        changed_by=row[23],
        moved_to=row[24],
        moved_number=row[25],
        his_code=row[26],
        given=None if row[27] is None else from_day(row[27]),
    )


def transition_row(line: LineId, transition: Transition) -> tuple[Any, ...]:
    """A transition's row, in the order of ``tables.transition``."""
    return (
        line,
        transition.version,
        transition.step,
        to_day(transition.day),
        transition.what.value,
        to_us(transition.at),
        transition.actor,
        transition.reason,
        transition.number,
        transition.before.value if transition.before else None,
        transition.after.value if transition.after else None,
        transition.room,
        transition.rank,
        to_us_or_none(transition.hospital_at),
    )


def transition_from(row: Row) -> Transition:
    """The transition of a row of ``tables.transition``."""
    return Transition(
        version=row[1],
        step=row[2],
        day=from_day(row[3]),
        what=_HAPPENINGS[row[4]],
        at=from_us(row[5]),
        actor=row[6],
        reason=row[7],
        number=None if row[8] is None else TicketNumber(row[8]),
        before=None if row[9] is None else _STATES[row[9]],
        after=None if row[10] is None else _STATES[row[10]],
        room=None if row[11] is None else RoomId(row[11]),
        rank=row[12],
        hospital_at=from_us_or_none(row[13]),
    )
