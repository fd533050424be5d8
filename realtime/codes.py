"""Every error and every close code of the protocol, each said once.

SDKs decide by number and range: 3000-3499 reconnects, 3500-3999 is final. They also read the reason: an
empty one makes a final code not final, one that parses as JSON stops the client for good. Hence plain
words, at most 123 bytes.
"""

from dataclasses import dataclass
from typing import Final

from core.refusals import Kind, Refusal


@dataclass(frozen=True, slots=True)
class Error:
    """An answer of no to one command; the connection lives on."""

    code: int
    message: str
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class Disconnect:
    """An end of the connection. ``name`` is the metric label."""

    code: int
    reason: str

    @property
    def name(self) -> str:
        return self.reason.replace(" ", "_")


No = Error | Disconnect
"""A command that is not done: an error reply, or the end of the connection."""


class Errors:
    """What a command may be answered with.

    Not used here: 101, as anonymous clients may connect; 113, which belongs to maps.
    """

    INTERNAL: Final = Error(100, "internal server error", temporary=True)
    UNAUTHORIZED: Final = Error(101, "unauthorized")
    UNKNOWN_CHANNEL: Final = Error(102, "unknown channel")
    PERMISSION_DENIED: Final = Error(103, "permission denied")
    METHOD_NOT_FOUND: Final = Error(104, "method not found")
    ALREADY_SUBSCRIBED: Final = Error(105, "already subscribed")
    LIMIT_EXCEEDED: Final = Error(106, "limit exceeded")
    BAD_REQUEST: Final = Error(107, "bad request")
    NOT_AVAILABLE: Final = Error(108, "not available")
    TOKEN_EXPIRED: Final = Error(109, "token expired")
    EXPIRED: Final = Error(110, "expired")
    TOO_MANY_REQUESTS: Final = Error(111, "too many requests", temporary=True)
    UNRECOVERABLE_POSITION: Final = Error(112, "unrecoverable position")


class Closings:
    """What a connection may end with. Names are the ones of the protocol."""

    CONNECTION_CLOSED: Final = Disconnect(3000, "connection closed")
    SHUTDOWN: Final = Disconnect(3001, "shutdown")
    SERVER_ERROR: Final = Disconnect(3004, "internal server error")
    EXPIRED: Final = Disconnect(3005, "connection expired")
    SUBSCRIPTION_EXPIRED: Final = Disconnect(3006, "subscription expired")
    SLOW: Final = Disconnect(3008, "slow")
    WRITE_ERROR: Final = Disconnect(3009, "write error")
    INSUFFICIENT_STATE: Final = Disconnect(3010, "insufficient state")
    FORCE_RECONNECT: Final = Disconnect(3011, "force reconnect")
    NO_PONG: Final = Disconnect(3012, "no pong")
    TOO_MANY_REQUESTS: Final = Disconnect(3013, "too many requests")
    STATE_INVALIDATED: Final = Disconnect(3014, "state invalidated")
    INVALID_TOKEN: Final = Disconnect(3500, "invalid token")
    BAD_REQUEST: Final = Disconnect(3501, "bad request")
    STALE: Final = Disconnect(3502, "stale")
    FORCE_DISCONNECT: Final = Disconnect(3503, "force disconnect")
    CONNECTION_LIMIT: Final = Disconnect(3504, "connection limit")
    CHANNEL_LIMIT: Final = Disconnect(3505, "channel limit")
    INAPPROPRIATE_PROTOCOL: Final = Disconnect(3506, "inappropriate protocol")
    PERMISSION_DENIED: Final = Disconnect(3507, "permission denied")
    NOT_AVAILABLE: Final = Disconnect(3508, "not available")
    TOO_MANY_ERRORS: Final = Disconnect(3509, "too many errors")


class Unsubscribings:
    """Why the server ended one subscription: below 2500 for good, from there on the SDK subscribes again."""

    SERVER: Final = Disconnect(2000, "server unsubscribe")
    INSUFFICIENT_STATE: Final = Disconnect(2500, "insufficient state")
    EXPIRED: Final = Disconnect(2501, "subscription expired")
    STATE_INVALIDATED: Final = Disconnect(2502, "state invalidated")


class WebSocketCodes:
    """Close codes of RFC 6455 that our end sends."""

    NORMAL: Final = 1000
    PROTOCOL_ERROR: Final = 1002
    INVALID_DATA: Final = 1007
    TOO_BIG: Final = 1009


APPLICATION: Final = 1_000
"""From here on error codes are the application's."""
_TEMPORARY: Final = frozenset({Kind.TOO_MANY, Kind.UNAVAILABLE})


def application_error(refusal: Refusal) -> Error:
    """A refusal of the application as an error of the protocol.

    Its number is 1000 and the HTTP status of its kind (1404, 1409, 1422 …), its message the stable code
    (``im.session_closed``). What is worth trying again is temporary.
    """
    kind = refusal.kind
    return Error(APPLICATION + kind.value, refusal.code, temporary=kind in _TEMPORARY)


def _members(table: type[object]) -> tuple[Disconnect, ...]:
    return tuple(value for value in vars(table).values() if isinstance(value, Disconnect))


CLOSINGS: Final = _members(Closings)
UNSUBSCRIBINGS: Final = _members(Unsubscribings)
ERRORS: Final = tuple(value for value in vars(Errors).values() if isinstance(value, Error))
