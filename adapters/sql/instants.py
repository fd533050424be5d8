"""Times and days as the database keeps them: UTC microseconds since 1970 in a BIGINT, days as ``2026-11-23``.

The same on both databases, exact in both directions, and ordered as numbers.
"""

from datetime import UTC, date, datetime, timedelta

from core.clock import CHINA

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHINA_EPOCH = _EPOCH.astimezone(CHINA)
_MICROSECOND = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """An aware moment as UTC microseconds."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(us: int) -> datetime:
    """The moment again, in China Standard Time."""
    return _CHINA_EPOCH + timedelta(microseconds=us)


def to_us_or_none(at: datetime | None) -> int | None:
    """As ``to_us``; nothing stays nothing."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def from_us_or_none(us: int | None) -> datetime | None:
    """As ``from_us``; nothing stays nothing."""
    return None if us is None else _CHINA_EPOCH + timedelta(microseconds=us)


def to_day(day: date) -> str:
    """A day as text."""
    return day.isoformat()


def from_day(text: str) -> date:
    """The day again."""
    return date.fromisoformat(text)
