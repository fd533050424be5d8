"""What a client says to one process and another one holds: asked over the broker, answered or not in time.

Each process hears on ``~emulation.<node>``. What is carried may be a message of a patient, so it is sealed on
its way (``realtime.veil`` opens it); the session in it is a secret besides.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from core import limits
from core.events import Outgoing
from core.sealing import Sealing
from realtime.broker import Broker, BrokerUnavailable
from realtime.veil import veiled

log = structlog.get_logger()

_PREFIX: Final = "~emulation."
Heard = Callable[[str, str], bool | None]
"""From a session and what was said to whether it was taken; ``None``: no such session here."""


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """Let this session say something."""

    number: int
    node: str
    session: str
    data: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """What became of it."""

    number: int
    heard: bool | None


class Emulations:
    """One process's end of it. Give ``ear`` to the hub."""

    def __init__(self, broker: Broker, *, node: str, sealing: Sealing, heard: Heard) -> None:
        self._broker = broker
        self._node = node
        self._sealing = sealing
        self._heard = heard
        self._asked: dict[int, asyncio.Future[bool | None]] = {}
        self._number = 0
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def channel(self) -> str:
        """Where this process hears."""
        return _PREFIX + self._node

    def hear(self, data: bytes) -> None:
        """Somebody asks, or answers. What cannot be read is passed over."""
        try:
            said = msgspec.json.decode(data, type=Ask | Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.warning("realtime.emulation_unreadable")
            return
        if isinstance(said, Answer):
            waiting = self._asked.pop(said.number, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(said.heard)
            return
        answer = Answer(number=said.number, heard=self._heard(said.session, said.data))
        task = asyncio.get_running_loop().create_task(self._tell(said.node, answer))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def ask(self, node: str, session: str, data: str) -> bool | None:
        """Let another process hear it. ``None``: it has no such session, or is no more."""
        self._number += 1
        number = self._number
        waiting = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            await self._tell(node, Ask(number=number, node=self._node, session=session, data=data))
            async with asyncio.timeout(limits.REALTIME_EMULATION_SECONDS):
                heard: bool | None = await waiting
                return heard
        except (TimeoutError, BrokerUnavailable):
            return None
        finally:
            self._asked.pop(number, None)

    async def _tell(self, node: str, said: Ask | Answer) -> None:
        channel = _PREFIX + node
        sealed = veiled(Outgoing(channel, msgspec.json.encode(said)), self._sealing).data
        try:
            await self._broker.publish(channel, sealed, keep=None)
        except BrokerUnavailable:
            if isinstance(said, Ask):
                raise
