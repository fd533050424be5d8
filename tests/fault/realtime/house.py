"""Two web processes on one broker, and phones on socket pairs, all in one timeless loop.

The hub, the sessions, the connections with their outboxes and the readiness of sockets are the product's. The
broker is the memory one with a way between its streams and the processes, on which publications take their
time, come twice or are lost, and which can be away altogether.
"""

import asyncio
import contextlib
import os
from array import array
from collections import deque
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from adapters.memory.broker import MemoryBroker, MemoryStreams
from core import limits
from core.actor import Actor, Role
from handlers.realtime_socket import RealtimeSockets
from realtime.broker import BrokerUnavailable, Keep, OnInterrupted, OnPublication
from realtime.channels import Channels, Policy, Recovery, everyone, listed_user
from realtime.fanout import BROKEN, NOT_ASKED, BatchFanOut, fan_out
from realtime.hub import Hub
from realtime.metrics import RealtimeMetrics
from realtime.stream import History, Position, Publication
from realtime.terms import Terms
from realtime.tokens import Identity, TokenInvalid
from tests.fault.realtime.timeless import LoopClock, TimelessLoop

SMALL_KEEP = Keep(items=6, ttl_seconds=3_600)
RETRY_SECONDS = 0.3
SLICE_RECEIVERS = 2
POSITION_CHECK_SECONDS = 8.0
SMALL_SEND_BYTES = 4_608

CHANNELS = Channels(
    (
        Policy("board", keep=SMALL_KEEP, may_subscribe=everyone, snapshot_of="line"),
        Policy("sheet", keep=SMALL_KEEP, may_subscribe=everyone, recovery=Recovery.CACHE),
        Policy("log", keep=SMALL_KEEP, may_subscribe=everyone, counts_presence=True),
        Policy("user", keep=SMALL_KEEP, may_subscribe=listed_user, counts_presence=True, personal=True),
    )
)


def may_merge(channel: str) -> bool:
    return channel.startswith("board:")


def newest_is_all(channel: str) -> bool:
    return channel.startswith("sheet:")


class Users:
    """A token is the id of its user."""

    def verify(self, token: str, *, at: object) -> Identity:
        if not token.startswith("u"):
            raise TokenInvalid
        return Identity(Actor(id=token, role=Role.PATIENT))


class Way(MemoryBroker):
    """One process's broker, with trouble on the way. ``immediate``: it never lets anybody wait."""

    def __init__(self, streams: MemoryStreams, *, immediate: bool) -> None:
        super().__init__(streams)
        self.immediate = immediate
        self.under_way: deque[tuple[str, Publication]] = deque()
        self.away = False
        self.gate: asyncio.Event | None = None
        self._deliver: OnPublication | None = None
        self._interrupted: OnInterrupted | None = None

    async def start(self, on_publication: OnPublication, on_interrupted: OnInterrupted) -> None:
        self._deliver, self._interrupted = on_publication, on_interrupted
        await super().start(lambda *one: self.under_way.append(one), on_interrupted)

    def arrive(self, count: int) -> None:
        """Let that many publications reach the process."""
        assert self._deliver is not None
        for _ in range(min(count, len(self.under_way))):
            self._deliver(*self.under_way.popleft())

    def lose(self, at: int) -> None:
        """One of them never comes."""
        if at < len(self.under_way):
            del self.under_way[at]

    def double(self) -> None:
        """One of them comes twice."""
        if self.under_way:
            self.under_way.appendleft(self.under_way[0])

    def back(self) -> None:
        """The broker is there again, and says that it was not."""
        assert self._interrupted is not None
        self.away = False
        self._interrupted(tuple(self._heard))

    def take_time(self) -> None:
        """Answer nothing until ``answer``."""
        self.gate = self.gate or asyncio.Event()

    def answer(self) -> None:
        """Answer what was asked meanwhile."""
        if self.gate is not None:
            self.gate.set()
            self.gate = None

    async def _reach(self) -> None:
        if self.immediate:
            if self.away:
                raise BrokerUnavailable
            return
        await asyncio.sleep(0)
        if self.gate is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limits.BROKER_REPLY_SECONDS):
                    await self.gate.wait()
                    return
            raise BrokerUnavailable
        if self.away:
            raise BrokerUnavailable

    async def history(
        self,
        channel: str,
        *,
        keep: Keep,
        since: Position | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> History:
        await self._reach()
        read = await super().history(channel, keep=keep, since=since, limit=limit, reverse=reverse)
        await self._reach()
        return read

    async def subscribe(self, channels: Sequence[str]) -> None:
        await self._reach()
        await super().subscribe(channels)
        try:
            await self._reach()
        except BrokerUnavailable:
            await self.unsubscribe(channels)
            raise


class PlainSender:
    """What the native sender does, said in Python."""

    def send(self, descriptors: "array[int]", frame: bytes) -> list[tuple[int, int]]:
        troubles = []
        for index, fd in enumerate(descriptors):
            sent = NOT_ASKED if fd < 0 else self._send(fd, frame)
            if sent != len(frame):
                troubles.append((index, sent))
        return troubles

    def _send(self, fd: int, frame: bytes) -> int:
        try:
            return os.write(fd, frame)
        except BlockingIOError:
            return 0
        except OSError:
            return BROKEN


class Web:
    """One process: broker, hub and sockets. ``batches``: deliver by a batch sender."""

    def __init__(
        self,
        streams: MemoryStreams,
        loop: TimelessLoop,
        chance: Callable[[], float],
        *,
        batches: bool,
        immediate: bool,
    ) -> None:
        self.broker = Way(streams, immediate=immediate)
        self.metrics = RealtimeMetrics(CollectorRegistry())
        clock = LoopClock(loop)
        self.hub = Hub(
            broker=self.broker,
            channels=CHANNELS,
            clock=clock,
            metrics=self.metrics,
            fan_out=BatchFanOut(PlainSender()) if batches else fan_out,
            position_check_seconds=POSITION_CHECK_SECONDS,
        )
        self.hub._deliveries._slice = SLICE_RECEIVERS
        self._clients = 0
        terms = Terms(
            channels=CHANNELS,
            tokens=Users(),
            clock=clock,
            new_client_id=self._new_client_id,
            chance=chance,
            commands_per_second=10_000,
            command_burst=10_000,
        )
        self.sockets = RealtimeSockets(terms=terms, hub=self.hub, metrics=self.metrics)

    def _new_client_id(self) -> str:
        self._clients += 1
        return f"{id(self):x}-{self._clients}"

    async def start(self) -> None:
        await self.hub.start()
        self.sockets.start()

    async def kill(self) -> None:
        """End without a word to anybody."""
        for connection in tuple(self.sockets._connections):
            connection.abandon()
        await self.sockets.close(seconds=0)
        await self.hub.close()
        await self.broker.close()


def small_bounds() -> dict[str, object]:
    """Limits of a size that a few steps reach."""
    return {
        "REALTIME_OUTBOX_BYTES": 4_000,
        "REALTIME_WRITE_BYTES": 1_500,
        "REALTIME_JOIN_BUFFER_ITEMS": 4,
        "REALTIME_BATCH_RECEIVERS": 1,
        "REALTIME_KERNEL_SEND_BYTES": SMALL_SEND_BYTES,
    }
