"""Issuing tokens from the command line, for kiosks and screens, and taking tokens back."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from adapters.sql.outbox import SqlOutbox
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.settings import Settings
from core import limits
from core.actor import SYSTEM, Role
from core.clock import SystemClock
from core.refusals import StorageUnavailable
from realtime.revocations import Of, Revocation
from realtime.revoking import Revoking
from realtime.tokens import HmacTokens
from server.audit_commands import recorded_command
from server.bootstrap import messengers
from server.outcomes import CannotStart
from server.storage import require_schema
from server.tokens import Issued, Issuer, screen_actor, staff_actor, token_key

_NAME = re.compile(r"[\x21-\x7e]{1,128}")

ISSUED = frozenset({Role.KIOSK, Role.SCREEN})
"""Machines. People sign in (``accounts/staff_sign_in.py``)."""


def issue_token(
    settings: Settings, *, role: str, name: str, lines: Sequence[str], good_for: timedelta
) -> Issued:
    """Sign a token. Raises ``CannotStart`` for a role that is not issued or an unknown screen."""
    known = {each.value: each for each in ISSUED}
    if role not in known:
        raise CannotStart(f"no tokens for the role {role}; there are: {', '.join(sorted(known))}")
    if known[role] is Role.SCREEN:
        if name not in {screen.id for screen in settings.screens}:
            raise CannotStart(f"no screen {name} in the settings (section screens)")
        actor = screen_actor(name)
    else:
        actor = staff_actor(known[role], name, lines)
    issuer = Issuer(HmacTokens([token_key(Path(settings.keys.tokens))]), SystemClock())
    return issuer.issue(actor, good_for=good_for)


async def issue_recorded(
    settings: Settings, *, role: str, name: str, lines: Sequence[str], good_for: timedelta
) -> Issued:
    """As ``issue_token``, leaving a record of it; nothing is issued while none can be written."""
    async with recorded_command(settings, "command.token", f"{role}.{name}", days=good_for.days):
        return issue_token(settings, role=role, name=name, lines=lines, good_for=good_for)


async def revoke_recorded(settings: Settings, *, user: str | None, token_id: str | None) -> str:
    """As ``revoke_tokens``, leaving a record of it; nothing is taken back while none can be written."""
    async with recorded_command(settings, "command.revoke", user or token_id or ""):
        return await revoke_tokens(settings, user=user, token_id=token_id)


async def revoke_tokens(settings: Settings, *, user: str | None, token_id: str | None) -> str:
    """Take back every token that the user has now, or one token; answers a line that says what was done.

    Waits a moment for the worker, so that the line can say whether every process has been told. Raises
    ``CannotStart`` for anything but one of the two names, and when the database is away or of another schema.
    """
    name = user or token_id or ""
    if (user is None) == (token_id is None) or _NAME.fullmatch(name) is None:
        raise CannotStart("give --user or --token-id, one of them")
    await require_schema(settings)
    clock = SystemClock()
    database = Database.open(settings.storage.url, connections=1)
    nudge, broker = messengers(settings, clock)
    revoking = Revoking(units=SqlUnits(database, clock=clock, nudge=nudge), clock=clock)
    try:
        done = await (revoking.token(SYSTEM, name) if user is None else revoking.user(SYSTEM, name))
        return f"{_what(done)}; {await _told(SqlOutbox(database), clock.now())}"
    except StorageUnavailable as away:
        raise CannotStart(f"storage.url: nothing was saved ({away.facts.get('why')})") from away
    finally:
        await nudge.close()
        await broker.close()
        await database.close()


def _what(done: Revocation) -> str:
    if done.of is Of.TOKEN:
        return "the token is taken back"
    return f"every token of {done.name} issued before {done.before:%Y-%m-%d %H:%M:%S} is taken back"


async def _told(outbox: SqlOutbox, committed: datetime) -> str:
    """Wait until nothing is in the outbox that was there by then."""
    for _ in range(limits.REVOKE_LOOKS):
        oldest = (await outbox.backlog()).oldest
        if oldest is None or oldest > committed:
            return "every process that runs has been told"
        await asyncio.sleep(limits.REVOKE_LOOK_SECONDS)
    return "no worker tells it now; web processes that run read it within seconds"
