"""Staff accounts: who works here as what, from the invitation to the end, and who may change that.

Pure. The system administrator makes and closes accounts; the security administrator says which role and
lines they have, locks, unlocks and resets them. An account works only after both had a hand in it: what one
of them proposes, the other grants. Nobody changes an own account, and an administrator's role never changes:
whoever is to be another administrator gets another account, so that the three stay apart (GB/T 22239-2019,
8.1.4.2 and 8.1.5).

At the start there is nobody who could grant. Until a security and an audit administrator exist, the system
administrator makes these two and nobody else, and they need no grant.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from core.actor import ADMINS, EMPLOYEES, STAFF, Actor, Role
from core.ids import LineId, StaffId
from core.refusals import BadInput, Forbidden, Kind, NotFound, Refusal

GOVERNED = (Role.SECURITY_ADMIN, Role.AUDIT_ADMIN)
"""Who must exist before anybody else is invited, besides the first system administrator."""


class StaffState(enum.StrEnum):
    """Where an account stands."""

    INVITED = "invited"
    """Nobody has set a password yet, or it was reset."""
    ACTIVE = "active"
    LOCKED = "locked"
    """By the security administrator. (Too many wrong passwords are ``accounts/lockout.py``.)"""
    CLOSED = "closed"
    """For ever. The number is not used again."""


class NoSuchStaff(NotFound):
    """There is no account of this number."""

    code = "staff.no_such_account"


class NumberIsTaken(Refusal):
    """The number has, or had, an account."""

    code = "staff.number_is_taken"


class OwnAccount(Forbidden):
    """Nobody administers an own account."""

    code = "staff.own_account"


class StaffWrongState(Refusal):
    """That cannot be done to an account that is as it is."""

    code = "staff.wrong_state"

    def __init__(self, *, state: StaffState) -> None:
        super().__init__(state=state.value)


class LastAdministrator(Refusal):
    """Without this account nobody would be left who is that administrator."""

    code = "staff.last_administrator"

    def __init__(self, *, role: Role) -> None:
        super().__init__(role=role.value)


class AdministratorsFirst(Refusal):
    """A security and an audit administrator must be invited before anybody else."""

    code = "staff.administrators_first"

    def __init__(self, *, missing: Iterable[Role]) -> None:
        super().__init__(missing=sorted(role.value for role in missing))


class AdministratorsKeepTheirRole(Refusal):
    """The role of an administrator does not change, and nobody else becomes one: that takes a new account."""

    code = "staff.administrators_keep_their_role"


class NotGranted(Refusal):
    """The security administrator has not confirmed the account's role yet."""

    code = "staff.not_granted"
    kind = Kind.FORBIDDEN


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffAccount:
    """One member of staff. ``lines`` empty means every line; only nurses and doctors have lines."""

    number: StaffId
    name: str
    role: Role
    lines: frozenset[LineId]
    state: StaffState
    granted: bool
    """Whether the security administrator stands behind the role."""
    created_at: datetime
    changed_at: datetime
    signed_in_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        """Who acts when this account is signed in."""
        return Actor(id=user_of(self.role, self.number), role=self.role, lines=self.lines)


def user_of(role: Role, number: str) -> str:
    """``Actor.id`` of an employee."""
    return f"{role.value}.{number}"


@dataclass(frozen=True, slots=True)
class Administrators:
    """The accounts of the three administrators that are not closed."""

    accounts: tuple[StaffAccount, ...]

    def of(self, role: Role) -> tuple[StaffAccount, ...]:
        """Those of one kind."""
        return tuple(one for one in self.accounts if one.role is role)

    @property
    def missing(self) -> frozenset[Role]:
        """Which kinds nobody is."""
        return ADMINS - {one.role for one in self.accounts}

    def others_remain(self, account: StaffAccount) -> bool:
        """Whether somebody else of the kind could go on working."""
        working = {StaffState.ACTIVE, StaffState.INVITED}
        return any(
            one.number != account.number and one.state in working and one.granted
            for one in self.of(account.role)
        )


def first_administrator(*, number: StaffId, name: str, at: datetime) -> StaffAccount:
    """Whoever holds the set-up link becomes the first system administrator."""
    return StaffAccount(
        number=number,
        name=name,
        role=Role.SYSTEM_ADMIN,
        lines=frozenset(),
        state=StaffState.INVITED,
        granted=True,
        created_at=at,
        changed_at=at,
    )


def created(
    *, number: StaffId, name: str, role: Role, lines: frozenset[LineId], among: Administrators, at: datetime
) -> StaffAccount:
    """A new account, as the system administrator proposes it.

    Refuses with ``BadInput`` a role that no account has and lines for who has none, with
    ``AdministratorsFirst`` anybody else while the three are not complete.
    """
    if role not in EMPLOYEES:
        raise BadInput(field="$.role", why="no role of a staff account")
    _judge_lines(role, lines)
    missing = among.missing & set(GOVERNED)
    if missing and role not in missing:
        raise AdministratorsFirst(missing=missing)
    return StaffAccount(
        number=number,
        name=name,
        role=role,
        lines=lines,
        state=StaffState.INVITED,
        granted=role in missing,
        created_at=at,
        changed_at=at,
    )


def with_role(by: Actor, account: StaffAccount, role: Role, *, at: datetime) -> StaffAccount:
    """The account with this role, granted. The role that was proposed, given again, is the grant alone."""
    _judge(by, account, {StaffState.INVITED, StaffState.ACTIVE, StaffState.LOCKED})
    if role not in EMPLOYEES:
        raise BadInput(field="$.role", why="no role of a staff account")
    if role is not account.role and {role, account.role} & ADMINS:
        raise AdministratorsKeepTheirRole()
    lines = account.lines if role in STAFF else frozenset[LineId]()
    return replace(account, role=role, lines=lines, granted=True, changed_at=at)


def with_lines(by: Actor, account: StaffAccount, lines: frozenset[LineId], *, at: datetime) -> StaffAccount:
    """The account, working at these lines (none: at every line)."""
    _judge(by, account, {StaffState.INVITED, StaffState.ACTIVE, StaffState.LOCKED})
    _judge_lines(account.role, lines)
    return replace(account, lines=lines, changed_at=at)


def locked(by: Actor, account: StaffAccount, *, among: Administrators, at: datetime) -> StaffAccount:
    """Nobody signs in until it is unlocked. The last of an administrator's kind stays open."""
    _judge(by, account, {StaffState.ACTIVE})
    _judge_last(account, among)
    return replace(account, state=StaffState.LOCKED, changed_at=at)


def unlocked(by: Actor, account: StaffAccount, *, at: datetime) -> StaffAccount:
    """As it was before it was locked. An account that is not locked stays as it is."""
    _judge(by, account, {StaffState.LOCKED, StaffState.ACTIVE, StaffState.INVITED})
    if account.state is not StaffState.LOCKED:
        return account
    return replace(account, state=StaffState.ACTIVE, changed_at=at)


def reset(by: Actor, account: StaffAccount, *, at: datetime) -> StaffAccount:
    """Password and second factor are gone; a new invitation, by the system administrator, begins anew."""
    _judge(by, account, {StaffState.INVITED, StaffState.ACTIVE, StaffState.LOCKED})
    return replace(account, state=StaffState.INVITED, changed_at=at)


def closed(by: Actor, account: StaffAccount, *, among: Administrators, at: datetime) -> StaffAccount:
    """The end of the account. The last of an administrator's kind stays."""
    _judge(by, account, {StaffState.INVITED, StaffState.ACTIVE, StaffState.LOCKED})
    _judge_last(account, among)
    return replace(account, state=StaffState.CLOSED, changed_at=at)


def invitable(account: StaffAccount) -> None:
    """Refuse a new invitation unless nobody has taken the last one."""
    if account.state is not StaffState.INVITED:
        raise StaffWrongState(state=account.state)


def activated(account: StaffAccount, *, at: datetime) -> StaffAccount:
    """Whoever was invited has set a password."""
    if account.state is not StaffState.INVITED:
        raise StaffWrongState(state=account.state)
    return replace(account, state=StaffState.ACTIVE, changed_at=at)


def _judge(by: Actor, account: StaffAccount, states: set[StaffState]) -> None:
    if by.id == account.actor.id:
        raise OwnAccount()
    if account.state not in states:
        raise StaffWrongState(state=account.state)


def _judge_last(account: StaffAccount, among: Administrators) -> None:
    if account.role in ADMINS and account.granted and not among.others_remain(account):
        raise LastAdministrator(role=account.role)


def _judge_lines(role: Role, lines: frozenset[LineId]) -> None:
    if lines and role not in STAFF:
        raise BadInput(field="$.lines", why="only nurses and doctors work at lines")
