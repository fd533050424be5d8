"""A state is ours, recent, and this browser's; anything else is refused, and says nothing more."""

import random as chance
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.oauth_state import StateExpired, StateRefused, States
from core import limits

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)
GOOD_FOR = timedelta(seconds=limits.SIGN_IN_STATE_SECONDS)


def states(key: bytes = b"key") -> States:
    return States(key, random=chance.Random(5).randbytes)


def test_a_state_comes_back_with_the_browser_that_took_it() -> None:
    ours = states()
    nonce = ours.new_nonce()
    state = ours.make(nonce=nonce, at=NOON)
    assert state.isalnum()
    assert len(state) <= 128
    assert ours.judge(state, nonce=nonce, at=NOON + GOOD_FOR - timedelta(seconds=1)) == NOON + GOOD_FOR
    assert ours.make(nonce=nonce, at=NOON) != state
    with pytest.raises(StateExpired):
        ours.judge(state, nonce=nonce, at=NOON + GOOD_FOR)


def test_no_other_browser_and_no_other_hospital_can_bring_it() -> None:
    ours = states()
    nonce = ours.new_nonce()
    state = ours.make(nonce=nonce, at=NOON)
    for wrong in ("", ours.new_nonce(), nonce.upper()):
        with pytest.raises(StateRefused) as refused:
            ours.judge(state, nonce=wrong, at=NOON)
        assert refused.value.code == "accounts.state_refused"
    for other_form in (state.upper(), f"{state[:2]} {state[2:]}"):
        with pytest.raises(StateRefused):
            ours.judge(other_form, nonce=nonce, at=NOON)
    with pytest.raises(StateRefused):
        states(b"another").judge(state, nonce=nonce, at=NOON)
    with pytest.raises(StateRefused):
        ours.judge(ours.make(nonce="", at=NOON), nonce="", at=NOON)


@given(st.integers(0, 67), st.sampled_from("0123456789abcdef"))
def test_a_state_that_was_altered_anywhere_is_refused(place: int, digit: str) -> None:
    ours = states()
    nonce = ours.new_nonce()
    state = ours.make(nonce=nonce, at=NOON)
    altered = state[:place] + digit + state[place + 1 :]
    if altered != state:
        with pytest.raises(StateRefused):
            ours.judge(altered, nonce=nonce, at=NOON)


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(StateRefused):
        states().judge(text, nonce="n", at=NOON)
