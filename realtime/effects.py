"""What a session wants done. The owner carries effects out in order; some of them want an answer."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.actor import Actor
from realtime.broker import Keep
from realtime.codes import Disconnect, Error
from realtime.stream import Position
from realtime.subscription import ASKED, Subscription
from realtime.terms import Method


@dataclass(frozen=True, slots=True)
class Send:
    """Write one JSON object; several may share a frame."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """Write an error reply."""

    command_id: int
    error: Error


@dataclass(frozen=True, slots=True)
class Close:
    """End the connection; nothing follows."""

    why: Disconnect


@dataclass(frozen=True, slots=True)
class Admit:
    """The client has said who it is: count it as connected, and among its user's connections."""


@dataclass(frozen=True, slots=True)
class Leave:
    """End the subscription."""

    channel: str


@dataclass(frozen=True, slots=True)
class Join:
    """Subscribe, resuming at a position where one is given. Answer: ``Session.joined``.

    ``terms`` is what the subscriptions will stand on.
    """

    channels: Mapping[str, Position | None]
    terms: Subscription = ASKED


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Read kept publications. Answer: ``Session.history_read``."""

    channel: str
    keep: Keep
    since: Position | None
    limit: int
    reverse: bool


@dataclass(frozen=True, slots=True)
class CountPresence:
    """Count who watches. Answer: ``Session.counted``."""

    channel: str


@dataclass(frozen=True, slots=True)
class ListPresence:
    """Say who watches. Answer: ``Session.listed``."""

    channel: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish for this client. Answer: ``Session.published``, once the broker has accepted it."""

    channel: str
    data: bytes
    keep: Keep | None
    info: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """Run a method of the application. Answer: ``Session.returned``."""

    name: str
    method: Method
    actor: Actor
    data: bytes


Question = ReadHistory | CountPresence | ListPresence | Publish | Call
"""Effects that want an answer from somewhere else."""

Effect = Send | Refuse | Close | Admit | Leave | Join | Question
Effects = list[Effect]
