"""Numbers that fit their rules, and people who have them."""

from datetime import date, timedelta

from hypothesis import strategies as st

from clinic.identity_numbers import IdKind, Sex, check_digit
from clinic.real_name import Given, GivenGuardian, Relation

TODAY = date(2026, 11, 26)
SAMPLE = "11010519491231002X"
"""The example of GB 11643-1999 itself."""


def resident_number(born: date, *, region: str = "110105", order: int = 2) -> str:
    """A number of this region, day and order with its check digit."""
    body = f"{region}{born:%Y%m%d}{order:03d}"
    return body + check_digit(body)


days_born = st.dates(min_value=date(1900, 1, 1), max_value=TODAY)
resident_numbers = st.builds(
    resident_number,
    days_born,
    region=st.sampled_from(["110105", "440106", "310104", "650102", "810000", "830000"]),
    order=st.integers(min_value=1, max_value=999),
)


def years_ago(years: int, *, days: int = 0) -> date:
    """That many full years before today, and days less."""
    return TODAY.replace(year=TODAY.year - years) + timedelta(days=days)


def a_guardian(number: str = SAMPLE) -> GivenGuardian:
    """Of age."""
    return GivenGuardian("陈监护", IdKind.CN_ID, number, "13800138001")


def given(
    number: str = SAMPLE,
    *,
    kind: IdKind = IdKind.CN_ID,
    name: str = "李大明",
    phone: str = "13800138000",
    relation: Relation = Relation.OTHER,
    born: date | None = None,
    sex: Sex | None = None,
    guardian: GivenGuardian | None = None,
) -> Given:
    """A patient as typed."""
    return Given(name, kind, number, phone, relation, born, sex, guardian)
