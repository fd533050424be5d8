"""Between the two factors: a signed word that somebody knew the password a moment ago.

It opens nothing. It holds for five minutes, for the password that was given and no later one, and leads to
one session at most.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from accounts.credentials import Credentials
from accounts.password_policy import is_too_old
from accounts.session import SessionBounds
from accounts.staff import StaffAccount
from accounts.totp import Enrolment, enrolment
from core import limits
from core.actor import ADMINS, Role
from core.ids import StaffId
from core.refusals import Unauthenticated

_PURPOSE = b"houzhen staff challenge"


class ChallengeRefused(Unauthenticated):
    """Forged, too old, or used: sign in again from the beginning."""

    code = "staff.challenge_refused"


class Claims(msgspec.Struct, frozen=True):
    """Who knew which password, when. Times to the microsecond, as they are kept."""

    number: str
    given_us: int
    set_us: int


class Challenges:
    """Signs and reads them. ``key`` is the tokens' own: what is signed here passes for no token."""

    def __init__(self, key: bytes) -> None:
        self._key = hmac.digest(key, _PURPOSE, "sha256")

    def give(self, number: StaffId, credentials: Credentials, *, at: datetime) -> str:
        """The challenge of somebody who gave the right password now."""
        claims = msgspec.json.encode(Claims(number, _us(at), _us(credentials.set_at)))
        signed = hmac.digest(self._key, claims, "sha256") + claims
        return base64.urlsafe_b64encode(signed).decode("ascii").rstrip("=")

    def read(self, challenge: str, *, at: datetime) -> Claims:
        """Refuses with ``ChallengeRefused``."""
        try:
            signed = base64.b64decode(
                challenge.encode("ascii") + b"=" * (-len(challenge) % 4), altchars=b"-_", validate=True
            )
        except (UnicodeEncodeError, binascii.Error):
            raise ChallengeRefused() from None
        size = hashlib.sha256().digest_size
        digest, text = signed[:size], signed[size:]
        if not hmac.compare_digest(digest, hmac.digest(self._key, text, "sha256")):
            raise ChallengeRefused()
        claims = msgspec.json.decode(text, type=Claims)
        age = timedelta(microseconds=_us(at) - claims.given_us)
        if not timedelta() <= age < timedelta(seconds=limits.STAFF_CHALLENGE_SECONDS):
            raise ChallengeRefused()
        return claims


def judge_claims(claims: Claims, credentials: Credentials) -> None:
    """Refuse with ``ChallengeRefused`` when the password has changed since, or the challenge was used."""
    used = credentials.answered_at is not None and claims.given_us <= _us(credentials.answered_at)
    if claims.set_us != _us(credentials.set_at) or used:
        raise ChallengeRefused()


def given_at(claims: Claims, *, at: datetime) -> datetime:
    """When the challenge was given."""
    return at - timedelta(microseconds=_us(at) - claims.given_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRules:
    """What the settings say of staff's sign-in. ``issuer`` is the name shown in authenticator apps."""

    administrators: SessionBounds
    others: SessionBounds
    password_days: int
    issuer: str

    def bounds(self, role: Role) -> SessionBounds:
        """How long a session of that role may last."""
        return self.administrators if role in ADMINS else self.others


@dataclass(frozen=True, slots=True)
class PasswordTaken:
    """The first factor was right; what comes next."""

    challenge: str
    offered: Enrolment | None
    """For who has no second factor yet."""
    must_change: bool
    """The password has grown too old: a new one goes with the code."""


def password_taken(
    account: StaffAccount,
    credentials: Credentials,
    *,
    challenges: Challenges,
    rules: StaffRules,
    at: datetime,
) -> PasswordTaken:
    """What comes after the right password."""
    offered = None
    if not credentials.are_complete and credentials.secret is not None:
        offered = enrolment(credentials.secret, number=account.number, issuer=rules.issuer)
    return PasswordTaken(
        challenges.give(account.number, credentials, at=at),
        offered,
        is_too_old(credentials.set_at, at=at, days=rules.password_days),
    )


def _us(at: datetime) -> int:
    whole = int(at.timestamp())
    return whole * 1_000_000 + at.microsecond
