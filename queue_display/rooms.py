"""Rooms and days: open, pause, close; begin a new day."""

from dataclasses import replace
from datetime import date
from typing import Any

from core.ids import DoctorId, RoomId
from queue_display.draft import Decision, Draft, Instruction, opening_of
from queue_display.events import DayOpened, Event, Happening, OpeningChanged, TicketMoved, replay
from queue_display.leaving import stays_overnight
from queue_display.line import Line, Opening, RoomState, place


def open_room(line: Line, by: Instruction, *, room: RoomId, doctor: DoctorId | None = None) -> Decision:
    """开诊: patients may be called into the room; ``doctor`` says who works there when that changes."""
    draft = Draft(line, by)
    here = draft.room(room)
    draft.not_stopped()
    opened = replace(here, state=RoomState.OPEN, doctor=doctor or here.doctor)
    draft.change_room(Happening.ROOM_OPENED, opened)
    return draft.done()


def pause_room(line: Line, by: Instruction, *, room: RoomId) -> Decision:
    """暂停: nobody new is called; who is inside stays."""
    draft = Draft(line, by)
    draft.change_room(Happening.ROOM_PAUSED, replace(draft.room(room), state=RoomState.PAUSED))
    return draft.done()


def close_room(line: Line, by: Instruction, *, room: RoomId) -> Decision:
    """关诊. Refuses with ``RoomIsBusy`` while somebody is called or in service."""
    draft = Draft(line, by)
    here = draft.room(room)
    draft.nobody_in(room)
    draft.change_room(Happening.ROOM_CLOSED, replace(here, state=RoomState.CLOSED))
    return draft.done()


def open_day(line: Line, by: Instruction, *, day: date) -> Decision:
    """Begin a later day: no tickets, all rooms closed, numbers from the start.

    A line that goes on overnight keeps its rooms as they are and every ticket that ``close_day`` left in it,
    with its number and place. The caller closed the old day first (``ValueError`` otherwise, or when the day
    is not later).
    """
    Draft(line, by)
    live = [ticket for ticket in line.tickets.values() if ticket.is_live]
    if day <= line.day or not all(stays_overnight(line, ticket) for ticket in live):
        raise ValueError("the old day is not over")
    head: dict[str, Any] = {"version": line.version + 1, "at": by.at, "actor": by.actor}
    rooms = line.rooms
    if not line.settings.overnight:
        rooms = tuple(replace(room, state=RoomState.CLOSED) for room in rooms)
    events: list[Event] = [DayOpened(what=Happening.DAY_OPENED, day=day, rooms=rooms, **head)]
    for ticket in sorted(live, key=place):
        stays = replace(ticket, given=line.day_of(ticket))
        events.append(TicketMoved(what=Happening.STAYED, ticket=stays, before=ticket.state, **head))
    opening = opening_of(rooms)
    if opening is not Opening.CLOSED:
        events.append(OpeningChanged(what=Happening.OPENING_CHANGED, opening=opening, **head))
    return replay(line, events), tuple(events)
