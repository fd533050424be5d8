"""Who a patient is, as papers say it (实名): every field checked and in its one form.

Pure; ``today`` is given. Under 14 a guardian agrees and is named (PIPL 28 and 31), and a guardian is of age
(Civil Code 17). A refusal names the field and never repeats the value.
"""

import enum
import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from accounts.phone import e164
from clinic.identity_numbers import (
    IdKind,
    IdNumber,
    Sex,
    WrongBirthDate,
    age_in_years,
    can_be_born,
    day_born,
    read_id_number,
)
from core.refusals import BadInput

GUARDIAN_UNTIL_YEARS = 14
OF_AGE_YEARS = 18
LONGEST_NAME = 50
LONGEST_PHONE = 40
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[ ·.'’-])*\Z")
_DOTS = re.compile("[·•・･‧⋅∙．]")


class Relation(enum.StrEnum):
    """What a patient is to the account's owner."""

    SELF = "self"
    CHILD = "child"
    PARENT = "parent"
    SPOUSE = "spouse"
    OTHER = "other"


class GuardianNeeded(BadInput):
    """Under 14 a guardian has to agree."""

    code = "patients.guardian_needed"

    def __init__(self) -> None:
        super().__init__(field="$.guardian", why="under 14 a guardian is needed", years=GUARDIAN_UNTIL_YEARS)


class GuardianTooYoung(BadInput):
    """A guardian is of age."""

    code = "patients.guardian_too_young"

    def __init__(self) -> None:
        super().__init__(field="$.guardian.id_number", why="a guardian is 18 or older", years=OF_AGE_YEARS)


@dataclass(frozen=True, slots=True)
class GivenGuardian:
    """A guardian as somebody typed it."""

    name: str
    id_kind: IdKind
    id_number: str
    phone: str


@dataclass(frozen=True, slots=True)
class Given:
    """A patient as somebody typed it."""

    name: str
    id_kind: IdKind
    id_number: str
    phone: str
    relation: Relation
    born: date | None = None
    sex: Sex | None = None
    guardian: GivenGuardian | None = None


@dataclass(frozen=True, slots=True)
class Guardian:
    """监护人, every field in its one form."""

    name: str
    id_kind: IdKind
    id_number: str
    phone: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who a patient is: what the papers say, every field in its one form."""

    name: str
    id_kind: IdKind
    id_number: str
    born: date
    sex: Sex
    phone: str
    guardian: Guardian | None = None

    @property
    def key(self) -> str:
        """By which the same person is found again."""
        return IdNumber(self.id_kind, self.id_number).key


def read_person(given: Given, *, today: date) -> Person:
    """Check the real-name fields. Refuses with ``BadInput`` whose ``field`` says which one."""
    number = read_id_number(given.id_kind, given.id_number, today=today, field="$.id_number")
    born = _born(number, given.born, today=today)
    sex = _sex(number, given.sex)
    guardian = _guardian(given, born=born, today=today)
    phone = read_phone(given.phone, field="$.phone")
    if guardian is not None and guardian.id_kind is number.kind and guardian.id_number == number.value:
        raise BadInput(field="$.guardian.id_number", why="nobody is their own guardian")
    return Person(
        read_name(given.name, field="$.name"), number.kind, number.value, born, sex, phone, guardian
    )


def read_name(text: str, *, field: str) -> str:
    """A name as on the paper: letters of any script, single blanks, one form of the dot."""
    name = " ".join(_DOTS.sub("·", unicodedata.normalize("NFC", text)).split())
    if not 2 <= len(name) <= LONGEST_NAME or _NAME.match(name) is None:
        raise BadInput(field=field, why="write the name as on the paper, letters only")
    return name


def read_phone(text: str, *, field: str) -> str:
    """A telephone in E.164. A number without a country is a Chinese mobile."""
    return e164(unicodedata.normalize("NFKC", text[:LONGEST_PHONE]), field=field)


def _born(number: IdNumber, given: date | None, *, today: date) -> date:
    if number.born is not None:
        if given is not None and given != number.born:
            raise BadInput(field="$.birth_date", why="is not the one in the number")
        return number.born
    if given is None:
        raise BadInput(field="$.birth_date", why="is needed: this kind of number does not tell it")
    if not can_be_born(given, today=today):
        raise BadInput(field="$.birth_date", why="cannot be a birth date")
    if number.year_less_born and f"{given:%y%m%d}" != number.year_less_born:
        raise BadInput(field="$.birth_date", why="is not the one in the number")
    return given


def _sex(number: IdNumber, given: Sex | None) -> Sex:
    if number.sex is not None and given not in (None, number.sex):
        raise BadInput(field="$.sex", why="is not the one in the number")
    sex = number.sex or given
    if sex is None:
        raise BadInput(field="$.sex", why="is needed: this kind of number does not tell it")
    return sex


def _guardian(given: Given, *, born: date, today: date) -> Guardian | None:
    told = given.guardian
    if told is None:
        if age_in_years(born, today=today) < GUARDIAN_UNTIL_YEARS:
            raise GuardianNeeded()
        return None
    name = read_name(told.name, field="$.guardian.name")
    number = read_id_number(told.id_kind, told.id_number, today=today, field="$.guardian.id_number")
    if told.id_kind is IdKind.BIRTH_CERTIFICATE:
        raise GuardianTooYoung()
    if number.born is not None and age_in_years(number.born, today=today) < OF_AGE_YEARS:
        raise GuardianTooYoung()
    if number.year_less_born and not _could_be_of_age(number.year_less_born, today=today):
        raise WrongBirthDate(field="$.guardian.id_number")
    phone = read_phone(told.phone, field="$.guardian.phone")
    return Guardian(name, number.kind, number.value, phone)


def _could_be_of_age(short: str, *, today: date) -> bool:
    days = [day_born(century + short, today=today) for century in ("19", "20")]
    return any(day is not None and age_in_years(day, today=today) >= OF_AGE_YEARS for day in days)
