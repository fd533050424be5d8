"""Who may connect, and who may stay when the token's time is over. Pure decisions over tokens."""

from realtime.codes import Closings, Errors, No
from realtime.terms import Terms
from realtime.tokens import NOBODY, Identity, TokenExpired, TokenInvalid


def admitted(token: str, terms: Terms) -> Identity | No:
    """Who a newcomer is. Without a token it is nobody, who may connect too."""
    if not token:
        return NOBODY
    try:
        return terms.tokens.verify(token, at=terms.clock.now())
    except TokenExpired:
        return Errors.TOKEN_EXPIRED
    except TokenInvalid:
        return Closings.INVALID_TOKEN


def renewed(identity: Identity, token: str, terms: Terms) -> Identity | No:
    """Who a client is after its refresh: the same user, with a later end."""
    if identity.expires_at is None or not token:
        return Closings.BAD_REQUEST
    try:
        fresh = terms.tokens.verify(token, at=terms.clock.now())
    except TokenExpired:
        return Closings.EXPIRED
    except TokenInvalid:
        return Closings.INVALID_TOKEN
    return fresh if fresh.actor.id == identity.actor.id else Closings.INVALID_TOKEN
