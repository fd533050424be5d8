"""How several Redis are one to the broker: a name has a home, and everything of a channel happens there."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from adapters.redis.cluster import Cluster
from adapters.redis.dial import address_of
from adapters.redis.ear import Listener
from adapters.redis.places import ClusterAt, places
from adapters.redis.scripts import Script
from adapters.redis.server import Timing
from adapters.redis.shards import Shards
from adapters.redis.wire import Part


class Topology(Protocol):
    """Names are Redis names; one with ``{…}`` lives where what stands in the braces lives."""

    @property
    def publish(self) -> Script:
        """The script that publishes here."""

    async def run(
        self, name: str, script: Script, keys: tuple[str, ...], *values: Part, reading: bool = False
    ) -> Any:
        """Run a script at the name's home. Raises ``BrokerUnavailable``."""

    async def tell(self, name: str) -> None:
        """Publish an empty message for those who ``keep_listening``. Raises ``BrokerUnavailable``."""

    async def start(self) -> None:
        """Connect the ears; returns when each has tried."""

    async def listen(self, names: Sequence[str], listener: Listener) -> None:
        """Hear the names from when this returns. Raises ``BrokerUnavailable``; then none of them is heard."""

    async def keep_listening(self, name: str, listener: Listener) -> None:
        """Hear what is told under the name, as soon as possible and for ever.

        The listener is told when that begins. Returns when the first attempt has ended, well or not.
        """

    async def ignore(self, names: Sequence[str]) -> None:
        """Stop hearing them."""

    @property
    def hears(self) -> bool:
        """Whether every ear stands."""

    async def servers(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """How to ask each server, by name, whether it answers; both raise ``BrokerUnavailable``."""

    async def close(self) -> None:
        """End every connection. May be called twice."""


def topology_at(urls: Sequence[str], timing: Timing | None = None) -> Topology:
    """What ``broker.url`` means, not yet connected. Raises ``BadBrokerUrl``."""
    meant, timing = places(urls), timing or Timing()
    if isinstance(meant, ClusterAt):
        return Cluster(meant, timing)
    return Shards([address_of(place, reply_seconds=timing.reply_seconds) for place in meant], timing)
