"""What travels when staff sign in and administrators look after their accounts."""

from datetime import datetime
from typing import Annotated, Literal, cast

import msgspec

from accounts.credentials import Credentials
from accounts.password_policy import is_too_old
from accounts.policy import Rule
from accounts.session import Session
from accounts.staff import StaffAccount
from accounts.staff_challenge import PasswordTaken
from accounts.staff_links import Invitation
from accounts.staff_sign_in import StaffSignedIn
from accounts.totp import Enrolment
from accounts.wire import Secret, SignedIn

Number = Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"\S")]
LineName = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]
Lines = Annotated[list[LineName], msgspec.Meta(max_length=200)]
EmployeeRole = Literal[
    "nurse", "doctor", "cashier", "service_desk", "system_admin", "security_admin", "audit_admin"
]
State = Literal["invited", "active", "locked", "closed"]


def _role(account: StaffAccount) -> EmployeeRole:
    return cast(EmployeeRole, account.role.value)


class Ask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request may hold is only what it names."""


class StaffSignInAsk(Ask, frozen=True, kw_only=True):
    """The first factor."""

    number: Number
    password: Secret


class SecondAsk(Ask, frozen=True, kw_only=True):
    """Six digits of the app, or a recovery code. ``new_password`` where one must be set."""

    challenge: Secret
    code: Annotated[str, msgspec.Meta(max_length=32)]
    new_password: Secret | None = None


class SetUpAsk(Ask, frozen=True, kw_only=True):
    """Who holds the set-up link becomes the first system administrator."""

    token: Secret
    number: Number
    name: Name
    password: Secret


class InvitationAsk(Ask, frozen=True, kw_only=True):
    """Who holds an invitation sets the password."""

    token: Secret
    password: Secret


class PasswordAsk(Ask, frozen=True, kw_only=True):
    """Another password."""

    old: Secret
    new: Secret


class CodeAsk(Ask, frozen=True, kw_only=True):
    """A code of the app."""

    code: Annotated[str, msgspec.Meta(max_length=32)]


class OfferedSecond(msgspec.Struct, frozen=True, kw_only=True):
    """What an authenticator app needs: typed, followed, or scanned."""

    secret: str
    otpauth: str
    svg: str

    @classmethod
    def of(cls, offered: Enrolment) -> "OfferedSecond":
        """As it travels."""
        return cls(secret=offered.secret, otpauth=offered.otpauth, svg=offered.svg)


class Challenge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The password was right. ``enrol`` is there for who has no second factor yet: a code sets it."""

    challenge: str
    second: Literal["totp", "enrol"]
    enrol: OfferedSecond | None = None
    must_change: bool = False
    """The password has grown too old: a new one goes with the code."""

    @classmethod
    def of(cls, taken: PasswordTaken) -> "Challenge":
        """As it travels."""
        return cls(
            challenge=taken.challenge,
            second="totp" if taken.offered is None else "enrol",
            enrol=None if taken.offered is None else OfferedSecond.of(taken.offered),
            must_change=taken.must_change,
        )


class StaffIn(SignedIn, frozen=True, kw_only=True, omit_defaults=True):
    """A member of staff is signed in. ``recovery_codes`` are told once; each is good once."""

    role: EmployeeRole
    name: str
    number: str
    lines: list[str]
    recovery_codes: list[str] = msgspec.field(default_factory=list)

    @classmethod
    def of_staff(cls, signed_in: StaffSignedIn) -> "StaffIn":
        """As it travels."""
        account, opened = signed_in.account, signed_in.opened
        return cls(
            user=opened.session.user,
            session=opened.session.id,
            access_token=opened.access_token,
            expires_at=opened.expires_at,
            refresh_token=opened.refresh_token,
            is_new=bool(signed_in.recovery_codes),
            role=_role(account),
            name=account.name,
            number=account.number,
            lines=sorted(account.lines),
            recovery_codes=list(signed_in.recovery_codes),
        )


class StaffMe(msgspec.Struct, frozen=True, kw_only=True):
    """The caller's own account."""

    number: str
    name: str
    role: EmployeeRole
    lines: list[str]
    password_set_at: datetime
    must_change: bool
    recovery_codes_left: int

    @classmethod
    def of(
        cls, account: StaffAccount, credentials: Credentials, left: int, *, at: datetime, days: int
    ) -> "StaffMe":
        """As it travels."""
        return cls(
            number=account.number,
            name=account.name,
            role=_role(account),
            lines=sorted(account.lines),
            password_set_at=credentials.set_at,
            must_change=is_too_old(credentials.set_at, at=at, days=days),
            recovery_codes_left=left,
        )


class PasswordChanged(msgspec.Struct, frozen=True):
    """The new password is set; every other session of the account has ended."""

    changed: bool


class RecoveryCodes(msgspec.Struct, frozen=True):
    """Told once. The earlier ones are worth nothing."""

    recovery_codes: list[str]


class StaffPage(Ask, frozen=True, kw_only=True):
    """From where on."""

    cursor: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class NewStaff(Ask, frozen=True, kw_only=True):
    """An account as the system administrator proposes it. No ``lines``: every line."""

    number: Number
    name: Name
    role: EmployeeRole
    lines: Lines = []


class RoleAsk(Ask, frozen=True, kw_only=True):
    """The role that was proposed, to grant it, or another."""

    role: EmployeeRole


class LinesAsk(Ask, frozen=True, kw_only=True):
    """At which lines; none: at every line."""

    lines: Lines


class StaffRow(msgspec.Struct, frozen=True, kw_only=True):
    """One staff account. It works once the security administrator has ``granted`` its role."""

    number: str
    name: str
    role: EmployeeRole
    lines: list[str]
    state: State
    granted: bool
    created_at: datetime
    changed_at: datetime
    last_sign_in_at: datetime | None

    @classmethod
    def of(cls, account: StaffAccount) -> "StaffRow":
        """As it travels."""
        return cls(
            number=account.number,
            name=account.name,
            role=_role(account),
            lines=sorted(account.lines),
            state=account.state.value,
            granted=account.granted,
            created_at=account.created_at,
            changed_at=account.changed_at,
            last_sign_in_at=account.signed_in_at,
        )


class StaffList(msgspec.Struct, frozen=True, kw_only=True):
    """Accounts by number; ``next`` is the cursor of what follows."""

    staff: list[StaffRow]
    next: str | None = None


class InvitationTold(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time link's token. It goes to whom it is for, on a way that nobody else reads."""

    token: str
    expires_at: datetime


class StaffInvited(msgspec.Struct, frozen=True, kw_only=True):
    """An account and the invitation to it."""

    staff: StaffRow
    invitation: InvitationTold

    @classmethod
    def of(cls, account: StaffAccount, invitation: Invitation) -> "StaffInvited":
        """As it travels."""
        told = InvitationTold(token=invitation.token, expires_at=invitation.expires_at)
        return cls(staff=StaffRow.of(account), invitation=told)


class StaffSession(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody of staff is signed in. ``user`` is ``<role>.<number>``."""

    id: str
    user: str
    role: str
    device: str
    address: str
    created_at: datetime
    last_used_at: datetime
    current: bool

    @classmethod
    def of(cls, session: Session, *, current: str) -> "StaffSession":
        """As it travels."""
        return cls(
            id=session.id,
            user=session.user,
            role=session.role.value,
            device=session.device,
            address=session.address,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            current=session.id == current,
        )


class StaffSessions(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of staff, by when they began; ``next`` is the cursor of what follows."""

    sessions: list[StaffSession]
    next: str | None = None


class ActionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the policy table: who may do it, whose records they meet. No ``roles``: anybody."""

    action: str
    roles: list[str] | None
    touches: str
    reach: str
    managed: bool

    @classmethod
    def of(cls, action: str, rule: Rule) -> "ActionRow":
        """As it travels."""
        return cls(
            action=action,
            roles=None if rule.roles is None else sorted(role.value for role in rule.roles),
            touches=rule.touches.value,
            reach=rule.reach.value,
            managed=rule.managed,
        )


class PolicyTable(msgspec.Struct, frozen=True):
    """Who may do what: the whole table."""

    actions: list[ActionRow]
