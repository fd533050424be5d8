"""What travels about patients. Lists and cards carry masked values only; plain ones are ``reveal``'s."""

from datetime import date
from typing import Annotated, Literal

import msgspec

IdKindWord = Literal[
    "cn_id", "passport", "hk_macau", "taiwan", "foreign_permanent", "birth_certificate", "other"
]
RelationWord = Literal["self", "child", "parent", "spouse", "other"]
SexWord = Literal["male", "female"]
HospitalWord = Literal["pending", "unknown", "found", "refused"]
CardWord = Literal["none", "issued"]
Typed = Annotated[str, msgspec.Meta(max_length=64)]
Why = Annotated[str, msgspec.Meta(max_length=200)]


class GuardianGiven(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """监护人, as typed."""

    name: Typed
    id_kind: IdKindWord
    id_number: Typed
    phone: Typed


class AddPatient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A family member, as typed. Birth date and sex are needed where the number does not tell them."""

    name: Typed
    id_kind: IdKindWord
    id_number: Typed
    phone: Typed
    relation: RelationWord
    birth_date: date | None = None
    sex: SexWord | None = None
    guardian: GuardianGiven | None = None


class GuardianMasked(msgspec.Struct, frozen=True, kw_only=True):
    """监护人, masked."""

    name_masked: str
    id_kind: IdKindWord
    id_masked: str
    phone_masked: str


class PatientCard(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One family member, masked. ``in_hospital``: the hospital knows them.

    Why it may not: ``pending`` not asked yet, or it was away; ``unknown`` asked, and not answered yet;
    ``refused`` only its desk can help.
    """

    id: str
    name_masked: str
    id_kind: IdKindWord
    id_masked: str
    phone_masked: str
    relation: RelationWord
    sex: SexWord
    birth_year: int
    is_default: bool
    in_hospital: bool
    hospital_state: HospitalWord
    health_card: CardWord
    guardian: GuardianMasked | None = None


class PatientList(msgspec.Struct, frozen=True, kw_only=True):
    """Every family member of the account, and how many it may have."""

    patients: list[PatientCard]
    limit: int


class Reveal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the plain values are looked at, if somebody wants to say it.

    That they were is recorded. ``why`` is not: free text may name a person.
    """

    why: Why | None = None


class GuardianPlain(msgspec.Struct, frozen=True, kw_only=True):
    """监护人, plain."""

    name: str
    id_kind: IdKindWord
    id_number: str
    phone: str


class PatientPlain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One family member, plain. Asking for it is recorded."""

    id: str
    name: str
    id_kind: IdKindWord
    id_number: str
    birth_date: date
    sex: SexWord
    phone: str
    relation: RelationWord
    hospital_number: str | None = None
    guardian: GuardianPlain | None = None
