"""A path through the network that can go bad: a proxy on loopback between a client and a server of the tests.

Nothing here changes bytes. What is done to the path is done to every connection on it at once.
"""

import asyncio
import contextlib
from typing import Self

PIECE = 65_536


class _Half:
    """One direction of one connection."""

    def __init__(self, path: "Path", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._path = path
        self._reader = reader
        self._writer = writer
        self.carried = bytearray()

    async def carry(self, open_: asyncio.Event) -> None:
        """Pass on what comes while the path is good."""
        while True:
            await open_.wait()
            with contextlib.suppress(ConnectionError):
                piece = await self._reader.read(PIECE)
                if self._path.silent:
                    if not piece:
                        # The end of one side never reaches the other: neither learns anything.
                        return
                    continue
                if not piece:
                    self._writer.close()
                    return
                await open_.wait()
                self.carried += piece
                self._writer.write(piece)
                await self._writer.drain()
                continue
            return


class Path:
    """From ``port`` here to ``server`` there. ``async with`` it."""

    def __init__(self, server: int) -> None:
        self.server = server
        self.silent = False
        """A firewall has forgotten the connections: packets vanish, and so do their ends."""
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._up.set()
        self._down.set()
        self._listening: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.upward: list[_Half] = []
        self.downward: list[_Half] = []

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

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self.silent:
            return
        try:
            there_reader, there = await asyncio.open_connection("127.0.0.1", self.server, limit=PIECE)
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(there)
        up, down = _Half(self, reader, there), _Half(self, there_reader, writer)
        self.upward.append(up)
        self.downward.append(down)
        for half, open_ in ((up, self._up), (down, self._down)):
            task = asyncio.create_task(half.carry(open_))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
