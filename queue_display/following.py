"""Following a ticket: told once when few are before it, and once when it is called."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from core import limits
from core.actor import Actor
from core.clock import Clock
from core.ids import LineId, TicketNumber
from core.refusals import Kind as RefusalKind
from core.refusals import Refusal
from notices.adding import Telling
from notices.notice import Kind
from notices.store import HasNotices
from notices.wire import FollowedTicket, FollowedTickets, Following, FollowTicket
from queue_display import store
from queue_display.line import Line
from queue_display.refusals import NoSuchTicket
from queue_display.ticket import IN_LINE, TicketState


class TooManyFollowed(Refusal):
    """The caller follows as many tickets as anybody may."""

    code = "notice.too_many_followed"
    kind = RefusalKind.CONFLICT

    def __init__(self, *, limit: int) -> None:
        super().__init__(limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """Somebody and a ticket. ``day``: on which its number was given, as ``2026-11-26``."""

    user: str
    line: LineId
    number: TicketNumber
    day: str
    told_near: bool = False
    told_called: bool = False


class Follows(Protocol):
    """Follows inside one transaction."""

    async def of_user(self, user: str) -> Sequence[Follow]:
        """What somebody follows."""

    async def page(self, *, after: Follow | None, limit: int) -> Sequence[Follow]:
        """What is followed, by line, number and user, behind one."""

    def keep(self, follow: Follow) -> None:
        """Queue a new one; one of another day is replaced."""

    def change(self, follow: Follow) -> None:
        """Queue what was told of one, unless it is followed no more."""

    def drop(self, follow: Follow) -> None:
        """Queue that it is followed no more."""


class Unit(HasNotices, store.Unit, Protocol):
    """One transaction."""

    @property
    def follows(self) -> Follows:
        """The follows."""


class Units(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that will write."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that only reads."""


def after(follow: Follow, line: Line | None) -> tuple[Follow | None, Kind | None]:
    """What becomes of a follow, ``None`` when it is over, and what to tell. Pure."""
    ticket = None if line is None else line.tickets.get(follow.number)
    if line is None or ticket is None or not ticket.is_live or line.day_of(ticket).isoformat() != follow.day:
        return None, None
    if ticket.state is TicketState.CALLED and not follow.told_called:
        return replace(follow, told_near=True, told_called=True), Kind.CALLED
    ahead = line.ahead(follow.number)
    near = ticket.state in IN_LINE and ahead is not None and ahead <= limits.TICKET_NEAR_AHEAD
    if near and not follow.told_near:
        return replace(follow, told_near=True), Kind.NEAR_TURN
    return follow, None


class TicketFollowing:
    """Use cases of who waits elsewhere."""

    def __init__(self, *, units: Units, clock: Clock, telling: Telling) -> None:
        self._units = units
        self._clock = clock
        self._telling = telling

    async def follow(self, actor: Actor, line: LineId, number: TicketNumber, body: FollowTicket) -> Following:
        """Follow a ticket, or no longer.

        Refuses with ``NoSuchLine``, ``NoSuchTicket`` and ``TooManyFollowed``.
        """
        async with self._units.begin() as unit:
            mine = await unit.follows.of_user(actor.id)
            known = next((one for one in mine if (one.line, one.number) == (line, number)), None)
            if known is not None and not body.on:
                # Also of a ticket that is on the line no longer.
                unit.follows.drop(known)
                await unit.commit()
                return Following(line=line, number=number, on=False)
            held = await unit.lines.load(line)
            ticket = held.tickets.get(number)
            if ticket is None:
                raise NoSuchTicket(line=line, number=number)
            wanted = Follow(user=actor.id, line=line, number=number, day=held.day_of(ticket).isoformat())
            if not body.on:
                return Following(line=line, number=number, on=False)
            if known is None or known.day != wanted.day:
                if known is None and len(mine) >= limits.TICKETS_FOLLOWED:
                    raise TooManyFollowed(limit=limits.TICKETS_FOLLOWED)
                unit.follows.keep(wanted)
            await unit.commit()
        return Following(line=line, number=number, on=body.on)

    async def mine(self, actor: Actor) -> FollowedTickets:
        """What the caller follows and what is not over."""
        async with self._units.read() as unit:
            follows = await unit.follows.of_user(actor.id)
            lines = {one.id: one for one in await unit.lines.load_many(sorted({f.line for f in follows}))}
        return FollowedTickets(
            items=[
                FollowedTicket(line=one.line, line_name=lines[one.line].name, number=one.number, day=one.day)
                for one in follows
                if after(one, lines.get(one.line))[0] is not None
            ]
        )

    async def sweep(self) -> int:
        """Tell whoever is to be told by what the lines are now; answers how many were told."""
        told, last = 0, None
        while True:
            follows, count = await self._page(last)
            told += count
            if len(follows) < limits.FOLLOWED_AT_ONCE:
                return told
            last = follows[-1]

    async def _page(self, last: Follow | None) -> tuple[Sequence[Follow], int]:
        """Some of what is followed, and how many were told."""
        async with self._units.read() as unit:
            follows = await unit.follows.page(after=last, limit=limits.FOLLOWED_AT_ONCE)
            lines = {one.id: one for one in await unit.lines.load_many(sorted({f.line for f in follows}))}
        changes = [(one, *after(one, lines.get(one.line))) for one in follows]
        changes = [each for each in changes if each[1] != each[0]]
        if not changes:
            return follows, 0
        async with self._units.begin() as unit:
            for before, now, kind in changes:
                if now is None:
                    unit.follows.drop(before)
                    continue
                unit.follows.change(now)
                if kind is not None:
                    await self._tell(unit, now, kind, lines[now.line])
            await unit.commit()
        return follows, sum(kind is not None for _, _, kind in changes)

    async def _tell(self, unit: Unit, follow: Follow, kind: Kind, line: Line) -> None:
        ticket = line.tickets[follow.number]
        room = None if ticket.room is None else line.room(ticket.room)
        params = {"line": line.name, "line_id": line.id, "number": follow.number}
        if kind is Kind.CALLED:
            params["room"] = line.name if room is None else room.name
        else:
            params["ahead"] = str(line.ahead(follow.number) or 0)
        key = f"{kind.value}|{follow.line}|{follow.day}|{follow.number}|{follow.user}"
        await self._telling.add(unit, follow.user, kind, key, params, at=self._clock.now())
