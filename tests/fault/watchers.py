"""Stock centrifuge-python clients that behave as phones and screens do, and remember what they were told."""

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from centrifuge import (
    Client,
    ClientEventHandler,
    ConnectingContext,
    PublicationContext,
    SubscriptionEventHandler,
)
from centrifuge.types import StreamPosition

Board = dict[str, Any]


class Shown:
    """One line on one client: the newest of what came, and whether the stream ever went backwards."""

    def __init__(self) -> None:
        self.board: Board = {}
        self.told = 0
        self.backwards: list[tuple[int, int]] = []
        self._last = -1

    def take(self, board: Board, *, streamed: bool) -> None:
        """Show it if it is newer, by version and then by the time it was confirmed."""
        if streamed:
            self.told += 1
            if board["version"] < self._last:
                self.backwards.append((self._last, board["version"]))
            self._last = board["version"]
        if not self.board or _age(board) >= _age(self.board):
            self.board = board


def _age(board: Board) -> tuple[int, str]:
    return board["version"], board["as_of"]


class _Channel(SubscriptionEventHandler):
    """One subscription: the snapshot first, then the stream from where the snapshot stood."""

    def __init__(
        self, channel: str, look: Callable[[str], Awaitable[tuple[list[Board], StreamPosition]]]
    ) -> None:
        self.channel = channel
        self.lines: dict[str, Shown] = {}
        self.snapshots = 0
        self._look = look

    async def state(self, channel: str) -> StreamPosition:
        """The SDK asks at the first subscription, and whenever the stream cannot be recovered."""
        parts, position = await self._look(channel)
        self.snapshots += 1
        for part in parts:
            self._take(part, streamed=False)
        return position

    async def on_publication(self, ctx: PublicationContext) -> None:
        self._take(ctx.pub.data, streamed=True)

    def _take(self, part: Board, *, streamed: bool) -> None:
        self.lines.setdefault(part["line"], Shown()).take(part, streamed=streamed)


class Watcher(ClientEventHandler):
    """One client on several channels."""

    def __init__(
        self, port: int, channels: Sequence[str], *, http: aiohttp.ClientSession, token: str = ""
    ) -> None:
        self.interruptions: list[int] = []
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = Client(
            f"ws://127.0.0.1:{port}/connection/websocket",
            events=self,
            token=token,
            min_reconnect_delay=0.05 + random.random() / 10,
            max_reconnect_delay=0.5,
            proxy=None,
        )
        self.channels = [_Channel(channel, self._look) for channel in channels]

    async def on_connecting(self, ctx: ConnectingContext) -> None:
        self.interruptions.append(ctx.code)

    async def start(self) -> None:
        """Connect and subscribe; goes on trying by itself."""
        await self._client.connect()
        for channel in self.channels:
            subscription = self._client.new_subscription(
                channel.channel,
                events=channel,
                recoverable=True,
                get_state=channel.state,
                min_resubscribe_delay=0.1,
                max_resubscribe_delay=0.5,
            )
            await subscription.subscribe()

    async def stop(self) -> None:
        await self._client.disconnect()

    async def _look(self, channel: str) -> tuple[list[Board], StreamPosition]:
        kind, _, name = channel.partition(":")
        path = f"/v1/screens/{name}" if kind == "screen" else f"/v1/lines/{name}"
        async with self._http.get(path, headers=self._headers) as response:
            response.raise_for_status()
            view = await response.json()
        parts = view["parts"] if kind == "screen" else [view["board"]]
        place = view["position"]
        return parts, StreamPosition(offset=place["offset"], epoch=place["epoch"])
