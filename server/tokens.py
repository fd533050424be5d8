"""Who a bearer token says somebody is: signed claims, no session store.

One HS256 key signs tokens of staff, screens and kiosks; the same token opens the realtime socket. The claims
follow the Centrifuge connection token (``sub``, ``exp``) plus ``role``, ``lines`` and ``screen``. Sign-in of
people comes with accounts; until then ``run.py token`` issues them.
"""

import contextlib
import os
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import jwt

from core.actor import Actor, Role
from core.clock import Clock
from core.ids import LineId, ScreenId
from core.refusals import Unauthenticated

ALGORITHM = "HS256"
AUDIENCE = "houzhen"
KEY_BYTES = 32


class TokenExpired(Unauthenticated):
    """The token was good once; get a new one."""

    code = "core.token_expired"


class Tokens:
    """Signs and reads tokens with one key."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"the token key needs at least {KEY_BYTES} bytes")
        self._key = key
        self._clock = clock

    def sign(self, actor: Actor, *, good_for: timedelta) -> str:
        """Make a token for the actor that expires after ``good_for``."""
        now = self._clock.now()
        claims: dict[str, object] = {
            "aud": AUDIENCE,
            "sub": actor.id,
            "role": actor.role.value,
            "iat": int(now.timestamp()),
            "exp": int((now + good_for).timestamp()),
        }
        if actor.lines:
            claims["lines"] = sorted(actor.lines)
        if actor.screen is not None:
            claims["screen"] = actor.screen
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def identify(self, token: str) -> Actor:
        """The actor of a token. Raises ``TokenExpired``, or ``Unauthenticated`` for anything else wrong."""
        return self.read(token)[0]

    def read(self, token: str) -> tuple[Actor, datetime]:
        """The actor of a token and when the token ends; refuses like ``identify``."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False},
            )
            actor = Actor(
                id=str(claims["sub"]),
                role=Role(claims["role"]),
                lines=frozenset(LineId(line) for line in claims.get("lines", ())),
                screen=ScreenId(claims["screen"]) if "screen" in claims else None,
            )
            now = self._clock.now()
            ends = datetime.fromtimestamp(int(claims["exp"]), tz=now.tzinfo)
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError, OSError):
            raise Unauthenticated() from None
        if ends <= now:
            raise TokenExpired()
        return actor, ends


def screen_actor(screen: str) -> Actor:
    """A clinic screen as an actor."""
    return Actor(id=f"screen:{screen}", role=Role.SCREEN, screen=ScreenId(screen))


def staff_actor(role: Role, name: str, lines: Iterable[str] = ()) -> Actor:
    """A nurse, doctor, kiosk or administrator as an actor."""
    return Actor(id=f"{role.value}:{name}", role=role, lines=frozenset(LineId(line) for line in lines))


def token_key(file: Path) -> bytes:
    """Read the key, making it at first start; only the server's user can read the file.

    Two processes starting at once agree: the file appears whole, and the first one wins.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return bytes.fromhex(file.read_text("ascii").strip())
