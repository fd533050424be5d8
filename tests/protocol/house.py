"""Clients on a hub and a memory broker, everything but the socket: what they are told is decoded and kept."""

import asyncio
import json
from collections.abc import Callable
from itertools import count
from typing import Any

from prometheus_client import CollectorRegistry

from adapters.memory.broker import MemoryBroker, MemoryStreams
from core.clock import ManualClock
from realtime.channels import Channels, houzhen_channels
from realtime.client import Client
from realtime.codes import Disconnect
from realtime.fanout import Push
from realtime.hub import Hub
from realtime.metrics import RealtimeMetrics
from realtime.stream import Position
from realtime.terms import Terms
from tests.protocol.stage import NOON, book_of_tokens


class Wire:
    """One client's outlet: remembers what was written to it."""

    address = "192.0.2.7"

    def __init__(self, terms: Terms, hub: Hub) -> None:
        self.protocol = Client(terms, hub, self)
        self.heard: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self._news = asyncio.Event()

    # The outlet.

    @property
    def client(self) -> str:
        return self.protocol.session.client

    @property
    def user(self) -> str:
        return self.protocol.session.identity.actor.id

    def info(self, channel: str) -> bytes:
        return self.protocol.info(channel)

    def deliver(self, push: Push) -> None:
        self.write(push.payload)

    def write(self, payload: bytes) -> None:
        assert self.closed is None, "nothing follows a close"
        self.heard += [json.loads(line) for line in payload.split(b"\n")]
        self._news.set()

    def lost(self, channel: str) -> None:
        self.protocol.lost(channel)

    def fail(self) -> None:
        raise AssertionError("a fault of ours")

    def end(self, why: Disconnect) -> None:
        self.closed = (why.code, why.reason)
        self._news.set()

    def admitted(self) -> None:
        pass

    def settled(self) -> None:
        self._news.set()

    # The client.

    def say(self, *commands: object) -> None:
        """Send commands in one frame."""
        self.protocol.receive("\n".join(json.dumps(command) for command in commands))

    async def until(self, true: Callable[[], bool], seconds: float = 10.0) -> None:
        """Wait for something that is told sooner or later."""
        async with asyncio.timeout(seconds):
            while not true():
                self._news.clear()
                await asyncio.wait([asyncio.ensure_future(self._news.wait())], timeout=0.02)

    async def answers(self, *commands: dict[str, Any]) -> list[dict[str, Any]]:
        """Send commands, wait for all their answers, and take those out of what was heard."""
        numbers = {command["id"] for command in commands}
        self.say(*commands)
        await self.until(lambda: numbers <= {one.get("id") for one in self.heard})
        found = [one for one in self.heard if one.get("id") in numbers]
        self.heard = [one for one in self.heard if one.get("id") not in numbers]
        return found


class House:
    """One process: a hub on a broker; several houses may share their streams."""

    def __init__(
        self, streams: MemoryStreams | None = None, channels: Channels | None = None, *, name: str = "client"
    ) -> None:
        self.clock = ManualClock(NOON)
        self.streams = streams or MemoryStreams(clock=self.clock, new_epoch=lambda: "e1")
        self.broker = MemoryBroker(self.streams)
        self.channels = channels or houzhen_channels()
        self.metrics = RealtimeMetrics(CollectorRegistry())
        self.hub = Hub(broker=self.broker, channels=self.channels, clock=self.clock, metrics=self.metrics)
        self.tokens = book_of_tokens()
        self._name = name
        self._numbers = count(1)

    def terms(self, **terms: Any) -> Terms:
        """What sessions of this house stand on."""
        given: dict[str, Any] = {
            "channels": self.channels,
            "tokens": self.tokens,
            "clock": self.clock,
            "new_client_id": lambda: f"{self._name}-{next(self._numbers)}",
            "chance": lambda: 0.5,
        }
        return Terms(**given | terms)

    def wire(self, **terms: Any) -> Wire:
        """A client that has said nothing yet."""
        return Wire(self.terms(**terms), self.hub)

    async def client(self, token: str = "", **terms: Any) -> Wire:
        """A connected client."""
        wire = self.wire(**terms)
        await wire.answers({"id": 1, "connect": {"token": token}})
        return wire

    async def publish(self, channel: str, data: bytes = b"{}") -> Position:
        """What a worker does."""
        return await self.broker.publish(channel, data, keep=self.channels.find(channel)[0].keep)
