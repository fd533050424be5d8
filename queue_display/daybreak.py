"""A line that the platform runs passes from one day to the next: closed and opened anew in one transaction.

A sweep does it when the line's day is over. Whoever is faster than the sweep does it too: a command must
never act on yesterday's line, for whatever it changed there would be ended with that day.
"""

from datetime import date, datetime, timedelta

from core.actor import SYSTEM
from core.clock import business_day
from queue_display.draft import Instruction
from queue_display.leaving import close_day
from queue_display.line import Line, LineSettings, Mode
from queue_display.rooms import open_day
from queue_display.store import Change, Unit


def day_at(settings: LineSettings, at: datetime) -> date:
    """The day of a line at a moment: until ``day_begins`` the day before goes on."""
    hours, minutes = settings.day_begins.split(":")
    return business_day(at - timedelta(hours=int(hours), minutes=int(minutes)))


def is_yesterdays(line: Line, at: datetime) -> bool:
    """Whether the platform runs the line and its day is over at that moment."""
    return line.mode is Mode.OWN and line.day < day_at(line.settings, at)


async def begin_today(unit: Unit, evening: Line, by: Instruction) -> Line:
    """Close the line's day and begin the day of ``by.at``; both are kept in the unit, which holds the line.

    ``by`` may be anybody's: the change is the platform's own and has no expected version.
    """
    closing = Instruction(actor=SYSTEM.id, at=by.at, expected_version=None, reason="day_closed")
    night, ended = close_day(evening, closing)
    if ended:
        await unit.lines.keep(Change(evening, night, ended))
    opening = Instruction(actor=SYSTEM.id, at=by.at, expected_version=None, reason="")
    morning, begun = open_day(night, opening, day=day_at(night.settings, by.at))
    await unit.lines.keep(Change(night, morning, begun))
    return morning
