"""A line that the platform runs passes from one day to the next: closed and opened anew in one transaction.

A sweep does it after midnight. Whoever is faster than the sweep does it too: a command must never act on
yesterday's line, for whatever it changed there would be ended with that day.
"""

from datetime import date

from core.actor import SYSTEM
from core.clock import business_day
from queue_display.draft import Instruction
from queue_display.leaving import close_day
from queue_display.line import Line, Mode
from queue_display.rooms import open_day
from queue_display.store import Change, Unit


def is_yesterdays(line: Line, today: date) -> bool:
    """Whether the platform runs the line and its day is over."""
    return line.mode is Mode.OWN and line.day < today


async def begin_today(unit: Unit, evening: Line, by: Instruction) -> Line:
    """Close the line's day and begin the day of ``by.at``; both are kept in the unit, which holds the line.

    ``by`` may be anybody's: the change is the platform's own and has no expected version.
    """
    closing = Instruction(actor=SYSTEM.id, at=by.at, expected_version=None, reason="day_closed")
    night, ended = close_day(evening, closing)
    await unit.lines.keep(Change(evening, night, ended))
    opening = Instruction(actor=SYSTEM.id, at=by.at, expected_version=None, reason="")
    morning, begun = open_day(night, opening, day=business_day(by.at))
    await unit.lines.keep(Change(night, morning, begun))
    return morning
