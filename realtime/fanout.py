"""One publication, framed once, to everyone who listens.

Two ways with the same effect: ``fan_out`` asks each receiver, ``BatchFanOut`` hands the descriptors of many
to a sender in one call.
"""

from array import array
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Protocol

import structlog

from core import limits
from realtime import frames
from realtime.channels import Policy
from realtime.stream import Publication
from realtime.websocket import text_frame

log = structlog.get_logger()

BROKEN: Final = -1
"""In place of a number of bytes: the socket is dead."""
NOT_ASKED: Final = -2
"""In place of a number of bytes: there was no descriptor to send to."""


class Push:
    """A publication as ready bytes, shared by all its receivers."""

    __slots__ = ("_several", "frame", "key", "payload")

    def __init__(
        self, payload: bytes, frame: bytes, *, key: Hashable | None = None, parts: "tuple[Push, ...]" = ()
    ) -> None:
        self.payload = payload
        """JSON objects joined by newlines, for transports that frame by themselves."""
        self.frame = frame
        """The same as whole WebSocket frames."""
        self.key = key
        """What it is a snapshot of: a newer push with the same key makes this one worthless."""
        self._several = parts

    @classmethod
    def of(cls, payload: bytes, *, key: Hashable | None = None) -> "Push":
        """One publication, framed."""
        return cls(payload, text_frame(payload), key=key)

    @classmethod
    def joined(cls, pushes: Sequence["Push"]) -> "list[Push]":
        """Several pushes in order, as few writes: each of one push or of at most ``REALTIME_WRITE_BYTES``."""
        writes: list[list[Push]] = []
        size = 0
        for part in [part for push in pushes for part in push.parts]:
            size += len(part.frame)
            if not writes or size > limits.REALTIME_WRITE_BYTES:
                writes.append([])
                size = len(part.frame)
            writes[-1].append(part)
        return [cls._one(parts) for parts in writes]

    @classmethod
    def _one(cls, parts: "list[Push]") -> "Push":
        if len(parts) == 1:
            return parts[0]
        payload = b"\n".join([part.payload for part in parts])
        return cls(payload, b"".join([part.frame for part in parts]), parts=tuple(parts))

    @property
    def parts(self) -> "tuple[Push, ...]":
        """The single publications in it, in their order."""
        return self._several or (self,)


class Subscriber(Protocol):
    """A connection as the hub sees it."""

    @property
    def client(self) -> str:
        """The connection's own id."""

    @property
    def user(self) -> str:
        """Whose connection it is; empty for anonymous ones."""

    def info(self, channel: str) -> bytes:
        """Who this is, as others on the channel may be shown: JSON."""

    @property
    def open_fd(self) -> int:
        """A descriptor that takes ready WebSocket frames by ``send(2)`` now; -1: only ``deliver`` will do.

        Asked anew for every write: it is -1 as soon as something waits for this client, or it is closing.
        """

    def deliver(self, push: Push) -> None:
        """Take a publication; must neither block nor raise. A slow connection ends itself."""

    def go_on(self, push: Push, sent: int) -> None:
        """The first so many bytes of ``push.frame`` went to ``open_fd`` (or ``BROKEN``); take the rest."""

    def lost(self, channel: str) -> None:
        """Something was missed on this channel, and the subscription has ended."""

    def fail(self) -> None:
        """A fault of ours: this connection cannot be trusted to be right any more and must end."""


FanOut = Callable[[Sequence[Subscriber], Push], None]


def fan_out(receivers: Sequence[Subscriber], push: Push) -> None:
    """Hand the push to each receiver. One that raises is ended and hurts nobody else."""
    for receiver in receivers:
        try:
            receiver.deliver(push)
        except Exception:
            log.exception("realtime.delivery_failed")
            receiver.fail()


class BatchSender(Protocol):
    """Sends the same bytes to many sockets in one call."""

    def send(self, descriptors: "array[int]", frame: bytes) -> Sequence[tuple[int, int]]:
        """Send, and answer (index, bytes sent, ``BROKEN`` or ``NOT_ASKED``) for each that did not take all.

        Negative descriptors are not asked. Never blocks.
        """


class BatchFanOut:
    """``fan_out`` by a batch sender; few receivers are served one by one, as that is cheaper."""

    def __init__(self, sender: BatchSender) -> None:
        self._sender = sender

    def __call__(self, receivers: Sequence[Subscriber], push: Push) -> None:
        if len(receivers) < limits.REALTIME_BATCH_RECEIVERS:
            fan_out(receivers, push)
            return
        descriptors = array("i", [receiver.open_fd for receiver in receivers])
        for index, sent in self._sender.send(descriptors, push.frame):
            if sent == NOT_ASKED:
                fan_out((receivers[index],), push)
                continue
            try:
                receivers[index].go_on(push, sent)
            except Exception:
                log.exception("realtime.delivery_failed")
                receivers[index].fail()


def push_of(head: bytes, channel: str, policy: Policy, publication: Publication) -> Push:
    """Encode and frame a publication; ``head`` is the tap's."""
    payload = frames.push(head, publication) if head else publication.data
    if policy.snapshot_of is None:
        return Push.of(payload)
    subject = frames.field_of(publication.data, policy.snapshot_of)
    return Push.of(payload, key=None if subject is None else (channel, subject))
