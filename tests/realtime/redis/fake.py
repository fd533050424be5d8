"""A server that speaks Redis's protocol and answers what a test wants, when it wants."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from hiredis import Reader

from adapters.redis.dial import Fixed
from adapters.redis.places import Door
from adapters.redis.server import Server, Timing

Answer = Callable[[list[bytes]], bytes | None]
OK = b"+OK\r\n"


def bulk(text: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text)


def array(*parts: bytes) -> bytes:
    return b"*%d\r\n" % len(parts) + b"".join(parts)


def message(name: bytes, body: bytes) -> bytes:
    return array(bulk(b"message"), bulk(name), bulk(body))


class FakeRedis:
    """Everything that introduces a connection is answered; the rest by ``answer`` (None: not at all)."""

    def __init__(self) -> None:
        self.run = "a" * 40
        self.role = b"master"
        self.mode = b"standalone"
        self.silent = False
        self.answer: Answer = lambda command: OK
        self.heard: list[list[bytes]] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeRedis"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await server.wait_closed()

    def cut(self) -> None:
        """End every connection."""
        for writer in self.writers:
            writer.close()
        self.writers.clear()

    def say(self, what: bytes) -> None:
        """Send to whoever is connected."""
        for writer in self.writers:
            writer.write(what)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        parser = Reader()
        while data := await reader.read(65_536):
            parser.feed(data)
            while (command := parser.gets()) is not False:
                answer = None if self.silent else self._introduce(command)
                if answer is not None:
                    writer.write(answer)
        writer.close()

    def _introduce(self, command: list[bytes]) -> bytes | None:
        match command[0]:
            case b"INFO":
                return bulk(b"run_id:%s\r\nredis_mode:%s\r\n" % (self.run.encode(), self.mode))
            case b"ROLE":
                return array(bulk(self.role))
            case b"CLIENT" | b"SCRIPT" | b"PING":
                return OK
        self.heard.append(command)
        return self.answer(command)

    async def until_heard(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                await asyncio.sleep(0.001)


def server_at(fake: FakeRedis, *, reply_seconds: float = 5.0, **more: Any) -> Server:
    """Our end."""
    timing = Timing(reply_seconds=reply_seconds, probe_seconds=5.0, reconnect_seconds=0.01)
    address = Fixed("fake", ("127.0.0.1", fake.port), Door(), reply_seconds=reply_seconds)
    return Server(address, timing, scripts=(), **more)
