"""For how many days there is room."""

from audit.capacity import Size, capacity


def size(**changes: int | float | None) -> Size:
    given = {"records": 1_000, "bytes": 500_000, "room": 5_000_000, "last_week": 700, "days": 7.0}
    return Size(**(given | changes))  # type: ignore[arg-type]


def test_the_last_week_says_how_fast_it_grows() -> None:
    found = capacity(size())
    assert (found.growth_records, found.growth_bytes, found.days_left) == (100.0, 50_000.0, 100.0)
    assert not found.little_room
    assert capacity(size(room=1_000_000)).little_room


def test_a_young_log_is_taken_for_a_day_old() -> None:
    assert capacity(size(last_week=50, days=0.01)).growth_records == 50.0


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert capacity(size(room=None)).days_left is None
    assert capacity(size(last_week=0)).days_left is None
    assert capacity(size(records=0, bytes=0)).days_left is None
    assert capacity(size(room=10**15)).days_left == 3650.0
