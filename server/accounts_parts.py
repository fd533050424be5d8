"""Accounts put together: sessions, sign-in, and what people may do with their own account."""

import hmac
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from accounts.holdings import Holding
from accounts.oauth_state import States
from accounts.providers import Ways
from accounts.proving import Proving
from accounts.rights import Rights
from accounts.session import Session
from accounts.sessions import Sessions
from accounts.sms import SmsRules
from accounts.store import AccountUnit
from accounts.users import Users
from adapters.sql.unit import SqlUnit, SqlUnits
from clinic.patient_holding import ConsentHolding, PatientHolding
from core import limits
from core.clock import Clock
from realtime.revocations import Revoked
from realtime.revoking import TakeBack
from realtime.tokens import HmacTokens

HOLDINGS: tuple[Holding[SqlUnit], ...] = (PatientHolding(), ConsentHolding())
"""What features keep by account in the database. Whoever keeps something new adds its part here."""


@dataclass(frozen=True, slots=True)
class AccountParts:
    """``handlers.deps.Accounts``."""

    sessions: Sessions
    users: Users
    rights: Rights


def account_parts(
    *,
    units: SqlUnits,
    clock: Clock,
    tokens: HmacTokens,
    token_key: bytes,
    take_back: TakeBack,
    revoked: Revoked,
    ways: Ways,
    sms_rules: SmsRules,
    holdings: Sequence[Holding[SqlUnit]],
) -> AccountParts:
    """What a web process needs of accounts."""

    def is_taken_back(session: Session) -> bool:
        began = session.created_at.timestamp()
        return revoked.covers(user=session.user, token_id=session.id, issued_at=began)

    sessions = Sessions(
        units=units, clock=clock, tokens=tokens, take_back=take_back, is_taken_back=is_taken_back
    )
    # A key of its own: what is signed for one purpose is worth nothing for another.
    states = States(hmac.digest(token_key, b"houzhen|sign-in state", "sha256"), random=os.urandom)
    proving = Proving(units=units, clock=clock, ways=ways, states=states, sms_rules=sms_rules)
    # Every transaction here is a SqlUnit, which has the stores of all features.
    parts = cast("Sequence[Holding[AccountUnit]]", holdings)
    users = Users(units=units, clock=clock, sessions=sessions, proving=proving, holdings=parts)
    rights = Rights(units=units, clock=clock, sessions=sessions, proving=proving, holdings=parts)
    return AccountParts(sessions, users, rights)


def account_forgetting(units: SqlUnits, clock: Clock) -> Callable[[], Awaitable[None]]:
    """What the worker forgets of accounts: sign-ins that were over long ago, codes that are good no more."""

    async def forget() -> None:
        now = clock.now()
        async with units.begin() as unit:
            unit.sessions.forget(before=now - timedelta(days=limits.SESSION_KEPT_DAYS))
            unit.codes.forget(at=now)
            await unit.commit()

    return forget
