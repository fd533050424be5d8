"""One phone is one phone, however it is typed."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.phone import e164
from core.refusals import BadInput


@pytest.mark.parametrize(
    "typed", ["13800000000", "+8613800000000", "86 138-0000-0000", "008613800000000", "(138) 0000 0000"]
)
def test_chinese_mobiles_have_one_form(typed: str) -> None:
    assert e164(typed) == "+8613800000000"


def test_a_number_from_abroad_says_its_country() -> None:
    assert e164("+852 6123 4567") == "+85261234567"


@pytest.mark.parametrize(
    "typed", ["", "110", "+8611000000000", "10086", "+86138", "12800000000", "1380000000０", "x"]
)
def test_what_receives_no_message_is_refused(typed: str) -> None:
    with pytest.raises(BadInput):
        e164(typed)


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    with contextlib.suppress(BadInput):
        assert e164(text).startswith("+")
