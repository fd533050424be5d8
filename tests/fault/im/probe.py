"""Somebody who asks all the time, waits for ever, and writes down how long the longest answer took.

It goes past the roads to the web processes, so that what it waits for is theirs.
"""

import asyncio
import contextlib
import time
from typing import Any

import aiohttp
from centrifuge import CentrifugeError, Client

FOR_EVER = 120.0
PAUSE_SECONDS = 0.1


class Probe:
    """Reads and sends, over HTTP and as ``rpc``; any answer is one, also a no."""

    def __init__(self, *, port: int, token: str, conversation: str) -> None:
        self.longest = {"HTTP": 0.0, "rpc": 0.0}
        self.answers = 0
        self._conversation = conversation
        self._http = aiohttp.ClientSession(
            f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=FOR_EVER),
        )
        self._client = Client(
            f"ws://127.0.0.1:{port}/connection/websocket",
            token=token,
            timeout=FOR_EVER,
            min_reconnect_delay=0.05,
            max_reconnect_delay=0.5,
            proxy=None,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self._client.connect()
        self._tasks = [asyncio.create_task(self._asks_on(how)) for how in self.longest]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.disconnect()
        await self._http.close()

    async def _asks_on(self, how: str) -> None:
        while True:
            asked: dict[str, Any] = {"conversation": self._conversation, "after": 0, "limit": 1}
            began = time.monotonic()
            with contextlib.suppress(CentrifugeError, aiohttp.ClientError, OSError):
                if how == "HTTP":
                    async with self._http.post("/v1/im/pull", json=asked) as response:
                        await response.read()
                else:
                    await self._client.ready()
                    began = time.monotonic()
                    await self._client.rpc("im.pull", asked, timeout=FOR_EVER)
            self.longest[how] = max(self.longest[how], time.monotonic() - began)
            self.answers += 1
            await asyncio.sleep(PAUSE_SECONDS)
