"""What travels of consultations (图文问诊), practices and their quick replies."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from im.wire import Cid, Id, Text, UserName

StateWord = Literal[
    "awaiting_payment",
    "awaiting_acceptance",
    "active",
    "ended",
    "rated",
    "timed_out",
    "rejected",
    "cancelled",
    "referred_offline",
]  # fmt: skip
Fen = Annotated[int, Meta(ge=0, le=100_000_00)]
Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class PublicDoctor(Struct, frozen=True, kw_only=True):
    """A doctor who answers patients, as anybody may see. ``open_now`` false: ``why_not`` says why."""

    user: str
    name: str
    title: str
    department: str
    department_name: str
    introduction: str
    fee_fen: int
    turns: int
    window_hours: int
    open_now: bool
    why_not: Literal["", "off_duty", "full_today", "not_taking"]


class PublicDoctors(Struct, frozen=True, kw_only=True):
    """By department and name. ``pools`` are the departments that take questions for any of theirs."""

    doctors: list[PublicDoctor]
    pools: list["Pool"]


class Pool(Struct, frozen=True, kw_only=True):
    """A department whose doctors take questions from one list."""

    department: str
    name: str
    fee_fen: int
    turns: int
    window_hours: int
    open_now: bool


class DoctorsQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which doctors."""

    department: Id | None = None


class OpenConsultation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A patient asks a doctor or, without one, a department. No first diagnosis is made online: the earlier
    one is stated here. Under six the answer needs a guardian on the patient's entry."""

    cid: Cid
    patient: Id
    doctor: UserName | None = None
    department: Id | None = None
    complaint: Annotated[str, Meta(min_length=10, max_length=2000)]
    earlier_diagnosis: Annotated[str, Meta(min_length=2, max_length=500)]


class ConsultedPatient(Struct, frozen=True, kw_only=True):
    """Whom it is about: masked."""

    id: str
    name_masked: str
    sex: str
    age: int


class ConsultingDoctor(Struct, frozen=True, kw_only=True):
    """Who answers."""

    user: str
    name: str
    title: str


class Consultation(Struct, frozen=True, kw_only=True):
    """One consultation; its conversation has the same id."""

    id: str
    state: StateWord
    patient: ConsultedPatient
    doctor: ConsultingDoctor | None
    """``None`` while nobody of the department has accepted."""
    department: str
    department_name: str
    complaint: str
    earlier_diagnosis: str
    fee_fen: int
    turns: int
    turns_left: int
    created_at: datetime
    accept_by: datetime | None
    accepted_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    ended_because: Literal["", "doctor", "patient", "window", "referred"]
    summary: str
    rating: int | None
    refund: Literal["none", "asked", "done"]
    unread: int
    last_at: datetime
    waiting_since: datetime | None
    """Since when the patient waits for an answer; ``None`` when nobody waits."""


class ConsultationList(Struct, frozen=True, kw_only=True):
    """Newest first for a patient; for a doctor those that wait longest first, then the others."""

    items: list[Consultation]
    next: str | None


class ListQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose: a patient's own, a doctor's own, or (``scope=pool``) what waits in the doctor's department."""

    scope: Literal["mine", "pool"] = "mine"
    state: Literal["open", "over", "all"] = "open"
    cursor: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class Reject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The doctor does not take it; the fee goes back."""

    reason: Annotated[str, Meta(min_length=2, max_length=200)]


class Extend(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More time, more questions, or both."""

    cid: Cid
    hours: Annotated[int, Meta(ge=0, le=48)] = 0
    turns: Annotated[int, Meta(ge=0, le=20)] = 0


class End(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The doctor ends it with a summary; the patient without."""

    summary: Annotated[str, Meta(max_length=4000)] = ""


class Refer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To be seen in the hospital: which department, and why."""

    department: Id
    reason: Annotated[str, Meta(min_length=2, max_length=500)]


class Rate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One to five, once."""

    stars: Annotated[int, Meta(ge=1, le=5)]
    text: Annotated[str, Meta(max_length=500)] = ""


class Hours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On one day of the week (1 is Monday), hospital time. ``until`` before ``begin``: past midnight."""

    day: Annotated[int, Meta(ge=1, le=7)]
    begin: Clock
    until: Clock


class Practice(Struct, frozen=True, kw_only=True):
    """A doctor's settings. ``confirmed`` is the hospital's word on name and licence; no answer without."""

    user: str
    name: str
    title: str
    department: str
    introduction: str
    fee_fen: int
    turns: int
    window_hours: int
    daily_limit: int
    taken_today: int
    taking: bool
    in_pool: bool
    hours: list[Hours]
    confirmed: bool


class Practices(Struct, frozen=True, kw_only=True):
    """Every practice."""

    items: list[Practice]


class ChangePractice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a doctor decides alone."""

    introduction: Annotated[str, Meta(max_length=500)]
    daily_limit: Annotated[int, Meta(ge=0, le=200)]
    taking: bool
    in_pool: bool
    hours: Annotated[list[Hours], Meta(max_length=28)]


class SetPractice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the administration decides: who the doctor is to patients, and what an answer costs."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    title: Annotated[str, Meta(max_length=64)]
    department: Id
    fee_fen: Fen
    turns: Annotated[int, Meta(ge=1, le=100)] = 20
    window_hours: Annotated[int, Meta(ge=1, le=168)] = 24
    confirmed: bool = False


class QuickReply(Struct, frozen=True, kw_only=True):
    """A text at hand. ``shared``: the department's, not one's own."""

    id: str
    title: str
    text: str
    shared: bool


class QuickReplies(Struct, frozen=True, kw_only=True):
    """In the order in which they are shown."""

    items: list[QuickReply]


class KeepQuickReply(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new one, or a changed one by its id."""

    id: Id | None = None
    title: Annotated[str, Meta(min_length=1, max_length=64)]
    text: Text


class PatientSummary(Struct, frozen=True, kw_only=True):
    """Whom a doctor talks to, plain: an audited look."""

    id: str
    name: str
    sex: str
    age: int
    birth_date: str
    relation: str
    guardian: str
    earlier: list[Consultation]
