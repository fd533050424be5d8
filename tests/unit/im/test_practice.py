"""When a doctor takes questions."""

from datetime import datetime, time, timedelta

import pytest

from core.clock import CHINA
from im.practice import Hours, Practice

MONDAY = datetime(2026, 11, 23, tzinfo=CHINA)
NIGHT = Hours(5, time(22), time(2))
LI = Practice(user="doctor.li", name="李医生", title="", department="d1", confirmed=True)


@pytest.mark.parametrize(
    ("hours", "at", "holds"),
    [
        (Hours(1, time(8), time(12)), MONDAY + timedelta(hours=8), True),
        (Hours(1, time(8), time(12)), MONDAY + timedelta(hours=12), False),
        (Hours(1, time(8), time(12)), MONDAY + timedelta(days=1, hours=9), False),
        (NIGHT, MONDAY + timedelta(days=4, hours=23), True),
        (NIGHT, MONDAY + timedelta(days=5, hours=1, minutes=59), True),
        (NIGHT, MONDAY + timedelta(days=5, hours=2), False),
        (NIGHT, MONDAY + timedelta(days=4, hours=1), False),
        (Hours(7, time(0), time(0)), MONDAY + timedelta(days=6, hours=13), True),
        (Hours(7, time(0), time(0)), MONDAY + timedelta(days=7), False),
    ],
)
def test_hours_hold_from_their_begin_to_their_end(hours: Hours, at: datetime, holds: bool) -> None:
    assert hours.holds(at) is holds


def test_why_nobody_can_ask_is_said() -> None:
    assert LI.why_not(at=MONDAY, taken=0) == ""
    assert LI.why_not(at=MONDAY, taken=20) == "full_today"
    assert Practice(user="u", name="", title="", department="d").why_not(at=MONDAY, taken=0) == "not_taking"
    shut = Practice(user="u", name="", title="", department="d", confirmed=True, hours=(NIGHT,))
    assert shut.why_not(at=MONDAY, taken=0) == "off_duty"
