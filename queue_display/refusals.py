"""Why a command on a line is refused. Facts are shown to staff and never hold personal data."""

from core.ids import LineId, RoomId, TicketNumber
from core.refusals import BadInput, Kind, NotFound, Refusal
from queue_display.line import Line, RoomState
from queue_display.ticket import TicketState


class NoSuchLine(NotFound):
    """No line of that id, or none that this caller may act on."""

    code = "queue.no_such_line"

    def __init__(self, *, line: LineId) -> None:
        super().__init__(line=line)


class NoSuchTicket(NotFound):
    """Nobody has that number in this line today."""

    code = "queue.no_such_ticket"

    def __init__(self, *, line: LineId, number: TicketNumber) -> None:
        super().__init__(line=line, number=number)


class NoSuchRoom(NotFound):
    """The line is not held in that room."""

    code = "queue.no_such_room"

    def __init__(self, *, line: LineId, room: RoomId) -> None:
        super().__init__(line=line, room=room)


class NoSuchScreen(NotFound):
    """No screen of that id."""

    code = "queue.no_such_screen"

    def __init__(self, *, screen: str) -> None:
        super().__init__(screen=screen)


class LineHasMoved(Refusal):
    """Somebody else was faster; ``version`` and what is going on in the rooms now are in the facts."""

    code = "queue.line_has_moved"

    def __init__(self, *, line: LineId, version: int, now: list[str] | None = None) -> None:
        super().__init__(line=line, version=version, now=now if now is not None else [])

    @classmethod
    def since(cls, line: Line) -> "LineHasMoved":
        """The refusal that tells the line's present state, ``number@room:state`` per busy room."""
        return cls(
            line=line.id,
            version=line.version,
            now=[f"{t.number}@{t.room or ''}:{t.state}" for t in line.now],
        )


class LineIsMirrored(Refusal):
    """The hospital's own system runs this line; it is operated there."""

    code = "queue.line_is_mirrored"

    def __init__(self, *, line: LineId) -> None:
        super().__init__(line=line)


class LineIsEmpty(Refusal):
    """Nobody waits who may be called into that room."""

    code = "queue.line_is_empty"

    def __init__(self, *, line: LineId, room: RoomId) -> None:
        super().__init__(line=line, room=room)


class LineIsFull(Refusal):
    """The line has as many tickets today as the platform carries."""

    code = "queue.line_is_full"

    def __init__(self, *, line: LineId, limit: int) -> None:
        super().__init__(line=line, limit=limit)


class ClinicIsStopped(Refusal):
    """停诊: the clinic does not take place today."""

    code = "queue.clinic_is_stopped"

    def __init__(self, *, line: LineId) -> None:
        super().__init__(line=line)


class AlreadyInLine(Refusal):
    """The visit has a live ticket in this line."""

    code = "queue.already_in_line"

    def __init__(self, *, line: LineId, number: TicketNumber) -> None:
        super().__init__(line=line, number=number)


class NumberIsTaken(Refusal):
    """The number was given out today; numbers are never reused."""

    code = "queue.number_is_taken"

    def __init__(self, *, line: LineId, number: TicketNumber) -> None:
        super().__init__(line=line, number=number)


class RoomIsBusy(Refusal):
    """Somebody is called into the room or in service there: finish or pass over first."""

    code = "queue.room_is_busy"

    def __init__(self, *, room: RoomId, number: TicketNumber, state: TicketState) -> None:
        super().__init__(room=room, number=number, state=state.value)


class RoomIsNotOpen(Refusal):
    """Nobody is called into a room that is paused or closed."""

    code = "queue.room_is_not_open"

    def __init__(self, *, room: RoomId, state: RoomState) -> None:
        super().__init__(room=room, state=state.value)


class WrongState(Refusal):
    """The ticket stands where this cannot be done; ``allowed`` says from where it can."""

    code = "queue.wrong_state"

    def __init__(self, *, number: TicketNumber, state: TicketState, allowed: frozenset[TicketState]) -> None:
        super().__init__(number=number, state=state.value, allowed=sorted(s.value for s in allowed))


class TooEarlyToPass(Refusal):
    """Recall first, or wait: the patient has not had the chance that the settings promise."""

    code = "queue.too_early_to_pass"

    def __init__(self, *, number: TicketNumber, recalls_missing: int, seconds_missing: int) -> None:
        super().__init__(number=number, recalls_missing=recalls_missing, seconds_missing=seconds_missing)


class TooLateToUndo(Refusal):
    """The time in which this could be undone is over."""

    code = "queue.too_late_to_undo"

    def __init__(self, *, number: TicketNumber, limit_seconds: int) -> None:
        super().__init__(number=number, limit_seconds=limit_seconds)


class NotYoursToUndo(Refusal):
    """Only who did it, or the same room's desk, may undo it."""

    code = "queue.not_yours_to_undo"
    kind = Kind.FORBIDDEN

    def __init__(self, *, number: TicketNumber) -> None:
        super().__init__(number=number)


class SameLine(BadInput):
    """A transfer needs another line."""

    code = "queue.same_line"

    def __init__(self, *, line: LineId) -> None:
        super().__init__(field="$.to_line", why="same_line", line=line)


class TooManyPlaces(BadInput):
    """A ticket moves back by at least one place and at most ``limit``."""

    code = "queue.too_many_places"

    def __init__(self, *, places: int, limit: int) -> None:
        super().__init__(field="$.places", why="out_of_range", places=places, limit=limit)
