"""Hand notices over to the platforms: taken up in one transaction, settled in another, never twice.

A platform has no way to be asked whether a notice arrived. So one that was taken up and not settled (a killed
worker, a time-out) is never sent again: being told nothing is mended by looking, being told twice is not.
"""

import asyncio
from collections.abc import Callable, Mapping

from accounts.user import IdentityKind
from core import limits
from core.clock import Clock
from core.ids import UserId
from notices import notice as rules
from notices.notice import ANY_NUMBER, Channel, Kind, Notice, Outcome, State
from notices.store import Courier, Unit, Units

IDENTITIES = {
    Channel.WECHAT_MINI: IdentityKind.WECHAT_MINI,
    Channel.WECHAT_PAGE: IdentityKind.WECHAT_H5,
    Channel.ALIPAY_MINI: IdentityKind.ALIPAY_MINI,
}

Told = Callable[[Kind, State | Outcome], None]
"""Hears what became of each, for metrics."""


class Sending:
    """The worker's part."""

    def __init__(
        self, *, units: Units, clock: Clock, couriers: Mapping[Channel, Courier], told: Told | None = None
    ) -> None:
        self._units = units
        self._clock = clock
        self._couriers = couriers
        self._told = told or (lambda kind, what: None)
        self._offered = {channel: tuple(courier.kinds) for channel, courier in couriers.items()}

    async def sweep(self) -> int:
        """Send what is due; answers how many were looked at."""
        async with self._units.read() as unit:
            due = await unit.notices.due(at=self._clock.now(), limit=limits.NOTICES_AT_ONCE)
        at_once = asyncio.Semaphore(limits.NOTICES_SENT_AT_ONCE)

        async def one(name: str, user: str) -> None:
            async with at_once:
                await self._send(name, user)

        await asyncio.gather(*(one(name, user) for name, user in due))
        return len(due)

    async def _send(self, name: str, user: str) -> None:
        taken = await self._take_up(name, user)
        if taken is None:
            return
        notice, subject = taken
        assert notice.channel is not None
        outcome = await self._couriers[notice.channel].carry(subject, notice.kind, notice.params)
        self._told(notice.kind, outcome)
        await self._settle(notice, outcome)

    async def _take_up(self, name: str, user: str) -> tuple[Notice, str] | None:
        """The notice to hand over now, and to whom; ``None`` when nothing is. Locks: the account first."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            subjects = await self._subjects(unit, user)
            held = await unit.notices.hold(name)
            if held is None or held.due_at > at or held.state not in {State.WAITING, State.SENDING}:
                return None
            if held.state is State.SENDING:
                unit.notices.keep(rules.left_behind(held))
                await unit.commit()
                self._told(held.kind, State.UNKNOWN)
                return None
            left = await unit.notices.left(held.user)
            channel = rules.chosen(
                held.kind,
                has=subjects,
                offered=self._offered,
                left={each: _left(left, each, held.kind) for each in Channel},
                tried=held.tried,
            )
            after = rules.taken_up(held, channel, at=at)
            unit.notices.keep(after)
            if after.state is State.SENDING and channel is not None:
                _use(unit, held.user, channel, held.kind, rules.used(_left(left, channel, held.kind)))
            await unit.commit()
        if after.state is not State.SENDING or channel is None:
            self._told(held.kind, after.state)
            return None
        return after, subjects[channel]

    async def _settle(self, sent: Notice, outcome: Outcome) -> None:
        async with self._units.begin() as unit:
            held = await unit.notices.hold(sent.id)
            if held is None or held.state is not State.SENDING or held.channel is None:
                return
            unit.notices.keep(rules.handed(held, outcome, at=self._clock.now()))
            if outcome is Outcome.NOT_AGREED and held.channel is not Channel.WECHAT_PAGE:
                # Of a service account it means "follows no longer", which is asked anew each time.
                _use(unit, held.user, held.channel, held.kind, 0)
            elif outcome in {Outcome.NOT_NOW, Outcome.WRONG}:
                left = _left(await unit.notices.left(held.user), held.channel, held.kind)
                # Nothing was used up.
                _use(unit, held.user, held.channel, held.kind, left if left == ANY_NUMBER else left + 1)
            await unit.commit()

    async def _subjects(self, unit: Unit, user: str) -> dict[Channel, str]:
        """Who the person is to each application that is connected."""
        account = await unit.users.find(UserId(user))
        found: dict[Channel, str] = {}
        for one in account.identities if account is not None else ():
            for channel, courier in self._couriers.items():
                if one.proof.kind is IDENTITIES[channel] and one.proof.app == courier.app:
                    found[channel] = one.proof.subject
        return found


def _left(left: Mapping[tuple[Channel, Kind], int], channel: Channel, kind: Kind) -> int:
    unasked = ANY_NUMBER if channel is Channel.WECHAT_PAGE else 0
    return left.get((channel, kind), unasked)


def _use(unit: Unit, user: str, channel: Channel, kind: Kind, left: int) -> None:
    if left != ANY_NUMBER:
        unit.notices.grant(user, channel, kind, left)
