"""Which passwords may be: long, of several kinds, without number or name, and not soon guessed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.password_policy import PasswordRefused, Weakness, is_too_old, judge_password, same_form

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)


def weakness(password: str, *, number: str = "0007", name: str = "欧阳 Anna") -> Weakness | None:
    try:
        judge_password(password, number=number, name=name)
    except PasswordRefused as refused:
        return refused.weakness
    return None


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("", Weakness.SHORT),
        ("Tq7#mV9x!pL", Weakness.SHORT),
        ("x" * 129, Weakness.LONG),
        ("Tq7#0007x!pLw", Weakness.HOLDS_NUMBER),
        ("Tq7#AnNax!pLw", Weakness.HOLDS_NAME),
        ("Tq7#欧阳x!pLwvv", Weakness.HOLDS_NAME),
        ("tqsmvzxwplwk", Weakness.FEW_KINDS),
        ("tqsmvzxwplwk7", Weakness.FEW_KINDS),
        ("Hospital2026!", Weakness.GUESSABLE),
        ("Password123!", Weakness.GUESSABLE),
        ("Qwertyuiop12", Weakness.GUESSABLE),
        ("P@ssw0rd2026!!", Weakness.GUESSABLE),
        ("Houzhen@123456", Weakness.GUESSABLE),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", Weakness.GUESSABLE),
        ("password password password", Weakness.GUESSABLE),
        ("Tq7#mV9x!pLw", None),
        ("correct horse battery staple", None),
        ("每天早上七点半我在食堂喝一碗热豆浆再上楼", None),
    ],
)
def test_a_password_is_refused_for_a_reason(password: str, expected: Weakness | None) -> None:
    assert weakness(password) is expected


def test_the_refusal_never_holds_the_password() -> None:
    with pytest.raises(PasswordRefused) as refused:
        judge_password("Hospital2026!", number="0007", name="某")
    assert refused.value.facts == {"field": "$.password", "weakness": "guessable"}
    assert "Hospital" not in str(refused.value)


def test_one_form_however_it_was_typed() -> None:
    assert same_form("ｐａｓｓ①") == "pass1"
    assert same_form("é") == same_form("é")
    assert weakness("Ｔｑ7#0007x!pLw") is Weakness.HOLDS_NUMBER


def test_a_password_grows_too_old_unless_the_setting_says_never() -> None:
    later = NOON + timedelta(days=180)
    assert is_too_old(NOON, at=later, days=180)
    assert not is_too_old(NOON, at=later - timedelta(seconds=1), days=180)
    assert not is_too_old(NOON, at=NOON + timedelta(days=9999), days=0)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=140), st.text(max_size=12), st.text(max_size=20))
def test_any_text_is_judged(password: str, number: str, name: str) -> None:
    found = weakness(password, number=number, name=name)
    if found is None:
        assert 12 <= len(same_form(password)) <= 128
