"""The numbers on people's papers: one form for each, what can be read from it, and why a number cannot be.

Pure. ``today`` is given. The rules, by kind:

====================  ==============================================================  ======================
kind                  normal form                                                     source
====================  ==============================================================  ======================
cn_id                 18: region, birth date, order (odd: male), check digit          GB 11643-1999, GB/T 2260
cn_id, 15 characters  becomes 18: 19 before the year, check digit behind              GB 11643-1999
foreign_permanent     18: 9, province, country, birth date, order, check digit        card of 2023
foreign_permanent     15: country letters, region, yymmdd, two digits                 cards of 2004 and 2017
passport              5 to 17 letters and digits                                      ICAO 9303 and practice
hk_macau              H or M and 8 digits; two digits of the issue are dropped        permits since 1999
taiwan                8 digits, or 10 and perhaps the letter in brackets              permits since 1992
birth_certificate     a letter and 9 digits                                           as printed
other                 4 to 32 letters, digits, - and /
====================  ==============================================================  ======================

Blanks and dashes between characters, wide digits and small letters are brought to one form first.
"""

import enum
import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from core.refusals import BadInput

LONGEST = 64
"""Characters of a number that are looked at."""
OLDEST_YEARS = 130
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"
"""ISO 7064 MOD 11-2: the check character for each remainder of the weighted sum."""

_PROVINCES = frozenset(
    str(code)
    for first, last in ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
    for code in range(first, last + 1)
)
"""GB/T 2260. 81, 82 and 83 are residence permits of people from Hong Kong, Macau and Taiwan."""

_BETWEEN = re.compile(r"[\s\-‐-―·.]+")
_CENTENARIANS = re.compile(r"99[6-9]\Z")
_FORMS = {
    "cn_id": r"\d{17}[\dX]|\d{15}",
    "foreign_permanent": r"9\d{16}[\dX]|[A-Z]{3}\d{12}",
    "passport": r"[A-Z0-9]{5,17}",
    "hk_macau": r"[HM]\d{8}(?:\d{2})?",
    "taiwan": r"\d{8}|\d{10}(?:[A-Z]|\([A-Z]\))?",
    "birth_certificate": r"[A-Z]\d{9}",
    "other": r"[A-Z0-9/-]{4,32}",
}


class IdKind(enum.StrEnum):
    """What paper a number is on."""

    CN_ID = "cn_id"
    PASSPORT = "passport"
    HK_MACAU = "hk_macau"
    TAIWAN = "taiwan"
    FOREIGN_PERMANENT = "foreign_permanent"
    BIRTH_CERTIFICATE = "birth_certificate"
    OTHER = "other"


class Sex(enum.StrEnum):
    """As on the paper."""

    MALE = "male"
    FEMALE = "female"


class BadIdNumber(BadInput):
    """The number does not look like one of its kind."""

    code = "patients.id_form"

    def __init__(self, *, field: str, why: str = "is no number of this kind") -> None:
        super().__init__(field=field, why=why)


class WrongCheckDigit(BadIdNumber):
    """The last character does not fit the others: one of them is mistyped."""

    code = "patients.id_check_digit"

    def __init__(self, *, field: str) -> None:
        super().__init__(field=field, why="its check digit does not fit: a character is mistyped")


class WrongBirthDate(BadIdNumber):
    """The birth date inside is no day of the calendar, lies ahead, or too far back."""

    code = "patients.id_birth_date"

    def __init__(self, *, field: str) -> None:
        super().__init__(field=field, why="its birth date cannot be one")


class NoSuchRegion(BadIdNumber):
    """No province has this code."""

    code = "patients.id_region"

    def __init__(self, *, field: str) -> None:
        super().__init__(field=field, why="no province has its first two digits")


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A number in normal form, and what it says by itself."""

    kind: IdKind
    value: str
    born: date | None = None
    sex: Sex | None = None
    year_less_born: str = ""
    """``yymmdd`` of a number that leaves the century open."""

    @property
    def key(self) -> str:
        """By which the same paper is found again."""
        return f"{self.kind}:{self.value}"


def read_id_number(kind: IdKind, text: str, *, today: date, field: str) -> IdNumber:
    """Bring a number to its normal form. Refuses with ``BadIdNumber`` or a kind of it, naming ``field``."""
    value = _cleaned(text, kind)
    if len(text) > LONGEST or re.fullmatch(_FORMS[kind], value, re.ASCII) is None:
        raise BadIdNumber(field=field)
    if kind is IdKind.CN_ID:
        return _resident(value, today=today, field=field)
    if kind is IdKind.FOREIGN_PERMANENT:
        return _foreign(value, today=today, field=field)
    if kind is IdKind.HK_MACAU:
        value = value[:9]
    if kind is IdKind.TAIWAN:
        value = value.replace("(", "").replace(")", "")
    return IdNumber(kind, value)


def check_digit(seventeen: str) -> str:
    """The 18th character. Source: GB 11643-1999, which is ISO 7064 MOD 11-2."""
    return CHECKS[sum(int(digit) * weight for digit, weight in zip(seventeen, WEIGHTS, strict=True)) % 11]


def day_born(text: str, *, today: date) -> date | None:
    """The day that ``yyyymmdd`` names; ``None`` when nobody alive can be born then."""
    try:
        born = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None
    return born if can_be_born(born, today=today) else None


def can_be_born(born: date, *, today: date) -> bool:
    """Whether somebody who is alive may have been born on that day."""
    return born <= today and today.year - born.year <= OLDEST_YEARS


def age_in_years(born: date, *, today: date) -> int:
    """Full years. Who was born on 29 February is a year older on 1 March of common years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def _cleaned(text: str, kind: IdKind) -> str:
    wide = unicodedata.normalize("NFKC", text[: LONGEST + 1]).strip().upper()
    return wide.replace(" ", "") if kind is IdKind.OTHER else _BETWEEN.sub("", wide)


def _resident(value: str, *, today: date, field: str) -> IdNumber:
    if len(value) == 15:
        # Orders 996 to 999 were people born before 1900: their century cannot be read from 15 digits.
        if _CENTENARIANS.search(value):
            raise BadIdNumber(field=field, why="an old number of this kind needs the 18-digit one")
        value = f"{value[:6]}19{value[6:]}"
        value += check_digit(value)
    if value[:2] not in _PROVINCES:
        raise NoSuchRegion(field=field)
    born = day_born(value[6:14], today=today)
    if born is None:
        raise WrongBirthDate(field=field)
    if check_digit(value[:17]) != value[17]:
        raise WrongCheckDigit(field=field)
    return IdNumber(IdKind.CN_ID, value, born, Sex.MALE if int(value[16]) % 2 else Sex.FEMALE)


def _foreign(value: str, *, today: date, field: str) -> IdNumber:
    if len(value) == 15:
        short = value[7:13]
        if not any(day_born(century + short, today=today) for century in ("19", "20")):
            raise WrongBirthDate(field=field)
        return IdNumber(IdKind.FOREIGN_PERMANENT, value, year_less_born=short)
    if value[1:3] not in _PROVINCES:
        raise NoSuchRegion(field=field)
    born = day_born(value[6:14], today=today)
    if born is None:
        raise WrongBirthDate(field=field)
    if check_digit(value[:17]) != value[17]:
        raise WrongCheckDigit(field=field)
    return IdNumber(IdKind.FOREIGN_PERMANENT, value, born)
