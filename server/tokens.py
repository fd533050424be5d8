"""Bearer tokens at the edge: the key they are signed with, who they are issued to, and reading one over HTTP.

Signing and verifying is ``realtime.tokens``: the same token opens the socket. People's tokens come from their
sessions (``accounts/sessions.py``); ``run.py token`` issues those that stand alone: kiosks and screens.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.actor import Actor, Role
from core.clock import Clock
from core.ids import LineId, RandomBytes, ScreenId, new_id
from core.refusals import Unauthenticated
from realtime.revocations import TokenRevoked
from realtime.tokens import HmacTokens, TokenExpired, TokenInvalid, Tokens

KEY_BYTES = 32


class BearerRevoked(Unauthenticated):
    """The token was taken back; sign in anew."""

    code = "core.token_revoked"


class BearerExpired(Unauthenticated):
    """The token was good once; get a new one."""

    code = "core.token_expired"


def bearer(tokens: Tokens, clock: Clock) -> Callable[[str], Actor]:
    """How the HTTP edge reads a token: refuses with ``Unauthenticated`` or one of its kinds here."""

    def identify(token: str) -> Actor:
        try:
            identity = tokens.verify(token, at=clock.now())
        except TokenExpired:
            raise BearerExpired() from None
        except TokenRevoked:
            raise BearerRevoked() from None
        except TokenInvalid:
            raise Unauthenticated() from None
        if identity.socket_only:
            raise Unauthenticated()
        return identity.actor

    return identify


@dataclass(frozen=True, slots=True)
class Issued:
    """A signed token, and the id by which it alone can be taken back."""

    token: str
    id: str


class Issuer:
    """Signs tokens, each with a name of its own and the moment it was issued."""

    def __init__(self, tokens: HmacTokens, clock: Clock, *, random: RandomBytes = os.urandom) -> None:
        self._tokens = tokens
        self._clock = clock
        self._random = random

    def now(self) -> datetime:
        """The moment it is."""
        return self._clock.now()

    def issue(self, actor: Actor, *, good_for: timedelta) -> Issued:
        """A token for this actor from now on. Raises ``ValueError`` beyond ``TOKEN_SECONDS``."""
        now = self._clock.now()
        token_id = new_id(at=now, random=self._random)
        token = self._tokens.sign(actor, token_id=token_id, issued_at=now, expires_at=now + good_for)
        return Issued(token, token_id)


def screen_actor(screen: str) -> Actor:
    """A clinic screen as an actor."""
    return Actor(id=f"screen.{screen}", role=Role.SCREEN, screen=ScreenId(screen))


def staff_actor(role: Role, name: str, lines: Iterable[str] = ()) -> Actor:
    """A nurse, doctor, kiosk or administrator as an actor; ``name`` is a staff number, no person's name."""
    return Actor(id=f"{role.value}.{name}", role=role, lines=frozenset(LineId(line) for line in lines))


def token_key(file: Path) -> bytes:
    """Read the signing key, making it at first start; only the server's user can read the file.

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
