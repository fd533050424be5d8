"""What hospital databases hold becomes what the contract says, or a reason without the value."""

from datetime import date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from core.clock import CHINA
from front_machine.converters import (
    TimeForm,
    Unusable,
    day_of,
    decode,
    fen,
    formed,
    moment,
    placeholders,
    real_number,
    whole_number,
)

DAY = date(2026, 11, 23)
AT_0931 = datetime(2026, 11, 23, 9, 31, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("A017    ", "A017"),
        ("内科\u3000\u3000", "内科"),
        ("", None),
        ("   ", None),
        (None, None),
        ("心血管内科".encode("gb18030"), "心血管内科"),
        ("𠮷".encode("gb18030") + b"  ", "𠮷"),
        (memoryview(b"3 "), "3"),
        (3, "3"),
        (3.0, "3"),
        (Decimal("3.50"), "3.50"),
        (True, "1"),
        (date(2026, 11, 23), "20261123"),
        (time(9, 5), "090500"),
    ],
)
def test_cells_become_trimmed_text(cell: object, text: str | None) -> None:
    assert decode(cell, encoding="gb18030") == text


def test_gb18030_under_a_latin_label_is_read_again() -> None:
    wrong = "王小明".encode("gb18030").decode("latin-1")
    assert decode(wrong, encoding="gb18030", mislabelled="latin-1") == "王小明"


def test_gb18030_under_a_utf8_label_is_read_again() -> None:
    wrong = "王小明".encode("gb18030").decode("utf-8", "surrogateescape")
    assert decode(wrong, encoding="gb18030", mislabelled="utf-8") == "王小明"


@pytest.mark.parametrize("bad", [b"\xff\xff\xff", object(), "x" * 201, float("nan")])
def test_an_unusable_cell_says_why_without_its_value(bad: object) -> None:
    with pytest.raises(Unusable) as refused:
        decode(bad, encoding="gb18030")
    assert "xxx" not in str(refused.value)
    assert refused.value.__cause__ is None or "\\xff" not in str(refused.value)


@pytest.mark.parametrize(("text", "number"), [("3", 3), ("3.0", 3), ("-2", -2), ("007", 7)])
def test_whole_numbers(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["3.5", "x", "NaN", "Infinity", "1e99", ""])
def test_not_whole_numbers(text: str) -> None:
    with pytest.raises(Unusable):
        whole_number(text)


@pytest.mark.parametrize("text", ["x", "nan", "snan", "inf", "1e400"])
def test_not_orders(text: str) -> None:
    with pytest.raises(Unusable):
        real_number(text)


@pytest.mark.parametrize(
    ("yuan", "expected"),
    [("15", 1500), ("15.5", 1550), ("15.00", 1500), ("¥1,015.50", 101550), ("-3.2", -320), ("0.070", 7)],
)
def test_yuan_become_fen_exactly(yuan: str, expected: int) -> None:
    assert fen(yuan) == expected


@pytest.mark.parametrize("yuan", ["0.005", "x", "NaN", "Infinity", ""])
def test_money_is_never_rounded_or_guessed(yuan: str) -> None:
    with pytest.raises(Unusable):
        fen(yuan)


@given(some.integers(min_value=-(10**12), max_value=10**12))
def test_every_amount_of_fen_survives(amount: int) -> None:
    assert fen(str(Decimal(amount) / 100)) == amount


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("20261123093104", "%Y%m%d%H%M%S", datetime(2026, 11, 23, 9, 31, 4, tzinfo=CHINA)),
        ("2026-11-23 09:31", "%Y-%m-%d %H:%M", datetime(2026, 11, 23, 9, 31, tzinfo=CHINA)),
        ("0931", "%H%M", datetime(2026, 11, 23, 9, 31, tzinfo=CHINA)),
        ("093104", "%H%M%S", datetime(2026, 11, 23, 9, 31, 4, tzinfo=CHINA)),
        ("2026-11-23T09:31:04.12", "%Y-%m-%dT%H:%M:%S.%f", datetime(2026, 11, 23, 9, 31, 4, 120000, CHINA)),
        (datetime(2026, 11, 23, 9, 31, tzinfo=CHINA).replace(tzinfo=None), "", AT_0931),
        (time(9, 31), "", datetime(2026, 11, 23, 9, 31, tzinfo=CHINA)),
    ],
)
def test_times(value: object, pattern: str, expected: datetime) -> None:
    assert moment(value, [TimeForm(pattern)], day=DAY) == expected


@pytest.mark.parametrize("value", ["20261323093104", "2026112309310", "９月", "", "09310", "20261123 93104"])
def test_a_time_that_does_not_fit_is_unusable(value: str) -> None:
    with pytest.raises(Unusable):
        moment(value, [TimeForm("%Y%m%d%H%M%S")], day=DAY)


def test_days() -> None:
    assert day_of("20261123", [TimeForm("%Y%m%d")]) == DAY
    assert day_of(DAY, []) == DAY


def test_ticket_numbers_are_formed_from_columns() -> None:
    assert placeholders("{QZ}{XH:03}") == ("QZ", "XH")
    assert formed("{QZ}{XH:03}", {"QZ": "A", "XH": "17"}) == "A017"
    assert formed("{QZ}{XH:03}", {"QZ": None, "XH": None}) is None


@pytest.mark.parametrize("form", ["{A.__class__}", "{A!r}", "{A:x}", "{A[0]}", "{", "}"])
def test_a_form_is_nothing_but_columns(form: str) -> None:
    with pytest.raises(ValueError):
        placeholders(form)
