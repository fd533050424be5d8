"""Issuing tokens from the command line, for staff, kiosks and screens."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from conf.settings import Settings
from core.actor import STAFF, Role
from core.clock import SystemClock
from realtime.tokens import HmacTokens
from server.outcomes import CannotStart
from server.tokens import screen_actor, staff_actor, token_key

ISSUED = STAFF | {Role.KIOSK, Role.SCREEN}


def issue_token(
    settings: Settings, *, role: str, name: str, lines: Sequence[str], good_for: timedelta
) -> str:
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
    tokens = HmacTokens([token_key(Path(settings.keys.tokens))])
    return tokens.sign(actor, expires_at=SystemClock().now() + good_for)
