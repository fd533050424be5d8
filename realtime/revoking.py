"""Taking tokens back: decided in the database, told to every process after the commit."""

from collections.abc import Callable, Iterable
from datetime import datetime

from core.actor import Actor
from core.clock import Clock
from core.refusals import BadInput
from realtime import control
from realtime.revocations import Of, Revocation, Units

TakeBack = Callable[[Iterable[Revocation]], None]
"""Carries revocations out in this process (``Control.take_back``)."""


class Revoking:
    """The use case. Without ``take_back`` this process holds no connections itself."""

    def __init__(self, *, units: Units, clock: Clock, take_back: TakeBack = lambda _: None) -> None:
        self._units = units
        self._clock = clock
        self._take_back = take_back

    async def user(self, actor: Actor, user: str, *, issued_before: datetime | None = None) -> Revocation:
        """Take back every token of the user issued before that moment (now, unless one is given).

        Refuses a moment that has not come with ``BadInput``: nobody should be locked out by a wrong date.
        """
        now = self._clock.now()
        if issued_before is not None and issued_before > now:
            raise BadInput(field="$.issued_before", why="lies in the future")
        return await self._revoke(actor, Revocation(Of.USER, user, issued_before or now), at=now)

    async def token(self, actor: Actor, token_id: str) -> Revocation:
        """Take one token back."""
        now = self._clock.now()
        return await self._revoke(actor, Revocation(Of.TOKEN, token_id, now), at=now)

    async def _revoke(self, actor: Actor, revocation: Revocation, *, at: datetime) -> Revocation:
        async with self._units.begin() as unit:
            unit.revocations.keep(revocation, by=actor.id, at=at)
            unit.publish(control.outgoing(control.revoke(revocation, at=at)))
            await unit.commit()
        # Whoever asked may rely on it at once, here at least; the others hear it from the relay.
        self._take_back([revocation])
        return revocation
