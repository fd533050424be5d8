"""Sessions: opened at sign-in, renewed, listed, ended; the truth is in the database alone.

What takes a ``unit`` is part of somebody's transaction (a sign-in, a merge, a lock) and is told to other
processes when that commits; the rest are use cases of their own. Ending a session takes its tokens back, so
that every process refuses them and closes the sockets they opened.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from accounts.session import (
    Ending,
    RefreshToken,
    RefreshTokenUnknown,
    ReusedOld,
    Session,
    SessionBounds,
    SessionOver,
    crowded_out,
    ended,
    opened,
    renewed,
)
from accounts.store import SessionUnit, SessionUnits
from core import limits
from core.actor import Actor
from core.clock import Clock
from core.ids import RandomBytes, SessionId
from core.refusals import NotFound, Unauthenticated
from realtime import control
from realtime.revocations import Of, Revocation
from realtime.revoking import TakeBack
from realtime.tokens import Use

_REMEMBERED = timedelta(seconds=limits.SESSION_REVOCATION_SECONDS)


class NoSession(Unauthenticated):
    """The token stands alone (issued by the command line): there is no session behind it."""

    code = "accounts.no_session"


class AccessTokens(Protocol):
    """Who signs access tokens (``realtime.tokens.HmacTokens``)."""

    def sign(
        self, actor: Actor, *, token_id: str, issued_at: datetime, expires_at: datetime, use: Use
    ) -> str:
        """A token for this actor until that moment."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a device gets: what it acts with, until when, and what it renews that with."""

    access_token: str
    expires_at: datetime
    refresh_token: str
    session: Session


@dataclass(frozen=True, slots=True)
class SocketToken:
    """What a device connects with."""

    token: str
    expires_at: datetime


class Sessions:
    """The use cases. ``take_back`` carries endings out in this process before the answer goes.

    ``is_taken_back`` says whether an administrator took back what the session's user was given when it began.
    """

    def __init__(
        self,
        *,
        units: SessionUnits,
        clock: Clock,
        tokens: AccessTokens,
        take_back: TakeBack = lambda _: None,
        is_taken_back: Callable[[Session], bool] = lambda _: False,
        random: RandomBytes = os.urandom,
        most_per_user: int = limits.SESSIONS_PER_USER,
    ) -> None:
        self._units = units
        self._clock = clock
        self._tokens = tokens
        self._take_back = take_back
        self._is_taken_back = is_taken_back
        self._random = random
        self._most = most_per_user

    # Inside somebody's transaction.

    async def open(
        self,
        unit: SessionUnit,
        actor: Actor,
        *,
        bounds: SessionBounds,
        device: str,
        address: str,
        at: datetime,
    ) -> Opened:
        """Open a session for the actor. Of too many, those that were used least lately end."""
        gone = crowded_out(list(await unit.sessions.live_of(actor.id, at=at)), most=self._most)
        self.end_these(unit, gone, Ending.TOO_MANY, by=actor.id, at=at)
        session, refresh = opened(
            actor, bounds=bounds, device=device, address=address, at=at, random=self._random
        )
        unit.sessions.add(session)
        return self._given(session, refresh, at=at)

    def end_these(
        self, unit: SessionUnit, sessions: Sequence[Session], why: Ending, *, by: str, at: datetime
    ) -> list[Revocation]:
        """End these sessions with the commit; answers what ``carry_out`` takes after it."""
        taken = []
        for session in sessions:
            unit.sessions.keep(ended(session, why, at=at))
            # Its last token was given before now and ends by itself soon; no need to remember it longer.
            revocation = Revocation(Of.TOKEN, session.id, at, _REMEMBERED)
            unit.revocations.keep(revocation, by=by, at=at)
            unit.publish(control.outgoing(control.revoke(revocation, at=at)))
            taken.append(revocation)
        return taken

    async def end_all_of(
        self, unit: SessionUnit, user: str, why: Ending, *, by: str, at: datetime, but: str = ""
    ) -> list[Revocation]:
        """End every session of the user, except one; answers what ``carry_out`` takes after the commit."""
        sessions = [one for one in await unit.sessions.live_of(user, at=at) if one.id != but]
        return self.end_these(unit, sessions, why, by=by, at=at)

    def carry_out(self, taken: Sequence[Revocation]) -> None:
        """After the commit: refuse and close here at once what ended; the others hear it."""
        self._take_back(taken)

    # Use cases.

    async def renew(self, refresh_token: str) -> Opened:
        """Exchange a refresh token for the next one and a fresh access token.

        Refuses with ``RefreshTokenUnknown`` or ``SessionOver``. A token exchanged long ago ends the session:
        either its holder or the other one has stolen it.
        """
        token, at = RefreshToken.read(refresh_token), self._clock.now()
        async with self._units.begin() as unit:
            session = await unit.sessions.find(token.session)
            if session is None:
                raise RefreshTokenUnknown()
            try:
                used, following = renewed(session, token, at=at, random=self._random)
                why = Ending.BY_ADMINISTRATOR if self._is_taken_back(session) else None
            except ReusedOld:
                why = Ending.TOKEN_REUSED
            if why is not None:
                taken = self.end_these(unit, [session], why, by=session.user, at=at)
                await unit.commit()
                self.carry_out(taken)
                raise SessionOver(why=why)
            unit.sessions.keep(used)
            await unit.commit()
        return self._given(used, following, at=at)

    async def socket_token(self, actor: Actor) -> SocketToken:
        """A token to connect with. It lives as an access token does and ends with the session."""
        at = self._clock.now()
        async with self._units.read() as unit:
            session = await unit.sessions.find(_session_of(actor))
        if session is None or session.user != actor.id:
            raise NoSession()
        over = session.ending_at(at)
        if over is not None:
            raise SessionOver(why=over)
        return SocketToken(self._signed(session, Use.SOCKET, at=at), session.access_until(at))

    async def of(self, actor: Actor) -> Sequence[Session]:
        """The caller's sessions that are good now."""
        async with self._units.read() as unit:
            return await unit.sessions.live_of(actor.id, at=self._clock.now())

    async def end(self, actor: Actor, session: SessionId) -> None:
        """End one of the caller's own. Refuses with ``NotFound``, also for somebody else's."""
        at = self._clock.now()
        why = Ending.SIGNED_OUT if session == actor.session else Ending.FROM_ANOTHER_DEVICE
        async with self._units.begin() as unit:
            found = await unit.sessions.find(session)
            if found is None or found.user != actor.id or found.ending_at(at) is not None:
                raise NotFound()
            taken = self.end_these(unit, [found], why, by=actor.id, at=at)
            await unit.commit()
        self.carry_out(taken)

    async def end_own(self, actor: Actor) -> None:
        """Sign out here. Refuses with ``NoSession`` for a token that stands alone."""
        await self.end(actor, _session_of(actor))

    async def end_all(self, actor: Actor, *, but_this: bool = False) -> int:
        """Sign out everywhere, or everywhere else; answers how many sessions ended."""
        but = actor.session if but_this else ""
        async with self._units.begin() as unit:
            taken = await self.end_all_of(
                unit,
                actor.id,
                Ending.SIGNED_OUT_EVERYWHERE,
                by=actor.id,
                at=self._clock.now(),
                but=but,
            )
            await unit.commit()
        self.carry_out(taken)
        return len(taken)

    def _given(self, session: Session, refresh: RefreshToken, *, at: datetime) -> Opened:
        token = self._signed(session, Use.EVERYTHING, at=at)
        return Opened(token, session.access_until(at), refresh.text, session)

    def _signed(self, session: Session, use: Use, *, at: datetime) -> str:
        return self._tokens.sign(
            session.actor,
            token_id=session.id,
            issued_at=at,
            expires_at=session.access_until(at),
            use=use,
        )


def _session_of(actor: Actor) -> SessionId:
    if not actor.session:
        raise NoSession()
    return SessionId(actor.session)
