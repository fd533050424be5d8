"""Who is asking."""

import enum
from dataclasses import dataclass, field

from core.ids import LineId, ScreenId


class Role(enum.StrEnum):
    """What an actor may be. Closed set; permissions are decided in one table (``accounts/policy.py``)."""

    ANONYMOUS = "anonymous"
    PATIENT = "patient"
    SCREEN = "screen"
    KIOSK = "kiosk"
    NURSE = "nurse"
    DOCTOR = "doctor"
    CASHIER = "cashier"
    SERVICE_DESK = "service_desk"
    SYSTEM_ADMIN = "system_admin"
    """系统管理员: staff accounts, settings, the machine. Reads no log and no patient."""
    SECURITY_ADMIN = "security_admin"
    """安全管理员: roles, sessions, locks, tokens taken back."""
    AUDIT_ADMIN = "audit_admin"
    """审计管理员: reads the log, and nothing else."""
    SYSTEM = "system"
    """The platform itself. No token carries it."""


STAFF = frozenset({Role.NURSE, Role.DOCTOR})
"""Who works at a line."""

ADMINS = frozenset({Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.AUDIT_ADMIN})
"""The three administrators. No account is more than one of them (GB/T 22239-2019, 8.1.4.2 and 8.1.5)."""

EMPLOYEES = STAFF | ADMINS | {Role.CASHIER, Role.SERVICE_DESK}
"""Every role that a staff account can have."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One identified caller. Empty ``lines`` means every line (staff); a screen carries its ``screen``.

    ``id`` of a patient is the account's ``UserId``; of an employee ``<role>.<staff number>``.
    """

    id: str
    role: Role
    lines: frozenset[LineId] = field(default=frozenset())
    screen: ScreenId | None = None
    session: str = field(default="", compare=False)
    """The session behind the token (its ``jti``); empty for tokens that stand alone."""

    def works_at(self, line: LineId) -> bool:
        """Whether this member of staff may act on the line."""
        return self.role in STAFF and (not self.lines or line in self.lines)


ANONYMOUS = Actor(id="", role=Role.ANONYMOUS)
SYSTEM = Actor(id="system", role=Role.SYSTEM)
