"""The feeds of one process: who hears which channel, joined to the broker that all processes share.

One broker subscription and one position per channel, however many clients listen; one encoding per
publication; one history read for many clients that return at the same moment. A feed nobody listens to is
given up after a few seconds, so that a screen that reloads does not cost a round trip.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import structlog

from core import limits
from core.clock import Clock
from core.tasks import end_tasks
from realtime import frames
from realtime.attendance import Attendance
from realtime.broker import Broker, BrokerUnavailable, Keep, PresenceStats, Present
from realtime.calls import Calls
from realtime.channels import Channels, UnknownChannel, companion, is_companion
from realtime.delivery import Deliveries, Told
from realtime.effects import Publish
from realtime.fanout import FanOut, Push, Subscriber, fan_out, push_of
from realtime.feed import Feed, Joined
from realtime.metrics import RealtimeMetrics
from realtime.roster import Member, Roster
from realtime.stream import History, Position, Publication
from realtime.tap import Reading, Tap

log = structlog.get_logger()

R = TypeVar("R")

Answer = Callable[[Mapping[str, Joined | None]], None]


class Known(Protocol):
    """Which names (without the namespace) there are in a namespace."""

    def __contains__(self, name: object) -> bool:
        """Whether there is one for certain, answered from memory."""

    async def look(self, name: str) -> bool:
        """Whether there is one now. Raises ``Unavailable`` when that cannot be known."""


@dataclass(frozen=True, slots=True)
class Ear:
    """A channel of the house's own: ``heard`` takes its publications, ``missed`` says that some may lack.

    Both are called on the loop and must not raise.
    """

    channel: str
    heard: Callable[[bytes], None]
    missed: Callable[[], None]


class TooManyChannels(Exception):
    """This process listens to as many channels as it may."""


class _MustWait(Exception):
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


class Hub:
    """One per process. ``start`` before the first client, ``close`` after the last."""

    def __init__(
        self,
        *,
        broker: Broker,
        channels: Channels,
        clock: Clock,
        metrics: RealtimeMetrics,
        fan_out: FanOut = fan_out,
        position_check_seconds: float = limits.REALTIME_POSITION_CHECK_SECONDS,
        connections_per_user: int = limits.REALTIME_CONNECTIONS_PER_USER,
        known: Mapping[str, Known] | None = None,
    ) -> None:
        """``known`` says of some namespaces which names there are; of the others any name is good."""
        self._broker = broker
        self._channels = channels
        self._clock = clock
        self.metrics = metrics
        self.roster: Roster[Member] = Roster(per_user=connections_per_user)
        self.calls = Calls(metrics)
        self._fan_out = fan_out
        self._position_check_seconds = position_check_seconds
        self._known = known or {}
        self._ear: Ear | None = None
        self._taps: dict[str, Tap] = {}
        self._deliveries = Deliveries(hear=self._tell_feed, fan_out=self._fan_out_timed)
        self._attendance = Attendance(broker, metrics, self._spawn)
        self._doubtful: set[Tap] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, and begin to keep house."""
        await self._broker.start(self._hear, self._interrupted)
        if self._ear is not None and not await self._listens(self._ear):
            self._spawn(self._listen_when_it_can(self._ear))
        self._spawn(self._keep_house())
        self._spawn(self._watch_positions())

    async def close(self) -> None:
        """Stop every task of the hub; the broker is closed by who made it."""
        tasks = [*self._tasks, *(tap.opened for tap in self._taps.values() if tap.opened is not None)]
        await end_tasks(tasks)
        self._taps.clear()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # What concerns the process itself.

    def listen(self, ear: Ear) -> None:
        """Hear a channel that no client can subscribe to. Call before ``start``."""
        self._ear = ear

    async def _listens(self, ear: Ear) -> bool:
        try:
            await self._broker.subscribe([ear.channel])
        except (BrokerUnavailable, TimeoutError):
            return False
        return True

    async def _listen_when_it_can(self, ear: Ear) -> None:
        """Once subscribed, the broker keeps the channel through every interruption."""
        while True:
            await asyncio.sleep(limits.BROKER_RECONNECT_SECONDS)
            if await self._listens(ear):
                ear.missed()
                return

    # Publications.

    def _hear(self, channel: str, publication: Publication) -> None:
        tap = self._taps.get(channel)
        if tap is not None:
            self._deliveries.take(tap, publication)
        elif self._ear is not None and channel == self._ear.channel:
            self._ear.heard(publication.data)

    def _tell_feed(self, tap: Tap, publications: Sequence[Publication]) -> list[Told]:
        """Let the feed hear what came in since its last delivery; answers who gets what, in order.

        After a fault of ours nobody can say who was told what: everyone comes back and recovers.
        """
        try:
            return self._heard(tap, publications)
        except Exception:
            log.exception("realtime.hearing_failed", namespace=tap.feed.policy.namespace)
            last = publications[-1]
            self._tell_lost(tap, tap.feed.restart(Position(last.offset, last.epoch)))
            return []

    def _heard(self, tap: Tap, publications: Sequence[Publication]) -> list[Told]:
        feed = tap.feed
        policy = feed.policy
        told: list[tuple[Sequence[Subscriber], list[Push]]] = []
        lost: list[Subscriber] = []
        deliveries = 0
        for publication in publications:
            heard = feed.hear(publication)
            lost += heard.lost
            if not heard.receivers:
                continue
            deliveries += len(heard.receivers)
            if not told or told[-1][0] is not heard.receivers:
                told.append((heard.receivers, []))
            told[-1][1].append(push_of(tap.head, feed.name, policy, publication))
        self.metrics.publications.labels(policy.namespace).inc(len(publications))
        self.metrics.deliveries.labels(policy.namespace).inc(deliveries)
        if lost:
            # What they got before the gap they get again when they come back: not twice.
            gone = set(lost)
            told = [([one for one in receivers if one not in gone], pushes) for receivers, pushes in told]
            self._tell_lost(tap, lost)
        return [*told]

    def _fan_out_timed(self, receivers: Sequence[Subscriber], push: Push) -> None:
        began = self._clock.monotonic()
        self._fan_out(receivers, push)
        self.metrics.fan_out_seconds.observe(self._clock.monotonic() - began)

    def _tell_lost(self, tap: Tap, lost: Collection[Subscriber]) -> None:
        feed = tap.feed
        if lost:
            log.warning("realtime.insufficient_state", namespace=feed.policy.namespace, subscribers=len(lost))
            self.metrics.insufficient.labels(feed.policy.namespace).inc(len(lost))
        for subscriber in lost:
            self._departed(tap, subscriber)
            subscriber.lost(feed.name)

    # Subscribers.

    def join_now(
        self, subscriber: Subscriber, asked: Mapping[str, Position | None]
    ) -> Mapping[str, Joined] | None:
        """Join the channels without waiting, all or none; None where that is not possible: ``join`` then."""
        try:
            ready = [(*self._ready_now(channel, since), since) for channel, since in asked.items()]
        except (BrokerUnavailable, TooManyChannels, _MustWait):
            return None
        results: dict[str, Joined] = {}
        for tap, history, since in ready:
            joined = self._complete(subscriber, tap, since, history)
            if joined is None:
                for channel in results:
                    self.leave(subscriber, channel)
                return None
            results[tap.feed.name] = joined
        return results

    def _ready_now(self, channel: str, since: Position | None) -> tuple[Tap, History | None]:
        """What joining the channel needs, as far as that is here. Raises ``_MustWait`` where it is not."""
        tap = self._taps.get(channel)
        if tap is None and self._broker.immediate and self._certainly_exists(channel):
            tap = self._tap(channel)
        if tap is None or not tap.standing:
            raise _MustWait
        keep = tap.feed.policy.keep
        if keep is None or tap.feed.joinable_at_once(since):
            return tap, None
        if not self._broker.immediate:
            raise _MustWait
        self.metrics.history_reads.inc()
        return tap, _ended(self._history_since(tap, keep, since))

    async def join(
        self, subscriber: Subscriber, asked: Mapping[str, Position | None], answer: Answer
    ) -> None:
        """Join the channels, all or none, and call ``answer`` in the very step in which they become live.

        Nothing can be delivered between the two, so what ``answer`` writes comes first. A channel whose
        history and live line do not join, even when read again, is answered with None. Raises
        ``UnknownChannel``, ``TooManyChannels`` or ``Unavailable``.
        """
        for channel in asked:
            await self._must_exist(channel)
        for fresh in (False, True):
            with ExitStack() as holds:
                ready: list[tuple[Tap, Position | None, History | None]] = []
                for channel, since in asked.items():
                    tap = self._tap(channel)
                    holds.enter_context(tap.held())
                    ready.append((tap, since, await self._prepare(tap, since, fresh=fresh)))
                results = {
                    tap.feed.name: self._complete(subscriber, tap, since, read) for tap, since, read in ready
                }
                if None not in results.values():
                    answer(results)
                    return
                for channel in results:
                    self.leave(subscriber, channel)
        answer(results)

    async def exists(self, channel: str) -> bool:
        """Whether there is such a channel: nobody may fill us, or the broker, with names of nothing.

        Raises ``BadChannel``, ``UnknownChannel`` or ``Unavailable``.
        """
        if self._certainly_exists(channel):
            return True
        policy, rest = self._channels.find(channel)
        return await self._known[policy.namespace].look(rest)

    def _certainly_exists(self, channel: str) -> bool:
        if channel in self._taps or is_companion(channel):
            return True
        policy, rest = self._channels.find(channel)
        known = self._known.get(policy.namespace)
        return known is None or rest in known

    async def _must_exist(self, channel: str) -> None:
        if not await self.exists(channel):
            raise UnknownChannel

    def _tap(self, channel: str) -> Tap:
        tap = self._taps.get(channel)
        if tap is not None:
            return tap
        if len(self._taps) >= limits.REALTIME_CHANNELS_PER_PROCESS:
            raise TooManyChannels
        policy = self._channels.policy(channel)
        head = b"" if is_companion(channel) else frames.push_head(channel)
        tap = self._taps[channel] = Tap(Feed(channel, policy), head)
        if self._broker.immediate:
            _ended(self._open(tap))
            return tap
        tap.opened = asyncio.get_running_loop().create_task(self._open(tap))
        # Everyone who waited may have gone; then nobody is left to be told.
        tap.opened.add_done_callback(lambda task: task.cancelled() or task.exception())
        self.metrics.channels.set(len(self._taps))
        return tap

    async def _open(self, tap: Tap) -> None:
        try:
            await self._broker.subscribe([tap.feed.name])
        except BaseException:
            self._forget(tap)
            raise
        tap.standing, tap.opened = True, None

    def _forget(self, tap: Tap) -> None:
        if self._taps.get(tap.feed.name) is tap:
            del self._taps[tap.feed.name]
        self.metrics.channels.set(len(self._taps))

    async def _prepare(self, tap: Tap, since: Position | None, *, fresh: bool) -> History | None:
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
        work = self._history_since(tap, keep, since)
        task = asyncio.get_running_loop().create_task(work)
        reading = Reading(since, task, newest=tap.feed.newest_is_all)
        tap.reading = reading
        self.metrics.history_reads.inc()

        def finished(task: asyncio.Task[History]) -> None:
            tap.feed.release()
            if tap.reading is reading:
                tap.reading = None
            if not task.cancelled():
                task.exception()

        reading.task.add_done_callback(finished)
        return reading

    def _history_since(
        self, tap: Tap, keep: Keep, since: Position | None
    ) -> Coroutine[object, object, History]:
        """The newest publication where that is all that matters, else everything since then, or the top."""
        if tap.feed.newest_is_all:
            return self._broker.history(tap.feed.name, keep=keep, limit=1, reverse=True)
        limit = 0 if since is None else keep.items
        return self._broker.history(tap.feed.name, keep=keep, since=since, limit=limit)

    def _complete(
        self, subscriber: Subscriber, tap: Tap, since: Position | None, history: History | None
    ) -> Joined | None:
        feed = tap.feed
        if history is not None and feed.contradicted_by(history.position):
            self._begin_anew(tap, history)
        joined = feed.join(subscriber, since=since, history=history)
        if joined is not None:
            self._attendance.came(tap, subscriber)
        return joined

    def leave(self, subscriber: Subscriber, channel: str) -> None:
        """Stop telling a subscriber about a channel; unknown ones are fine."""
        tap = self._taps.get(channel)
        if tap is not None and subscriber in tap.feed:
            tap.feed.leave(subscriber)
            self._departed(tap, subscriber)

    async def history(
        self, channel: str, *, keep: Keep, since: Position | None, limit: int, reverse: bool
    ) -> History:
        """Read kept publications. Raises ``UnknownChannel`` or ``Unavailable``."""
        await self._must_exist(channel)
        return await self._broker.history(channel, keep=keep, since=since, limit=limit, reverse=reverse)

    async def publish(self, asked: Publish) -> Position:
        """Publish for a client. Raises ``UnknownChannel`` or ``Unavailable``."""
        await self._must_exist(asked.channel)
        return await self._broker.publish(asked.channel, asked.data, keep=asked.keep, info=asked.info)

    # Presence.

    async def presence_stats(self, channel: str) -> PresenceStats:
        """Count who watches, over all processes. Raises ``BrokerUnavailable``."""
        return await self._attendance.stats(self._taps.get(channel), channel)

    async def presence(self, channel: str) -> Mapping[str, Present] | None:
        """Who watches, over all processes; None when they are too many to list. Raises as above."""
        return await self._attendance.present(self._taps.get(channel), channel)

    def _departed(self, tap: Tap, subscriber: Subscriber) -> None:
        """Whoever is no longer in the feed gets nothing more of the channel, also of what is under way."""
        self._deliveries.drop(tap, subscriber)
        self._attendance.went(tap, subscriber)
        if tap.feed.policy.tells_joins:
            self.leave(subscriber, companion(tap.feed.name))

    # Housekeeping.

    async def _keep_house(self) -> None:
        """Each second: give up feeds that nobody wants, and pass presence on."""
        renew_at = self._clock.monotonic() + limits.REALTIME_PRESENCE_REFRESH_SECONDS
        while True:
            await asyncio.sleep(1.0)
            now = self._clock.monotonic()
            renew = now >= renew_at
            if renew:
                renew_at = now + limits.REALTIME_PRESENCE_REFRESH_SECONDS
            try:
                await self._tidy(now, renew=renew)
            except (BrokerUnavailable, TimeoutError):
                # The broker says so itself; presence is renewed and feeds are swept when it is back.
                continue
            except Exception:
                log.exception("realtime.housekeeping_failed")

    async def _tidy(self, now: float, *, renew: bool) -> None:
        abandoned: list[Tap] = []
        for tap in tuple(self._taps.values()):
            if not tap.feed.vacant or not tap.standing:
                tap.vacant_since = None
            elif tap.vacant_since is None:
                tap.vacant_since = now
            elif now - tap.vacant_since >= limits.REALTIME_IDLE_CHANNEL_SECONDS:
                self._forget(tap)
                abandoned.append(tap)
        if abandoned:
            await self._broker.unsubscribe([tap.feed.name for tap in abandoned])
        await self._attendance.pass_all_on(tuple(self._taps.values()) if renew else ())

    # Positions.

    def _interrupted(self, channels: Collection[str]) -> None:
        """Anything may have been missed: look at these channels, again and again until each was answered."""
        if self._ear is not None and self._ear.channel in channels:
            self._ear.missed()
        idle = not self._doubtful
        self._doubtful.update(tap for name in channels if (tap := self._taps.get(name)) is not None)
        if idle and self._doubtful:
            self._spawn(self._settle_doubts())

    async def _settle_doubts(self) -> None:
        while self._doubtful:
            asked, self._doubtful = self._doubtful, set()
            self._doubtful |= await self._check_positions(asked)
            if self._doubtful:
                await asyncio.sleep(limits.REALTIME_POSITION_GRACE_SECONDS)

    async def _watch_positions(self) -> None:
        """Now and then compare the feeds that heard nothing with their streams: silence may be a loss."""
        while True:
            await asyncio.sleep(self._position_check_seconds)
            quiet = {tap for tap in self._taps.values() if not tap.feed.busy and len(tap.feed)}
            for tap in self._taps.values():
                tap.feed.busy = False
            await self._check_positions(quiet)

    async def _check_positions(self, taps: Iterable[Tap]) -> set[Tap]:
        """Check each of them; answers those for which the broker had no answer."""
        left = iter(tuple(taps))
        unanswered: set[Tap] = set()
        behind: list[tuple[Tap, Position | None, History]] = []

        async def check() -> None:
            for tap in left:
                try:
                    history = await self._look_at(tap)
                except (BrokerUnavailable, TimeoutError):
                    unanswered.add(tap)
                except Exception:
                    log.exception("realtime.position_check_failed")
                else:
                    if history is not None and tap.feed.behind(history.position):
                        behind.append((tap, tap.feed.position, history))

        await asyncio.gather(*(check() for _ in range(limits.REALTIME_POSITION_CHECKS_AT_ONCE)))
        if behind:
            # The publications may be on their way: one moment for all of them.
            await asyncio.sleep(limits.REALTIME_POSITION_GRACE_SECONDS)
        for tap, at, history in behind:
            if not tap.feed.behind(history.position):
                continue
            if tap.feed.newest_is_all and tap.feed.position != at:
                # Something came meanwhile, and what was read need not be the newest any more.
                unanswered.add(tap)
                continue
            self._begin_anew(tap, history)
            await asyncio.sleep(0)
        return unanswered

    async def _look_at(self, tap: Tap) -> History | None:
        """Where the channel's stream is; None when that says nothing about its feed."""
        keep = tap.feed.policy.keep
        if keep is None or not tap.standing:
            return None
        return await self._history_since(tap, keep, None)

    def _begin_anew(self, tap: Tap, history: History) -> None:
        """The feed has missed something: it goes on from what was read.

        Where the newest publication is all that matters everyone gets that one, as if it had just come.
        Else, or when it is kept no more, everyone is told to come back.
        """
        newest = history.publications[-1:]
        if tap.feed.newest_is_all and newest and newest[0].offset == history.position.offset:
            self._deliveries.take(tap, newest[0])
        else:
            self._tell_lost(tap, tap.feed.restart(history.position))
