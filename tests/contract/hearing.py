"""Who listens in the tests of brokers, and how they wait."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from realtime.broker import Broker, BrokerUnavailable, Keep
from realtime.stream import Publication

KEEP = Keep(items=5, ttl_seconds=60)


class Ear:
    """Hears publications and remembers them."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Publication]] = []
        self.interruptions = 0
        self.doubtful: list[str] = []
        self._news = asyncio.Event()

    def hear(self, channel: str, publication: Publication) -> None:
        self.heard.append((channel, publication))
        self._news.set()

    def interrupted(self, channels: Sequence[str]) -> None:
        self.interruptions += 1
        self.doubtful += channels
        self._news.set()

    async def until(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        async with asyncio.timeout(seconds):
            while not true():
                self._news.clear()
                await self._news.wait()

    @property
    def offsets(self) -> list[int]:
        return [publication.offset for _, publication in self.heard]


async def listening(broker: Broker, *channels: str) -> Ear:
    ear = Ear()
    await broker.start(ear.hear, ear.interrupted)
    await broker.subscribe(channels)
    return ear


async def until_ok(attempt: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
    """Repeat until it is not refused."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                await attempt()
            except BrokerUnavailable:
                await asyncio.sleep(0.05)
            else:
                return
