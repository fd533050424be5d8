"""Hearing channels: one connection in subscriber mode, remade for ever, with everything subscribed again.

Messages are handed over on the loop in the order in which Redis sent them. A connection can die without a
word (a failover, a firewall that forgets): when nothing came for a while a probe is published through a
command link, and the subscription is remade when the probe does not arrive here.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog

from adapters.redis.link import TROUBLE, Link, Links
from core import limits
from core.tasks import end_tasks
from realtime.broker import BrokerUnavailable

log = structlog.get_logger()

OnMessage = Callable[[str, bytes], None]
Probe = Callable[[str], Awaitable[None]]


class Subscription:
    """The process's ear. ``probe`` publishes an empty message to a channel."""

    def __init__(
        self,
        links: Links,
        *,
        on_message: OnMessage,
        on_interrupted: Callable[[], None],
        probe: Probe,
        probe_channel: str,
        probe_seconds: float = limits.BROKER_PROBE_SECONDS,
        reconnect_seconds: float = limits.BROKER_RECONNECT_SECONDS,
    ) -> None:
        self._links = links
        self._on_message = on_message
        self._on_interrupted = on_interrupted
        self._probe = probe
        self._probe_channel = probe_channel
        self._probe_seconds = probe_seconds
        self._reconnect_seconds = reconnect_seconds
        self._wanted: dict[str, None] = {}
        self._link: Link | None = None
        self._writing = asyncio.Lock()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._returning: set[str] = set()
        self._heard = asyncio.Event()
        self.tried = asyncio.Event()
        """Set once the first attempt to connect has ended, well or not."""
        self._task: asyncio.Task[None] | None = None

    @property
    def standing(self) -> bool:
        """Whether a connection is up and everything wanted is subscribed on it."""
        return self._link is not None and not self._returning

    def start(self) -> None:
        """Connect, and stay connected."""
        self._task = asyncio.get_running_loop().create_task(self._stay_connected(), name="redis.subscription")

    async def close(self) -> None:
        """End the connection. May be called twice."""
        task, self._task = self._task, None
        if task is not None:
            await end_tasks([task])

    async def add(self, channels: Sequence[str]) -> None:
        """Subscribe and wait for the confirmation. Raises ``BrokerUnavailable``; then nothing is wanted."""
        waiters: list[asyncio.Future[None]] = []
        try:
            async with asyncio.timeout(limits.BROKER_REPLY_SECONDS):
                async with self._writing:
                    link = self._standing_link()
                    # Noted in the order in which it is sent: confirmations come in that order.
                    waiters += [self._expect(channel) for channel in channels]
                    self._wanted.update(dict.fromkeys(channels))
                    await self._send(link, "SUBSCRIBE", channels)
                await asyncio.gather(*waiters)
        except (*TROUBLE, BrokerUnavailable):
            for channel in channels if waiters else ():
                self._wanted.pop(channel, None)
            raise BrokerUnavailable from None
        finally:
            for waiter in waiters:
                waiter.cancel()

    async def remove(self, channels: Sequence[str]) -> None:
        """Unsubscribe. Never fails: without a connection nothing is subscribed."""
        async with self._writing:
            for channel in channels:
                self._wanted.pop(channel, None)
            with contextlib.suppress(*TROUBLE, BrokerUnavailable):
                async with asyncio.timeout(limits.BROKER_REPLY_SECONDS):
                    await self._send(self._standing_link(), "UNSUBSCRIBE", channels)

    def _standing_link(self) -> Link:
        if self._link is None:
            raise BrokerUnavailable
        return self._link

    def _expect(self, channel: str) -> asyncio.Future[None]:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(channel, deque()).append(waiter)
        return waiter

    async def _send(self, link: Link, command: str, channels: Sequence[str]) -> None:
        step = limits.BROKER_SUBSCRIBE_BATCH
        for start in range(0, len(channels), step):
            await link.send(command, *channels[start : start + step])

    # The connection.

    async def _stay_connected(self) -> None:
        interrupted = False
        told = False
        while True:
            link = self._links.new()
            try:
                await self._listen(link, interrupted=interrupted)
            except TROUBLE as trouble:
                # Once an outage, not for every try while it lasts.
                if self._link is not None or not told:
                    log.warning("redis.subscription_lost", error=type(trouble).__name__)
                told = True
            finally:
                self._link = None
                self.tried.set()
                self._fail_waiting()
                await link.drop()
            interrupted = True
            await asyncio.sleep(self._reconnect_seconds)

    async def _listen(self, link: Link, *, interrupted: bool) -> None:
        async with asyncio.timeout(limits.BROKER_REPLY_SECONDS):
            await link.open()
        # Whoever subscribes from now on queues behind everything that was subscribed before.
        async with self._writing:
            self._link = link
            self._returning = set(self._wanted)
            await self._send(link, "SUBSCRIBE", (self._probe_channel, *self._wanted))
        self.tried.set()
        watch = asyncio.get_running_loop().create_task(self._watch(link), name="redis.probe")
        try:
            if interrupted and not self._returning:
                self._on_interrupted()
            while True:
                self._take(await link.receive())
        finally:
            await end_tasks([watch])

    def _take(self, message: list[object]) -> None:
        self._heard.set()
        kind, name, body = message[0], message[1], message[2]
        channel = name.decode() if isinstance(name, bytes) else ""
        if kind == b"message" and isinstance(body, bytes):
            if channel != self._probe_channel:
                self._on_message(channel, body)
        elif kind == b"subscribe":
            self._confirmed(channel)

    def _confirmed(self, channel: str) -> None:
        if channel in self._returning:
            self._returning.discard(channel)
            if not self._returning:
                log.info("redis.subscription_restored", channels=len(self._wanted))
                self._on_interrupted()
            return
        waiters = self._waiting.get(channel)
        if waiters:
            waiter = waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
            if not waiters:
                del self._waiting[channel]

    def _fail_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for waiters in waiting.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_exception(BrokerUnavailable())

    async def _watch(self, link: Link) -> None:
        """Drop the link when a probe does not come back; its reader then begins anew."""
        while True:
            self._heard.clear()
            await asyncio.sleep(self._probe_seconds)
            if self._heard.is_set():
                continue
            try:
                await self._probe(self._probe_channel)
                async with asyncio.timeout(self._probe_seconds):
                    await self._heard.wait()
            except (BrokerUnavailable, TimeoutError):
                log.warning("redis.probe_lost")
                await link.drop()
                return
