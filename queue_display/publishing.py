"""From a changed line to what the world is told: one board, and one part per screen that shows the line."""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from core.events import Outgoing
from core.ids import DepartmentId, LineId
from queue_display.board import ScreenSpec, Waits, board_of, queue_channel, screen_channel, screen_part
from queue_display.line import Line

WaitsOf = Callable[[Line, datetime], Waits | None]
"""The waiting times of a line at a moment; None while its past is too short."""


class Publisher:
    """Builds publications. Each payload is encoded once, here."""

    def __init__(self, *, screens: Sequence[ScreenSpec], waits: WaitsOf) -> None:
        self._screens = tuple(screens)
        self._waits = waits
        self._encode = msgspec.json.Encoder().encode

    def outgoing(self, line: Line, *, at: datetime) -> tuple[Outgoing, ...]:
        """What to publish about the line as it is now."""
        board = board_of(line, self._waits(line, at))
        told = [Outgoing(queue_channel(line.id), self._encode(board))]
        told += (
            Outgoing(screen_channel(screen.id), self._encode(screen_part(line, screen)))
            for screen in self.screens_of(line.id, line.department)
        )
        return tuple(told)

    def screens_of(self, line: LineId, department: DepartmentId) -> tuple[ScreenSpec, ...]:
        """The screens that show the line."""
        return tuple(screen for screen in self._screens if screen.shows(line, department))
