"""``core.nudge.Nudge`` between processes: one Redis pub/sub name that carries no content."""

import asyncio
from collections.abc import Sequence

from adapters.redis.topology import Topology
from core import limits
from core.tasks import end_tasks
from realtime.broker import BrokerUnavailable


class RedisNudge:
    """Hints through Redis. With its Redis away, hints are lost and the relay's sweep does the work.

    ``send`` wakes one task that publishes; hints sent while it publishes become one. Made in a running loop.
    The topology is closed by who made it.
    """

    def __init__(self, redis: Topology, *, name: str = "houzhen:nudge") -> None:
        self._redis = redis
        self._name = name
        self._to_send = asyncio.Event()
        self._heard = asyncio.Event()
        self._sender: asyncio.Task[None] | None = None

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
        await self._redis.keep_listening(self._name, self)

    async def close(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            await end_tasks((sender,))
        await self._redis.ignore((self._name,))

    def hear(self, name: str, body: bytes) -> None:
        """Somebody sent a hint."""
        self._heard.set()

    def interrupted(self, names: Sequence[str]) -> None:
        """What was sent while nobody listened."""
        self._heard.set()

    async def _publish(self) -> None:
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            try:
                await self._redis.tell(self._name)
            except BrokerUnavailable:
                # The sweep will find it; one try a moment is enough while Redis is away.
                await asyncio.sleep(limits.BROKER_RECONNECT_SECONDS)
