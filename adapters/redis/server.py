"""One Redis as this process uses it: a connection to write, one to read, and an ear.

Reads have a connection of their own so that a crowd which comes back and reads histories does not stand in
front of the publications.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass

import structlog

from adapters.redis.dial import Address
from adapters.redis.ear import Ear
from adapters.redis.ear_wire import PLAIN, Words
from adapters.redis.pipe import Pipe
from adapters.redis.scripts import Script
from adapters.redis.wire import CommandWire, Refused, Wire, forget
from core import limits
from core.tasks import end_tasks
from realtime.broker import BrokerUnavailable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Timing:
    """How long is waited; tests wait less."""

    reply_seconds: float = limits.BROKER_REPLY_SECONDS
    probe_seconds: float = limits.BROKER_PROBE_SECONDS
    reconnect_seconds: float = limits.BROKER_RECONNECT_SECONDS


class Server:
    """See the module. ``on_away`` is told whenever a connection has ended or cannot be made."""

    def __init__(
        self,
        address: Address,
        timing: Timing,
        *,
        scripts: tuple[Script, ...],
        words: Words = PLAIN,
        probe_name: Callable[[], str] | None = None,
        on_away: Callable[[], None] = lambda: None,
        on_refused: Callable[[Collection[str]], None] | None = None,
    ) -> None:
        self.name = address.name
        self._address = address
        self._timing = timing
        self._scripts = scripts
        self._watch: asyncio.Task[None] | None = None
        self._told_at = -limits.BROKER_LOG_SECONDS
        self.writing, self.reading = (self._pipe(on_away) for _ in range(2))
        self._probe_word = "PUBLISH" if words is PLAIN else "SPUBLISH"
        own_probe = f"houzhen:probe:{secrets.token_hex(8)}"
        self.ear = Ear(
            address,
            words=words,
            probe=self.tell,
            probe_name=probe_name or (lambda: own_probe),
            probe_seconds=timing.probe_seconds,
            reply_seconds=timing.reply_seconds,
            reconnect_seconds=timing.reconnect_seconds,
            on_open=self._met,
            on_away=on_away,
            on_refused=on_refused,
        )

    def _pipe(self, on_away: Callable[[], None]) -> Pipe:
        return Pipe(
            self._address,
            reply_seconds=self._timing.reply_seconds,
            reconnect_seconds=self._timing.reconnect_seconds,
            prepare=self._prepare,
            on_open=self._met,
            on_away=on_away,
        )

    def _prepare(self, wire: CommandWire) -> None:
        for script in self._scripts:
            forget(wire.ask("SCRIPT", "LOAD", script.text))

    @property
    def away(self) -> bool:
        """Whether it is known not to answer, or is not heard."""
        return self.writing.away or self.reading.away or (self.ear.begun and not self.ear.standing)

    async def ping(self) -> None:
        """Answer when it does. Raises ``BrokerUnavailable``."""
        wire = await self.writing.wire()
        try:
            await wire.ask("PING")
        except Refused as refused:
            raise self.unavailable(refused) from None

    async def tell(self, name: str) -> None:
        """Publish an empty message. Raises ``BrokerUnavailable``."""
        wire = await self.writing.wire()
        try:
            await wire.ask(self._probe_word, name, b"")
        except Refused as refused:
            raise self.unavailable(refused) from None

    def unavailable(self, refused: Refused) -> BrokerUnavailable:
        """What a refusal means to a caller. A server that is no master any more is left."""
        now = asyncio.get_running_loop().time()
        if now - self._told_at >= limits.BROKER_LOG_SECONDS:
            self._told_at = now
            log.warning("redis.refused", server=self.name, word=refused.word)
        if refused.word == "READONLY":
            self.writing.drop()
            self.reading.drop()
        return BrokerUnavailable()

    def _wires(self) -> list[Wire]:
        currents = (self.writing.current, self.reading.current, self.ear.current)
        return [wire for wire in currents if wire is not None]

    def _met(self, wire: Wire) -> None:
        """A new connection shows which server is the right one by now: those to another are ended.

        Otherwise a process could go on publishing to a master that was replaced while its ear is already at
        the new one, and nobody would hear it.
        """
        for other in self._wires():
            if other.run != wire.run:
                other.drop()
        if self._address.may_move and self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._look_around(), name="redis.watch")

    async def _look_around(self) -> None:
        """Now and then ask whether another server is to be used; a replaced master may well still answer."""
        while True:
            await asyncio.sleep(self._timing.probe_seconds)
            for at in {wire.at for wire in self._wires()}:
                if await self._address.moved(at):
                    log.warning("redis.master_moved", server=self.name)
                    for wire in self._wires():
                        if wire.at == at:
                            wire.drop()

    async def close(self) -> None:
        """End every connection. May be called twice."""
        watch, self._watch = self._watch, None
        if watch is not None:
            await end_tasks((watch,))
        await self.ear.close()
        await self.writing.close()
        await self.reading.close()
        await self._address.close()
