"""A rate with a burst: never more than it says in any stretch of time, and never less than it promises."""

from hypothesis import given
from hypothesis import strategies as st

from core.quota import Allowance, take

ALLOWANCES = st.builds(Allowance, st.integers(1, 50), st.floats(0.01, 1_000))
PAUSES = st.lists(st.floats(0, 30), max_size=200)


def times_taken(allowed: Allowance, pauses: list[float]) -> list[float]:
    used, at, taken = None, 1_000.0, []
    for pause in pauses:
        at += pause
        used, wait = take(used, at=at, allowed=allowed)
        if not wait:
            taken.append(at)
    return taken


@given(ALLOWANCES, PAUSES)
def test_no_stretch_of_time_has_more_than_its_share(allowed: Allowance, pauses: list[float]) -> None:
    taken = times_taken(allowed, pauses)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            stretch = taken[last] - taken[first]
            assert last - first + 1 <= allowed.at_once + stretch * allowed.per_second + 1e-3


@given(ALLOWANCES, PAUSES)
def test_who_waits_as_told_is_let_in_and_not_before(allowed: Allowance, pauses: list[float]) -> None:
    used, at = None, 1_000.0
    for pause in pauses:
        at += pause
        before = used
        used, wait = take(used, at=at, allowed=allowed)
        if wait:
            assert used == before or (before is not None and before < at)
            assert take(used, at=at + wait * 0.99, allowed=allowed)[1] > 0 or wait < 1e-3
            assert take(used, at=at + wait, allowed=allowed)[1] == 0


@given(ALLOWANCES)
def test_a_burst_is_as_large_as_it_says(allowed: Allowance) -> None:
    assert len(times_taken(allowed, [0.0] * (allowed.at_once + 5))) == allowed.at_once


@given(ALLOWANCES, st.integers(1, 100))
def test_the_steady_rate_never_meets_it(allowed: Allowance, times: int) -> None:
    assert len(times_taken(allowed, [allowed.every] * times)) == times


def test_it_can_be_made_wider_and_narrower() -> None:
    allowed = Allowance(10, 2.0)
    assert allowed.times(2.5) == Allowance(25, 5.0)
    assert allowed.times(0.01) == Allowance(1, 0.02)
