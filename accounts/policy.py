"""Who may do what: the one table. Every endpoint names an action of it, and has no other say.

A role that is not named in an action's rule is refused with 403 (nobody known: 401). ``reach`` says whose
records a permitted role meets; somebody else's get the same answer as none (``core.refusals.NotFound``).
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from core.actor import ADMINS, EMPLOYEES, STAFF, Role


class Touches(enum.Enum):
    """What an action has to do with; decides what the log does (``audit/``)."""

    NOTHING = "nothing"
    """Public facts. Not recorded, unless it is refused for who is asking."""
    WORK = "work"
    """The running of the clinic. Recorded; goes on for a while when the log is away."""
    PERSONAL = "personal"
    HEALTH = "health"
    TALK = "talk"
    """Saying something in a conversation: not begun without the log, but the conversation's own chain of
    digests keeps what was said, so the answer does not wait for the log's record."""
    MONEY = "money"
    ACCOUNT = "account"
    """Signing in and out, credentials, sessions."""
    ADMINISTRATION = "administration"

    @property
    def recorded(self) -> bool:
        """Whether each request leaves one record."""
        return self is not Touches.NOTHING

    @property
    def stops_without_log(self) -> bool:
        """Whether nothing is done while nothing can be recorded."""
        return self not in {Touches.NOTHING, Touches.WORK, Touches.ACCOUNT}

    @property
    def waits_for_record(self) -> bool:
        """Whether the answer leaves only when the record is durable."""
        return self.stops_without_log and self is not Touches.TALK


class Reach(enum.Enum):
    """Whose records a permitted caller meets."""

    OPEN = "open"
    """What is nobody's."""
    OWN = "own"
    """The caller's own."""
    LINES = "lines"
    """Those of the lines that the caller works at."""
    ALL = "all"
    """Everybody's."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the table says of one action. ``roles`` is ``None`` where anybody may, signed in or not."""

    roles: frozenset[Role] | None
    touches: Touches
    reach: Reach
    managed: bool = False
    """Only from the addresses that the settings name for administration."""


def _rule(
    roles: Iterable[Role] | None, touches: Touches, reach: Reach = Reach.OPEN, *, managed: bool = False
) -> Rule:
    return Rule(None if roles is None else frozenset(roles), touches, reach, managed)


def _administration(*roles: Role) -> Rule:
    return _rule(roles, Touches.ADMINISTRATION, Reach.ALL, managed=True)


_PEOPLE = EMPLOYEES | {Role.PATIENT}
"""Whoever signs in; machines carry tokens that stand alone."""
_OWNERS = frozenset({Role.PATIENT})
"""Who has an account with family members."""
_TALKERS = STAFF | {Role.PATIENT}
"""Who is in conversations."""
_DOCTORS = frozenset({Role.DOCTOR})
_READERS = STAFF | {Role.KIOSK, Role.CASHIER}
"""Where a patient shows a code."""
_SECURITY = frozenset({Role.SECURITY_ADMIN})

POLICY = MappingProxyType(
    {
        # The platform itself
        "platform.look": _rule(None, Touches.NOTHING),
        # Lines (候诊)
        "line.look": _rule(None, Touches.NOTHING),
        "line.work": _rule(STAFF, Touches.WORK, Reach.LINES),
        "line.check_in": _rule(STAFF | {Role.KIOSK}, Touches.WORK, Reach.LINES),
        "screen.look": _rule(STAFF | {Role.SCREEN}, Touches.NOTHING),
        "directory.look": _rule(None, Touches.NOTHING),
        # Signing in, and one's own account
        "sign_in.look": _rule(None, Touches.NOTHING),
        "sign_in.begin": _rule(None, Touches.ACCOUNT),
        "sign_in": _rule(None, Touches.ACCOUNT),
        "account.look": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        "account.link": _rule(_OWNERS, Touches.ACCOUNT, Reach.OWN),
        "account.unlink": _rule(_OWNERS, Touches.ACCOUNT, Reach.OWN),
        "account.export": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        "account.close": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        # Tokens and sessions
        "session.refresh": _rule(None, Touches.NOTHING),
        "session.connect": _rule(_PEOPLE, Touches.NOTHING, Reach.OWN),
        "session.list": _rule(_PEOPLE, Touches.ACCOUNT, Reach.OWN),
        "session.end": _rule(_PEOPLE, Touches.ACCOUNT, Reach.OWN),
        # Sockets
        "socket.connect": _rule(None, Touches.WORK, Reach.OWN),
        "socket.subscribe": _rule(None, Touches.WORK, Reach.OWN),
        # Consents and patients of an account
        # Read before anybody has signed in: the texts alone, and what nobody has agreed to.
        "consent.look": _rule(None, Touches.NOTHING, Reach.OWN),
        "consent.change": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        "patient.list": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        "patient.look": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        "patient.add": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        "patient.unbind": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        "patient.default": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        "patient.reveal": _rule(_OWNERS, Touches.HEALTH, Reach.OWN),
        "health_card.look": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        "health_card.apply": _rule(_OWNERS, Touches.HEALTH, Reach.OWN),
        "health_card.show": _rule(_OWNERS, Touches.HEALTH, Reach.OWN),
        "health_card.verify": _rule(_READERS, Touches.HEALTH, Reach.ALL),
        # Staff's own accounts, and their administration
        "staff.sign_in": _rule(None, Touches.ACCOUNT),
        "staff.set_up": _rule(None, Touches.ADMINISTRATION, managed=True),
        "staff.accept": _rule(None, Touches.ACCOUNT),
        "staff.me": _rule(EMPLOYEES, Touches.ACCOUNT, Reach.OWN),
        "staff.password": _rule(EMPLOYEES, Touches.ACCOUNT, Reach.OWN),
        "staff.recovery": _rule(EMPLOYEES, Touches.ACCOUNT, Reach.OWN),
        "admin.staff.list": _administration(Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN),
        "admin.staff.create": _administration(Role.SYSTEM_ADMIN),
        "admin.staff.invite": _administration(Role.SYSTEM_ADMIN),
        "admin.staff.close": _administration(Role.SYSTEM_ADMIN),
        "admin.staff.role": _administration(Role.SECURITY_ADMIN),
        "admin.staff.lines": _administration(Role.SECURITY_ADMIN),
        "admin.staff.lock": _administration(Role.SECURITY_ADMIN),
        "admin.staff.unlock": _administration(Role.SECURITY_ADMIN),
        "admin.staff.reset": _administration(Role.SECURITY_ADMIN),
        "admin.session.list": _administration(Role.SECURITY_ADMIN),
        "admin.session.end": _administration(Role.SECURITY_ADMIN),
        "admin.roles": _administration(*ADMINS),
        # The log
        "audit.look": _administration(Role.AUDIT_ADMIN),
        "audit.review": _administration(Role.AUDIT_ADMIN),
        "audit.sign": _administration(Role.AUDIT_ADMIN),
        "token.revoke": _rule(_SECURITY, Touches.ADMINISTRATION, Reach.ALL, managed=True),
        # Conversations. Whether the caller is in the one that is named, im/access.py says.
        "im.look": _rule(_TALKERS, Touches.HEALTH, Reach.OWN),
        "im.say": _rule(_TALKERS, Touches.TALK, Reach.OWN),
        "im.mark": _rule(_TALKERS, Touches.NOTHING, Reach.OWN),
        "im.search": _rule(_TALKERS, Touches.HEALTH, Reach.OWN),
        "im.start": _rule(STAFF, Touches.WORK, Reach.OWN),
        "im.invite": _rule(STAFF | _OWNERS, Touches.HEALTH, Reach.OWN),
        "im.join": _rule(_OWNERS, Touches.HEALTH, Reach.OWN),
        "im.broadcast": _rule(STAFF, Touches.WORK, Reach.OWN),
        "im.follow": _rule(_TALKERS, Touches.NOTHING, Reach.OWN),
        # Consultations (图文问诊)
        "consultation.doctors": _rule(None, Touches.NOTHING),
        "consultation.open": _rule(_OWNERS, Touches.HEALTH, Reach.OWN),
        "consultation.look": _rule(_TALKERS, Touches.HEALTH, Reach.OWN),
        "consultation.pay": _rule(_OWNERS, Touches.MONEY, Reach.OWN),
        "consultation.cancel": _rule(_OWNERS, Touches.MONEY, Reach.OWN),
        "consultation.rate": _rule(_OWNERS, Touches.HEALTH, Reach.OWN),
        "consultation.answer": _rule(_DOCTORS, Touches.HEALTH, Reach.OWN),
        "consultation.end": _rule(_DOCTORS | _OWNERS, Touches.HEALTH, Reach.OWN),
        "consultation.patient": _rule(STAFF, Touches.HEALTH, Reach.OWN),
        "consultation.record": _rule(_DOCTORS | _OWNERS, Touches.HEALTH, Reach.OWN),
        "practice.own": _rule(_DOCTORS, Touches.WORK, Reach.OWN),
        "practice.set": _administration(Role.SECURITY_ADMIN),
        "quick_reply": _rule(STAFF, Touches.WORK, Reach.OWN),
        "quick_reply.shared": _administration(Role.SECURITY_ADMIN),
        # Files in conversations
        "file.send": _rule(_TALKERS, Touches.HEALTH, Reach.OWN),
        "file.look": _rule(_TALKERS, Touches.HEALTH, Reach.OWN),
        # By a link, which is the permission; who was given it is recorded.
        "file.fetch": _rule(None, Touches.NOTHING, Reach.OWN),
        # Moderation, and the record of conversations
        "moderation.review": _rule({Role.SERVICE_DESK}, Touches.HEALTH, Reach.ALL),
        "moderation.words": _administration(Role.SECURITY_ADMIN),
        "record.hold": _administration(Role.SECURITY_ADMIN),
        # Notices
        "notice.own": _rule(_OWNERS, Touches.PERSONAL, Reach.OWN),
        # The ticket is whose number anybody sees; the following is the caller's.
        "notice.follow": _rule(_OWNERS, Touches.PERSONAL, Reach.OPEN),
        # WeChat: its own server, and pages that use its JS-SDK
        "wechat.page": _rule(None, Touches.NOTHING),
        "wechat.callback": _rule(None, Touches.NOTHING),
    }
)
"""Action → rule."""
