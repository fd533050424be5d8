"""Connections to Redis whose run id is known: the one thing the broker's epochs stand on.

A pooled client may reconnect under a command, to a server that was restarted meanwhile. Here a connection
reads the run id when it is made, and one that fails is thrown away, so that a command and its run id always
belong together.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from adapters.redis.scripts import Script
from core import limits
from realtime.broker import BrokerUnavailable

log = structlog.get_logger()

TROUBLE = (RedisError, OSError, TimeoutError, EOFError)
_RUN_ID_CHARACTERS = 8


class Link:
    """One connection, used by one task at a time, made when first needed and remade after a failure."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self.run = ""
        """The beginning of the server's run id; right as long as the connection lives."""

    async def open(self) -> None:
        """Make the connection if there is none, or if the one there is has died while it was idle."""
        if self._connection.is_connected:
            if not await self._connection.can_read():
                return
            # Nothing was asked, so what can be read is the end of the stream.
            await self.drop()
        await self._connection.connect()  # type: ignore[no-untyped-call]
        await self._connection.send_command("INFO", "server")
        info = await self._connection.read_response()
        self.run = _field(info, b"run_id")[:_RUN_ID_CHARACTERS]

    async def call(self, *parts: str | bytes | int) -> Any:
        """Send one command and answer the reply; the link must be open."""
        await self._connection.send_command(*parts)
        return await self._connection.read_response()

    async def send(self, *parts: str | bytes | int) -> None:
        """Send without reading; for a connection in subscriber mode."""
        await self._connection.send_command(*parts)

    async def receive(self) -> Any:
        """Wait, however long, for what the server says next."""
        return await self._connection.read_response(timeout=math.inf)

    async def run_script(self, script: Script, keys: tuple[str, ...], *values: str | bytes | int) -> Any:
        """Run a script; its text is sent only where the server does not know it."""
        try:
            return await self.call("EVALSHA", script.digest, len(keys), *keys, *values)
        except NoScriptError:
            return await self.call("EVAL", script.text, len(keys), *keys, *values)

    async def drop(self) -> None:
        """Throw the connection away; the next use makes a new one."""
        await self._connection.disconnect(nowait=True)


class Links:
    """Links to one Redis, a bounded number of them for commands."""

    def __init__(self, url: str, *, reply_seconds: float = limits.BROKER_REPLY_SECONDS) -> None:
        self._reply_seconds = reply_seconds
        # Only a factory: it understands every kind of URL (TLS, sockets, passwords).
        self._factory = ConnectionPool.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=reply_seconds,
            socket_connect_timeout=reply_seconds,
            health_check_interval=0,
        )
        self._idle: asyncio.LifoQueue[Link] = asyncio.LifoQueue()
        for _ in range(limits.BROKER_COMMAND_CONNECTIONS):
            self._idle.put_nowait(self.new())

    def new(self) -> Link:
        """One more link, for its caller alone."""
        return Link(self._factory.make_connection())  # type: ignore[no-untyped-call]

    @asynccontextmanager
    async def one(self) -> AsyncIterator[Link]:
        """Borrow an open link. Trouble, also within the block, becomes ``BrokerUnavailable``."""
        try:
            async with asyncio.timeout(self._reply_seconds):
                link = await self._idle.get()
        except TimeoutError:
            raise BrokerUnavailable from None
        try:
            async with asyncio.timeout(self._reply_seconds):
                await link.open()
                yield link
        except TROUBLE as trouble:
            await link.drop()
            log.warning("redis.unavailable", error=type(trouble).__name__)
            raise BrokerUnavailable from trouble
        except BaseException:
            # A reply may still be on its way: whoever borrows next must not read it.
            await link.drop()
            raise
        finally:
            self._idle.put_nowait(link)

    async def close(self) -> None:
        """Close every idle link."""
        links = [self._idle.get_nowait() for _ in range(self._idle.qsize())]
        for link in links:
            await link.drop()
            self._idle.put_nowait(link)


def _field(info: bytes, name: bytes) -> str:
    for line in info.splitlines():
        key, _, value = line.partition(b":")
        if key == name:
            return value.decode()
    raise RedisError("the server does not tell its run id")
