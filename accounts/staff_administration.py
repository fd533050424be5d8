"""Staff accounts administered: the rules are ``accounts/staff.py``, the roles ``accounts/policy.py``.

Whatever takes rights away ends the account's sessions in the same transaction; sockets close with them.
"""

import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from accounts import staff
from accounts.lockout import TriedAt
from accounts.session import Ending, Session
from accounts.sessions import Sessions
from accounts.staff import Administrators, NoSuchStaff, StaffAccount
from accounts.staff_links import Invitation, offer
from accounts.staff_store import StaffUnit, StaffUnits
from core import limits
from core.actor import EMPLOYEES, Actor, Role
from core.clock import Clock
from core.ids import LineId, RandomBytes, SessionId, StaffId
from core.refusals import NotFound

Rule = Callable[[StaffAccount, Administrators, datetime], StaffAccount]
Then = Callable[[StaffUnit, StaffAccount, datetime], Awaitable[None]]


_TRIED = (TriedAt.PASSWORD, TriedAt.CODE)


class StaffAdministration:
    """The use cases of the system and the security administrator."""

    def __init__(
        self, *, units: StaffUnits, clock: Clock, sessions: Sessions, random: RandomBytes = os.urandom
    ) -> None:
        self._units = units
        self._clock = clock
        self._sessions = sessions
        self._random = random

    async def all(self, *, after: StaffId | None) -> Sequence[StaffAccount]:
        """Accounts by number, at most ``STAFF_PER_ANSWER`` behind ``after``."""
        async with self._units.read() as unit:
            return await unit.staff.all(after=after, limit=limits.STAFF_PER_ANSWER)

    async def create(
        self, *, number: StaffId, name: str, role: Role, lines: frozenset[LineId]
    ) -> tuple[StaffAccount, Invitation]:
        """Propose an account. Refuses as ``staff.created`` does, and with ``NumberIsTaken``."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            among = await unit.staff.administrators()
            account = staff.created(number=number, name=name, role=role, lines=lines, among=among, at=at)
            await unit.staff.add(account)
            invitation = offer(unit, number, at=at, random=self._random)
            await unit.commit()
        return account, invitation

    async def invite(self, number: StaffId) -> tuple[StaffAccount, Invitation]:
        """Another invitation for whoever has not taken the last one; that one ends."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            account = await _account(unit, number)
            staff.invitable(account)
            invitation = offer(unit, number, at=at, random=self._random)
            await unit.commit()
        return account, invitation

    async def set_role(self, by: Actor, number: StaffId, role: Role) -> StaffAccount:
        """Grant the role that was proposed, or set another."""
        return await self._change(
            by, number, lambda account, _, at: staff.with_role(by, account, role, at=at)
        )

    async def set_lines(self, by: Actor, number: StaffId, lines: frozenset[LineId]) -> StaffAccount:
        """At which lines somebody works."""
        return await self._change(
            by, number, lambda account, _, at: staff.with_lines(by, account, lines, at=at)
        )

    async def lock(self, by: Actor, number: StaffId) -> StaffAccount:
        """Nobody signs in with it until it is unlocked."""
        return await self._change(
            by, number, lambda account, among, at: staff.locked(by, account, among=among, at=at)
        )

    async def unlock(self, by: Actor, number: StaffId) -> StaffAccount:
        """As before; wrong tries at the account's password and code are forgotten too."""
        return await self._change(
            by,
            number,
            lambda account, _, at: staff.unlocked(by, account, at=at),
            then=_forget_tries,
            tries=True,
        )

    async def reset(self, by: Actor, number: StaffId) -> tuple[StaffAccount, Invitation | None]:
        """Password and second factor are gone; the system administrator invites anew.

        Were the invitation the security administrator's, that one could become anybody alone. It comes with
        the answer to whoever has the machine (``core.actor.SYSTEM``), for when nobody inside can help.
        """
        made: list[Invitation] = []

        async def anew(unit: StaffUnit, account: StaffAccount, at: datetime) -> None:
            credentials = await unit.credentials.find(number)
            unit.credentials.drop(number)
            unit.credentials.withdraw(number)
            if credentials is not None:
                unit.credentials.keep(number, credentials.emptied(at=at))
            if by.role is Role.SYSTEM:
                made.append(offer(unit, number, at=at, random=self._random))
            await _forget_tries(unit, account, at)

        account = await self._change(
            by, number, lambda account, _, at: staff.reset(by, account, at=at), then=anew, tries=True
        )
        return account, made[0] if made else None

    async def close(self, by: Actor, number: StaffId) -> StaffAccount:
        """The end of the account; its number is never given again."""

        async def forget(unit: StaffUnit, account: StaffAccount, at: datetime) -> None:
            unit.credentials.drop(number)
            unit.credentials.withdraw(number)

        return await self._change(
            by,
            number,
            lambda account, among, at: staff.closed(by, account, among=among, at=at),
            why=Ending.ACCOUNT_CLOSED,
            then=forget,
        )

    async def sessions(self, *, after: SessionId | None) -> Sequence[Session]:
        """Where staff are signed in, by session id, at most ``STAFF_PER_ANSWER`` behind ``after``."""
        async with self._units.read() as unit:
            return await unit.sessions.live(
                EMPLOYEES, at=self._clock.now(), after=after, limit=limits.STAFF_PER_ANSWER
            )

    async def end_session(self, by: Actor, session: SessionId) -> None:
        """End a session of staff. Refuses with ``NotFound``, a patient's too: those are their own to end."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            found = await unit.sessions.find(session)
            if found is None or found.role not in EMPLOYEES or found.ending_at(at) is not None:
                raise NotFound()
            ended = self._sessions.end_these(unit, [found], Ending.BY_ADMINISTRATOR, by=by.id, at=at)
            await unit.commit()
        self._sessions.carry_out(ended)

    async def _change(
        self,
        by: Actor,
        number: StaffId,
        rule: Rule,
        *,
        why: Ending = Ending.BY_ADMINISTRATOR,
        then: Then | None = None,
        tries: bool = False,
    ) -> StaffAccount:
        """Change one account by a rule; whoever acts with it signs in anew. ``tries``: they change too."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            if tries:
                # Before the account, as signing in has it: otherwise each could wait for the other.
                await unit.tries.take([of.key(number) for of in _TRIED], at=at)
            among = await unit.staff.administrators()
            before = await _account(unit, number)
            account = rule(before, among, at)
            ended = []
            if account is not before:
                unit.staff.keep(account)
                ended = await self._sessions.end_all_of(unit, before.actor.id, why, by=by.id, at=at)
            if then is not None:
                await then(unit, account, at)
            await unit.commit()
        self._sessions.carry_out(ended)
        return account


async def _account(unit: StaffUnit, number: StaffId) -> StaffAccount:
    account = await unit.staff.find(number)
    if account is None:
        raise NoSuchStaff()
    return account


async def _forget_tries(unit: StaffUnit, account: StaffAccount, at: datetime) -> None:
    for of in _TRIED:
        unit.tries.keep(of.key(account.number), None)
