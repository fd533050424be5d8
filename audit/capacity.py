"""How much the log takes, how fast it grows, and for how many days there is room. Pure."""

from dataclasses import dataclass

from core import limits


@dataclass(frozen=True, slots=True)
class Size:
    """What the log's database says of itself. ``room``: bytes it may still take, ``None``: nobody knows."""

    records: int
    bytes: int
    room: int | None
    last_week: int
    """Records of the last seven days."""
    days: float
    """Over how many days these were written; at most seven."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What follows from it."""

    size: Size
    growth_records: float
    growth_bytes: float
    days_left: float | None

    @property
    def little_room(self) -> bool:
        """Whether somebody must act now."""
        return self.days_left is not None and self.days_left < limits.AUDIT_ROOM_DAYS


def capacity(size: Size) -> Capacity:
    """Growth by the last week, at the size that a record has had so far.

    Nothing is promised of a log that is younger than an hour; and no more than ten years.
    """
    a_day = size.last_week / max(size.days, 1.0)
    a_record = size.bytes / size.records if size.records else 0.0
    growth = a_day * a_record
    left: float | None = None
    if size.room is not None and growth > 0:
        left = min(size.room / growth, float(limits.AUDIT_DAYS_KNOWN))
    return Capacity(size, a_day, growth, left)
