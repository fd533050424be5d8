"""A consultation (图文问诊) from the question to the rating: which step may follow which, and by whom. Pure.

::

    awaiting_payment ──paid──► awaiting_acceptance ──accepted──► active ──ended──► ended ──rated──► rated
          │                            │                            └──referred──► referred_offline
          └──► timed_out | cancelled   └──► timed_out | rejected | cancelled

What was paid is given back when nobody answered: by timing out, rejecting or cancelling. Each state has at
most one timer, ``due_at``; whoever is first under the row's lock, the person or the timer, decides.

Rules of law: only a doctor whose name the hospital has confirmed answers (``im.practice``), no first
diagnosis is made online (the patient states the earlier one), under six a guardian is present
(互联网诊疗监管细则(试行) 2022, 互联网诊疗管理办法(试行) 2018).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from core.refusals import Forbidden, Kind, NotFound, Refusal


class Stage(StrEnum):
    """Where a consultation stands."""

    AWAITING_PAYMENT = "awaiting_payment"
    AWAITING_ACCEPTANCE = "awaiting_acceptance"
    ACTIVE = "active"
    ENDED = "ended"
    RATED = "rated"
    TIMED_OUT = "timed_out"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REFERRED = "referred_offline"

    @property
    def is_open(self) -> bool:
        """Whether something can still come of it."""
        return self in {Stage.AWAITING_PAYMENT, Stage.AWAITING_ACCEPTANCE, Stage.ACTIVE}


class Refund(StrEnum):
    """What becomes of the fee."""

    NONE = "none"
    ASKED = "asked"
    DONE = "done"


class NoSuchConsultation(NotFound):
    """There is none of that name, or it is not the caller's."""

    code = "consultation.no_such"


class NotNow(Refusal):
    """That cannot follow where it stands; somebody else, or the clock, was first."""

    code = "consultation.not_now"
    kind = Kind.CONFLICT

    def __init__(self, *, stage: Stage) -> None:
        super().__init__(stage=stage.value)


class TakenByAnother(Refusal):
    """Another doctor of the department has accepted it."""

    code = "consultation.taken"
    kind = Kind.CONFLICT


class DoctorNotConfirmed(Forbidden):
    """The hospital has not confirmed who the doctor is: they answer nobody."""

    code = "consultation.doctor_not_confirmed"


class DoctorNotTaking(Refusal):
    """The doctor takes no questions now: off duty, full for the day, or not at all."""

    code = "consultation.doctor_not_taking"
    kind = Kind.CONFLICT

    def __init__(self, *, why: str) -> None:
        super().__init__(why=why)


class SummaryNeeded(Refusal):
    """A doctor ends a consultation with a summary."""

    code = "consultation.summary_needed"
    kind = Kind.BAD_INPUT


class GuardianNeeded(Refusal):
    """A child under six is asked about with a guardian on their entry."""

    code = "consultation.guardian_needed"
    kind = Kind.CONFLICT


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed when it was opened."""

    fee_fen: int
    turns: int
    window: timedelta
    pay_within: timedelta
    accept_within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation:
    """One consultation; its conversation has the same id. ``doctor`` is ``None`` while a pool is asked."""

    id: str
    stage: Stage
    user: str
    patient: str
    doctor: str | None
    department: str
    terms: Terms
    created_at: datetime
    changed_at: datetime
    due_at: datetime | None
    """When the clock decides, unless somebody does before."""
    paid: str = ""
    """The payment's reference; empty where nothing was paid."""
    accepted_at: datetime | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    ended_because: str = ""
    refund: Refund = Refund.NONE
    rating: int | None = None


def opened(
    *, id_: str, user: str, patient: str, doctor: str | None, department: str, terms: Terms, at: datetime
) -> Consultation:
    """A new one. Without a fee it waits for the doctor at once."""
    free = terms.fee_fen == 0
    return Consultation(
        id=id_,
        stage=Stage.AWAITING_ACCEPTANCE if free else Stage.AWAITING_PAYMENT,
        user=user,
        patient=patient,
        doctor=doctor,
        department=department,
        terms=terms,
        created_at=at,
        changed_at=at,
        due_at=at + (terms.accept_within if free else terms.pay_within),
    )


def paid(it: Consultation, reference: str, *, at: datetime) -> Consultation:
    """The fee has come. Told twice, it is the same; too late, the fee goes back (``refund``)."""
    if it.paid == reference and reference:
        return it
    if it.stage in {Stage.TIMED_OUT, Stage.CANCELLED} and not it.paid:
        return replace(it, paid=reference, refund=Refund.ASKED, changed_at=at)
    _must_be(it, Stage.AWAITING_PAYMENT)
    return replace(
        it,
        stage=Stage.AWAITING_ACCEPTANCE,
        paid=reference,
        due_at=at + it.terms.accept_within,
        changed_at=at,
    )


def accepted(it: Consultation, doctor: str, *, at: datetime) -> Consultation:
    """A doctor takes it. Of several who take one from the pool exactly one has it."""
    if it.stage is Stage.ACTIVE and it.doctor == doctor:
        return it
    if it.stage is Stage.ACTIVE:
        raise TakenByAnother()
    _must_be(it, Stage.AWAITING_ACCEPTANCE)
    if it.doctor not in (None, doctor):
        raise NoSuchConsultation()
    ends = at + it.terms.window
    return replace(
        it, stage=Stage.ACTIVE, doctor=doctor, accepted_at=at, expires_at=ends, due_at=ends, changed_at=at
    )


def rejected(it: Consultation, doctor: str, *, at: datetime) -> Consultation:
    """The doctor who was asked does not take it. What a department was asked is nobody's to reject."""
    _must_be(it, Stage.AWAITING_ACCEPTANCE)
    if it.doctor != doctor:
        raise NoSuchConsultation()
    return _over(it, Stage.REJECTED, "", at=at)


def cancelled(it: Consultation, *, at: datetime) -> Consultation:
    """The patient does not want it any more; once a doctor has accepted it is ended instead."""
    _must_be(it, Stage.AWAITING_PAYMENT, Stage.AWAITING_ACCEPTANCE)
    return _over(it, Stage.CANCELLED, "", at=at)


def extended(it: Consultation, *, by: timedelta, at: datetime) -> Consultation:
    """More time."""
    _must_be(it, Stage.ACTIVE)
    assert it.expires_at is not None
    ends = it.expires_at + by
    return replace(it, expires_at=ends, due_at=ends, changed_at=at)


def ended(it: Consultation, because: str, *, at: datetime) -> Consultation:
    """By the doctor, the patient, or the window."""
    _must_be(it, Stage.ACTIVE)
    return _over(it, Stage.ENDED, because, at=at)


def referred(it: Consultation, *, at: datetime) -> Consultation:
    """To be seen in the hospital."""
    _must_be(it, Stage.ACTIVE)
    return _over(it, Stage.REFERRED, "referred", at=at)


def rated(it: Consultation, stars: int, *, at: datetime) -> Consultation:
    """Once, by the patient."""
    if it.stage is Stage.RATED and it.rating == stars:
        return it
    _must_be(it, Stage.ENDED)
    return replace(it, stage=Stage.RATED, rating=stars, changed_at=at)


def overdue(it: Consultation, *, at: datetime) -> Consultation:
    """What the clock makes of it; as it is when nothing is due."""
    if it.due_at is None or it.due_at > at or not it.stage.is_open:
        return it
    if it.stage is Stage.ACTIVE:
        return _over(it, Stage.ENDED, "window", at=at)
    return _over(it, Stage.TIMED_OUT, "", at=at)


def refunded(it: Consultation, *, at: datetime) -> Consultation:
    """The fee has gone back."""
    return it if it.refund is not Refund.ASKED else replace(it, refund=Refund.DONE, changed_at=at)


def _over(it: Consultation, stage: Stage, because: str, *, at: datetime) -> Consultation:
    unanswered = stage in {Stage.TIMED_OUT, Stage.REJECTED, Stage.CANCELLED}
    return replace(
        it,
        stage=stage,
        due_at=None,
        ended_at=at,
        ended_because=because,
        refund=Refund.ASKED if unanswered and it.paid else it.refund,
        changed_at=at,
    )


def _must_be(it: Consultation, *stages: Stage) -> None:
    if it.stage not in stages:
        raise NotNow(stage=it.stage)
