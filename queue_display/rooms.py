"""Rooms and days: open, pause, close; begin a new day."""

from dataclasses import replace
from datetime import date

from core.ids import DoctorId, RoomId
from queue_display.draft import Decision, Draft, Instruction
from queue_display.events import DayOpened, Happening, replay
from queue_display.line import Line, RoomState


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

    The caller closed the old day first (``ValueError`` otherwise, or when the day is not later).
    """
    Draft(line, by)
    if day <= line.day or any(t.is_live for t in line.tickets.values()):
        raise ValueError("the old day is not over")
    rooms = tuple(replace(room, state=RoomState.CLOSED) for room in line.rooms)
    event = DayOpened(
        what=Happening.DAY_OPENED, version=line.version + 1, at=by.at, actor=by.actor, day=day, rooms=rooms
    )
    return replay(line, (event,)), (event,)
