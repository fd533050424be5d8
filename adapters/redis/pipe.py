"""A way to one Redis that is remade when it breaks.

Callers share one connection. While it is being made they wait for it, once; when that fails, calls fail at
once and the pipe goes on trying by itself, so that a server that is away costs nobody a time-out a call.
"""

import asyncio
from collections.abc import Callable

import structlog

from adapters.redis.dial import TROUBLE, Address
from adapters.redis.wire import CommandWire, Wire
from core import limits
from core.tasks import end_tasks
from realtime.broker import BrokerUnavailable

log = structlog.get_logger()


class Pipe:
    """Keeps one ``CommandWire`` to an address. ``on_open`` and ``on_away`` are told, on the loop."""

    def __init__(
        self,
        address: Address,
        *,
        reply_seconds: float = limits.BROKER_REPLY_SECONDS,
        reconnect_seconds: float = limits.BROKER_RECONNECT_SECONDS,
        prepare: Callable[[CommandWire], None] = lambda wire: None,
        on_open: Callable[[Wire], None] = lambda wire: None,
        on_away: Callable[[], None] = lambda: None,
    ) -> None:
        self._address = address
        self._reply_seconds = reply_seconds
        self._reconnect_seconds = reconnect_seconds
        self._prepare = prepare
        self._on_open = on_open
        self._on_away = on_away
        self.current: CommandWire | None = None
        self._away = False
        self._closed = False
        self._tried: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def away(self) -> bool:
        """Whether the server is known not to answer."""
        return self._away

    async def wire(self) -> CommandWire:
        """The open connection. Raises ``BrokerUnavailable``, at once while the server is away."""
        return self.current or await self._opened()

    async def _opened(self) -> CommandWire:
        if self._task is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._tried = loop.create_future()
            self._task = loop.create_task(self._connect(self._tried), name="redis.connect")
        if self._tried is not None and not self._away:
            await asyncio.shield(self._tried)
        if self.current is None:
            raise BrokerUnavailable
        return self.current

    def drop(self) -> None:
        """End the connection, if there is one; whoever waits on it is told."""
        if self.current is not None:
            self.current.drop()

    async def close(self) -> None:
        """End the connection for good. May be called twice."""
        self._closed = True
        self.drop()
        task, self._task = self._task, None
        if task is not None:
            await end_tasks((task,))
        self._settle()

    async def _connect(self, tried: asyncio.Future[None]) -> None:
        while True:
            try:
                dialled = await self._address.dial()
            except TROUBLE as trouble:
                self._gone(type(trouble).__name__)
            except Exception:
                log.exception("redis.connect_failed", server=self._address.name)
                self._gone("defect")
            else:
                break
            self._settle()
            await asyncio.sleep(self._reconnect_seconds)
        if self._away:
            log.info("redis.back", server=self._address.name)
        self._away, self._task = False, None
        self.current = CommandWire(dialled, reply_seconds=self._reply_seconds, on_lost=self._lost)
        self._prepare(self.current)
        self._on_open(self.current)
        self._settle()

    def _settle(self) -> None:
        if self._tried is not None and not self._tried.done():
            self._tried.set_result(None)

    def _lost(self, wire: Wire, silent: bool) -> None:
        if self.current is not wire:
            return
        self.current = None
        if self._closed:
            return
        if silent:
            self._gone("silence")
        else:
            # Cut, not dead as far as is known: who calls next waits for one more attempt.
            log.info("redis.connection_lost", server=self._address.name)
            self._on_away()

    def _gone(self, why: str) -> None:
        if not self._away:
            log.warning("redis.unavailable", server=self._address.name, error=why)
        self._away = True
        self._on_away()
