"""Numbers on papers: every single slip is caught, whatever is accepted has one form."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic.identity_numbers import (
    BadIdNumber,
    IdKind,
    IdNumber,
    NoSuchRegion,
    Sex,
    WrongBirthDate,
    WrongCheckDigit,
    age_in_years,
    check_digit,
    read_id_number,
)
from tests.unit.clinic.papers import SAMPLE, TODAY, days_born, resident_number, resident_numbers


def read(text: str, kind: IdKind = IdKind.CN_ID) -> IdNumber:
    return read_id_number(kind, text, today=TODAY, field="$.id_number")


def test_the_standards_own_example() -> None:
    assert read(SAMPLE) == IdNumber(IdKind.CN_ID, SAMPLE, date(1949, 12, 31), Sex.FEMALE)
    assert (
        read("440524188001010014".replace("1880", "1980")[:17] + check_digit("44052419800101001")).sex
        is Sex.MALE
    )


@given(days_born, st.integers(min_value=1, max_value=999))
def test_birth_date_and_sex_are_in_the_number(born: date, order: int) -> None:
    found = read(resident_number(born, order=order))
    assert (found.born, found.sex) == (born, Sex.MALE if order % 2 else Sex.FEMALE)


@given(resident_numbers, st.integers(min_value=0, max_value=17), st.sampled_from("0123456789X"))
def test_every_single_wrong_character_is_caught(number: str, place: int, other: str) -> None:
    if other == number[place]:
        return
    with pytest.raises(BadIdNumber):
        read(number[:place] + other + number[place + 1 :])


@given(resident_numbers, st.integers(min_value=0, max_value=16))
def test_two_neighbours_that_change_places_are_caught(number: str, place: int) -> None:
    if number[place] == number[place + 1]:
        return
    with pytest.raises(BadIdNumber):
        read(number[:place] + number[place + 1] + number[place] + number[place + 2 :])


@pytest.mark.parametrize("place", range(18))
def test_all_single_errors_of_one_number(place: int) -> None:
    number = resident_number(date(1990, 3, 7), order=851)
    for other in set("0123456789X") - {number[place]}:
        with pytest.raises(BadIdNumber):
            read(number[:place] + other + number[place + 1 :])


@given(resident_numbers)
def test_wide_letters_blanks_and_small_x_change_nothing(number: str) -> None:
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    spaced = f" {number[:6]} {number[6:14]}-{number[14:]} "
    assert read(wide) == read(spaced) == read(number.lower()) == read(number)


@settings(max_examples=300)
@given(st.text(max_size=80), st.sampled_from(IdKind))
def test_any_text_is_read_or_refused_and_reading_again_changes_nothing(text: str, kind: IdKind) -> None:
    told = ""
    try:
        found = read(text, kind)
    except BadIdNumber as refused:
        told = repr(refused.facts)
    if told:
        assert len(text.strip()) < 4 or text not in told
    else:
        assert read(found.value, kind) == found


@given(days_born.filter(lambda day: 1900 <= day.year < 2000), st.integers(min_value=1, max_value=995))
def test_an_old_number_becomes_the_new_one(born: date, order: int) -> None:
    new = resident_number(born, order=order)
    assert read(new[:6] + new[8:17]) == read(new)


def test_an_old_number_of_a_centenarian_is_refused() -> None:
    with pytest.raises(BadIdNumber):
        read("110105" + "250101" + "997")


@pytest.mark.parametrize(
    ("number", "refusal"),
    [
        ("110105194912310021", WrongCheckDigit),
        (resident_number(date(1949, 12, 31), region="990105"), NoSuchRegion),
        ("11010519490229" + "002" + check_digit("11010519490229002"), WrongBirthDate),
        (resident_number(TODAY + timedelta(days=1)), WrongBirthDate),
        (resident_number(date(1870, 1, 1)), WrongBirthDate),
        ("1101051949123100", BadIdNumber),
        ("", BadIdNumber),
        ("１１0105" + "九" * 12, BadIdNumber),
        ("٣" * 18, BadIdNumber),
        (SAMPLE * 9, BadIdNumber),
    ],
)
def test_what_no_paper_has_is_refused(number: str, refusal: type[BadIdNumber]) -> None:
    with pytest.raises(refusal) as error:
        read(number)
    assert error.type is refusal
    assert error.value.facts["field"] == "$.id_number"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (IdKind.PASSPORT, " e1234 5678 ", "E12345678"),
        (IdKind.PASSPORT, "PA-0940443", "PA0940443"),
        (IdKind.HK_MACAU, "h12345678", "H12345678"),
        (IdKind.HK_MACAU, "M1234567801", "M12345678"),
        (IdKind.TAIWAN, "0123 4567", "01234567"),
        (IdKind.TAIWAN, "1234567890(b)", "1234567890B"),
        (IdKind.TAIWAN, "1234567890（B）", "1234567890B"),
        (IdKind.BIRTH_CERTIFICATE, "u330012345", "U330012345"),
        (IdKind.OTHER, "a-12/34", "A-12/34"),
    ],
)
def test_other_papers_have_one_form(kind: IdKind, text: str, value: str) -> None:
    assert read(text, kind).value == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (IdKind.PASSPORT, "E123"),
        (IdKind.PASSPORT, "护照12345"),
        (IdKind.HK_MACAU, "A12345678"),
        (IdKind.HK_MACAU, "H1234567"),
        (IdKind.HK_MACAU, "H123456789"),
        (IdKind.TAIWAN, "123456789"),
        (IdKind.BIRTH_CERTIFICATE, "3300123456"),
        (IdKind.FOREIGN_PERMANENT, "US1234567890123"),
        (IdKind.OTHER, "x;DROP"),
    ],
)
def test_what_does_not_look_like_its_kind_is_refused(kind: IdKind, text: str) -> None:
    with pytest.raises(BadIdNumber):
        read(text, kind)


def test_the_card_of_a_permanent_resident_new_and_old() -> None:
    body = "9" + "11" + "840" + "19840229" + "001"
    assert read(body + check_digit(body), IdKind.FOREIGN_PERMANENT).born == date(1984, 2, 29)
    with pytest.raises(WrongCheckDigit):
        read(
            body + check_digit(body).translate(str.maketrans("0123456789X", "123456789X0")),
            IdKind.FOREIGN_PERMANENT,
        )
    with pytest.raises(NoSuchRegion):
        read("999" + body[3:] + check_digit("999" + body[3:]), IdKind.FOREIGN_PERMANENT)
    old = read("usa1101840229 01", IdKind.FOREIGN_PERMANENT)
    assert (old.value, old.born, old.year_less_born) == ("USA110184022901", None, "840229")
    with pytest.raises(WrongBirthDate):
        read("USA110184023001", IdKind.FOREIGN_PERMANENT)


def test_ages() -> None:
    assert age_in_years(date(2012, 11, 26), today=date(2026, 11, 26)) == 14
    assert age_in_years(date(2012, 11, 27), today=date(2026, 11, 26)) == 13
    assert age_in_years(date(2012, 2, 29), today=date(2026, 2, 28)) == 13
    assert age_in_years(date(2012, 2, 29), today=date(2026, 3, 1)) == 14
