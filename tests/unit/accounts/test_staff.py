"""Who may change staff accounts, and that there are always three administrators apart."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import staff
from accounts.staff import (
    Administrators,
    AdministratorsFirst,
    AdministratorsKeepTheirRole,
    LastAdministrator,
    OwnAccount,
    StaffAccount,
    StaffState,
    StaffWrongState,
)
from core.actor import ADMINS, EMPLOYEES, Role
from core.ids import LineId, StaffId
from core.refusals import BadInput, Refusal

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
NOBODY = Administrators(())
OPEN = [StaffState.INVITED, StaffState.ACTIVE, StaffState.LOCKED]


def account(
    number: str, role: Role, state: StaffState = StaffState.ACTIVE, *, granted: bool = True
) -> StaffAccount:
    first = staff.first_administrator(number=StaffId(number), name="某", at=NOON)
    return replace(first, role=role, state=state, granted=granted)


def three() -> Administrators:
    return Administrators(
        (
            account("1", Role.SYSTEM_ADMIN),
            account("2", Role.SECURITY_ADMIN),
            account("3", Role.AUDIT_ADMIN),
        )
    )


SYSTEM, SECURITY, AUDIT = (one.actor for one in three().accounts)


def propose(
    role: Role, among: Administrators, number: str = "9", lines: tuple[str, ...] = ()
) -> StaffAccount:
    named = frozenset(map(LineId, lines))
    return staff.created(number=StaffId(number), name="某", role=role, lines=named, among=among, at=NOON)


def test_at_the_start_the_other_two_administrators_come_first() -> None:
    first = staff.activated(staff.first_administrator(number=StaffId("1"), name="某", at=NOON), at=NOON)
    alone = Administrators((first,))
    for role in EMPLOYEES - {Role.SECURITY_ADMIN, Role.AUDIT_ADMIN}:
        with pytest.raises(AdministratorsFirst) as refused:
            propose(role, alone)
        assert refused.value.facts == {"missing": ["audit_admin", "security_admin"]}
    security = propose(Role.SECURITY_ADMIN, alone, number="2")
    assert security.granted
    with_security = Administrators((first, security))
    for role in EMPLOYEES - {Role.AUDIT_ADMIN}:
        with pytest.raises(AdministratorsFirst):
            propose(role, with_security)
    audit = propose(Role.AUDIT_ADMIN, with_security, number="3")
    assert audit.granted
    # From here on what the system administrator proposes waits for the security administrator.
    for role in EMPLOYEES:
        proposed = propose(role, Administrators((first, security, audit)))
        assert not proposed.granted
        granted = staff.with_role(security.actor, proposed, role, at=LATER)
        assert (granted.granted, granted.role) == (True, role)


def test_nobody_administers_an_own_account() -> None:
    for own in three().accounts:
        for act in (
            lambda own=own: staff.with_role(own.actor, own, own.role, at=LATER),
            lambda own=own: staff.with_lines(own.actor, own, frozenset(), at=LATER),
            lambda own=own: staff.locked(own.actor, own, among=three(), at=LATER),
            lambda own=own: staff.unlocked(own.actor, own, at=LATER),
            lambda own=own: staff.reset(own.actor, own, at=LATER),
            lambda own=own: staff.closed(own.actor, own, among=three(), at=LATER),
        ):
            with pytest.raises(OwnAccount):
                act()


@pytest.mark.parametrize("role", sorted(ADMINS))
def test_the_last_administrator_of_a_kind_is_neither_closed_nor_locked(role: Role) -> None:
    other = SECURITY if role is not Role.SECURITY_ADMIN else SYSTEM
    (last,) = three().of(role)
    for rule in (staff.closed, staff.locked):
        with pytest.raises(LastAdministrator):
            rule(other, last, among=three(), at=LATER)
        second = account("7", role)
        both = Administrators((*three().accounts, second))
        assert rule(other, last, among=both, at=LATER).state in {StaffState.CLOSED, StaffState.LOCKED}
        # Somebody locked, or whom nobody stands behind, is no replacement.
        for useless in (replace(second, state=StaffState.LOCKED), replace(second, granted=False)):
            with pytest.raises(LastAdministrator):
                rule(other, last, among=Administrators((*three().accounts, useless)), at=LATER)


def test_a_proposal_that_was_never_granted_can_be_closed() -> None:
    proposed = propose(Role.AUDIT_ADMIN, three())
    among = Administrators((*three().accounts, proposed))
    assert staff.closed(SYSTEM, proposed, among=among, at=LATER).state is StaffState.CLOSED


@given(before=st.sampled_from(sorted(EMPLOYEES)), after=st.sampled_from(sorted(Role)))
def test_no_account_becomes_an_administrator_or_ceases_to_be_one(before: Role, after: Role) -> None:
    one = account("9", before)
    try:
        changed = staff.with_role(SECURITY, one, after, at=LATER)
    except (AdministratorsKeepTheirRole, BadInput):
        assert before is not after
        assert ADMINS & {before, after} or after not in EMPLOYEES
    else:
        assert changed.role is after
        assert before is after or not ADMINS & {before, after}


def test_only_who_works_at_lines_has_lines() -> None:
    nurse = propose(Role.NURSE, three(), lines=("L1", "L2"))
    assert nurse.actor.works_at(LineId("L1"))
    with pytest.raises(BadInput):
        propose(Role.CASHIER, three(), lines=("L1",))
    cashier = staff.with_role(SECURITY, nurse, Role.CASHIER, at=LATER)
    assert cashier.lines == frozenset()
    with pytest.raises(BadInput):
        staff.with_lines(SECURITY, cashier, frozenset({LineId("L1")}), at=LATER)
    assert staff.with_role(SECURITY, nurse, Role.DOCTOR, at=LATER).lines == nurse.lines


def test_a_closed_account_stays_as_it_is() -> None:
    gone = account("9", Role.NURSE, StaffState.CLOSED)
    for rule in (
        lambda: staff.with_role(SECURITY, gone, Role.DOCTOR, at=LATER),
        lambda: staff.unlocked(SECURITY, gone, at=LATER),
        lambda: staff.reset(SECURITY, gone, at=LATER),
        lambda: staff.closed(SYSTEM, gone, among=three(), at=LATER),
        lambda: staff.activated(gone, at=LATER),
        lambda: staff.invitable(gone),
    ):
        with pytest.raises(StaffWrongState):
            rule()


STEPS = ["role", "lines", "lock", "unlock", "reset", "close", "activate", "create"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(STEPS),
            st.integers(0, 8),
            st.integers(0, 8),
            st.sampled_from(sorted(EMPLOYEES)),
        ),
        max_size=40,
    )
)
def test_whatever_they_do_there_are_three_administrators_and_nobody_is_two(
    steps: list[tuple[str, int, int, Role]],
) -> None:
    house = {one.number: one for one in three().accounts}
    for what, by_at, at, role in steps:
        by = list(house.values())[by_at % len(house)].actor
        one = list(house.values())[at % len(house)]
        among = Administrators(
            tuple(x for x in house.values() if x.role in ADMINS and x.state is not StaffState.CLOSED)
        )
        try:
            if what == "create":
                one = propose(role, among, number=str(len(house) + 1))
            elif what == "role":
                one = staff.with_role(by, one, role, at=LATER)
            elif what == "lines":
                one = staff.with_lines(by, one, frozenset({LineId("L1")}), at=LATER)
            elif what == "lock":
                one = staff.locked(by, one, among=among, at=LATER)
            elif what == "unlock":
                one = staff.unlocked(by, one, at=LATER)
            elif what == "reset":
                one = staff.reset(by, one, at=LATER)
            elif what == "activate":
                one = staff.activated(one, at=LATER)
            else:
                one = staff.closed(by, one, among=among, at=LATER)
        except Refusal:
            continue
        house[one.number] = one
        for kind in ADMINS:
            able = [
                each
                for each in house.values()
                if each.role is kind
                and each.granted
                and each.state in {StaffState.ACTIVE, StaffState.INVITED}
            ]
            assert able, f"nobody is {kind} after {what}"
