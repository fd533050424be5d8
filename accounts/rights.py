"""What people may demand of what is kept about them: a copy of it, and its end (PIPL 44 to 47)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from accounts.holdings import Holding
from accounts.proving import Claim, Proving
from accounts.session import Ending, Session
from accounts.sessions import Sessions
from accounts.store import AccountUnit, Units
from accounts.user import Proof, User, closed
from accounts.users import own
from core import limits
from core.actor import Actor
from core.clock import Clock
from core.ids import SessionId, UserId
from core.refusals import Forbidden

_FRESH = timedelta(seconds=limits.FRESH_SIGN_IN_SECONDS)


class FreshSignInNeeded(Forbidden):
    """Sign in again, or bring a code sent to a phone of the account: nobody else may do this."""

    code = "accounts.fresh_sign_in_needed"


class Rights:
    """Export and closing. Every feature takes part through its ``Holding``."""

    def __init__(
        self,
        *,
        units: Units[AccountUnit],
        clock: Clock,
        sessions: Sessions,
        proving: Proving,
        holdings: Sequence[Holding[AccountUnit]] = (),
    ) -> None:
        self._units = units
        self._clock = clock
        self._sessions = sessions
        self._proving = proving
        self._holdings = holdings

    async def export(self, actor: Actor) -> dict[str, object]:
        """All that is kept about the caller, of one moment, in plain values that become JSON."""
        at = self._clock.now()
        async with self._units.read() as unit:
            user = await own(unit, actor)
            document: dict[str, object] = {
                "exported_at": at,
                "account": _account(user),
                "sessions": [_session(one) for one in await unit.sessions.live_of(user.id, at=at)],
            }
            document |= await self._parts(unit, user.id, at=at)
            # What cannot move stayed under the ids of accounts that went into this one.
            document["merged"] = [
                {"user": name, **await self._parts(unit, name, at=at)}
                for name in await unit.users.absorbed(user.id)
            ]
        return document

    async def _parts(self, unit: AccountUnit, user: UserId, *, at: datetime) -> dict[str, object]:
        return {holding.name: await holding.export(unit, user, at=at) for holding in self._holdings}

    async def close(self, actor: Actor, *, claim: Claim | None = None) -> None:
        """Close the caller's account: every sign-in ends, and nothing is kept but what the law requires.

        Refuses with ``FreshSignInNeeded`` unless the sign-in is minutes old or ``claim`` proves the person.
        """
        proofs = () if claim is None else await self._proving.prove(claim)
        at = self._clock.now()
        async with self._units.begin() as unit:
            user = await own(unit, actor)
            if not (any(map(user.has, proofs)) or await self._is_fresh(unit, actor, at=at)):
                raise FreshSignInNeeded()
            for holding in self._holdings:
                await holding.erase(unit, user.id, at=at)
            await unit.users.keep(closed(user, at=at))
            taken = await self._sessions.end_all_of(unit, user.id, Ending.ACCOUNT_CLOSED, by=user.id, at=at)
            unit.sessions.blur(user.id)
            await unit.commit()
        self._sessions.carry_out(taken)

    async def require_fresh(self, actor: Actor) -> None:
        """Refuse with ``FreshSignInNeeded`` unless the caller's sign-in is minutes old.

        Whoever finds a phone that lies open could otherwise add a way in of their own, and keep the account.
        """
        async with self._units.read() as unit:
            if not await self._is_fresh(unit, actor, at=self._clock.now()):
                raise FreshSignInNeeded()

    async def _is_fresh(self, unit: AccountUnit, actor: Actor, *, at: datetime) -> bool:
        session = await unit.sessions.find(SessionId(actor.session)) if actor.session else None
        return session is not None and session.user == actor.id and at < session.created_at + _FRESH


def _account(user: User) -> dict[str, object]:
    return {
        "user": UserId(user.id),
        "created_at": user.created_at,
        "identities": [
            {"id": one.id, "linked_at": one.linked_at, **_proof(one.proof)} for one in user.identities
        ],
    }


def _proof(proof: Proof) -> dict[str, object]:
    return {"kind": proof.kind.value, "app": proof.app, "subject": proof.subject}


def _session(session: Session) -> dict[str, object]:
    return {
        "id": session.id,
        "device": session.device,
        "address": session.address,
        "created_at": session.created_at,
        "last_used_at": session.last_used_at,
    }
