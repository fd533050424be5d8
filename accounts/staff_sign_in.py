"""Staff sign in: number and password, then a second factor; only then is there a session.

Whoever has no account, a closed one or no password yet meets the same answer as somebody with a wrong
password, after the same work. Every try is counted before it is judged (``accounts/lockout.py``).
"""

import os
from dataclasses import dataclass, replace
from datetime import datetime

from accounts.credentials import Credentials
from accounts.lockout import TriedAt
from accounts.new_password import judge_new
from accounts.password_policy import is_too_old, same_form
from accounts.passwords import Passwords
from accounts.session import Ending
from accounts.sessions import Opened, Sessions
from accounts.staff import NotGranted, StaffAccount, StaffState
from accounts.staff_challenge import (
    ChallengeRefused,
    Challenges,
    Claims,
    PasswordTaken,
    StaffRules,
    given_at,
    judge_claims,
    password_taken,
)
from accounts.staff_store import StaffUnit, StaffUnits
from accounts.totp import (
    CodeRefused,
    checked,
    is_recovery_code,
    new_recovery_codes,
    new_secret,
    recovery_digest,
)
from accounts.trying import Trying
from core.actor import Actor
from core.clock import Clock
from core.ids import RandomBytes, StaffId
from core.refusals import Forbidden, Kind, Refusal, Unauthenticated
from realtime.revocations import Revocation


class SignInRefused(Unauthenticated):
    """Number or password is wrong. Nothing says which; the log alone hears whose account was tried."""

    code = "staff.sign_in_refused"

    def __init__(self, tried: StaffAccount | None = None) -> None:
        super().__init__()
        self.user = "" if tried is None else tried.actor.id


class StaffLocked(Forbidden):
    """The password is right, and the security administrator has locked the account."""

    code = "staff.locked"


class PasswordWrong(Forbidden):
    """The old password is not right. The session goes on."""

    code = "staff.password_wrong"


class PasswordTooOld(Refusal):
    """The password has grown too old; give a new one with the code."""

    code = "staff.password_too_old"
    kind = Kind.FORBIDDEN


@dataclass(frozen=True, slots=True)
class StaffSignedIn:
    """A session. ``recovery_codes`` are told once, when the second factor begins."""

    opened: Opened
    account: StaffAccount
    recovery_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a number: an account that may sign in, or nothing."""

    account: StaffAccount | None
    credentials: Credentials | None

    @property
    def password(self) -> str | None:
        """What a password is compared with; ``None``: no password is right."""
        states = {StaffState.ACTIVE, StaffState.LOCKED}
        if self.account is None or self.credentials is None or self.account.state not in states:
            return None
        return self.credentials.password or None


def number_of(actor: Actor) -> StaffId:
    """The staff number of somebody who is signed in."""
    return StaffId(actor.id.removeprefix(f"{actor.role.value}."))


class StaffSignIn:
    """The use cases of whoever signs in."""

    def __init__(
        self,
        *,
        units: StaffUnits,
        clock: Clock,
        passwords: Passwords,
        sessions: Sessions,
        challenges: Challenges,
        rules: StaffRules,
        random: RandomBytes = os.urandom,
    ) -> None:
        self._units = units
        self._clock = clock
        self._passwords = passwords
        self._sessions = sessions
        self._challenges = challenges
        self._rules = rules
        self._random = random

    async def password(self, number: StaffId, password: str, *, address: str) -> PasswordTaken:
        """The first step.

        Refuses with ``SignInRefused``, ``TooManyTries``, ``PasswordsBusy``, and to whoever gives the right
        password with ``StaffLocked`` or ``NotGranted``.
        """
        trying, plain = Trying(TriedAt.PASSWORD, number, address), same_form(password)
        async with self._passwords.turn():
            known = await self._counted(trying)
            if not await self._passwords.verify(known.password, plain):
                raise SignInRefused(known.account)
            assert known.credentials is not None
            kept = known.credentials.password
            fresh = await self._passwords.hash(plain) if self._passwords.is_outdated(kept) else kept
        at = self._clock.now()
        async with self._units.begin() as unit:
            await trying.forgive(unit, at=at)
            account, credentials = await _same(unit, number, kept)
            if account.state is StaffState.LOCKED or not account.granted:
                await unit.commit()
                raise StaffLocked() if account.state is StaffState.LOCKED else NotGranted()
            credentials = replace(credentials, password=fresh)
            if not credentials.are_complete:
                credentials = credentials.offering(new_secret(self._random))
            unit.credentials.keep(number, credentials)
            await unit.commit()
        return self._taken(account, credentials, at=at)

    async def code(
        self, challenge: str, code: str, *, new_password: str | None, device: str, address: str
    ) -> StaffSignedIn:
        """The second step: a code of the app, or one from paper; then there is a session.

        Refuses with ``ChallengeRefused``, ``CodeRefused``, ``TooManyTries``, ``PasswordTooOld`` and
        ``PasswordRefused``.
        """
        claims = self._challenges.read(challenge, at=self._clock.now())
        number = StaffId(claims.number)
        hashed = None if new_password is None else await self._new(claims, new_password)
        at, trying = self._clock.now(), Trying(TriedAt.CODE, number, address)
        async with self._units.begin() as unit:
            await trying.count(unit, at=at)
            account, credentials = await _able(unit, claims)
            if hashed is None and is_too_old(credentials.set_at, at=at, days=self._rules.password_days):
                raise PasswordTooOld()
            used, codes = await self._second(unit, account, credentials, code, at=at)
            await trying.forgive(unit, at=at)
            used = replace(used, answered_at=given_at(claims, at=at))
            unit.credentials.keep(number, used if hashed is None else used.with_password(hashed, at=at))
            unit.staff.keep(replace(account, signed_in_at=at))
            ended = [] if hashed is None else await self._end_all(unit, account, at=at)
            opened = await self._sessions.open(
                unit,
                account.actor,
                bounds=self._rules.bounds(account.role),
                device=device,
                address=address,
                at=at,
            )
            await unit.commit()
        self._sessions.carry_out(ended)
        return StaffSignedIn(opened, account, codes)

    async def me(self, actor: Actor) -> tuple[StaffAccount, Credentials, int]:
        """The caller's own account, credentials, and how many recovery codes are left."""
        number = number_of(actor)
        async with self._units.read() as unit:
            account, credentials = await _found(unit, number)
            return account, credentials, await unit.credentials.recovery_left(number)

    async def change_password(self, actor: Actor, old: str, new: str, *, address: str) -> None:
        """Another password; every other session of the caller ends.

        Refuses with ``PasswordWrong``, ``PasswordRefused``, ``TooManyTries`` and ``PasswordsBusy``.
        """
        number = number_of(actor)
        trying = Trying(TriedAt.PASSWORD, number, address)
        async with self._passwords.turn():
            known = await self._counted(trying)
            if not await self._passwords.verify(known.password, same_form(old)):
                raise PasswordWrong()
            assert known.account is not None
            assert known.credentials is not None
            kept, past = known.credentials.password, known.credentials.remembered
            hashed = await judge_new(self._passwords, new, known.account, past=past, field="$.new")
        at = self._clock.now()
        async with self._units.begin() as unit:
            await trying.forgive(unit, at=at)
            _, credentials = await _same(unit, number, kept)
            unit.credentials.keep(number, credentials.with_password(hashed, at=at))
            ended = await self._sessions.end_all_of(
                unit, actor.id, Ending.CREDENTIALS_CHANGED, by=actor.id, at=at, but=actor.session
            )
            await unit.commit()
        self._sessions.carry_out(ended)

    async def renew_recovery(self, actor: Actor, code: str, *, address: str) -> tuple[str, ...]:
        """New recovery codes; the earlier ones are worth nothing. Refuses with ``CodeRefused``."""
        number, at = number_of(actor), self._clock.now()
        trying = Trying(TriedAt.CODE, number, address)
        async with self._units.begin() as unit:
            await trying.count(unit, at=at)
            account, credentials = await _found(unit, number)
            used, _ = await self._second(unit, account, credentials, code, at=at)
            await trying.forgive(unit, at=at)
            unit.credentials.keep(number, used)
            codes = self._new_codes(unit, number)
            await unit.commit()
        return codes

    async def _counted(self, trying: Trying) -> Known:
        """Count a try and answer what it will be compared with, in a transaction that ends before hashing."""
        async with self._units.begin() as unit:
            await trying.count(unit, at=self._clock.now())
            account = await unit.staff.find(trying.number)
            known = Known(account, await unit.credentials.find(trying.number))
            await unit.commit()
        return known

    async def _new(self, claims: Claims, password: str) -> str:
        async with self._passwords.turn():
            async with self._units.read() as unit:
                account, credentials = await _able(unit, claims)
            past = credentials.remembered
            return await judge_new(self._passwords, password, account, past=past, field="$.new_password")

    async def _end_all(self, unit: StaffUnit, account: StaffAccount, *, at: datetime) -> list[Revocation]:
        """Whoever is signed in with the password of before is not any more."""
        user = account.actor.id
        return await self._sessions.end_all_of(unit, user, Ending.CREDENTIALS_CHANGED, by=user, at=at)

    async def _second(
        self, unit: StaffUnit, account: StaffAccount, credentials: Credentials, code: str, *, at: datetime
    ) -> tuple[Credentials, tuple[str, ...]]:
        """Judge the second factor; the first code of an app that was offered makes it the second factor."""
        number, secret = account.number, credentials.secret
        try:
            if secret is None:
                raise CodeRefused()
            if credentials.are_complete and is_recovery_code(code):
                if not await unit.credentials.use_recovery(number, recovery_digest(code, number=number)):
                    raise CodeRefused()
                return credentials, ()
            step = checked(secret, code, after=credentials.used_step, at=at)
        except CodeRefused:
            # The try stays counted.
            await unit.commit()
            raise
        if credentials.are_complete:
            return replace(credentials, used_step=step), ()
        return replace(credentials, used_step=step, enrolled_at=at), self._new_codes(unit, number)

    def _new_codes(self, unit: StaffUnit, number: StaffId) -> tuple[str, ...]:
        codes = new_recovery_codes(self._random)
        unit.credentials.renew_recovery(number, [recovery_digest(code, number=number) for code in codes])
        return codes

    def _taken(self, account: StaffAccount, credentials: Credentials, *, at: datetime) -> PasswordTaken:
        return password_taken(account, credentials, challenges=self._challenges, rules=self._rules, at=at)


async def _found(unit: StaffUnit, number: StaffId) -> tuple[StaffAccount, Credentials]:
    """Both of them, of an account that may act. Refuses with ``ChallengeRefused``: sign in again."""
    account, credentials = await unit.staff.find(number), await unit.credentials.find(number)
    if account is None or credentials is None or account.state is not StaffState.ACTIVE:
        raise ChallengeRefused()
    return account, credentials


async def _able(unit: StaffUnit, claims: Claims) -> tuple[StaffAccount, Credentials]:
    """Whom the challenge is of, if they may still go on."""
    account, credentials = await _found(unit, StaffId(claims.number))
    judge_claims(claims, credentials)
    if not account.granted:
        raise NotGranted()
    return account, credentials


async def _same(unit: StaffUnit, number: StaffId, password: str) -> tuple[StaffAccount, Credentials]:
    """Both of them, if the password is still the one that was compared. Refuses with ``SignInRefused``."""
    account, credentials = await unit.staff.find(number), await unit.credentials.find(number)
    if account is None or credentials is None or credentials.password != password:
        raise SignInRefused()
    if account.state not in {StaffState.ACTIVE, StaffState.LOCKED}:
        raise SignInRefused()
    return account, credentials
