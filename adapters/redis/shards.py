"""One Redis, or several that know nothing of each other: every name belongs to one of them.

Which one is decided by rendezvous hashing over the shards' names: every process that is given the same names
agrees, in whatever order they stand; a shard that is added takes its share from each of the others, one that
is taken away leaves its share to them, and nothing else moves. A shard that is away takes only its own
channels with it. A channel that moves begins a new epoch at its new home, so clients are told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from adapters.redis import scripts
from adapters.redis.dial import Address
from adapters.redis.ear import Listener
from adapters.redis.scripts import Script
from adapters.redis.server import Server, Timing
from adapters.redis.wire import Part, Refused
from realtime.broker import BrokerUnavailable

_HASH_BYTES = 8


class Shards:
    """See ``topology.Topology``."""

    publish = scripts.PUBLISH

    def __init__(self, addresses: Sequence[Address], timing: Timing) -> None:
        loaded = (self.publish, scripts.HISTORY)
        self._servers = {each.name: Server(each, timing, scripts=loaded) for each in addresses}
        self._only = next(iter(self._servers.values())) if len(self._servers) == 1 else None
        self._kept: set[str] = set()
        self._keys = {
            name: blake2b(name.encode(), digest_size=_HASH_BYTES).digest() for name in self._servers
        }

    def home(self, name: str) -> Server:
        """The server that the name belongs to."""
        return self._only or self._servers[max(self._keys, key=self._weight(name))]

    def _weight(self, name: str) -> Callable[[str], bytes]:
        encoded = name.encode()
        return lambda server: blake2b(encoded, digest_size=_HASH_BYTES, key=self._keys[server]).digest()

    def _by_preference(self, name: str) -> Sequence[Server]:
        """The name's home, and where it would be at home without that, and so on."""
        return [self._servers[each] for each in sorted(self._keys, key=self._weight(name), reverse=True)]

    async def run(
        self, name: str, script: Script, keys: tuple[str, ...], *values: Part, reading: bool = False
    ) -> Any:
        server = self.home(name)
        wire = await (server.reading if reading else server.writing).wire()
        try:
            return await wire.run_script(script, keys, *values)
        except Refused as refused:
            raise server.unavailable(refused) from None

    async def tell(self, name: str) -> None:
        trouble = BrokerUnavailable()
        for server in self._by_preference(name):
            try:
                await server.tell(name)
            except BrokerUnavailable as unavailable:
                trouble = unavailable
            else:
                return
        raise trouble

    async def start(self) -> None:
        await asyncio.gather(*(server.ear.start() for server in self._servers.values()))

    async def listen(self, names: Sequence[str], listener: Listener) -> None:
        if self._only is not None:
            await self._add(self._only, names, listener)
            return
        homes = self._by_home(names)
        done = await asyncio.gather(
            *(self._add(server, theirs, listener) for server, theirs in homes.items()), return_exceptions=True
        )
        trouble = next((each for each in done if each is not None), None)
        if trouble is not None:
            await self.ignore(names)
            raise trouble

    async def _add(self, server: Server, names: Sequence[str], listener: Listener) -> None:
        refused = await server.ear.add(names, listener)
        if refused:
            server.ear.remove(names)
            raise server.unavailable(next(iter(refused.values())))

    async def keep_listening(self, name: str, listener: Listener) -> None:
        for server in self._servers.values():
            server.ear.adopt({name: listener})
        self._kept.add(name)
        await asyncio.gather(*(server.ear.start() for server in self._servers.values()))

    async def ignore(self, names: Sequence[str]) -> None:
        for server, theirs in self._by_home(names).items():
            server.ear.remove(theirs)
        for name in self._kept.intersection(names):
            self._kept.discard(name)
            for server in self._servers.values():
                server.ear.remove((name,))

    def _by_home(self, names: Sequence[str]) -> Mapping[Server, Sequence[str]]:
        if self._only is not None:
            return {self._only: names}
        homes: dict[Server, list[str]] = {}
        for name in names:
            homes.setdefault(self.home(name), []).append(name)
        return homes

    @property
    def hears(self) -> bool:
        return all(server.ear.standing for server in self._servers.values())

    async def servers(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return {name: server.ping for name, server in self._servers.items()}

    async def close(self) -> None:
        await asyncio.gather(*(server.close() for server in self._servers.values()))
