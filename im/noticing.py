"""Tell whoever is not looking that somebody wrote: when no device of theirs received it for a while."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from core import limits
from core.clock import Clock
from im import store
from im.store import Due
from im.thread import Part
from notices.adding import Telling
from notices.notice import Kind
from notices.store import HasNotices

_TOLD = frozenset({Part.PATIENT, Part.FAMILY})
"""Staff have the desk; they have no account at WeChat or Alipay here."""


class Unit(HasNotices, store.Unit, Protocol):
    """One transaction."""


class Units(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that will write."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that only reads."""


class Noticing:
    """The worker's part."""

    def __init__(self, *, units: Units, clock: Clock, telling: Telling) -> None:
        self._units = units
        self._clock = clock
        self._telling = telling

    async def sweep(self) -> int:
        """Look at who is to be told by now; answers how many were looked at.

        Once for all that comes until a device of theirs has received something: forty messages in an hour
        are one notice.
        """
        at = self._clock.now()
        async with self._units.read() as unit:
            due = await unit.conversations.notices_due(at=at, limit=limits.NOTICES_AT_ONCE)
        for one in due:
            await self._tell(one)
        return len(due)

    async def _tell(self, due: Due) -> None:
        at = self._clock.now()
        async with self._units.begin() as unit:
            room = await unit.conversations.hold(due.conversation, sender=due.user)
            seat = None if room is None else room.seat(due.user)
            unit.conversations.noticed(due)
            if seat is not None and seat.is_here and seat.part in _TOLD and seat.unread and not seat.muted:
                key = f"message|{due.conversation}|{due.user}|{seat.recv_seq}"
                params = {"conversation": due.conversation}
                await self._telling.add(unit, due.user, Kind.NEW_MESSAGE, key, params, at=at)
            await unit.commit()
