"""A path through the network that can go bad: a proxy on loopback between a client and a server of the tests.

Nothing here changes bytes. What is done to the path is done to every connection on it at once.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass
from typing import Self

PIECE = 65_536
PIECES_UNDER_WAY = 16
SENT_AGAIN_SECONDS = 0.2
"""After how long TCP sends again what was lost; twice as long after each further loss."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How a path treats each piece that passes, in each direction. Below TCP packets are lost; above it
    what was lost comes later, and everything behind it too."""

    latency: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    bytes_per_second: float = 0.0
    """0: as many as there are."""
    tears: float = 0.0
    """Share of the pieces in whose middle the connection is reset."""

    def takes(self, chance: random.Random) -> float:
        """Seconds that a piece is under way."""
        seconds = self.latency + self.jitter * chance.uniform(-1, 1)
        again = SENT_AGAIN_SECONDS
        while chance.random() < self.loss:
            seconds += again
            again *= 2
        return max(seconds, 0.0)


FAIR = Weather()


class Half:
    """One direction of one connection."""

    def __init__(self, path: "Path", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._path = path
        self._reader = reader
        self._writer = writer
        self.carried = bytearray()
        self.forgotten = False
        """Nothing passes any more, whatever the path is like."""
        self.ended_at: float | None = None
        """When whoever sends on it closed its end, on the loop's clock."""
        self._under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES_UNDER_WAY)
        self._free_at = 0.0

    async def take(self, open_: asyncio.Event) -> None:
        """Take what comes while the path is good."""
        loop = asyncio.get_running_loop()
        piece = b"-"
        while piece:
            await open_.wait()
            piece = b""
            with contextlib.suppress(ConnectionError):
                piece = await self._reader.read(PIECE)
            if not piece:
                self.ended_at = loop.time()
            if self.silent:
                # The end of one side never reaches the other: neither learns anything.
                continue
            await self._under_way.put((self._due(piece, loop.time()), piece))

    def reset(self) -> None:
        """End it at the end that it leads to."""
        self._writer.transport.abort()

    @property
    def silent(self) -> bool:
        return self.forgotten or self._path.silent

    def _due(self, piece: bytes, now: float) -> float:
        weather = self._path.weather
        due = max(self._free_at, now + weather.takes(self._path.chance))
        if weather.bytes_per_second:
            due = max(due, now) + len(piece) / weather.bytes_per_second
        self._free_at = due
        return due

    async def pass_on(self, open_: asyncio.Event) -> None:
        """Hand over what was taken, each piece in its time."""
        loop = asyncio.get_running_loop()
        while True:
            due, piece = await self._under_way.get()
            if (early := due - loop.time()) > 0:
                await asyncio.sleep(early)
            await open_.wait()
            if self.silent:
                continue
            if not piece:
                self._writer.close()
                return
            if self._path.chance.random() < self._path.weather.tears:
                self._writer.write(piece[: len(piece) // 2])
                self._path.tear(self._reader, self._writer)
                return
            self.carried += piece
            self._writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
                continue
            return


class Path:
    """From ``port`` here to ``server`` there. ``async with`` it."""

    def __init__(self, server: int) -> None:
        self.server = server
        self.weather = FAIR
        self.chance = random.Random(1)
        self.torn = 0
        """How many connections were reset in the middle of a piece."""
        self.silent = False
        """A firewall has forgotten the connections: packets vanish, and so do their ends."""
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._up.set()
        self._down.set()
        self._listening: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pairs: dict[asyncio.StreamReader, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.upward: list[Half] = []
        self.downward: list[Half] = []

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=PIECE)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listening is not None
        self._listening.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    @property
    def port(self) -> int:
        """Where the clients connect."""
        assert self._listening is not None
        return int(self._listening.sockets[0].getsockname()[1])

    def forget(self) -> None:
        """From now on nothing passes and nobody is told, on what is connected and what will be."""
        self.silent = True

    def forget_open(self, *, up: bool = True, down: bool = True) -> list[tuple[Half, Half]]:
        """On what is connected nothing passes any more, in one direction or both; new connections are well.

        Answers those connections, each as its way up and its way down.
        """
        forgotten = []
        for pair in zip(self.upward, self.downward, strict=True):
            if all(half.ended_at is None for half in pair):
                pair[0].forgotten |= up
                pair[1].forgotten |= down
                forgotten.append(pair)
        return forgotten

    def end_forgotten(self) -> None:
        """What the ends of forgotten connections would find out in hours: they end."""
        for half in (*self.upward, *self.downward):
            if half.forgotten:
                half.reset()

    def heal(self) -> None:
        """New connections pass again; those that were forgotten stay dead, and end now."""
        self.silent = False
        self.cut()

    def hold_down(self) -> None:
        """Take nothing from the server any more: its buffers fill, as before a client that does not read."""
        self._down.clear()

    def let_down(self) -> None:
        """Take from the server again."""
        self._down.set()

    def stall(self) -> None:
        """Nothing passes in either direction, and nothing is lost."""
        self._up.clear()
        self._down.clear()

    def go_on(self) -> None:
        """What was stalled passes."""
        self._up.set()
        self._down.set()

    def tear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reset one connection, at both ends."""
        self.torn += 1
        for each in (writer, self._pairs[reader]):
            each.transport.abort()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self.silent:
            return
        # Ended with the path: what it opens afterwards nobody would close.
        opening = asyncio.current_task()
        assert opening is not None
        self._tasks.add(opening)
        opening.add_done_callback(self._tasks.discard)
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self.server, limit=PIECE)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(there)
        self._pairs[reader], self._pairs[there_reader] = writer, there
        up, down = Half(self, reader, there), Half(self, there_reader, writer)
        self.upward.append(up)
        self.downward.append(down)
        for half, open_ in ((up, self._up), (down, self._down)):
            for work in (half.take(open_), half.pass_on(open_)):
                task = asyncio.create_task(work)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
