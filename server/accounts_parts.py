"""Accounts put together: sessions, sign-in, and what people may do with their own account."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from accounts.sessions import Sessions
from adapters.sql.unit import SqlUnits
from core import limits
from core.clock import Clock
from realtime.revoking import TakeBack
from realtime.tokens import HmacTokens


@dataclass(frozen=True, slots=True)
class AccountParts:
    """``handlers.deps.Accounts``."""

    sessions: Sessions


def account_parts(*, units: SqlUnits, clock: Clock, tokens: HmacTokens, take_back: TakeBack) -> AccountParts:
    """What a web process needs of accounts."""
    sessions = Sessions(units=units, clock=clock, tokens=tokens, take_back=take_back)
    return AccountParts(sessions)


def account_forgetting(units: SqlUnits, clock: Clock) -> Callable[[], Awaitable[None]]:
    """What the worker forgets of accounts: sign-ins that were over long ago."""

    async def forget() -> None:
        async with units.begin() as unit:
            unit.sessions.forget(before=clock.now() - timedelta(days=limits.SESSION_KEPT_DAYS))
            await unit.commit()

    return forget
