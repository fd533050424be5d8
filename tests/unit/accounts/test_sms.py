"""Codes by SMS: so many, so often, so long, so many tries."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.providers import CodeExpired
from accounts.sms import (
    SmsCodeWrong,
    SmsTooMany,
    SmsTooSoon,
    SmsTriesOver,
    new_code,
    not_sent,
    sending,
    tried,
)
from accounts.store import SentCode
from core import limits

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PAUSE = timedelta(seconds=limits.SMS_PAUSE_SECONDS)
PHONE = "+8613800000000"


def hashed(code: str) -> bytes:
    return code.encode().ljust(16, b".")


def a_code(at: datetime = NOON, last: SentCode | None = None, code: str = "123456") -> SentCode:
    return sending(last, PHONE, hashed(code), at=at)


def outcome(last: SentCode | None, typed: str, at: datetime = NOON) -> tuple[SentCode | None, str]:
    after, refusal = tried(last, typed, hashed=hashed, at=at)
    return after, "right" if refusal is None else refusal.code


@given(st.binary(min_size=8, max_size=8))
def test_a_code_is_six_digits(chance: bytes) -> None:
    code = new_code(lambda size: chance)
    assert len(code) == 6
    assert code.isdigit()


def test_the_right_code_is_good_once() -> None:
    after, said = outcome(a_code(), "123456")
    assert said == "right"
    assert outcome(after, "123456")[1] == SmsCodeWrong.code


def test_wrong_codes_are_counted_and_then_even_the_right_one_is_not_taken() -> None:
    sent: SentCode | None = a_code()
    for _ in range(limits.SMS_TRIES):
        sent, said = outcome(sent, "000000")
        assert said == SmsCodeWrong.code
    assert outcome(sent, "123456")[1] == SmsTriesOver.code


def test_a_code_comes_in_time_or_not_at_all() -> None:
    good = timedelta(seconds=limits.SMS_CODE_SECONDS)
    assert outcome(a_code(), "123456", NOON + good - SECOND)[1] == "right"
    assert outcome(a_code(), "123456", NOON + good)[1] == CodeExpired.code


def test_a_phone_that_never_asked_and_a_wrong_code_have_one_answer() -> None:
    assert outcome(None, "123456") == (None, SmsCodeWrong.code)


def test_another_code_waits_and_makes_the_first_void() -> None:
    first = a_code()
    with pytest.raises(SmsTooSoon) as soon:
        a_code(NOON + PAUSE - SECOND / 2, first)
    assert soon.value.facts == {"again_after_seconds": 1}
    second = a_code(NOON + PAUSE, first, "654321")
    assert outcome(second, "123456", NOON + PAUSE)[1] == SmsCodeWrong.code
    assert outcome(second, "654321", NOON + PAUSE)[1] == "right"


def test_a_message_that_did_not_leave_can_be_asked_for_again_at_once() -> None:
    lost = not_sent(a_code())
    assert outcome(lost, "123456")[1] == SmsCodeWrong.code
    assert a_code(NOON, lost).sends == 2


def test_a_phone_has_so_many_a_day() -> None:
    sent, at = a_code(), NOON
    for _ in range(limits.SMS_CODES_PER_DAY - 1):
        at += PAUSE
        sent = a_code(at, sent)
    with pytest.raises(SmsTooMany):
        a_code(at + PAUSE, sent)
    assert a_code(at + timedelta(days=1), sent).sends == 1


def test_a_clock_that_was_turned_back_locks_nobody_out() -> None:
    assert a_code(NOON - timedelta(hours=1), a_code()).sends == 2
