"""Hearing: one connection to one Redis in subscriber mode, remade for ever, with everything subscribed again.

Messages are handed over on the loop in the order in which Redis sent them. A connection can die without a
word (a firewall that forgets, a server that is no longer the right one): when nothing came for a while a
probe is published through another connection, and this one is remade when the probe does not arrive here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

import structlog

from adapters.redis.dial import TROUBLE, Address
from adapters.redis.ear_wire import Asked, EarWire, Words
from adapters.redis.wire import Dialled, Refused, Wire
from core import limits
from core.tasks import end_tasks
from realtime.broker import BrokerUnavailable

log = structlog.get_logger()


class Listener(Protocol):
    """Who hears a name."""

    def hear(self, name: str, body: bytes) -> None:
        """Take a message; must not block and must not raise."""

    def interrupted(self, names: Sequence[str]) -> None:
        """These are heard again after an interruption: anything may have been missed."""


class Ear:
    """One process's ear at one Redis.

    ``probe`` publishes an empty message under the name that ``probe_name`` gives. ``on_refused`` is told the
    names that this server no longer takes; without it the connection is made anew.
    """

    def __init__(
        self,
        address: Address,
        *,
        words: Words,
        probe: Callable[[str], Awaitable[None]],
        probe_name: Callable[[], str],
        probe_seconds: float = limits.BROKER_PROBE_SECONDS,
        reply_seconds: float = limits.BROKER_REPLY_SECONDS,
        reconnect_seconds: float = limits.BROKER_RECONNECT_SECONDS,
        on_open: Callable[[Wire], None] = lambda wire: None,
        on_away: Callable[[], None] = lambda: None,
        on_refused: Callable[[Collection[str]], None] | None = None,
    ) -> None:
        self._address = address
        self._words = words
        self._probe = probe
        self._probe_name = probe_name
        self._probe_seconds = probe_seconds
        self._reply_seconds = reply_seconds
        self._reconnect_seconds = reconnect_seconds
        self._on_open = on_open
        self._on_away = on_away
        self._on_refused = on_refused
        self.wanted: dict[str, Listener] = {}
        """What is to be heard here, by whom; kept while the connection is away."""
        self.current: EarWire | None = None
        self._restoring = self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._tried: asyncio.Future[None] | None = None

    @property
    def standing(self) -> bool:
        """Whether a connection is up and everything wanted is subscribed on it."""
        return self.current is not None and not self._restoring

    @property
    def begun(self) -> bool:
        """Whether it connects, or tries to."""
        return self._task is not None

    def begin(self) -> None:
        """Connect, and stay connected."""
        if self._task is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._tried = loop.create_future()
            self._task = loop.create_task(self._stay_connected(self._tried), name="redis.ear")

    async def start(self) -> None:
        """The same; returns when the first attempt has ended, well or not."""
        self.begin()
        if self._tried is not None and not self._tried.done():
            await asyncio.shield(self._tried)

    async def close(self) -> None:
        """End the connection for good. May be called twice."""
        self._closed = True
        task, self._task = self._task, None
        if task is not None:
            await end_tasks((task,))
        if self._tried is not None and not self._tried.done():
            self._tried.set_result(None)

    def drop(self) -> None:
        """End the present connection; it is made again."""
        if self.current is not None:
            self.current.drop()

    # What is heard.

    async def add(self, names: Sequence[str], listener: Listener) -> dict[str, Refused]:
        """Hear the names from when this returns; answers those that the server refuses.

        Raises ``BrokerUnavailable``; then none of them is heard that was not heard before.
        """
        await self.start()
        fresh = [name for name in names if name not in self.wanted]
        self.wanted.update(dict.fromkeys(names, listener))
        try:
            if self.current is None:
                raise BrokerUnavailable
            refused = await self._subscribe(self.current, names)
        except BaseException:
            self.remove(fresh)
            raise
        for name in refused:
            self.wanted.pop(name, None)
        return refused

    async def _subscribe(self, wire: EarWire, names: Sequence[str]) -> dict[str, Refused]:
        """Subscribe what is still wanted, in batches, others having their turn in between."""
        step = limits.BROKER_SUBSCRIBE_BATCH
        asked = Asked()
        try:
            wire.order(self._words.subscribe, names[:step], asked)
            for start in range(step, len(names), step):
                await asyncio.sleep(0)
                some = [name for name in names[start : start + step] if name in self.wanted]
                wire.order(self._words.subscribe, some, asked)
            asked.done()
            return await asked.answered
        finally:
            asked.answered.cancel()

    def remove(self, names: Collection[str]) -> None:
        """Stop hearing the names, in order with what was asked before."""
        for name in names:
            self.wanted.pop(name, None)
        if self.current is not None and names:
            self.current.order(self._words.unsubscribe, tuple(names))

    def adopt(self, wanted: Mapping[str, Listener]) -> None:
        """Hear names that were heard elsewhere until now; their listeners are told of the interruption."""
        self.wanted.update(wanted)
        if self.current is None:
            self.begin()
        elif wanted:
            self._order_again(self.current, tuple(wanted))

    def give_up(self, names: Iterable[str]) -> dict[str, Listener]:
        """No longer hear these; answers who listened. For ``adopt`` of another ear."""
        given = {name: self.wanted[name] for name in names if name in self.wanted}
        self.remove(given)
        return given

    # The connection.

    async def _stay_connected(self, tried: asyncio.Future[None]) -> None:
        told = interrupted = False
        while True:
            why = "closed"
            try:
                wire = self._wire(await self._address.dial())
                self.current, told = wire, False
                self._on_open(wire)
                await self._listen(wire, tried, interrupted=interrupted)
            except (*TROUBLE, BrokerUnavailable) as trouble:
                why = type(trouble).__name__
            except Exception:
                log.exception("redis.ear_failed", server=self._address.name)
            finally:
                self.drop()
                if not tried.done():
                    tried.set_result(None)
            if not told:
                # Once an outage, not for every try while it lasts.
                log.warning("redis.subscription_lost", server=self._address.name, error=why)
            self._on_away()
            told = interrupted = True
            await asyncio.sleep(self._reconnect_seconds)

    def _wire(self, dialled: Dialled) -> EarWire:
        return EarWire(
            dialled,
            words=self._words,
            reply_seconds=self._reply_seconds,
            on_message=self._hear,
            on_dismissed=self._dismissed,
            on_lost=self._lost,
        )

    async def _listen(self, wire: EarWire, tried: asyncio.Future[None], *, interrupted: bool) -> None:
        names = tuple(self.wanted)
        self._restoring = True
        probe_name = self._probe_name()
        wire.order(self._words.subscribe, (probe_name,))
        if not tried.done():
            tried.set_result(None)
        refused = await self._subscribe(wire, names)
        self._restoring = False
        if interrupted:
            log.info("redis.subscription_restored", server=self._address.name, channels=len(names))
        self._again(names, refused)
        await self._watch(wire, probe_name)

    def _order_again(self, wire: EarWire, names: Sequence[str]) -> None:
        asked = Asked()
        wire.order(self._words.subscribe, names, asked)
        asked.done()

        def done(answered: asyncio.Future[dict[str, Refused]]) -> None:
            if not answered.cancelled() and answered.exception() is None:
                self._again(names, answered.result())

        asked.answered.add_done_callback(done)

    def _again(self, names: Sequence[str], refused: Mapping[str, Refused]) -> None:
        """Tell the listeners of what is heard again, and the owner of what is not taken here."""
        told: dict[Listener, list[str]] = {}
        for name in names:
            listener = self.wanted.get(name)
            if listener is not None and name not in refused:
                told.setdefault(listener, []).append(name)
        for listener, theirs in told.items():
            listener.interrupted(theirs)
        if refused:
            self._refuse(refused)

    def _refuse(self, refused: Collection[str]) -> None:
        if self._on_refused is not None:
            self._on_refused(refused)
        else:
            log.warning("redis.subscription_refused", server=self._address.name, channels=len(refused))
            self.drop()

    def _hear(self, name: str, body: bytes) -> None:
        listener = self.wanted.get(name)
        if listener is None:
            return
        try:
            listener.hear(name, body)
        except Exception:
            # Somebody else publishes here, or a defect of ours: no reason to stop hearing. No name: it
            # may name a user.
            log.exception("redis.message_failed", server=self._address.name)

    def _dismissed(self, name: str) -> None:
        """The server ended a subscription by itself: its slot went to another node."""
        if name in self.wanted:
            self._refuse((name,))

    def _lost(self, wire: Wire, silent: bool) -> None:
        if self.current is wire:
            self.current = None

    async def _watch(self, wire: EarWire, probe_name: str) -> None:
        """Return when the connection has ended; end it when a probe does not come back."""
        while not wire.lost:
            wire.heard = False
            if await wire.ended(within=self._probe_seconds) or wire.heard:
                continue
            try:
                await self._probe(probe_name)
            except BrokerUnavailable:
                wire.drop()
            if not await wire.ended(within=self._probe_seconds) and not wire.heard:
                log.warning("redis.probe_lost", server=self._address.name)
                wire.drop()
