"""When a doctor takes questions: weekly hours in hospital time, so many a day, only with a confirmed name.

Pure. Hours may pass midnight: Friday 22:00 until 02:00 is Saturday's first two hours too.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from core.clock import CHINA, business_day


@dataclass(frozen=True, slots=True, order=True)
class Hours:
    """On one day of the week (1 is Monday). ``until`` not behind ``begin``: on the next day."""

    day: int
    begin: time
    until: time

    def holds(self, at: datetime) -> bool:
        """Whether the moment lies within."""
        local = at.astimezone(CHINA)
        days = (local.date() - timedelta(days=back) for back in (0, 1))
        return any(self._is_on(day) and self._begins(day) <= local < self._ends(day) for day in days)

    def _is_on(self, day: date) -> bool:
        return day.isoweekday() == self.day

    def _begins(self, day: date) -> datetime:
        return datetime.combine(day, self.begin, CHINA)

    def _ends(self, day: date) -> datetime:
        later = timedelta(days=1) if self.until <= self.begin else timedelta(0)
        return datetime.combine(day, self.until, CHINA) + later


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """How one doctor answers patients. ``hours`` empty: at any hour."""

    user: str
    name: str
    title: str
    department: str
    introduction: str = ""
    fee_fen: int = 0
    turns: int = 20
    window: timedelta = timedelta(hours=24)
    daily_limit: int = 20
    taking: bool = True
    in_pool: bool = True
    hours: tuple[Hours, ...] = ()
    confirmed: bool = False

    def why_not(self, *, at: datetime, taken: int) -> str:
        """Why nobody can ask now; empty: somebody can. ``taken`` is how many were opened on this day."""
        if not self.taking or not self.confirmed:
            return "not_taking"
        if self.hours and not any(each.holds(at) for each in self.hours):
            return "off_duty"
        return "full_today" if taken >= self.daily_limit else ""


def day_of(at: datetime) -> str:
    """The day that a daily limit counts."""
    return business_day(at).isoformat()
