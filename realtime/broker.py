"""The port to the other processes: publications out, publications in, and a bounded memory of each channel.

History is a cache: the database is the truth. What a broker promises, and the contract suite checks:

    I1  offsets of one epoch are consecutive and never used twice;
    I2  publications of a channel arrive in the order of their offsets;
    I3  what was published stays readable until evicted by count or age;
    I4  a lost or restarted history gets a new epoch, never a silent renumbering;
    I5  the same idempotency key publishes once and answers the same position again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.refusals import Unavailable
from realtime.stream import History, Position, Publication


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of a channel is remembered."""

    items: int
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class PresenceStats:
    """How many connections, and how many different users, watch a channel."""

    clients: int
    users: int


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody who watches a channel. ``info`` is what others are shown, as JSON; empty where nobody is."""

    user: str
    info: bytes = b""


class BrokerUnavailable(Unavailable):
    """The broker does not answer. A publication may or may not have happened: repeat it with the same key."""

    code = "realtime.broker_unavailable"


OnPublication = Callable[[str, Publication], None]
"""Called on the loop, in order per channel; must not block and must not raise."""

OnInterrupted = Callable[[Sequence[str]], None]
"""Called when these channels are heard again after an interruption: anything may have been missed."""


class Broker(Protocol):
    """One process's way to everyone else.

    Every method but ``close`` raises ``BrokerUnavailable`` when it must.
    """

    immediate: bool
    """Whether no method ever waits: a coroutine of it ends the first time it is asked to go on."""

    async def start(self, on_publication: OnPublication, on_interrupted: OnInterrupted) -> None:
        """Begin to listen. A neighbour that is away is no error here: it is then tried for ever."""

    async def close(self) -> None:
        """Stop listening and give back every connection. May be called twice."""

    async def ping(self) -> None:
        """Answer when the other side does, all of it."""

    async def servers(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """How to ask each part of the other side by itself, by name; asking raises ``BrokerUnavailable``."""

    async def publish(
        self,
        channel: str,
        data: bytes,
        *,
        keep: Keep | None,
        idempotency_key: str | None = None,
        info: bytes = b"",
    ) -> Position:
        """Tell every process's subscribers, once accepted in order.

        Without ``keep`` the position is (0, ""). ``info`` comes back as ``Publication.info``.
        """

    async def history(
        self,
        channel: str,
        *,
        keep: Keep,
        since: Position | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> History:
        """The top of the stream and at most ``limit`` publications, ``since`` excluded.

        Forward reads start at ``since`` or the oldest kept, reverse reads at ``since`` or the newest. A
        ``since`` of another epoch brings no publications; whether it is reachable is decided by
        ``realtime.stream``. A channel never heard of gets its epoch now.
        """

    async def subscribe(self, channels: Sequence[str]) -> None:
        """Hear the channels from now on: what is published after this returns arrives."""

    async def unsubscribe(self, channels: Sequence[str]) -> None:
        """Stop hearing them. Calls take effect in the order they were made."""

    async def add_presence(self, channel: str, members: Mapping[str, Present]) -> None:
        """Note the clients as watching for ``REALTIME_PRESENCE_SECONDS``; repeat to renew."""

    async def remove_presence(self, channel: str, clients: Sequence[str]) -> None:
        """Forget these watchers now."""

    async def presence_stats(self, channel: str) -> PresenceStats:
        """Count who watches, over all processes."""

    async def presence(self, channel: str, *, limit: int) -> Mapping[str, Present] | None:
        """Who watches, by client, over all processes; None when they are more than ``limit``."""
