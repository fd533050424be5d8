"""The nodes of a Redis Cluster, and which of them has which slot.

The map is asked for at the beginning, again and again while anything is in doubt (a node is away, a slot has
no master, somebody was refused), and now and then besides. Any node may be asked, a replica too.
"""

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog

from adapters.redis import scripts
from adapters.redis.dial import TROUBLE, Fixed, slots_told_by
from adapters.redis.ear_wire import SHARDED
from adapters.redis.places import ClusterAt, Host, named
from adapters.redis.server import Server, Timing
from adapters.redis.slots import SLOTS, name_in, redirect, slot_of
from adapters.redis.wire import Refused
from core import limits
from realtime.broker import BrokerUnavailable

log = structlog.get_logger()


class Nodes:
    """Finds the home of a name. ``on_map`` is awaited after each look at the map, with whether it moved.

    It answers whether all is settled; as long as not, the map is soon looked at again.
    """

    def __init__(
        self,
        meant: ClusterAt,
        timing: Timing,
        *,
        on_map: Callable[[], Awaitable[bool]],
        on_refused: Callable[[Collection[str]], None],
    ) -> None:
        self._meant = meant
        self._timing = timing
        self._on_map = on_map
        self._on_refused = on_refused
        self._servers: dict[Host, Server] = {}
        self._owners: list[Host | None] = [None] * SLOTS
        self._known = False
        self._doubt = asyncio.Event()
        self._tried: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    # Finding.

    async def home(self, name: str) -> Server:
        """The server that has the name's slot. Raises ``BrokerUnavailable`` when nobody is known to."""
        if not self._known:
            await self.look()
        server = self.owner(name)
        if server is None:
            raise BrokerUnavailable
        return server

    def owner(self, name: str) -> Server | None:
        """The same from what is known."""
        host = self._owners[slot_of(name)]
        return None if host is None else self.at(host)

    async def look(self) -> None:
        """Begin to know the map; returns when that was tried. Raises ``BrokerUnavailable``."""
        if self._task is None:
            loop = asyncio.get_running_loop()
            self._tried = loop.create_future()
            self._task = loop.create_task(self._keep_looking(self._tried), name="redis.slots")
        if self._tried is not None:
            await asyncio.shield(self._tried)
        if not self._known:
            raise BrokerUnavailable

    def at(self, host: Host) -> Server:
        """The server at an address, made when first asked for."""
        server = self._servers.get(host)
        if server is None:
            server = self._servers[host] = self._server(host)
        return server

    def all(self) -> Collection[Server]:
        """Every server that was met and not yet left."""
        return tuple(self._servers.values())

    def masters(self) -> Mapping[str, Server]:
        """Who has slots, by name."""
        return {named(host): self.at(host) for host in self._hosts()}

    @property
    def complete(self) -> bool:
        """Whether every slot has a master."""
        return None not in self._owners

    def redirected(self, refused: Refused, server: Server) -> Server:
        """The server that ``MOVED`` or ``ASK`` names; a slot that has moved is remembered."""
        asked = next((host for host, known in self._servers.items() if known is server), ("", 0))
        slot, host = redirect(str(refused), asked=asked)
        if refused.word == "MOVED":
            self._owners[slot] = host
            self.doubt()
        return self.at(host)

    def doubt(self) -> None:
        """Look at the map again, soon."""
        self._doubt.set()

    def _hosts(self) -> set[Host]:
        return {host for host in self._owners if host is not None}

    def _server(self, host: Host) -> Server:
        address = Fixed(
            named(host),
            host,
            self._meant.door,
            reply_seconds=self._timing.reply_seconds,
            in_cluster=True,
        )
        return Server(
            address,
            self._timing,
            scripts=(scripts.PUBLISH_SHARDED, scripts.HISTORY),
            words=SHARDED,
            probe_name=lambda: self._probe_name(host),
            on_away=self.doubt,
            on_refused=self._on_refused,
        )

    def _probe_name(self, host: Host) -> str:
        """A name of that very node, or its probe would come back from elsewhere."""
        stem = f"houzhen:probe:{secrets.token_hex(8)}"
        return name_in([owner == host for owner in self._owners], stem) or stem

    # Looking.

    async def _keep_looking(self, tried: asyncio.Future[None]) -> None:
        while True:
            self._doubt.clear()
            settled = False
            try:
                settled = await self._look_once() and await self._on_map() and self._quiet()
                self._let_go()
            except Exception:
                log.exception("redis.slots_failed")
            if not tried.done():
                tried.set_result(None)
            if settled:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(limits.BROKER_SLOTS_SECONDS):
                        await self._doubt.wait()
            await asyncio.sleep(self._timing.reconnect_seconds)

    async def _look_once(self) -> bool:
        known = list(self._hosts())
        random.shuffle(known)
        for host in dict.fromkeys((*known, *self._meant.seeds)):
            try:
                told = await slots_told_by(self._meant.door, host)
            except TROUBLE:
                continue
            self._take(told)
            return True
        log.warning("redis.cluster_unavailable")
        return False

    def _take(self, told: Mapping[tuple[int, int], Host]) -> None:
        owners: list[Host | None] = [None] * SLOTS
        for (first, last), host in told.items():
            owners[first : last + 1] = [host] * (last + 1 - first)
        if owners != self._owners:
            self._owners = owners
            log.info("redis.slots", masters=len(self._hosts()), complete=self.complete)
        self._known = True

    def _quiet(self) -> bool:
        return self.complete and not any(self.at(host).away for host in self._hosts())

    def _let_go(self) -> None:
        """Give up the servers that have no slot and that nobody listens at any more."""
        owning = self._hosts()
        for host, server in tuple(self._servers.items()):
            if host not in owning and not server.ear.wanted:
                del self._servers[host]
                task = asyncio.get_running_loop().create_task(server.close(), name="redis.leave")
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """End every connection. May be called twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        leaving = [server.close() for server in self._servers.values()]
        await asyncio.gather(
            *(() if task is None else (task,)), *self._leaving, *leaving, return_exceptions=True
        )
        if self._tried is not None and not self._tried.done():
            self._tried.set_result(None)
