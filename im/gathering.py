"""Use cases that decide who is in a conversation: begin one, bring somebody in, go."""

import hashlib
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from core import limits
from core.actor import Actor, Role
from core.clock import Clock
from core.ids import RandomBytes, new_id
from core.keys import KeyTaken
from im import posting, refusals
from im.access import seat_in, view_for
from im.reading import conversation_of
from im.store import NewConversation, Unit
from im.thread import Kind, Part, Seat, State, part_of
from im.wire import (
    Conversation,
    Done,
    Invite,
    InviteCode,
    Join,
    Start,
)

_STAFF = frozenset({Part.DOCTOR, Part.NURSE})
_CODE = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_GOOD = timedelta(seconds=limits.IM_CODE_SECONDS)


class KnowsColleagues(Protocol):
    """Of one transaction: who works here."""

    async def colleague(self, user: str) -> Seat | None:
        """The place a nurse or doctor would take, by ``Actor.id``; ``None``: nobody who works here."""


class GatheringUnit(Unit, KnowsColleagues, Protocol):
    """One transaction that knows colleagues too."""


class GatheringUnits(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[GatheringUnit]:
        """One that will write."""

    def read(self) -> AbstractAsyncContextManager[GatheringUnit]:
        """One that sees one moment."""


class Gathering:
    """Who is where."""

    def __init__(
        self,
        *,
        units: GatheringUnits,
        clock: Clock,
        random: RandomBytes,
    ) -> None:
        self._units = units
        self._clock = clock
        self._random = random

    async def start(self, actor: Actor, body: Start) -> Conversation:
        """Begin a conversation among staff, or answer the one that was begun before.

        Refuses with ``NoSuchColleague``.
        """
        at, users = self._clock.now(), sorted({actor.id, *body.users})
        direct = body.kind == "direct"
        if direct and len(users) != 2:
            raise refusals.NoSuchColleague()
        key = f"direct|{'|'.join(users)}" if direct else f"{actor.id}|{body.cid}"
        async with self._units.begin() as unit:
            found = await unit.conversations.find_key(key)
            if found is None:
                seats = tuple([await colleague_seat(unit, actor, user) for user in users])
                draft = NewConversation(
                    id=new_id(at=at, random=self._random),
                    kind=Kind.DIRECT if direct else Kind.TEAM,
                    state=State.ACTIVE,
                    key=key,
                    seats=seats,
                    title=body.title,
                )
                try:
                    await posting.create(unit, draft, at=at)
                    await unit.commit()
                    found = draft.id
                except KeyTaken:
                    found = None
        return await self._seen(actor, found or await self._found(key))

    async def invite(self, actor: Actor, body: Invite) -> Conversation:
        """Bring a colleague in. Refuses with ``MayNotInvite`` and ``NoSuchColleague`` too."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            held = await unit.conversations.hold(body.conversation, sender=actor.id)
            room, seat = seat_in(held, actor)
            fixed = room.thread.kind in {Kind.DIRECT, Kind.BROADCAST}
            if seat.part not in _STAFF or not seat.is_here or fixed:
                raise refusals.MayNotInvite()
            come = await colleague_seat(unit, actor, body.user)
            await self._let_in(unit, body.conversation, come, at=at)
            await unit.commit()
        return await self._seen(actor, body.conversation)

    async def leave(self, actor: Actor, conversation: str) -> Done:
        """Go. Whom a consultation is about, and who answers it, stay in it. Refuses with ``MayNotLeave``."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            held = await unit.conversations.hold(conversation, sender=actor.id)
            room, seat = seat_in(held, actor)
            bound = seat.part in {Part.PATIENT, Part.DOCTOR} and room.thread.kind is Kind.CONSULTATION
            if bound or room.thread.kind is Kind.DIRECT:
                raise refusals.MayNotLeave()
            if seat.is_here:
                if room.thread.kind is not Kind.BROADCAST:
                    await posting.announce_event(
                        unit, conversation, "im.left", at=at, random=self._random, user=actor.id
                    )
                await posting.remove_member(unit, conversation, actor.id, at=at)
                await unit.commit()
        return Done(conversation=conversation)

    async def invite_code(self, actor: Actor, conversation: str) -> InviteCode:
        """A code by which a relative of the patient comes in, once. Refuses with ``MayNotInvite``."""
        at = self._clock.now()
        code = "".join(_CODE[byte % len(_CODE)] for byte in self._random(limits.IM_CODE_CHARACTERS))
        async with self._units.begin() as unit:
            held = await unit.conversations.hold(conversation, sender=actor.id)
            room, seat = seat_in(held, actor)
            if seat.part is not Part.PATIENT or room.thread.state is State.CLOSED:
                raise refusals.MayNotInvite()
            await unit.conversations.add_code(_digest(code), conversation, by=actor.id, until=at + _CODE_GOOD)
            await unit.commit()
        return InviteCode(code=code, expires_at=at + _CODE_GOOD)

    async def join(self, actor: Actor, body: Join) -> Conversation:
        """A relative comes in. Asked again by the same one, it is the same answer.

        Refuses with ``CodeIsNoGood``.
        """
        at = self._clock.now()
        async with self._units.begin() as unit:
            code = _digest(body.code.upper())
            taken = await unit.conversations.take_code(code, user=actor.id, at=at)
            if taken is None:
                raise refusals.CodeIsNoGood()
            conversation, first = taken
            if first:
                seat = Seat(user=actor.id, part=Part.FAMILY, shown="")
                await self._let_in(unit, conversation, seat, at=at)
                await unit.commit()
        return await self._seen(actor, conversation)

    async def _let_in(self, unit: GatheringUnit, conversation: str, seat: Seat, *, at: datetime) -> None:
        room = await posting.add_member(unit, conversation, seat, at=at)
        present = room.seat(seat.user)
        if present is None or not present.is_here:
            await posting.announce_event(
                unit, conversation, "im.joined", at=at, random=self._random, user=seat.user
            )

    async def _found(self, key: str) -> str:
        async with self._units.read() as unit:
            found = await unit.conversations.find_key(key)
        if found is None:
            raise refusals.NoSuchConversation()
        return found

    async def _seen(self, actor: Actor, conversation: str) -> Conversation:
        async with self._units.read() as unit:
            return conversation_of(await view_for(unit, actor, conversation))


async def colleague_seat(unit: KnowsColleagues, actor: Actor, user: str) -> Seat:
    """The place of a colleague, or of the caller. Refuses with ``NoSuchColleague``."""
    found = await unit.colleague(user)
    if found is not None:
        return found
    if user == actor.id and actor.role in {Role.DOCTOR, Role.NURSE}:
        # Somebody with a token that stands alone has no account to look up.
        return Seat(user=user, part=part_of(actor.role.value), shown=user.partition(".")[2])
    raise refusals.NoSuchColleague()


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
