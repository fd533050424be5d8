"""A Redis Cluster: a name lives at the node that has its slot, its keys, its messages and its listeners.

Publications are heard by sharded pub/sub (Redis 7), so that a node tells only its own listeners. A slot that
moves, or a replica that takes over, is another run id: its channels begin new epochs and clients are told.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from adapters.redis import scripts
from adapters.redis.dial import check_options
from adapters.redis.ear import Listener
from adapters.redis.nodes import Nodes
from adapters.redis.places import ClusterAt
from adapters.redis.scripts import Script
from adapters.redis.server import Server, Timing
from adapters.redis.wire import Part, Refused
from core import limits
from realtime.broker import BrokerUnavailable


class Cluster:
    """See ``topology.Topology``."""

    publish = scripts.PUBLISH_SHARDED

    def __init__(self, meant: ClusterAt, timing: Timing) -> None:
        check_options(meant.door)
        self._nodes = Nodes(meant, timing, on_map=self._rehome, on_refused=self._dismissed)
        self._kept: dict[str, Listener] = {}
        self._homeless: set[str] = set()
        """Names that their node no longer takes; they are tried anew each time the map was looked at."""

    # Commands.

    async def run(
        self, name: str, script: Script, keys: tuple[str, ...], *values: Part, reading: bool = False
    ) -> Any:
        server, asking = await self._nodes.home(name), False
        for _ in range(limits.BROKER_REDIRECTS):
            wire = await (server.reading if reading else server.writing).wire()
            try:
                return await wire.run_script(script, keys, *values, asking=asking)
            except Refused as refused:
                server, asking = self._next(refused, server), refused.word == "ASK"
        raise BrokerUnavailable

    async def tell(self, name: str) -> None:
        server = await self._nodes.home(name)
        wire = await server.writing.wire()
        try:
            await wire.ask("SPUBLISH", name, b"")
        except Refused as refused:
            self._next(refused, server)
            raise BrokerUnavailable from None

    def _next(self, refused: Refused, server: Server) -> Server:
        if refused.word in ("MOVED", "ASK"):
            return self._nodes.redirected(refused, server)
        self._nodes.doubt()
        raise server.unavailable(refused) from None

    # Hearing.

    async def start(self) -> None:
        try:
            await self._nodes.look()
        except BrokerUnavailable:
            return
        await asyncio.gather(*(server.ear.start() for server in self._nodes.masters().values()))

    async def listen(self, names: Sequence[str], listener: Listener) -> None:
        try:
            pending: Collection[str] = names
            for _ in range(limits.BROKER_REDIRECTS):
                pending = await self._listen_once(pending, listener)
                if not pending:
                    return
            raise BrokerUnavailable
        except BaseException:
            await self.ignore(names)
            raise

    async def _listen_once(self, names: Collection[str], listener: Listener) -> Collection[str]:
        """Ask each name's node; answers the names that have just gone to another."""
        homes: dict[Server, list[str]] = {}
        for name in names:
            homes.setdefault(await self._nodes.home(name), []).append(name)
        again: list[str] = []

        async def ask(server: Server, theirs: list[str]) -> None:
            for name, refused in (await server.ear.add(theirs, listener)).items():
                self._next(refused, server)
                again.append(name)

        done = await asyncio.gather(*(ask(*each) for each in homes.items()), return_exceptions=True)
        for trouble in done:
            if trouble is not None:
                raise trouble
        return again

    async def keep_listening(self, name: str, listener: Listener) -> None:
        self._kept[name] = listener
        with contextlib.suppress(BrokerUnavailable):
            await self._nodes.look()
            self._place_kept()
            await (await self._nodes.home(name)).ear.start()

    async def ignore(self, names: Sequence[str]) -> None:
        for name in names:
            self._kept.pop(name, None)
        self._homeless.difference_update(names)
        for server in self._nodes.all():
            server.ear.remove([name for name in names if name in server.ear.wanted])

    @property
    def hears(self) -> bool:
        return self._nodes.complete and all(
            server.ear.standing for server in self._nodes.masters().values() if server.ear.begun
        )

    # Moving.

    def _dismissed(self, names: Collection[str]) -> None:
        self._homeless.update(names)
        self._nodes.doubt()

    async def _rehome(self) -> bool:
        """Bring what is listened to where it belongs by now; answers whether nothing is left over."""
        self._place_kept()
        for server in self._nodes.all():
            names = tuple(server.ear.wanted)
            for start in range(0, len(names), limits.BROKER_SUBSCRIBE_BATCH):
                self._move(server, names[start : start + limits.BROKER_SUBSCRIBE_BATCH])
                await asyncio.sleep(0)
        return not self._homeless

    def _place_kept(self) -> None:
        for name, listener in self._kept.items():
            owner = self._nodes.owner(name)
            if owner is not None and not any(name in server.ear.wanted for server in self._nodes.all()):
                owner.ear.adopt({name: listener})

    def _move(self, server: Server, names: Sequence[str]) -> None:
        moving: dict[Server, list[str]] = {}
        for name in names:
            owner = self._nodes.owner(name)
            if owner is not None and (owner is not server or name in self._homeless):
                moving.setdefault(owner, []).append(name)
        for owner, theirs in moving.items():
            self._homeless.difference_update(theirs)
            if owner is server:
                owner.ear.adopt(
                    {name: server.ear.wanted[name] for name in theirs if name in server.ear.wanted}
                )
            else:
                owner.ear.adopt(server.ear.give_up(theirs))

    # The whole.

    async def servers(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        await self._nodes.look()
        asked = {name: server.ping for name, server in self._nodes.masters().items()}
        return asked if self._nodes.complete else {**asked, "slots": self._not_complete}

    async def _not_complete(self) -> None:
        raise BrokerUnavailable

    async def close(self) -> None:
        await self._nodes.close()
