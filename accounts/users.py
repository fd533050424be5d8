"""Accounts: found or made at sign-in, linked, merged, unlinked. One transaction each."""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from accounts.holdings import Holding
from accounts.proving import Claim, Proving
from accounts.session import Ending, SessionBounds
from accounts.sessions import Opened, Sessions
from accounts.store import AccountUnit, IdentityTaken, Units
from accounts.user import Change, Standing, User, linked, signed_in, unlinked
from core import limits
from core.actor import Actor, Role
from core.clock import Clock
from core.ids import RandomBytes, UserId
from core.refusals import NotFound, Unavailable
from realtime.revocations import Revocation

T = TypeVar("T")

PATIENT_BOUNDS = SessionBounds(
    idle=timedelta(days=limits.PATIENT_SESSION_IDLE_DAYS),
    absolute=timedelta(days=limits.PATIENT_SESSION_DAYS),
)


class SignInBusy(Unavailable):
    """Several devices signed in with the same identity at the same moment; try again."""

    code = "accounts.sign_in_busy"


@dataclass(frozen=True, slots=True)
class Where:
    """From which device and address somebody signs in, as labels."""

    device: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A device that is signed in, and whether the account was made for it."""

    opened: Opened
    is_new: bool


@dataclass(frozen=True, slots=True)
class Link:
    """The account after a link, and whether another one was merged into it."""

    user: User
    merged: bool


class Users:
    """The use cases. ``holdings`` are what other features keep by user."""

    def __init__(
        self,
        *,
        units: Units[AccountUnit],
        clock: Clock,
        sessions: Sessions,
        proving: Proving,
        holdings: Sequence[Holding[AccountUnit]] = (),
        random: RandomBytes = os.urandom,
    ) -> None:
        self._units = units
        self._clock = clock
        self._sessions = sessions
        self._proving = proving
        self._holdings = holdings
        self._random = random

    @property
    def proving(self) -> Proving:
        """The ways in."""
        return self._proving

    async def sign_in(self, claim: Claim, where: Where) -> SignIn:
        """Sign in with what the claim proves. Refuses as ``Proving.prove`` does; then nothing was made."""
        proofs = await self._proving.prove(claim)

        async def once() -> SignIn:
            at = self._clock.now()
            async with self._units.begin() as unit:
                owners = await unit.users.owners(proofs)
                change = signed_in(owners, proofs, at=at, random=self._random)
                taken = await self._keep(unit, change, at=at)
                opened = await self._sessions.open(
                    unit,
                    Actor(id=change.user, role=Role.PATIENT),
                    bounds=PATIENT_BOUNDS,
                    device=where.device,
                    address=where.address,
                    at=at,
                )
                await unit.commit()
            self._sessions.carry_out(taken)
            return SignIn(opened, change.is_new)

        return await _until_quickest(once)

    async def link(self, actor: Actor, claim: Claim) -> Link:
        """One more way in to the caller's account; whoever else had it is merged into it.

        Refuses as ``Proving.prove`` does, and with ``TooManyIdentities``.
        """
        proofs = await self._proving.prove(claim)

        async def once() -> Link:
            at = self._clock.now()
            async with self._units.begin() as unit:
                found = await unit.users.owners(proofs, besides=UserId(actor.id))
                owners = [one for one in found if one.id != actor.id]
                user = live(next((one for one in found if one.id == actor.id), None))
                change = linked(user, owners, proofs, at=at, random=self._random)
                taken = await self._keep(unit, change, at=at)
                await unit.commit()
            self._sessions.carry_out(taken)
            return Link(change.after[0], merged=bool(change.absorbed))

        return await _until_quickest(once)

    async def unlink(self, actor: Actor, identity: str) -> User:
        """One way in less. Refuses with ``NoSuchIdentity`` or ``LastWayIn``."""
        async with self._units.begin() as unit:
            change = unlinked(await own(unit, actor), identity)
            await unit.users.keep(change)
            await unit.commit()
        return change.after[0]

    async def me(self, actor: Actor) -> User:
        """The caller's account."""
        async with self._units.read() as unit:
            return await own(unit, actor)

    async def _keep(self, unit: AccountUnit, change: Change, *, at: datetime) -> list[Revocation]:
        """Keep the change; what absorbed accounts had goes with them. Answers the tokens taken back."""
        taken = []
        if set(change.before) != set(change.after):
            await unit.users.keep(change)
        for source in change.absorbed:
            for holding in self._holdings:
                await holding.move(unit, source=source, target=change.user, at=at)
            taken += await self._sessions.end_all_of(
                unit, source, Ending.ACCOUNTS_MERGED, by=change.user, at=at
            )
        return taken


async def own(unit: AccountUnit, actor: Actor) -> User:
    """The caller's account, while it is in use. Refuses with ``NotFound``."""
    return live(await unit.users.find(UserId(actor.id)))


def live(user: User | None) -> User:
    """The account, if it is in use. Refuses with ``NotFound``."""
    if user is None or user.standing is not Standing.LIVE:
        raise NotFound()
    return user


async def _until_quickest(once: Callable[[], Awaitable[T]]) -> T:
    """Decide anew when somebody else was quicker; that ends, for then there is an account to be found."""
    for _ in range(limits.SIGN_IN_TRIES):
        try:
            return await once()
        except IdentityTaken:
            continue
    raise SignInBusy()
