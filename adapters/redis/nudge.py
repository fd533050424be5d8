"""``core.nudge.Nudge`` between processes: one Redis pub/sub channel that carries no content."""

import asyncio
import contextlib

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core import limits
from core.tasks import end_tasks

log = structlog.get_logger()

_TROUBLE = (RedisError, OSError, TimeoutError)


class RedisNudge:
    """Hints through Redis. With Redis away, hints are lost and the relay's sweep does the work.

    ``send`` wakes one task that publishes; hints sent while it publishes become one. Made in a running loop.
    """

    def __init__(self, redis: Redis, *, channel: str = "houzhen:nudge") -> None:
        self._redis = redis
        self._channel = channel
        self._to_send = asyncio.Event()
        self._heard = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None
        self._listener: asyncio.Task[None] | None = None
        self._owns_redis = False

    @classmethod
    def open(cls, url: str) -> "RedisNudge":
        """A nudge with a client of its own, which ``close`` closes too. Connects when first used."""
        nudge = cls(Redis.from_url(url))
        nudge._owns_redis = True
        return nudge

    def send(self) -> None:
        self._heard.set()
        self._to_send.set()
        if self._sender is None:
            self._sender = asyncio.create_task(self._publish(), name="nudge.publish")

    async def wait(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return False
        self._heard.clear()
        return True

    async def start(self) -> None:
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="nudge.listen")

    async def close(self) -> None:
        tasks = [task for task in (self._sender, self._listener) if task is not None]
        self._sender = self._listener = None
        await end_tasks(tasks)
        if self._owns_redis:
            await self._redis.aclose()

    async def _publish(self) -> None:
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            try:
                async with asyncio.timeout(limits.BROKER_REPLY_SECONDS):
                    await self._redis.publish(self._channel, b"")
            except _TROUBLE:
                # The sweep will find it; one try a moment is enough while Redis is away.
                await asyncio.sleep(limits.BROKER_RECONNECT_SECONDS)

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(*_TROUBLE):
                await self._listen_once()
            await asyncio.sleep(limits.BROKER_RECONNECT_SECONDS)

    async def _listen_once(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(self._channel)
            # What was sent while nobody listened.
            self._heard.set()
            asked = False
            while True:
                message = await subscription.get_message(timeout=limits.BROKER_PROBE_SECONDS)
                if message is not None:
                    asked = False
                    if message["type"] == "message":
                        self._heard.set()
                elif asked:
                    # Not even an answer to the ping: the connection is dead without knowing it.
                    return
                else:
                    await subscription.ping()
                    asked = True
