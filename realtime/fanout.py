"""One publication, framed once, to everyone who listens.

``fan_out`` is the seam for a native batch sender: same arguments, same effect.
"""

from collections.abc import Callable, Collection, Hashable
from typing import Protocol

import structlog

from realtime import frames
from realtime.channels import Policy
from realtime.stream import Publication
from realtime.websocket import text_frame

log = structlog.get_logger()


class Push:
    """A publication as ready bytes, shared by all its receivers."""

    __slots__ = ("frame", "key", "payload")

    def __init__(self, payload: bytes, *, key: Hashable | None = None) -> None:
        self.payload = payload
        """The JSON object, for transports that frame by themselves."""
        self.frame = text_frame(payload)
        """The same as a whole WebSocket frame."""
        self.key = key
        """What it is a snapshot of: a newer push with the same key makes this one worthless."""


class Subscriber(Protocol):
    """A connection as the hub sees it."""

    @property
    def client(self) -> str:
        """The connection's own id."""

    @property
    def user(self) -> str:
        """Whose connection it is; empty for anonymous ones."""

    def deliver(self, push: Push) -> None:
        """Take a publication; must neither block nor raise. A slow connection ends itself."""

    def lost(self, channel: str) -> None:
        """Something was missed on this channel, and the subscription has ended."""

    def fail(self) -> None:
        """A fault of ours: this connection cannot be trusted to be right any more and must end."""


FanOut = Callable[[Collection[Subscriber], Push], None]


def fan_out(receivers: Collection[Subscriber], push: Push) -> None:
    """Hand the push to each receiver. One that raises is ended and hurts nobody else."""
    for receiver in receivers:
        try:
            receiver.deliver(push)
        except Exception:
            log.exception("realtime.delivery_failed")
            receiver.fail()


def push_of(head: bytes, channel: str, policy: Policy, publication: Publication) -> Push:
    """Encode and frame a publication; ``head`` is the channel's ``frames.push_head``."""
    payload = frames.push(head, publication)
    if policy.snapshot_of is None:
        return Push(payload)
    subject = frames.field_of(publication.data, policy.snapshot_of)
    return Push(payload, key=None if subject is None else (channel, subject))
