"""What an account agreed to, and when: a ledger that only grows, and the rules that read it.

Pure, but for the door ``require_consent``. A consent counts for the version that was read: a newer text asks
again. What touches health data has a consent of its own (PIPL 29), which may be taken back at any time (PIPL
15) and then stops at once whatever stood on it.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from core import refusals
from core.ids import SessionId, UserId

if TYPE_CHECKING:
    from accounts.consent_store import ConsentStore


class Kind(enum.StrEnum):
    """What can be agreed to."""

    TERMS = "terms"
    PRIVACY = "privacy"
    SENSITIVE_HEALTH = "sensitive_health"
    """Papers' numbers, children's data and health data (PIPL 28, 29, 31): asked apart, never bundled."""

    @property
    def is_required(self) -> bool:
        """Whether the service cannot be used at all without it."""
        return self is not Kind.SENSITIVE_HEALTH


class ConsentNeeded(refusals.Refusal):
    """The account has not agreed to the text in force, or has taken it back."""

    code = "consent.needed"
    kind = refusals.Kind.FORBIDDEN

    def __init__(self, *, kind: Kind, version: str) -> None:
        super().__init__(kind=kind.value, version=version)


class OtherVersion(refusals.Refusal):
    """Another text is in force than the one that was read."""

    code = "consent.other_version"
    kind = refusals.Kind.CONFLICT

    def __init__(self, *, version: str) -> None:
        super().__init__(version=version)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: a consent given, or taken back, to one version, in one session."""

    kind: Kind
    version: str
    is_given: bool
    at: datetime
    session: SessionId


def newest(entries: Iterable[Entry]) -> dict[Kind, Entry]:
    """The state that a ledger, oldest entry first, amounts to."""
    return {entry.kind: entry for entry in entries}


def give(latest: Mapping[Kind, Entry], entry: Entry, *, in_force: str) -> Entry | None:
    """The entry to add, ``None`` when the same was given already. Refuses with ``OtherVersion``."""
    if entry.version != in_force:
        raise OtherVersion(version=in_force)
    return None if holds(latest, entry.kind, in_force=in_force) else entry


def withdraw(latest: Mapping[Kind, Entry], kind: Kind, *, at: datetime, session: SessionId) -> Entry | None:
    """The entry to add, ``None`` when nothing is given."""
    last = latest.get(kind)
    if last is None or not last.is_given:
        return None
    return Entry(kind, last.version, is_given=False, at=at, session=session)


def holds(latest: Mapping[Kind, Entry], kind: Kind, *, in_force: str) -> bool:
    """Whether the text in force is agreed to."""
    last = latest.get(kind)
    return last is not None and last.is_given and last.version == in_force


class HasConsents(Protocol):
    """A transaction that can read the ledger."""

    @property
    def consents(self) -> "ConsentStore":
        """The ledger."""


async def require_consent(
    unit: HasConsents, user: UserId, kind: Kind, *, in_force: Mapping[Kind, str]
) -> None:
    """Refuse with ``ConsentNeeded`` unless the account agrees to the text in force.

    Call it in the transaction that reads what it guards: a withdrawal that was committed before counts.
    """
    if not holds(await unit.consents.latest(user), kind, in_force=in_force[kind]):
        raise ConsentNeeded(kind=kind, version=in_force[kind])
