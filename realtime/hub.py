"""The feeds of one process: who hears which channel, joined to the broker that all processes share.

One broker subscription and one position per channel, however many clients listen; one encoding per
publication; one history read for many clients that return at the same moment. A feed nobody listens to is
given up after a few seconds, so that a screen that reloads does not cost a round trip.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import structlog

from core import limits
from core.clock import Clock
from core.tasks import end_tasks
from realtime.attendance import Attendance
from realtime.broker import Broker, BrokerUnavailable, Keep, PresenceStats, Present
from realtime.calls import Calls
from realtime.channels import Channels, companion
from realtime.delivery import Deliveries, Told
from realtime.effects import Publish
from realtime.fanout import FanOut, Push, Subscriber, fan_out, push_of
from realtime.feed import Joined
from realtime.metrics import RealtimeMetrics
from realtime.positions import Positions
from realtime.roster import Member, Roster
from realtime.stream import History, Position, Publication
from realtime.tap import Tap
from realtime.taps import Known, MustWait, Taps, TooManyChannels
from realtime.witness import Unwatched, Witness

log = structlog.get_logger()

Answer = Callable[[Mapping[str, Joined | None]], None]


@dataclass(frozen=True, slots=True)
class Ear:
    """A channel of the house's own: ``heard`` takes its publications, ``missed`` says that some may lack.

    Both are called on the loop and must not raise.
    """

    channel: str
    heard: Callable[[bytes], None]
    missed: Callable[[], None]


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
        busy_elsewhere: Callable[[], bool] = lambda: False,
        witness: Witness | None = None,
    ) -> None:
        """``known`` says of some namespaces which names there are; of the others any name is good.

        ``busy_elsewhere`` as ``Deliveries`` has it.
        """
        self._broker = broker
        self._clock = clock
        self.metrics = metrics
        self.witness = witness or Unwatched()
        self.roster: Roster[Member] = Roster(per_user=connections_per_user)
        self.calls = Calls(metrics)
        self._fan_out = fan_out
        self._ears: dict[str, Ear] = {}
        self._taps = Taps(broker=broker, channels=channels, metrics=metrics, known=known)
        self._deliveries = Deliveries(
            hear=self._tell_feed,
            fan_out=self._fan_out_timed,
            monotonic=clock.monotonic,
            busy_elsewhere=busy_elsewhere,
        )
        self._attendance = Attendance(broker, metrics, self._spawn)
        self._positions = Positions(
            self._taps,
            begin_anew=self._begin_anew,
            spawn=self._spawn,
            every_seconds=position_check_seconds,
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen, and begin to keep house."""
        await self._broker.start(self._hear, self._interrupted)
        for ear in self._ears.values():
            if not await self._listens(ear):
                self._spawn(self._listen_when_it_can(ear))
        self._spawn(self._keep_house())
        self._spawn(self._positions.watch())

    async def close(self) -> None:
        """Stop every task of the hub; the broker is closed by who made it."""
        await end_tasks([*self._tasks, *self._taps.close()])

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
        self._ears[ear.channel] = ear

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
        elif channel in self._ears:
            self._ears[channel].heard(publication.data)

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
        ready: list[tuple[Tap, Position | None, History | None]] = []
        try:
            for channel, since in asked.items():
                ready.append(self._taps.ready_now(channel, since))
        except (BrokerUnavailable, TooManyChannels, MustWait):
            return None
        results: dict[str, Joined] = {}
        for tap, since, history in ready:
            joined = self._complete(subscriber, tap, since, history)
            if joined is None:
                for channel in results:
                    self.leave(subscriber, channel)
                return None
            results[tap.feed.name] = joined
        return results

    async def join(
        self, subscriber: Subscriber, asked: Mapping[str, Position | None], answer: Answer
    ) -> None:
        """Join the channels, all or none, and call ``answer`` in the very step in which they become live.

        Nothing can be delivered between the two, so what ``answer`` writes comes first. A channel whose
        history and live line do not join, even when read again, is answered with None. Raises
        ``UnknownChannel``, ``TooManyChannels`` or ``Unavailable``.
        """
        for channel in asked:
            await self._taps.must_exist(channel)
        for fresh in (False, True):
            with ExitStack() as holds:
                ready: list[tuple[Tap, Position | None, History | None]] = []
                for channel, since in asked.items():
                    tap = self._taps.open(channel)
                    holds.enter_context(tap.held())
                    ready.append((tap, since, await self._taps.prepare(tap, since, fresh=fresh)))
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
        """As ``Taps.exists``."""
        return await self._taps.exists(channel)

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
        await self._taps.must_exist(channel)
        return await self._broker.history(channel, keep=keep, since=since, limit=limit, reverse=reverse)

    async def publish(self, asked: Publish) -> Position:
        """Publish for a client. Raises ``UnknownChannel`` or ``Unavailable``."""
        await self._taps.must_exist(asked.channel)
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
                self._taps.forget(tap)
                abandoned.append(tap)
        if abandoned:
            await self._broker.unsubscribe([tap.feed.name for tap in abandoned])
        await self._attendance.pass_all_on(tuple(self._taps.values()) if renew else ())

    # What was missed.

    def _interrupted(self, channels: Collection[str]) -> None:
        for channel, ear in self._ears.items():
            if channel in channels:
                ear.missed()
        self._positions.doubt(channels)

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
