"""Five wrong tries lock; each further one for twice as long; what is right is forgiven."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import lockout
from accounts.lockout import TooManyTries, TriedAt, Tries
from core import limits

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)


def fail(tries: Tries | None, times: int, *, at: datetime = NOON, of: TriedAt = TriedAt.PASSWORD) -> Tries:
    for _ in range(times):
        tries = lockout.counted(tries, of, at=at)
    assert tries is not None
    return tries


def test_five_wrong_tries_lock() -> None:
    tries = fail(None, limits.STAFF_TRIES)
    for later in (0, limits.STAFF_LOCK_SECONDS - 1):
        with pytest.raises(TooManyTries) as refused:
            lockout.counted(tries, TriedAt.PASSWORD, at=NOON + timedelta(seconds=later))
        assert refused.value.facts == {"seconds": limits.STAFF_LOCK_SECONDS - later}
    lockout.counted(tries, TriedAt.PASSWORD, at=NOON + timedelta(seconds=limits.STAFF_LOCK_SECONDS))


def test_each_further_try_locks_for_twice_as_long_up_to_a_bound() -> None:
    tries, at, waits = fail(None, limits.STAFF_TRIES), NOON, []
    for _ in range(10):
        assert tries.locked_until is not None
        waits.append((tries.locked_until - at).total_seconds())
        at = tries.locked_until
        tries = lockout.counted(tries, TriedAt.PASSWORD, at=at)
    assert waits[:6] == [60, 120, 240, 480, 960, 1920]
    assert waits[6:] == [limits.STAFF_LOCK_MOST_SECONDS] * 4


def test_an_address_has_more_tries_than_an_account() -> None:
    tries = fail(None, limits.STAFF_TRIES_OF_ADDRESS - 1, of=TriedAt.ADDRESS)
    lockout.judge(tries, at=NOON)
    with pytest.raises(TooManyTries):
        lockout.judge(lockout.counted(tries, TriedAt.ADDRESS, at=NOON), at=NOON)


def test_a_hospital_behind_one_gateway_is_not_locked_out_by_those_who_mistype() -> None:
    """Two hundred people, a wrong password every second minute, all day and the next."""
    tries, at = None, NOON
    for _ in range(1_000):
        tries = lockout.counted(tries, TriedAt.ADDRESS, at=at)
        assert tries.locked_until is None
        at += timedelta(minutes=2)


def test_an_address_that_goes_on_guessing_is_slowed_and_never_shut_for_long() -> None:
    tries, at, judged = fail(None, limits.STAFF_TRIES_OF_ADDRESS, of=TriedAt.ADDRESS), NOON, 0
    while at < NOON + timedelta(hours=1):
        assert tries.locked_until is not None
        assert tries.locked_until - at <= timedelta(seconds=limits.STAFF_LOCK_OF_ADDRESS_MOST_SECONDS)
        at = tries.locked_until
        while True:
            tries, judged = lockout.counted(tries, TriedAt.ADDRESS, at=at), judged + 1
            if tries.locked_until is not None:
                break
    assert judged <= 60


def test_old_tries_count_no_more() -> None:
    day_later = NOON + timedelta(seconds=limits.STAFF_TRIES_KEPT_SECONDS)
    assert lockout.counted(fail(None, limits.STAFF_TRIES), TriedAt.PASSWORD, at=day_later).failed == 1


@given(st.integers(1, 40), st.sampled_from(list(TriedAt)))
def test_forgiving_takes_back_one_try(failed: int, of: TriedAt) -> None:
    before = Tries(failed, NOON)
    after = lockout.forgiven(lockout.counted(before, of, at=NOON), of)
    assert after is not None
    assert after.failed == failed
    if failed < of.most:
        lockout.judge(after, at=NOON)
    assert lockout.forgiven(lockout.counted(None, of, at=NOON), of) is None


@given(st.lists(st.tuples(st.integers(0, 7200), st.booleans()), max_size=60))
def test_however_tries_come_no_more_are_judged_than_may_be(steps: list[tuple[int, bool]]) -> None:
    """In any hour without a right try there are at most five, and then one each time the lock has ended."""
    tries: Tries | None = None
    at, wrong = NOON, 0
    for pause, right in steps:
        at += timedelta(seconds=pause)
        if tries is not None and lockout.is_old(tries, at=at):
            wrong = 0
        try:
            tries = lockout.counted(tries, TriedAt.PASSWORD, at=at)
        except TooManyTries:
            assert wrong >= limits.STAFF_TRIES
            continue
        if right:
            tries, wrong = None, 0
            continue
        wrong += 1
        assert tries.failed == wrong
        assert (tries.locked_until is not None) == (wrong >= limits.STAFF_TRIES)


def test_keys_hold_neither_number_nor_address() -> None:
    keys = {of.key(name) for of in TriedAt for name in ("0007", "10.0.0.1")}
    assert len(keys) == 6
    assert all(len(key) == 32 and b"0007" not in key for key in keys)
