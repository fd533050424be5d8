"""Ranges as RFC 9110 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.ranges import NotThere, Part, Wanted

TAG = '"abc"'


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("", None),
        ("bytes=0-0", Part(0, 1)),
        ("bytes=0-99", Part(0, 100)),
        ("bytes=10-", Part(10, 100)),
        ("bytes=90-500", Part(90, 100)),
        ("bytes=-5", Part(95, 100)),
        ("bytes=-500", Part(0, 100)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
    ],
)
def test_one_range_is_understood_and_anything_else_means_all(said: str, part: Part | None) -> None:
    assert Wanted(range=said).part(100, TAG) == part


@pytest.mark.parametrize("said", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_told_so(said: str) -> None:
    with pytest.raises(NotThere):
        Wanted(range=said).part(100, TAG)


def test_a_range_of_another_version_means_all() -> None:
    assert Wanted(range="bytes=0-1", if_range=TAG).part(100, TAG) == Part(0, 2)
    assert Wanted(range="bytes=0-1", if_range='"x"').part(100, TAG) is None
    assert Wanted(range="bytes=0-1", if_range="Wed, 21 Oct 2026 07:28:00 GMT").part(100, TAG) is None


def test_who_has_it_need_not_be_sent_it() -> None:
    assert Wanted(if_none_match=f'"x", W/{TAG}').has(TAG)
    assert Wanted(if_none_match="*").has(TAG)
    assert not Wanted(if_none_match='"x"').has(TAG)
    assert not Wanted().has(TAG)


@given(st.text(alphabet="bytes=-0123456789, ", max_size=40), st.integers(1, 1000))
def test_a_part_is_inside(said: str, size: int) -> None:
    try:
        part = Wanted(range=said).part(size, TAG)
    except NotThere:
        return
    assert part is None or 0 <= part.start < part.stop <= size
