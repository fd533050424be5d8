"""就诊人: the people for whom an account comes here, at most a few, each once, one of them the usual one.

Pure. What the law asks: under 14 a guardian agrees and is named (PIPL 28 and 31), and the guardian is of age
(Civil Code 17). Times, ids and limits are given by the caller.
"""

import enum
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

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
from core.ids import PatientId, UserId
from core.refusals import BadInput, Kind, NotFound, Refusal

GUARDIAN_UNTIL_YEARS = 14
OF_AGE_YEARS = 18
LONGEST_NAME = 50
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[ ·.'’-])*\Z")
_DOTS = re.compile("[·•・･‧⋅∙．]")
_CHINESE_MOBILE = re.compile(r"\+861[3-9]\d{9}")
_E164 = re.compile(r"\+[1-9]\d{6,14}")


class Relation(enum.StrEnum):
    """What a patient is to the account's owner."""

    SELF = "self"
    CHILD = "child"
    PARENT = "parent"
    SPOUSE = "spouse"
    OTHER = "other"


class InHospital(enum.StrEnum):
    """Whether the hospital knows the patient."""

    PENDING = "pending"
    """Not asked yet, or the hospital was away."""
    UNKNOWN = "unknown"
    """It was asked to make a record and nobody knows whether it did. Only a query settles this."""
    FOUND = "found"
    REFUSED = "refused"
    """It said no: only its own desk can help."""


class NoSuchPatient(NotFound):
    """There is none of this id, or it is somebody else's."""

    code = "patients.none"


class SamePersonTwice(Refusal):
    """This paper's number is among the account's patients already."""

    code = "patients.same_person"
    kind = Kind.CONFLICT


class TooManyPatients(Refusal):
    """The account has as many patients as it may."""

    code = "patients.too_many"
    kind = Kind.CONFLICT

    def __init__(self, *, limit: int) -> None:
        super().__init__(limit=limit)


class OnlyOneSelf(Refusal):
    """The account's owner is among the patients already."""

    code = "patients.only_one_self"
    kind = Kind.CONFLICT


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


@dataclass(frozen=True, slots=True)
class Patient:
    """One person of one account. ``hospital_number`` (患者号) is the hospital's own, once it knows them."""

    id: PatientId
    user: UserId
    person: Person
    relation: Relation
    added_at: datetime
    unbound_at: datetime | None = None
    in_hospital: InHospital = InHospital.PENDING
    hospital_number: str = ""
    asked_at: datetime | None = None
    """When the hospital was last asked about them."""

    @property
    def is_here(self) -> bool:
        """Whether the account still has them."""
        return self.unbound_at is None


@dataclass(frozen=True, slots=True)
class Family:
    """Everybody an account ever added, by age of the entry; ``usual`` is preselected everywhere."""

    user: UserId
    patients: tuple[Patient, ...] = ()
    usual: PatientId | None = None

    @property
    def here(self) -> tuple[Patient, ...]:
        """Who is not unbound."""
        return tuple(patient for patient in self.patients if patient.is_here)

    def one(self, patient: PatientId) -> Patient:
        """One of those who are here. Refuses with ``NoSuchPatient``."""
        for each in self.here:
            if each.id == patient:
                return each
        raise NoSuchPatient()

    def with_(self, patient: Patient) -> "Family":
        """The same family with this entry new or changed."""
        others = [each for each in self.patients if each.id != patient.id]
        ordered = tuple(sorted((*others, patient), key=lambda each: (each.added_at, each.id)))
        return replace(self, patients=ordered)


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
    digits = re.sub(r"[\s()\-]", "", unicodedata.normalize("NFKC", text[:40]))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if not digits.startswith("+"):
        digits = "+86" + digits.removeprefix("86") if len(digits) == 13 else "+86" + digits
    form = _CHINESE_MOBILE if digits.startswith("+86") else _E164
    if form.fullmatch(digits) is None:
        raise BadInput(field=field, why="give a Chinese mobile number, or one with its country code")
    return digits


def add(
    family: Family, person: Person, relation: Relation, *, patient: PatientId, limit: int, at: datetime
) -> tuple[Family, Patient]:
    """Add a person, or take up again one that was unbound. The first one becomes the usual one.

    Refuses with ``SamePersonTwice``, ``OnlyOneSelf`` or ``TooManyPatients``.
    """
    known = next((each for each in family.patients if each.person.key == person.key), None)
    if known is not None and known.is_here:
        raise SamePersonTwice()
    if relation is Relation.SELF and any(each.relation is Relation.SELF for each in family.here):
        raise OnlyOneSelf()
    if len(family.here) >= limit:
        raise TooManyPatients(limit=limit)
    if known is None:
        added = Patient(patient, family.user, person, relation, at)
    else:
        added = replace(known, person=person, relation=relation, unbound_at=None, asked_at=None)
    grown = family.with_(added)
    return (grown if family.usual else replace(grown, usual=added.id)), added


def unbind(family: Family, patient: PatientId, *, at: datetime) -> Family:
    """Let a person go. Refuses with ``NoSuchPatient``.

    Telephone and guardian are forgotten. Who the person is and the hospital's number stay behind the entry,
    because visits and payments made for them go on referring to it; no account sees them any more.
    """
    gone = family.one(patient)
    left = family.with_(replace(gone, unbound_at=at, person=replace(gone.person, phone="", guardian=None)))
    if family.usual != patient:
        return left
    return replace(left, usual=left.here[0].id if left.here else None)


def make_usual(family: Family, patient: PatientId) -> Family:
    """Preselect this one from now on. Refuses with ``NoSuchPatient``."""
    return replace(family, usual=family.one(patient).id)


def merged(kept: Family, joining: Family) -> tuple[Family, Sequence[tuple[PatientId, PatientId]]]:
    """Both families under the kept account, and which entries were one person (theirs, ours).

    Nobody is lost, also beyond the limit. Of two entries for one person the one that is here stays, then the
    kept account's. Only one remains the owner: the joining account's ``self`` becomes ``other``.
    """
    family, same = kept, []
    has_self = any(each.relation is Relation.SELF for each in kept.here)
    for theirs in joining.patients:
        ours = next((each for each in kept.patients if each.person.key == theirs.person.key), None)
        if ours is not None:
            same.append((theirs.id, ours.id))
            if theirs.is_here and not ours.is_here:
                family = family.with_(_taken_up(ours, theirs, has_self=has_self))
            elif theirs.in_hospital is InHospital.FOUND and ours.in_hospital is not InHospital.FOUND:
                family = family.with_(
                    replace(ours, in_hospital=theirs.in_hospital, hospital_number=theirs.hospital_number)
                )
            continue
        family = family.with_(replace(theirs, user=kept.user, relation=_relation(theirs, has_self=has_self)))
    if family.usual is None and family.here:
        usual = next((each.id for each in family.here if each.id == joining.usual), family.here[0].id)
        family = replace(family, usual=usual)
    return family, same


def _taken_up(ours: Patient, theirs: Patient, *, has_self: bool) -> Patient:
    return replace(
        theirs,
        id=ours.id,
        user=ours.user,
        added_at=ours.added_at,
        relation=_relation(theirs, has_self=has_self),
    )


def _relation(patient: Patient, *, has_self: bool) -> Relation:
    return Relation.OTHER if has_self and patient.relation is Relation.SELF else patient.relation


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
