"""What a connected client's command leads to: an effect, an error reply or the end of the connection.

Pure decisions over the policy table. What changes the session itself (connect, refresh, unsubscribe) is in
``session``.
"""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from core import limits
from core.actor import Actor
from realtime import admission, frames
from realtime.channels import BadChannel, Policy, UnknownChannel, companion
from realtime.codes import Closings, Errors, No
from realtime.effects import Call, CountPresence, Join, ListPresence, Publish, Question, ReadHistory
from realtime.frames import ChannelAsk, Command, HistoryAsk, PublishAsk, RpcAsk, SubRefreshAsk, SubscribeAsk
from realtime.stream import Position
from realtime.subscription import ASKED, By, Subscription
from realtime.terms import Terms
from realtime.tokens import Identity

_NO_LIMIT = -1


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What a decision may depend on."""

    identity: Identity
    client: str
    subscriptions: Mapping[str, Subscription]
    terms: Terms

    @property
    def actor(self) -> Actor:
        return self.identity.actor

    def info(self, channel: str) -> bytes:
        """Who the client is, as others on the channel may see it: a ``ClientInfo`` as JSON."""
        stands = self.subscriptions.get(channel, ASKED)
        return frames.client_info(self.actor.id, self.client, self.identity.info, stands.info)


def decide(command: Command, standing: Standing) -> Join | Question | No:
    """Decide on every method that leaves the session as it is."""
    if command.subscribe is not None:
        return subscribe(command.subscribe, standing)
    if command.publish is not None:
        return publish(command.publish, standing)
    if command.presence is not None:
        return presence(command.presence, standing)
    if command.presence_stats is not None:
        return presence_stats(command.presence_stats, standing)
    if command.history is not None:
        return history(command.history, standing)
    if command.rpc is not None:
        return rpc(command.rpc, standing)
    if command.send is not None:
        return Closings.NOT_AVAILABLE
    # What is left is ``ping``, which no SDK sends.
    return Errors.NOT_AVAILABLE


def subscribe(ask: SubscribeAsk, standing: Standing) -> Join | No:
    """Join a channel, resuming where the client says it was."""
    found = _find(ask.channel, standing)
    if not isinstance(found, tuple):
        return found
    policy, rest = found
    if ask.delta not in ("", "fossil"):
        return Closings.BAD_REQUEST
    if ask.tf is not None:
        return Errors.BAD_REQUEST
    if ask.type:
        return Errors.NOT_AVAILABLE
    if ask.channel in standing.subscriptions:
        return Errors.ALREADY_SUBSCRIBED
    if _has_as_many_as_it_may(standing):
        return Errors.LIMIT_EXCEEDED
    stands = _stands_on(ask, policy, rest, standing)
    if not isinstance(stands, Subscription):
        return stands
    since = Position(ask.offset, ask.epoch) if ask.recover else None
    if not (ask.join_leave and policy.tells_joins and policy.may_list_presence(standing.actor, rest)):
        return Join({ask.channel: since}, stands)
    return Join({ask.channel: since, companion(ask.channel): None}, replace(stands, hears_joins=True))


def _has_as_many_as_it_may(standing: Standing) -> bool:
    held, most = standing.subscriptions, standing.terms.channels_per_client
    return len(held) >= most and sum(one.by is By.CLIENT for one in held.values()) >= most


def _stands_on(ask: SubscribeAsk, policy: Policy, rest: str, standing: Standing) -> Subscription | No:
    if policy.by_token:
        return _granted(ask.channel, ask.token, standing)
    return ASKED if policy.may_subscribe(standing.actor, rest) else Errors.PERMISSION_DENIED


def publish(ask: PublishAsk, standing: Standing) -> Publish | No:
    """Tell everyone who watches a channel, in the client's own name."""
    found = _find(ask.channel, standing)
    if not isinstance(found, tuple):
        return found
    policy, rest = found
    if not policy.takes_publications:
        return Errors.NOT_AVAILABLE
    if not policy.may_publish(standing.actor, rest):
        return Errors.PERMISSION_DENIED
    data = bytes(ask.data)
    if not data:
        return Errors.BAD_REQUEST
    if len(data) > limits.REALTIME_PUBLISH_BYTES:
        return Errors.LIMIT_EXCEEDED
    return Publish(ask.channel, data, policy.keep, standing.info(ask.channel))


def history(ask: HistoryAsk, standing: Standing) -> ReadHistory | No:
    """Read what is kept; a limit of 0 asks for the top alone, -1 for as much as we give."""
    found = _find(ask.channel, standing)
    if not isinstance(found, tuple):
        return found
    policy, rest = found
    if policy.keep is None:
        return Errors.NOT_AVAILABLE
    if not policy.may_read_history(standing.actor, rest):
        return Errors.PERMISSION_DENIED
    if ask.limit < _NO_LIMIT:
        return Errors.BAD_REQUEST
    most = limits.REALTIME_HISTORY_ITEMS
    limit = most if ask.limit == _NO_LIMIT else min(ask.limit, most)
    since = None if ask.since is None else Position(ask.since.offset, ask.since.epoch)
    return ReadHistory(ask.channel, policy.keep, since, limit, ask.reverse)


def presence(ask: ChannelAsk, standing: Standing) -> ListPresence | No:
    """Say who watches a channel."""
    found = _find(ask.channel, standing)
    if not isinstance(found, tuple):
        return found
    policy, rest = found
    if not (policy.counts_presence and policy.lists_presence):
        return Errors.NOT_AVAILABLE
    if not policy.may_list_presence(standing.actor, rest):
        return Errors.PERMISSION_DENIED
    return ListPresence(ask.channel)


def presence_stats(ask: ChannelAsk, standing: Standing) -> CountPresence | No:
    """Count who watches a channel."""
    found = _find(ask.channel, standing)
    if not isinstance(found, tuple):
        return found
    policy, rest = found
    if not policy.counts_presence:
        return Errors.NOT_AVAILABLE
    if not policy.may_see_presence(standing.actor, rest):
        return Errors.PERMISSION_DENIED
    return CountPresence(ask.channel)


def sub_refresh(ask: SubRefreshAsk, standing: Standing) -> Subscription | No:
    """Renew a subscription that a token granted, by another token."""
    if not ask.channel:
        return Closings.BAD_REQUEST
    stands = standing.subscriptions.get(ask.channel)
    if stands is None:
        return Errors.PERMISSION_DENIED
    if not stands.by_token or stands.expires_at is None:
        # Not the client's to refresh.
        return Closings.BAD_REQUEST
    if not ask.token:
        return Errors.BAD_REQUEST
    return _granted(ask.channel, ask.token, standing)


def _granted(channel: str, token: str, standing: Standing) -> Subscription | No:
    return admission.granted(
        token, channel, user=standing.actor.id, client=standing.client, terms=standing.terms
    )


def not_for(command: Command, no: No) -> str:
    """The channel that a command was refused because of who asks; empty for every other no."""
    if no is not Errors.PERMISSION_DENIED:
        return ""
    asks = (command.subscribe, command.publish, command.presence, command.presence_stats, command.history)
    return next((ask.channel for ask in asks if ask is not None), "")


def rpc(ask: RpcAsk, standing: Standing) -> Call | No:
    """Call a method of the application, if there is one of that name."""
    method = standing.terms.rpc.get(ask.method)
    if method is None:
        return Errors.METHOD_NOT_FOUND
    return Call(ask.method, method, standing.actor, bytes(ask.data))


def _find(channel: str, standing: Standing) -> tuple[Policy, str] | No:
    if not channel:
        return Closings.BAD_REQUEST
    try:
        return standing.terms.channels.find(channel)
    except BadChannel:
        return Errors.BAD_REQUEST
    except UnknownChannel:
        return Errors.UNKNOWN_CHANNEL
