"""Between wire models and values: what commands are answered with, and positions they name."""

from collections.abc import Mapping

import msgspec

from realtime.broker import Present
from realtime.feed import Joined
from realtime.frames import (
    HistoryResult,
    PresenceResult,
    RpcResult,
    ServerSideAsk,
    SubscribeResult,
    one_line,
    publication_body,
)
from realtime.stream import History, Position


def positions(held: Mapping[str, ServerSideAsk]) -> dict[str, Position | None]:
    """Where a client that comes back was on the channels that the server had given it."""
    if not held:
        return {}
    return {name: Position(one.offset, one.epoch) if one.recover else None for name, one in held.items()}


def subscribed(joined: Joined, since: Position | None) -> SubscribeResult:
    """How a subscription began, for a client that asked to resume at ``since`` if anywhere."""
    at = joined.position
    if at is None:
        return SubscribeResult()
    return SubscribeResult(
        recoverable=True,
        positioned=True,
        epoch=at.epoch,
        # A client counts on from here: each of the publications moves it one further.
        offset=joined.publications[0].offset - 1 if joined.publications else at.offset,
        was_recovering=since is not None,
        recovered=joined.recovered,
        publications=[publication_body(one) for one in joined.publications] if joined.publications else [],
    )


def history(read: History) -> HistoryResult:
    """A piece of a stream."""
    return HistoryResult(
        epoch=read.position.epoch,
        offset=read.position.offset,
        publications=[publication_body(one) for one in read.publications],
    )


def present(members: Mapping[str, Present]) -> PresenceResult:
    """Who watches a channel."""
    return PresenceResult({client: msgspec.Raw(one.info) for client, one in members.items()})


def returned(data: bytes) -> RpcResult:
    """What a method of the application answered; nothing is an answer too."""
    return RpcResult(msgspec.Raw(one_line(data))) if data else RpcResult()
