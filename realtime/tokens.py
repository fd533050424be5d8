"""From a signed token to what it says. Claims are those of Centrifugo, and who somebody is here.

Of both kinds: ``sub`` (user id; empty = anonymous), ``exp`` (required), ``nbf``, ``expire_at`` (end of the
connection or subscription instead of ``exp``; 0 = none), ``info`` or ``b64info`` (JSON that others see),
``jti`` and ``iat`` (name and moment of issue, by which a token can be taken back). ``sid`` names the session
that the token is for; such a token's ``jti`` is the same. ``use`` is ``socket`` where it opens no endpoint.

A connection's token serves HTTP (Bearer) and the socket (connect): ``role``, ``lines`` (staff and kiosks),
``screen`` (screens), ``channels`` or the names of ``subs`` (subscriptions that the server gives).

A subscription's token: ``channel``, and ``client`` where it is for one connection only. Neither kind passes
for the other.
"""

import base64
import binascii
import enum
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import jwt
import msgspec

from core import limits
from core.actor import ANONYMOUS, STAFF, Actor, Role
from core.ids import LineId, ScreenId
from realtime import hs256

_SUBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}\Z")
_ROLES = {role.value: role for role in Role if role is not Role.SYSTEM}
"""Those that a token may carry."""
_AT_LINES = STAFF | {Role.KIOSK}

_ID_CHARACTERS = 64
_NUMBERS = (int, float)
_FAR = 2**53


class Use(enum.Enum):
    """What a connection's token opens."""

    EVERYTHING = "everything"
    SOCKET = "socket"


class TokenInvalid(Exception):
    """Forged, malformed, not yet valid, or of claims that make no actor."""


class TokenExpired(Exception):
    """Once good, now too old; a fresh one helps."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Who is asking and until when (Unix seconds; None = no end)."""

    actor: Actor
    expires_at: float | None = None
    info: bytes = b""
    """JSON that others see beside the user's id, where they may see that."""
    channels: tuple[str, ...] = ()
    """What the server subscribes the connection to, besides what the policy table says."""

    token_id: str = ""
    issued_at: float | None = None
    """Unix seconds; None for a token that does not say."""
    socket_only: bool = False
    """Good for connecting, and for no endpoint."""

    @property
    def user(self) -> str:
        """Whose token it is; empty for nobody's."""
        return self.actor.id

    def may_the_same_as(self, other: "Identity") -> bool:
        """Whether both have the same rights."""
        return self.actor == other.actor and self.channels == other.channels


class Grant(msgspec.Struct, frozen=True, gc=False):
    """The right of one user to one channel and until when; ``client`` is empty where any connection may."""

    user: str
    channel: str
    client: str = ""
    expires_at: float | None = None
    info: bytes = b""
    token_id: str = ""
    issued_at: float | None = None


NOBODY = Identity(ANONYMOUS)
_SOCKET = Use.SOCKET.value


class Tokens(Protocol):
    """Who tells good tokens from bad ones."""

    def verify(self, token: str, *, at: datetime) -> Identity:
        """The identity a token stands for.

        Raises ``TokenInvalid`` or ``TokenExpired``; never logs the token.
        """

    def verify_subscription(self, token: str, *, at: datetime) -> Grant:
        """What a subscription's token grants. Raises as ``verify`` does."""


def identity_of(claims: Mapping[str, Any], *, at: datetime) -> Identity:
    """Turn verified claims into an identity. Raises as ``Tokens.verify`` does."""
    if "channel" in claims:
        raise TokenInvalid
    return Identity(
        _actor_of(claims),
        _end(claims, at),
        _info(claims),
        _channels(claims),
        _token_id(claims),
        _seconds(claims, "iat"),
        claims.get("use") == _SOCKET,
    )


def grant_of(claims: Mapping[str, Any], *, at: datetime) -> Grant:
    """Turn verified claims into a grant. Raises as ``Tokens.verify`` does."""
    user, channel, client = (claims.get(name, "") for name in ("sub", "channel", "client"))
    if not (isinstance(user, str) and isinstance(channel, str) and isinstance(client, str) and channel):
        raise TokenInvalid
    ends, issued = _end(claims, at), _seconds(claims, "iat")
    return Grant(user, channel, client, ends, _info(claims), _token_id(claims), issued)


def _token_id(claims: Mapping[str, Any]) -> str:
    name = claims.get("jti") or ""
    if not isinstance(name, str) or len(name) > _ID_CHARACTERS:
        raise TokenInvalid
    return name


def _end(claims: Mapping[str, Any], at: datetime) -> float | None:
    """Until when it holds. Judges the token's own times."""
    expires, begins, issued = _seconds(claims, "exp"), _seconds(claims, "nbf"), _seconds(claims, "iat")
    now = at.timestamp()
    if expires is None or (begins is not None and begins > now):
        raise TokenInvalid
    if issued is not None and expires - issued > limits.TOKEN_SECONDS:
        # A revocation is forgotten when no token that it concerns can be good any more.
        raise TokenInvalid
    if expires <= now:
        raise TokenExpired
    override = _seconds(claims, "expire_at")
    return expires if override is None else (override or None)


def _info(claims: Mapping[str, Any]) -> bytes:
    """The JSON that others see, compact. Whatever is larger than it may be makes the token invalid."""
    plain, encoded = claims.get("info"), claims.get("b64info")
    if plain is None and encoded is None:
        return b""
    if encoded is not None:
        try:
            plain = msgspec.json.decode(base64.b64decode(encoded, validate=True))
        except (TypeError, ValueError, binascii.Error, msgspec.MsgspecError):
            raise TokenInvalid from None
    info = b"" if plain is None else msgspec.json.encode(plain)
    if len(info) > limits.REALTIME_INFO_BYTES:
        raise TokenInvalid
    return info


def _channels(claims: Mapping[str, Any]) -> tuple[str, ...]:
    names, described = claims.get("channels") or (), claims.get("subs") or {}
    if not (names or described):
        return ()
    if not (_are_names(names) and isinstance(described, Mapping)):
        raise TokenInvalid
    return tuple(dict.fromkeys((*names, *described)))


def _actor_of(claims: Mapping[str, Any]) -> Actor:
    subject = claims.get("sub", "")
    if subject == "":
        return ANONYMOUS
    said = claims.get("role")
    role = _ROLES.get(said) if isinstance(said, str) else None
    if role is None or not isinstance(subject, str) or _SUBJECT.match(subject) is None:
        raise TokenInvalid
    lines, screen = claims.get("lines") or (), claims.get("screen")
    if (lines and not _are_names(lines)) or not (screen is None or isinstance(screen, str)):
        raise TokenInvalid
    return Actor(
        id=subject,
        role=role,
        lines=frozenset(map(LineId, lines)) if role in _AT_LINES else frozenset(),
        screen=ScreenId(screen) if role is Role.SCREEN and screen else None,
        session=_session(claims),
    )


def _session(claims: Mapping[str, Any]) -> str:
    """The session behind the token: its own name, so that taking back the name ends all of it."""
    session = claims.get("sid") or ""
    if session and session != claims.get("jti"):
        raise TokenInvalid
    return str(session)


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise TokenInvalid
    try:
        seconds = float(value)
    except OverflowError:
        raise TokenInvalid from None
    if not math.isfinite(seconds):
        raise TokenInvalid
    return seconds


def _are_names(value: object) -> bool:
    return (
        isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(v, str) for v in value)
    )


class HmacTokens:
    """JWT signed HS256 with a shared secret. The algorithm is pinned; ``exp`` must be there.

    Several secrets let one be replaced without signing anybody out: the first signs, all of them verify.
    """

    def __init__(self, secrets: Sequence[bytes]) -> None:
        if not secrets or any(len(secret) < 32 for secret in secrets):
            raise ValueError("a token secret needs at least 32 bytes")
        self._secrets = tuple(secrets)
        self._keys = tuple(hs256.Key(secret) for secret in secrets)

    def verify(self, token: str, *, at: datetime) -> Identity:
        if not token.startswith(hs256.HEAD):
            return identity_of(self._foreign_claims(token), at=at)
        payload = self._payload(token)
        return _patient(payload, at) or identity_of(_object(payload), at=at)

    def verify_subscription(self, token: str, *, at: datetime) -> Grant:
        return grant_of(self._claims(token), at=at)

    def _claims(self, token: str) -> Mapping[str, Any]:
        return self._own_claims(token) if token.startswith(hs256.HEAD) else self._foreign_claims(token)

    def _own_claims(self, token: str) -> Mapping[str, Any]:
        return _object(self._payload(token))

    def _payload(self, token: str) -> bytes:
        """The claims of a token with the header that we write, as JSON: its algorithm is known unread.

        The same as the library does for any token, at a tenth of its cost: that was a fifth of a connect.
        """
        try:
            return hs256.payload(token, self._keys)
        except ValueError:
            raise TokenInvalid from None

    def _foreign_claims(self, token: str) -> Mapping[str, Any]:
        for secret in self._secrets:
            try:
                return jwt.decode(token, secret, algorithms=["HS256"], options=_SIGNATURE_ONLY)
            except jwt.InvalidTokenError:
                continue
        raise TokenInvalid

    def sign(
        self,
        actor: Actor,
        *,
        token_id: str,
        issued_at: datetime,
        expires_at: datetime,
        use: Use = Use.EVERYTHING,
    ) -> str:
        """A token for this actor until that moment. That of a session has the session's id as its own.

        Raises ``ValueError`` for one that would live longer than ``TOKEN_SECONDS``.
        """
        issued, ends = issued_at.timestamp(), int(expires_at.timestamp())
        if ends - issued > limits.TOKEN_SECONDS:
            raise ValueError(f"a token lives at most {limits.TOKEN_SECONDS} seconds")
        claims: dict[str, object] = {"sub": actor.id, "role": str(actor.role), "exp": ends}
        # To the microsecond: a token issued right behind a revocation is good.
        claims |= {"jti": token_id, "iat": issued}
        if actor.lines:
            claims["lines"] = sorted(actor.lines)
        if actor.screen is not None:
            claims["screen"] = actor.screen
        if actor.session:
            claims |= {"sid": actor.session, "jti": actor.session}
        if use is Use.SOCKET:
            claims["use"] = use.value
        return jwt.encode(claims, self._secrets[0], algorithm="HS256")


_decode = msgspec.json.Decoder().decode


def _object(payload: bytes) -> Mapping[str, Any]:
    try:
        claims = _decode(payload)
    except (ValueError, msgspec.MsgspecError):
        raise TokenInvalid from None
    if not isinstance(claims, dict):
        raise TokenInvalid
    return claims


class _Patients(msgspec.Struct, forbid_unknown_fields=True):
    """What ``HmacTokens.sign`` says of a patient, and nothing else."""

    sub: str
    role: Literal["patient"]
    exp: int
    jti: str
    iat: float
    sid: str = ""
    use: str = ""


_patients_claims = msgspec.json.Decoder(_Patients).decode


def _patient(payload: bytes, at: datetime) -> Identity | None:
    """What almost every token says: the same as ``identity_of``, at a third of its cost.

    None for whatever is not plainly such a token and good. Raises ``TokenExpired``.
    """
    try:
        said = _patients_claims(payload)
    except msgspec.MsgspecError:
        return None
    if (
        _SUBJECT.match(said.sub) is None
        or said.sid not in ("", said.jti)
        or len(said.jti) > _ID_CHARACTERS
        or not 0 < said.exp - said.iat <= limits.TOKEN_SECONDS
        or not 0 < said.exp < _FAR
    ):
        return None
    if said.exp <= at.timestamp():
        raise TokenExpired
    actor = Actor(said.sub, Role.PATIENT, session=said.sid)
    return Identity(actor, float(said.exp), b"", (), said.jti, said.iat, said.use == _SOCKET)


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "require": ["exp"],
    # Times are judged by the given clock, audience and issuer are not used.
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
