"""Who watches: counted and listed by the broker, and told to those who asked to hear who comes and goes.

Comings and goings are gathered, so that a crowd costs one message and not one for each: presence is passed on
in one go, and so is what others are told of a channel, as ready pushes on its companion channel. That is a
courtesy without a memory: whoever must know for certain asks for the presence.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from core import limits
from realtime import frames
from realtime.broker import Broker, BrokerUnavailable, PresenceStats, Present
from realtime.channels import companion
from realtime.fanout import Subscriber
from realtime.metrics import RealtimeMetrics
from realtime.tap import Tap

log = structlog.get_logger()


@dataclass(slots=True)
class Changes:
    """What the broker has not been told of one channel."""

    arrived: dict[str, Subscriber] = field(default_factory=dict)
    departed: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Doorway:
    """One channel whose watchers are told of each other, as far as they are on this process."""

    inside: dict[str, bytes] = field(default_factory=dict)
    """Whose coming was told, and what others were shown."""
    coming: dict[str, Subscriber] = field(default_factory=dict)
    going: dict[str, bytes] = field(default_factory=dict)


class Attendance:
    """The comings and goings of one process. Costs nothing for channels where nothing has changed."""

    def __init__(
        self,
        broker: Broker,
        metrics: RealtimeMetrics,
        spawn: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        self._broker = broker
        self._metrics = metrics
        self._spawn = spawn
        self._changes: dict[Tap, Changes] = {}
        self._doorways: dict[str, Doorway] = {}
        self._telling = False

    def came(self, tap: Tap, subscriber: Subscriber) -> None:
        """Somebody was subscribed."""
        policy = tap.feed.policy
        if policy.counts_presence:
            self._changes_of(tap).arrived[subscriber.client] = subscriber
        if policy.tells_joins:
            door = self._doorways.setdefault(tap.feed.name, Doorway())
            if self._has_room(door):
                door.coming[subscriber.client] = subscriber
                self._tell_soon()

    def went(self, tap: Tap, subscriber: Subscriber) -> None:
        """Somebody is subscribed no longer."""
        policy = tap.feed.policy
        client = subscriber.client
        if policy.counts_presence:
            changes = self._changes_of(tap)
            if changes.arrived.pop(client, None) is None:
                changes.departed.append(client)
        door = self._doorways.get(tap.feed.name)
        if door is not None:
            # Whose coming was not told leaves without a word, too.
            shown = door.inside.pop(client, None)
            if door.coming.pop(client, None) is None and shown is not None and self._has_room(door):
                door.going[client] = shown
                self._tell_soon()

    # Presence.

    async def stats(self, tap: Tap | None, channel: str) -> PresenceStats:
        """Count who watches, over all processes. Raises ``BrokerUnavailable``."""
        if tap is not None:
            await self.pass_on(tap)
        return await self._broker.presence_stats(channel)

    async def present(self, tap: Tap | None, channel: str) -> Mapping[str, Present] | None:
        """Who watches, over all processes; None when they are too many to list. Raises as ``stats``."""
        if tap is not None:
            await self.pass_on(tap)
        return await self._broker.presence(channel, limit=limits.REALTIME_PRESENCE_ITEMS)

    async def pass_all_on(self, everybody_on: Iterable[Tap] = ()) -> None:
        """Tell the broker of every channel where something changed, and of everybody on these.

        Raises ``BrokerUnavailable``; what was to be told is then forgotten: whoever is here is told of again
        when everybody is, whoever went is forgotten by time.
        """
        try:
            for tap in tuple(self._changes):
                await self.pass_on(tap)
            for tap in everybody_on:
                if tap.feed.policy.counts_presence and len(tap.feed):
                    self._changes_of(tap).arrived.update({one.client: one for one in tap.feed.subscribers})
                    await self.pass_on(tap)
        except BaseException:
            self._changes.clear()
            raise

    async def pass_on(self, tap: Tap) -> None:
        """Tell the broker in one go who came and went since the last time. Raises ``BrokerUnavailable``."""
        changes = self._changes.pop(tap, None)
        if changes is None:
            return
        name, shows = tap.feed.name, tap.feed.policy.lists_presence
        if changes.departed:
            await self._broker.remove_presence(name, changes.departed)
        if changes.arrived:
            members = {
                client: Present(one.user, one.info(name) if shows else b"")
                for client, one in changes.arrived.items()
            }
            await self._broker.add_presence(name, members)

    def _changes_of(self, tap: Tap) -> Changes:
        changes = self._changes.get(tap)
        if changes is None:
            changes = self._changes[tap] = Changes()
        return changes

    # Joins and leaves.

    def _has_room(self, door: Doorway) -> bool:
        """Whether one more may be told in this round; else nobody is told of it."""
        if len(door.coming) + len(door.going) < limits.REALTIME_JOINS_AT_ONCE:
            return True
        self._metrics.joins_untold.inc()
        return False

    def _tell_soon(self) -> None:
        if not self._telling:
            self._telling = True
            self._spawn(self._tell())

    async def _tell(self) -> None:
        await asyncio.sleep(limits.REALTIME_JOINS_PAUSE_SECONDS)
        self._telling = False
        for channel, door in tuple(self._doorways.items()):
            pushes = _pushes(channel, door)
            if not door.inside:
                del self._doorways[channel]
            if not pushes:
                continue
            try:
                await self._broker.publish(companion(channel), b"\n".join(pushes), keep=None)
            except (BrokerUnavailable, TimeoutError):
                log.warning("realtime.joins_untold", pushes=len(pushes))
                self._metrics.joins_untold.inc(len(pushes))


def _pushes(channel: str, door: Doorway) -> list[bytes]:
    """What is to be told, which is told thereby."""
    shown = {client: one.info(channel) for client, one in door.coming.items()}
    pushes = [frames.leave_push(channel, info) for info in door.going.values()]
    pushes += [frames.join_push(channel, info) for info in shown.values()]
    door.inside.update(shown)
    door.coming.clear()
    door.going.clear()
    return pushes
