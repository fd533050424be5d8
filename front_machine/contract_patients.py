"""What the two ends of the hospital link say to each other about patients (患者建档).

Here the platform tells who somebody is, so that the hospital can find or make the record. The way back is
narrow: an answer carries the hospital's number of the patient, never a name, a paper's number or a telephone.
The front machine compares the name inside the hospital. Nothing asked is logged or kept.

A write carries an idempotency key of the platform's; ``UNKNOWN_OUTCOME`` is settled by asking for that key.
"""

from datetime import date
from typing import Literal

import msgspec

FIND_PATIENT = "/v1/patients/find"
CREATE_PATIENT = "/v1/patients"
BIND_HEALTH_CARD = "/v1/health-cards"

IdKind = Literal["cn_id", "passport", "hk_macau", "taiwan", "foreign_permanent", "birth_certificate", "other"]
ID_KINDS = frozenset(
    {"cn_id", "passport", "hk_macau", "taiwan", "foreign_permanent", "birth_certificate", "other"}
)
SEXES = frozenset({"male", "female"})


class AskPatient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """query_patient: is there a record of this paper? ``BUSINESS_ERROR``: there is one of another name
    (``name_differs``), or several (``several_found``)."""

    id_kind: IdKind
    id_number: str
    name: str

    def __repr__(self) -> str:
        return "AskPatient(…)"


class FoundPatient(msgspec.Struct, frozen=True, kw_only=True):
    """The hospital's own number of the patient (患者号)."""

    patient: str


class AskCreatePatient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """create_patient: make a record, at most one for ``key``. The guardian's fields are empty for adults."""

    key: str
    name: str
    id_kind: IdKind
    id_number: str
    sex: Literal["male", "female"]
    born: date
    phone: str
    guardian_name: str = ""
    guardian_id_kind: IdKind | None = None
    guardian_id_number: str = ""
    guardian_phone: str = ""

    def __repr__(self) -> str:
        return "AskCreatePatient(…)"


class PatientCreated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of it. ``settled`` false: the hospital has the request but has not decided yet."""

    key: str
    settled: bool
    patient: str | None = None


class AskBindHealthCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """bind_health_card: the record of ``patient`` gets this electronic health card, once for ``key``."""

    key: str
    patient: str
    card: str
    main_index: str

    def __repr__(self) -> str:
        return "AskBindHealthCard(…)"


class HealthCardBound(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it."""

    key: str
    settled: bool
