"""The channels that one process hears: opened once for many, read once for those who come at the same time.

A channel is opened only if it is known to exist, and stands once the broker has confirmed it. What a
newcomer missed is read from the broker, unless the newcomer stands where everyone stands.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from typing import Protocol, TypeVar

from core import limits
from realtime.broker import Broker, Keep
from realtime.channels import Channels, Policy, UnknownChannel, is_companion
from realtime.feed import Feed
from realtime.metrics import RealtimeMetrics
from realtime.stream import History, Position
from realtime.tap import Reading, Tap

R = TypeVar("R")


class Known(Protocol):
    """Which names (without the namespace) there are in a namespace."""

    def __contains__(self, name: object) -> bool:
        """Whether there is one for certain, answered from memory."""

    async def look(self, name: str) -> bool:
        """Whether there is one now. Raises ``Unavailable`` when that cannot be known."""


class TooManyChannels(Exception):
    """This process listens to as many channels as it may."""


class MustWait(Exception):
    """What is needed is not here yet."""


def _ended(work: Coroutine[object, object, R]) -> R:
    """The answer of a coroutine that never waits, without a task around it."""
    try:
        work.send(None)
    except StopIteration as ended:
        answer: R = ended.value
        return answer
    work.close()
    raise RuntimeError("a broker that calls itself immediate has waited")


class Taps(Mapping[str, Tap]):
    """The open channels by name."""

    def __init__(
        self,
        *,
        broker: Broker,
        channels: Channels,
        metrics: RealtimeMetrics,
        known: Mapping[str, Known] | None = None,
    ) -> None:
        """``known`` says of some namespaces which names there are; of the others any name is good."""
        self._broker = broker
        self._channels = channels
        self._metrics = metrics
        self._known = known or {}
        self._taps: dict[str, Tap] = {}
        metrics.channels.set_function(self.__len__)

    def __getitem__(self, channel: str) -> Tap:
        return self._taps[channel]

    def __iter__(self) -> Iterator[str]:
        return iter(self._taps)

    def __len__(self) -> int:
        return len(self._taps)

    def close(self) -> list[asyncio.Task[None]]:
        """Forget all of them; answers the tasks that were opening some."""
        opening = [tap.opened for tap in self._taps.values() if tap.opened is not None]
        self._taps.clear()
        return opening

    # Which there are.

    async def exists(self, channel: str) -> bool:
        """Whether there is such a channel: nobody may fill us, or the broker, with names of nothing.

        Raises ``BadChannel``, ``UnknownChannel`` or ``Unavailable``.
        """
        if channel in self._taps or self._certain(channel) is not None:
            return True
        policy, rest = self._channels.find(channel)
        return await self._known[policy.namespace].look(rest)

    def _certain(self, channel: str) -> Policy | None:
        """The policy of a channel that exists for certain. Raises ``BadChannel`` or ``UnknownChannel``."""
        if is_companion(channel):
            return self._channels.policy(channel)
        policy, rest = self._channels.find(channel)
        known = self._known.get(policy.namespace)
        return policy if known is None or rest in known else None

    async def must_exist(self, channel: str) -> None:
        """Raises as ``exists`` does, and ``UnknownChannel`` where there is none."""
        if not await self.exists(channel):
            raise UnknownChannel

    def open(self, channel: str) -> Tap:
        """The channel, opened or being opened. Raises ``TooManyChannels``."""
        tap = self._taps.get(channel)
        return self._new(channel, self._channels.policy(channel)) if tap is None else tap

    def _new(self, channel: str, policy: Policy) -> Tap:
        if len(self._taps) >= limits.REALTIME_CHANNELS_PER_PROCESS:
            raise TooManyChannels
        tap = self._taps[channel] = Tap(Feed(channel, policy))
        if self._broker.immediate:
            _ended(self._open(tap))
            return tap
        tap.opened = asyncio.get_running_loop().create_task(self._open(tap))
        # Everyone who waited may have gone; then nobody is left to be told.
        tap.opened.add_done_callback(lambda task: task.cancelled() or task.exception())
        return tap

    async def _open(self, tap: Tap) -> None:
        try:
            await self._broker.subscribe([tap.feed.name])
        except BaseException:
            self.forget(tap)
            raise
        tap.standing, tap.opened = True, None

    def forget(self, tap: Tap) -> None:
        """The channel is not heard any more."""
        if self._taps.get(tap.feed.name) is tap:
            del self._taps[tap.feed.name]

    async def prepare(self, tap: Tap, since: Position | None, *, fresh: bool) -> History | None:
        """Wait until the channel is heard, and read what the joining needs."""
        if tap.opened is not None:
            await asyncio.shield(tap.opened)
        keep = tap.feed.policy.keep
        if keep is None or (not fresh and tap.feed.joinable_at_once(since)):
            return None
        reading = tap.reading
        if fresh or reading is None or not reading.serves(since):
            reading = None
        history = await asyncio.shield((reading or self._read(tap, keep, since)).task)
        if reading is not None and since is not None and since.offset > history.position.offset:
            # Another process had told this client more than was there when the shared read began.
            history = await asyncio.shield(self._read(tap, keep, since).task)
        return history

    def _read(self, tap: Tap, keep: Keep, since: Position | None) -> Reading:
        """Begin a read that everyone who wants no earlier start can share while it is under way."""
        tap.feed.hold()
        work = self.history_since(tap, keep, since)
        task = asyncio.get_running_loop().create_task(work)
        reading = Reading(since, task, newest=tap.feed.newest_is_all)
        tap.reading = reading
        self._metrics.history_reads.inc()

        def finished(task: asyncio.Task[History]) -> None:
            tap.feed.release()
            if tap.reading is reading:
                tap.reading = None
            if not task.cancelled():
                task.exception()

        reading.task.add_done_callback(finished)
        return reading

    def history_since(
        self, tap: Tap, keep: Keep, since: Position | None
    ) -> Coroutine[object, object, History]:
        """The newest publication where that is all that matters, else everything since then, or the top."""
        if tap.feed.newest_is_all:
            return self._broker.history(tap.feed.name, keep=keep, limit=1, reverse=True)
        limit = 0 if since is None else keep.items
        return self._broker.history(tap.feed.name, keep=keep, since=since, limit=limit)

    # Joining.

    def ready_now(self, channel: str, since: Position | None) -> tuple[Tap, Position | None, History | None]:
        """What joining the channel needs, as far as that is here. Raises ``MustWait`` where it is not."""
        tap = self._taps.get(channel)
        if tap is None and self._broker.immediate:
            policy = self._certain(channel)
            tap = None if policy is None else self._new(channel, policy)
        if tap is None or not tap.standing:
            raise MustWait
        keep = tap.feed.policy.keep
        if keep is None or tap.feed.joinable_at_once(since):
            return tap, since, None
        if not self._broker.immediate:
            raise MustWait
        self._metrics.history_reads.inc()
        return tap, since, _ended(self.history_since(tap, keep, since))
