"""One-time links: the set-up of the first administrator, and invitations. A link sets a password and no more.

There is no default account. While nobody is system administrator, whoever starts the server is told a link.
"""

import base64
import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from accounts.credentials import Credentials, Link, link_digest
from accounts.new_password import judge_new
from accounts.passwords import Passwords
from accounts.staff import StaffAccount, activated, first_administrator
from accounts.staff_challenge import Challenges, PasswordTaken, StaffRules, password_taken
from accounts.staff_store import StaffUnit, StaffUnits
from accounts.totp import new_secret
from core import limits
from core.actor import Role
from core.clock import Clock
from core.ids import RandomBytes, StaffId
from core.refusals import NotFound, Refusal

_TOKEN_BYTES = 32


class LinkRefused(NotFound):
    """The link was used, has expired, or never was. Ask for a new one."""

    code = "staff.no_such_link"


class AlreadySetUp(Refusal):
    """There is a system administrator; that one invites."""

    code = "staff.already_set_up"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What goes to whom it is for, on a way that nobody else reads."""

    token: str
    expires_at: datetime


def offer(unit: StaffUnit, number: StaffId | None, *, at: datetime, random: RandomBytes) -> Invitation:
    """A new link for this number (``None``: for the set-up) with the commit; earlier ones end."""
    seconds = limits.STAFF_SET_UP_SECONDS if number is None else limits.STAFF_INVITATION_SECONDS
    token = base64.urlsafe_b64encode(random(_TOKEN_BYTES)).decode("ascii").rstrip("=")
    expires_at = at + timedelta(seconds=seconds)
    unit.credentials.offer(Link(link_digest(token), number, at, expires_at))
    return Invitation(token, expires_at)


class StaffLinks:
    """The use cases of whoever holds a link, and of the command line."""

    def __init__(
        self,
        *,
        units: StaffUnits,
        clock: Clock,
        passwords: Passwords,
        challenges: Challenges,
        rules: StaffRules,
        random: RandomBytes = os.urandom,
    ) -> None:
        self._units = units
        self._clock = clock
        self._passwords = passwords
        self._challenges = challenges
        self._rules = rules
        self._random = random

    async def set_up(self, token: str, *, number: StaffId, name: str, password: str) -> PasswordTaken:
        """Make the first system administrator.

        Refuses with ``LinkRefused``, ``NumberIsTaken`` and ``PasswordRefused``.
        """
        account = first_administrator(number=number, name=name, at=self._clock.now())
        async with self._passwords.turn():
            async with self._units.read() as unit:
                await self._link(unit, token, set_up=True)
            hashed = await judge_new(self._passwords, password, account, past=(), field="$.password")
        at = self._clock.now()
        async with self._units.begin() as unit:
            if (await unit.staff.administrators()).of(Role.SYSTEM_ADMIN):
                raise LinkRefused()
            await self._link(unit, token, set_up=True)
            unit.credentials.withdraw(None)
            account = activated(account, at=at)
            await unit.staff.add(account)
            return await self._begin(unit, account, Credentials(password=hashed, set_at=at), at=at)

    async def accept(self, token: str, password: str) -> PasswordTaken:
        """Set the password of an invitation. Refuses with ``LinkRefused`` and ``PasswordRefused``."""
        async with self._passwords.turn():
            async with self._units.read() as unit:
                account, known = await self._invited(unit, token)
            past = () if known is None else known.remembered
            hashed = await judge_new(self._passwords, password, account, past=past, field="$.password")
        at = self._clock.now()
        async with self._units.begin() as unit:
            account, known = await self._invited(unit, token)
            unit.credentials.withdraw(account.number)
            account = activated(account, at=at)
            unit.staff.keep(account)
            credentials = Credentials(password=hashed, set_at=at)
            if known is not None:
                credentials = replace(credentials, earlier=known.earlier)
            return await self._begin(unit, account, credentials, at=at)

    async def set_up_link(self) -> Invitation:
        """A link for the set-up. Refuses with ``AlreadySetUp``."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            if (await unit.staff.administrators()).of(Role.SYSTEM_ADMIN):
                raise AlreadySetUp()
            made = offer(unit, None, at=at, random=self._random)
            await unit.commit()
        return made

    async def first_link(self) -> Invitation | None:
        """As ``set_up_link``; nothing when there is an administrator, or a link that is still good."""
        async with self._units.read() as unit:
            until = await unit.credentials.set_up_until()
            if (await unit.staff.administrators()).of(Role.SYSTEM_ADMIN):
                return None
        if until is not None and until > self._clock.now():
            return None
        return await self.set_up_link()

    async def _link(self, unit: StaffUnit, token: str, *, set_up: bool) -> Link:
        link = await unit.credentials.link(link_digest(token))
        if link is None or link.expires_at <= self._clock.now() or (link.number is None) != set_up:
            raise LinkRefused()
        return link

    async def _invited(self, unit: StaffUnit, token: str) -> tuple[StaffAccount, Credentials | None]:
        link = await self._link(unit, token, set_up=False)
        assert link.number is not None
        account = await unit.staff.find(link.number)
        if account is None:
            raise LinkRefused()
        return account, await unit.credentials.find(link.number)

    async def _begin(
        self, unit: StaffUnit, account: StaffAccount, credentials: Credentials, *, at: datetime
    ) -> PasswordTaken:
        credentials = credentials.offering(new_secret(self._random))
        unit.credentials.keep(account.number, credentials)
        await unit.commit()
        return password_taken(account, credentials, challenges=self._challenges, rules=self._rules, at=at)
