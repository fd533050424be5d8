"""How long records are kept: never shorter than the law, whatever the clock, the settings or anybody says."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im.retention import (
    LEAST_YEARS,
    Class,
    Hold,
    HoldIsLifted,
    KeptYears,
    NotAnnounced,
    RecordIsHeld,
    Step,
    Subject,
    TooYoungToPurge,
    kept_until,
    lifted,
    may_purge,
    over_before,
    step,
)

MONTH = timedelta(days=30)
moments = st.integers(0, 40 * 366 * 86_400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
classes = st.sampled_from(Class)
years = st.builds(
    KeptYears,
    process=st.one_of(st.just(0), st.integers(3, 60)),
    record=st.one_of(st.just(0), st.integers(15, 60)),
)


def a_subject(ended: datetime | None, class_: Class = Class.RECORD) -> Subject:
    return Subject(id="c1", kind="consultation", class_=class_, ended_at=ended, messages=3, digest=b"d" * 32)


def least_days(class_: Class) -> timedelta:
    """Fewer days than so many years ever have."""
    return timedelta(days=365 * LEAST_YEARS[class_])


@given(moments, moments, moments, classes, years, st.booleans())
def test_nothing_goes_before_the_laws_years_are_over_and_it_was_announced_for_a_month(
    ended: datetime, announced: datetime, at: datetime, class_: Class, kept: KeptYears, held: bool
) -> None:
    what = step(
        a_subject(ended, class_), years=kept, held=held, announced_at=announced, announced=MONTH, at=at
    )
    if what is Step.PURGE:
        assert at - ended >= least_days(class_)
        assert at - announced >= MONTH
        assert not held


@given(moments, st.one_of(st.none(), moments), moments, classes, years, st.booleans())
def test_whoever_asks_is_refused_exactly_when_the_sweep_would_not_purge(
    ended: datetime,
    announced: datetime | None,
    at: datetime,
    class_: Class,
    kept: KeptYears,
    held: bool,
) -> None:
    subject = a_subject(ended, class_)
    asked = {"years": kept, "held": held, "announced_at": announced, "announced": MONTH, "at": at}
    what = step(subject, **asked)  # type: ignore[arg-type]
    try:
        may_purge(subject, **asked)  # type: ignore[arg-type]
    except (TooYoungToPurge, RecordIsHeld, NotAnnounced):
        assert what is not Step.PURGE
    else:
        assert what is Step.PURGE


@given(moments, classes, years, moments)
def test_what_is_looked_for_holds_everything_that_is_over(
    ended: datetime, class_: Class, kept: KeptYears, at: datetime
) -> None:
    until = kept_until(a_subject(ended, class_), kept)
    before = over_before(class_, kept, at=at)
    if until is not None and until <= at:
        assert before is not None
        assert ended <= before


@given(moments, years)
def test_what_is_not_over_stays(at: datetime, kept: KeptYears) -> None:
    asked = {"years": kept, "held": False, "announced_at": None, "announced": MONTH, "at": at}
    assert step(a_subject(None), **asked) is Step.KEEP  # type: ignore[arg-type]


def test_a_hold_and_a_clock_that_was_ahead_take_an_announcement_back() -> None:
    ended, at = datetime(2020, 2, 29, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
    subject, kept = a_subject(ended), KeptYears()

    def now(*, held: bool, announced: datetime | None) -> Step:
        return step(subject, years=kept, held=held, announced_at=announced, announced=MONTH, at=at)

    assert now(held=False, announced=None) is Step.ANNOUNCE
    assert now(held=True, announced=at - MONTH) is Step.WITHDRAW
    assert now(held=False, announced=at + MONTH) is Step.WITHDRAW
    assert now(held=False, announced=at - MONTH + timedelta(seconds=1)) is Step.KEEP
    assert now(held=False, announced=at - MONTH) is Step.PURGE
    assert now(held=True, announced=None) is Step.KEEP


def test_a_leap_day_ends_on_the_first_of_march() -> None:
    ended = datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert kept_until(a_subject(ended), KeptYears()) == datetime(2039, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(("process", "record"), [(2, 15), (3, 14), (-1, 15), (1, 1)])
def test_fewer_years_than_the_laws_are_no_setting(process: int, record: int) -> None:
    with pytest.raises(ValueError, match="fewer than the law's"):
        KeptYears(process=process, record=record)


def test_a_hold_is_lifted_once() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    hold = Hold(id="h1", subject="c1", reason="court", by="security_admin.1", at=at)
    after = lifted(hold, by="security_admin.2", because="over", at=at)
    assert not after.stands
    with pytest.raises(HoldIsLifted):
        lifted(after, by="security_admin.1", because="again", at=at)
