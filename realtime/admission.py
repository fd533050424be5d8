"""Who may connect, stay and subscribe by what a token says. Pure decisions.

A refresh renews the time of a connection, never its rights: a token of the same user with another role, other
lines or other channels sends the client back (3011) to connect with it, where everything is judged anew.
"""

from datetime import datetime

from realtime.channels import BadChannel, UnknownChannel
from realtime.codes import Closings, Errors, No
from realtime.stream import Position
from realtime.subscription import By, Subscription
from realtime.terms import Terms
from realtime.tokens import NOBODY, Identity, TokenExpired, TokenInvalid


def admitted(token: str, terms: Terms) -> Identity | No:
    """Who a newcomer is. Without a token it is nobody, who may connect too."""
    if not token:
        return NOBODY
    now = terms.clock.now()
    try:
        identity = terms.tokens.verify(token, at=now)
    except TokenExpired:
        return Errors.TOKEN_EXPIRED
    except TokenInvalid:
        return Closings.INVALID_TOKEN
    return Errors.EXPIRED if _is_over(identity.expires_at, now) else identity


def given(
    identity: Identity, held: dict[str, Position | None], terms: Terms
) -> dict[str, Position | None] | No:
    """What the server subscribes a newcomer to, each from the position it still holds, if any."""
    channels = dict.fromkeys((*terms.channels.personal(identity.actor), *identity.channels))
    try:
        for channel in identity.channels:
            terms.channels.find(channel)
    except BadChannel:
        return Errors.BAD_REQUEST
    except UnknownChannel:
        return Errors.UNKNOWN_CHANNEL
    if len(channels) > terms.given_channels_per_client:
        return Closings.CHANNEL_LIMIT
    return {channel: held.get(channel) for channel in channels}


def renewed(identity: Identity, token: str, terms: Terms) -> Identity | No:
    """Who a client is after its refresh: the same user with the same rights and a later end."""
    if identity.expires_at is None or not token:
        return Closings.BAD_REQUEST
    now = terms.clock.now()
    try:
        fresh = terms.tokens.verify(token, at=now)
    except TokenExpired:
        return Closings.EXPIRED
    except TokenInvalid:
        return Closings.INVALID_TOKEN
    if fresh.actor.id != identity.actor.id:
        return Closings.INVALID_TOKEN
    if not fresh.may_the_same_as(identity):
        return Closings.FORCE_RECONNECT
    return Errors.EXPIRED if _is_over(fresh.expires_at, now) else fresh


def granted(token: str, channel: str, *, user: str, client: str, terms: Terms) -> Subscription | No:
    """What a subscription stands on whose client brought a token for it."""
    if not token:
        return Errors.PERMISSION_DENIED
    now = terms.clock.now()
    try:
        grant = terms.tokens.verify_subscription(token, at=now)
    except TokenExpired:
        return Errors.TOKEN_EXPIRED
    except TokenInvalid:
        return Errors.PERMISSION_DENIED
    if (grant.user, grant.channel) != (user, channel):
        return Closings.INVALID_TOKEN
    if grant.client not in ("", client):
        # It was for the connection before: a fresh one helps, which is what this error asks SDKs for.
        return Errors.TOKEN_EXPIRED
    if _is_over(grant.expires_at, now):
        return Errors.EXPIRED
    return Subscription(By.CLIENT, grant.expires_at, by_token=True, info=grant.info)


def _is_over(ends: float | None, now: datetime) -> bool:
    return ends is not None and ends <= now.timestamp()
