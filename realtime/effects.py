"""What a session wants done. The owner carries effects out in order; some of them want an answer."""

from collections.abc import Mapping

import msgspec

from core.actor import Actor
from realtime.broker import Keep
from realtime.codes import Disconnect, Error
from realtime.stream import Position
from realtime.subscription import ASKED, Subscription
from realtime.terms import Method


class Send(msgspec.Struct, frozen=True, gc=False):
    """Write one JSON object; several may share a frame."""

    data: bytes


class Refuse(msgspec.Struct, frozen=True, gc=False):
    """Write an error reply. ``about`` is the channel that is not for the client; else empty."""

    command_id: int
    error: Error
    about: str = ""


class Close(msgspec.Struct, frozen=True, gc=False):
    """End the connection; nothing follows."""

    why: Disconnect


class Admit(msgspec.Struct, frozen=True, gc=False):
    """The client has said who it is: count it as connected, and among its user's connections."""


class Leave(msgspec.Struct, frozen=True, gc=False):
    """End the subscription."""

    channel: str


class Join(msgspec.Struct, frozen=True, gc=False):
    """Subscribe, resuming at a position where one is given. Answer: ``Session.joined``.

    ``terms`` is what the subscriptions will stand on.
    """

    channels: Mapping[str, Position | None]
    terms: Subscription = ASKED


class ReadHistory(msgspec.Struct, frozen=True, gc=False):
    """Read kept publications. Answer: ``Session.history_read``."""

    channel: str
    keep: Keep
    since: Position | None
    limit: int
    reverse: bool


class CountPresence(msgspec.Struct, frozen=True, gc=False):
    """Count who watches. Answer: ``Session.counted``."""

    channel: str


class ListPresence(msgspec.Struct, frozen=True, gc=False):
    """Say who watches. Answer: ``Session.listed``."""

    channel: str


class Publish(msgspec.Struct, frozen=True, gc=False):
    """Publish for this client. Answer: ``Session.published``, once the broker has accepted it."""

    channel: str
    data: bytes
    keep: Keep | None
    info: bytes


class Call(msgspec.Struct, frozen=True, gc=False):
    """Run a method of the application. Answer: ``Session.returned``."""

    name: str
    method: Method
    actor: Actor
    data: bytes


Question = ReadHistory | CountPresence | ListPresence | Publish | Call
"""Effects that want an answer from somewhere else."""

Effect = Send | Refuse | Close | Admit | Leave | Join | Question
Effects = list[Effect]
