"""The stock SDKs behind one face, so that one set of tests speaks to both.

Everything a client tells becomes a dict with an ``event``; ``until`` waits for the next one that fits.
"""

import asyncio
from typing import Any, Protocol

Event = dict[str, Any]


class Events:
    """What a client told, in order."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self._read = 0
        self._news = asyncio.Event()

    def tell(self, event: str, **facts: Any) -> None:
        self.all.append({"event": event, **facts})
        self._news.set()

    async def until(self, event: str, *, seconds: float = 30.0, **facts: Any) -> Event:
        """The next event of that name and those facts; what came before it is passed over."""
        try:
            async with asyncio.timeout(seconds):
                return await self._next(event, facts)
        except TimeoutError:
            raise AssertionError(f"no {event} {facts} in {seconds} s, but {self.all[-20:]}") from None

    async def _next(self, event: str, facts: dict[str, Any]) -> Event:
        while True:
            while self._read < len(self.all):
                found = self.all[self._read]
                self._read += 1
                if found["event"] == event and all(found.get(k) == v for k, v in facts.items()):
                    return found
            self._news.clear()
            await self._news.wait()

    async def answer(self, number: int, *, seconds: float = 30.0) -> Event:
        """The answer to that question; everything else stays to be read by ``until``."""
        async with asyncio.timeout(seconds):
            while True:
                for found in self.all:
                    if found["event"] == "answer" and found["number"] == number:
                        return found
                self._news.clear()
                await self._news.wait()

    def of(self, channel: str) -> list[int]:
        """The offsets of the publications that came on a channel."""
        return [e["offset"] for e in self.all if e["event"] == "publication" and e["channel"] == channel]


class Stock(Protocol):
    """What a test may do with either client."""

    events: Events
    optimistic: bool
    """Whether subscribes come in the frame of the connect."""

    async def prepare(self) -> None:
        """Be ready to connect at once: tokens and deadlines of a test begin after this."""

    async def connect(
        self,
        url: str,
        tokens: tuple[str, ...] = (),
        channels: tuple[str, ...] = (),
        *,
        ping_slack: float = 10.0,
        token_takes: float = 0.0,
    ) -> None:
        """``ping_slack``: how late a ping may be; ``token_takes``: how long another token is fetched."""

    async def subscribe(
        self,
        channel: str,
        *,
        since: tuple[int, str] | None = None,
        tokens: tuple[str, ...] = (),
        join_leave: bool = False,
    ) -> None:
        """``since``: resume at that offset and epoch."""

    async def unsubscribe(self, channel: str) -> None: ...
    async def publish(self, channel: str, data: Any) -> Event: ...
    async def history(self, channel: str, *, limit: int, reverse: bool = False) -> Event: ...
    async def presence(self, channel: str) -> Event: ...
    async def presence_stats(self, channel: str) -> Event: ...
    async def rpc(self, method: str, data: Any) -> Event: ...
    async def close(self) -> None: ...
