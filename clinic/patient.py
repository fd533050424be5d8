"""就诊人: the people for whom an account comes here, at most a few, each once, one of them the usual one.

Pure. Times, ids and limits are given by the caller; who somebody is says ``real_name.py``.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from clinic.real_name import Person, Relation
from core.ids import PatientId, UserId
from core.refusals import Kind, NotFound, Refusal


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
    """When the hospital was last asked about them; ahead of now: not before."""

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


def add(
    family: Family,
    person: Person,
    relation: Relation,
    *,
    patient: PatientId,
    limit: int,
    ever: int,
    pause: timedelta,
    at: datetime,
) -> tuple[Family, Patient]:
    """Add a person, or take up again one that was unbound. The first one becomes the usual one.

    ``limit`` bounds who is here, ``ever`` how many different people there were: an account that adds and
    unbinds must not find out whom the hospital knows. For the same reason a paper that comes again under
    another name is asked about after a ``pause``. Refuses with ``SamePersonTwice``, ``OnlyOneSelf`` or
    ``TooManyPatients``.
    """
    known = next((each for each in family.patients if each.person.key == person.key), None)
    if known is not None and known.is_here:
        raise SamePersonTwice()
    if relation is Relation.SELF and any(each.relation is Relation.SELF for each in family.here):
        raise OnlyOneSelf()
    if len(family.here) >= limit:
        raise TooManyPatients(limit=limit)
    if known is None and len(family.patients) >= ever:
        raise TooManyPatients(limit=ever)
    if known is None:
        added = Patient(patient, family.user, person, relation, at)
    else:
        added = _again(known, person, relation, at=at, pause=pause)
    grown = family.with_(added)
    return (grown if family.usual else replace(grown, usual=added.id)), added


def _again(known: Patient, person: Person, relation: Relation, *, at: datetime, pause: timedelta) -> Patient:
    """An entry that is taken up again. What the hospital said holds for the name it was asked about."""
    taken = replace(known, person=person, relation=relation, unbound_at=None)
    if person.name == known.person.name or known.in_hospital is InHospital.UNKNOWN:
        return taken
    asked_at = (known.asked_at or at) + pause
    return replace(taken, in_hospital=InHospital.PENDING, hospital_number="", asked_at=asked_at)


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
