"""Moments and days of the log: UTC microseconds since 1970, and the hospital's calendar days."""

from datetime import UTC, date, datetime, timedelta

from core.clock import CHINA

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY_US = 24 * 3600 * 1_000_000
_CHINA_US = int(timedelta(hours=8).total_seconds()) * 1_000_000
_EPOCH_DAY = _EPOCH.date().toordinal()


def microseconds(at: datetime) -> int:
    """An aware moment as UTC microseconds."""
    return (at - _EPOCH) // _MICROSECOND


def moment(us: int) -> datetime:
    """The moment again, in China Standard Time."""
    return (_EPOCH + timedelta(microseconds=us)).astimezone(CHINA)


def day_of(us: int) -> int:
    """The hospital's calendar day of a moment, as an ordinal (``date.fromordinal``)."""
    return _EPOCH_DAY + (us + _CHINA_US) // _DAY_US


def beginning_of(day: date) -> int:
    """The first microsecond of a day."""
    return (day.toordinal() - _EPOCH_DAY) * _DAY_US - _CHINA_US
