"""Two web processes on one broker, and phones on socket pairs, all in one timeless loop.

The hub, the sessions, the connections with their outboxes and the readiness of sockets are the product's. The
broker is the memory one with a way between its streams and the processes, on which publications take their
time, come twice or are lost, and which can be away altogether.
"""

import asyncio
import contextlib
import os
import socket
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
from tests.clients import frames
from tests.clients.phone import Following, Phone
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


class Handset:
    """A phone with its socket in the loop. One that was cut off comes back by itself."""

    def __init__(self, phone: Phone, loop: TimelessLoop, another: Callable[[], Web]) -> None:
        self.phone = phone
        self.deaf = False
        self._another = another
        self._away = True
        self._loop = loop
        self._socket: socket.socket | None = None
        self._reader = frames.Reader()
        self._retrying = False

    @property
    def online(self) -> bool:
        """Whether there is a connection, in whatever state."""
        return self._socket is not None

    def connect(self, web: Web) -> None:
        self._away = False
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_SEND_BYTES)
        self._socket, self._reader = ours, frames.Reader()
        web.sockets.adopt(theirs, b"", b"", address=b"")
        self._send(self.phone.begin())
        if not self.deaf:
            self._loop.add_reader(ours, self._readable)

    def hear(self) -> None:
        """Read again."""
        self.deaf = False
        if self._socket is not None:
            self._loop.add_reader(self._socket, self._readable)

    def go_deaf(self) -> None:
        """Leave what comes in the socket."""
        self.deaf = True
        if self._socket is not None:
            self._loop.remove_reader(self._socket)

    def say(self, line: str | None) -> None:
        """Send a command, where there is one and a connection."""
        if line is not None and self._socket is not None:
            self._send(line)

    def vanish(self) -> None:
        """Be gone without a word."""
        self._away = True
        self._over(1006)

    def leave(self) -> None:
        """Close as the RFC says, without waiting for the answer."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(frames.close(1000))
        self.vanish()

    def _send(self, text: str) -> None:
        assert self._socket is not None
        data = frames.frame(text)
        try:
            assert self._socket.send(data) == len(data)
        except OSError:
            self._over(1006)

    def _readable(self) -> None:
        assert self._socket is not None
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = self._socket.recv(65_536)
        if not data:
            self._over(1006)
            return
        for got in self._reader.feed(data):
            if got.opcode == frames.CLOSE:
                code, reason = got.closing
                assert reason
                assert 3000 <= code < 3500, f"closed for good: {code}"
                self._over(code)
                return
            for line in self.phone.take(got.text):
                self.say(line)
            if self.phone.refused:
                self._over(1006)
            if self._socket is None:
                return
        if self.phone.to_retry and not self._retrying:
            self._retrying = True
            self._loop.call_later(RETRY_SECONDS, self._retry)

    def _over(self, code: int) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            self.phone.ended(code)
            self._loop.call_later(RETRY_SECONDS, self._come_back)

    def _come_back(self) -> None:
        if not (self._away or self.online):
            self.connect(self._another())

    def _retry(self) -> None:
        self._retrying = False
        for line in self.phone.retry():
            self.say(line)


def publication(number: int, line: str | None, size: int) -> dict[str, Any]:
    """What is published: numbered, of a line or of none, padded."""
    data: dict[str, Any] = {"n": number, "x": "x" * size}
    return data if line is None else data | {"line": line}


class Truth:
    """Everything that was ever published: channel → epoch → what, by offset from 1 on."""

    def __init__(self) -> None:
        self._streams: dict[str, dict[str, list[Mapping[str, Any]]]] = {}

    def note(self, channel: str, at: Position, data: Mapping[str, Any]) -> None:
        stream = self._streams.setdefault(channel, {}).setdefault(at.epoch, [])
        stream.append(data)
        assert at.offset == len(stream)

    def judge(self, phone: Phone, tops: Mapping[str, Position]) -> None:
        """Whether this phone, now that all is calm, holds everything that it must."""
        for channel, following in phone.channels.items():
            if not following.wanted:
                continue
            top = tops[channel]
            assert following.live, channel
            if phone.newest_is_all(channel):
                self._judge_newest(following, channel, top)
                continue
            assert following.position == top, channel
            assert following.loaded is not None
            stream = self._streams.get(channel, {}).get(top.epoch, [])
            for offset, data in following.taken:
                assert data == stream[offset - 1]
            taken = [offset for offset, _ in following.taken]
            assert taken == sorted(set(taken))
            whole = set(range(following.loaded.offset + 1, top.offset + 1))
            assert whole == set(taken) | following.skipped
            for offset in following.skipped:
                line = stream[offset - 1].get("line")
                assert line is not None
                assert any(later > offset and data.get("line") == line for later, data in following.taken)

    def _judge_newest(self, following: Following, channel: str, top: Position) -> None:
        assert following.position is not None
        assert following.position.offset == top.offset, channel
        if following.taken:
            offset, data = following.taken[-1]
            assert data == self._streams[channel][top.epoch][offset - 1]
        else:
            assert following.loaded == top


def small_bounds() -> dict[str, object]:
    """Limits of a size that a few steps reach."""
    return {
        "REALTIME_OUTBOX_BYTES": 4_000,
        "REALTIME_WRITE_BYTES": 1_500,
        "REALTIME_JOIN_BUFFER_ITEMS": 4,
        "REALTIME_BATCH_RECEIVERS": 1,
        "REALTIME_KERNEL_SEND_BYTES": SMALL_SEND_BYTES,
    }
