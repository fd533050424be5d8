"""The life of a consultation: what may follow what, who was first, and where the fee goes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import CHINA
from core.refusals import Refusal
from im import consultation as rules
from im.consultation import Consultation, NotNow, Refund, Stage, TakenByAnother, Terms

NOON = datetime(2026, 11, 23, 12, tzinfo=CHINA)
TERMS = Terms(
    fee_fen=2_000,
    turns=20,
    window=timedelta(hours=24),
    pay_within=timedelta(minutes=30),
    accept_within=timedelta(hours=2),
)


def opened(*, doctor: str | None = "doctor.li", fee: int = 2_000) -> Consultation:
    terms = replace(TERMS, fee_fen=fee)
    return rules.opened(
        id_="c1", user="u1", patient="p1", doctor=doctor, department="d1", terms=terms, at=NOON
    )


def active() -> Consultation:
    return rules.accepted(rules.paid(opened(), "r1", at=NOON), "doctor.li", at=NOON)


def test_a_free_one_waits_for_the_doctor_at_once() -> None:
    it = opened(fee=0)
    assert (it.stage, it.due_at) == (Stage.AWAITING_ACCEPTANCE, NOON + TERMS.accept_within)


def test_paid_twice_is_paid_once_and_paid_too_late_goes_back() -> None:
    it = rules.paid(opened(), "r1", at=NOON)
    assert rules.paid(it, "r1", at=NOON + timedelta(minutes=1)) == it
    late = rules.overdue(opened(), at=NOON + TERMS.pay_within)
    assert (late.stage, late.refund) == (Stage.TIMED_OUT, Refund.NONE)
    back = rules.paid(late, "r1", at=NOON + timedelta(hours=1))
    assert (back.stage, back.refund) == (Stage.TIMED_OUT, Refund.ASKED)
    with pytest.raises(NotNow):
        rules.paid(active(), "r2", at=NOON)


def test_of_two_doctors_of_a_pool_one_has_it() -> None:
    it = opened(doctor=None, fee=0)
    first = rules.accepted(it, "doctor.li", at=NOON)
    assert rules.accepted(first, "doctor.li", at=NOON) == first
    with pytest.raises(TakenByAnother):
        rules.accepted(first, "doctor.wang", at=NOON)
    with pytest.raises(rules.NoSuchConsultation):
        rules.accepted(opened(fee=0), "doctor.wang", at=NOON)
    with pytest.raises(rules.NoSuchConsultation):
        rules.rejected(it, "doctor.li", at=NOON)


@pytest.mark.parametrize(
    "end",
    [
        lambda it: rules.rejected(it, "doctor.li", at=NOON),
        lambda it: rules.cancelled(it, at=NOON),
        lambda it: rules.overdue(it, at=NOON + timedelta(hours=3)),
    ],
)
def test_what_nobody_answered_is_given_back_once(end: Callable[[Consultation], Consultation]) -> None:
    paid = end(rules.paid(opened(), "r1", at=NOON))
    assert (paid.refund, paid.due_at) == (Refund.ASKED, None)
    done = rules.refunded(paid, at=NOON)
    assert done.refund is Refund.DONE
    assert rules.refunded(done, at=NOON) == done
    assert end(opened(fee=0)).refund is Refund.NONE


def test_the_window_ends_it_and_what_was_answered_costs() -> None:
    it = active()
    assert rules.overdue(it, at=NOON + TERMS.window - timedelta(microseconds=1)) == it
    over = rules.overdue(it, at=NOON + TERMS.window)
    assert (over.stage, over.ended_because, over.refund) == (Stage.ENDED, "window", Refund.NONE)
    longer = rules.extended(it, by=timedelta(hours=12), at=NOON)
    assert rules.overdue(longer, at=NOON + TERMS.window) == longer


def test_it_is_rated_once_and_after_its_end() -> None:
    with pytest.raises(NotNow):
        rules.rated(active(), 5, at=NOON)
    over = rules.ended(active(), "doctor", at=NOON)
    stars = rules.rated(over, 5, at=NOON)
    assert rules.rated(stars, 5, at=NOON) == stars
    with pytest.raises(NotNow):
        rules.rated(stars, 1, at=NOON)


STEPS: list[Callable[[Consultation, datetime], Consultation]] = [
    lambda it, at: rules.paid(it, "r1", at=at),
    lambda it, at: rules.accepted(it, "doctor.li", at=at),
    lambda it, at: rules.rejected(it, "doctor.li", at=at),
    lambda it, at: rules.cancelled(it, at=at),
    lambda it, at: rules.extended(it, by=timedelta(hours=1), at=at),
    lambda it, at: rules.ended(it, "doctor", at=at),
    lambda it, at: rules.referred(it, at=at),
    lambda it, at: rules.rated(it, 4, at=at),
    lambda it, at: rules.overdue(it, at=at),
    lambda it, at: rules.refunded(it, at=at),
]


@given(st.booleans(), st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 120)), max_size=12))
def test_whatever_happens_it_ends_once_and_money_is_never_kept_for_nothing(
    free: bool, steps: list[tuple[Callable[[Consultation, datetime], Consultation], int]]
) -> None:
    it, at, ends = opened(fee=0 if free else 2_000), NOON, 0
    for step, minutes in steps:
        at += timedelta(minutes=minutes)
        try:
            after = step(it, at)
        except Refusal:
            continue
        ends += it.stage.is_open and not after.stage.is_open
        assert not (not it.stage.is_open and after.stage.is_open), "what is over does not begin again"
        it = after
    assert ends <= 1
    assert it.stage.is_open == (it.due_at is not None)
    unanswered = it.stage in {Stage.TIMED_OUT, Stage.REJECTED, Stage.CANCELLED}
    assert (it.refund is not Refund.NONE) == (unanswered and bool(it.paid))
    assert (it.accepted_at is not None) == (it.expires_at is not None)
