"""The broker of many processes: Redis streams for history, Redis pub/sub for telling.

A publication is one script (epoch, offset, XADD, PUBLISH, idempotency) in one round trip, so offsets and
messages have one order. See ``scripts`` for epochs, ``wire`` for pipelining, ``ear`` for hearing,
``topology`` for several Redis. With a Redis away every call about its channels raises ``BrokerUnavailable``;
what clients hold stays valid, and when it is back the hub compares positions and sends back whoever missed
something.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from typing import Any

import structlog

from adapters.redis import scripts
from adapters.redis.server import Timing
from adapters.redis.topology import Topology, topology_at
from core import limits
from realtime.broker import Keep, OnInterrupted, OnPublication, PresenceStats, Present
from realtime.stream import History, Position, Publication

log = structlog.get_logger()

_NONCE_BYTES = 6
_WITH_INFO = b"\0"


class RedisBroker:
    """See ``realtime.broker.Broker``. ``prefix`` separates several installations on one Redis.

    ``redis`` is a URL, several (shards; see ``places``), or a topology that another part uses too; it is
    closed with the broker in any case.
    """

    immediate = False

    def __init__(
        self,
        redis: str | Sequence[str] | Topology,
        *,
        prefix: str = "houzhen",
        probe_seconds: float = limits.BROKER_PROBE_SECONDS,
        reply_seconds: float = limits.BROKER_REPLY_SECONDS,
    ) -> None:
        timing = Timing(reply_seconds=reply_seconds, probe_seconds=probe_seconds)
        if isinstance(redis, str):
            redis = (redis,)
        self._redis = topology_at(redis, timing) if isinstance(redis, Sequence) else redis
        self._prefix = prefix
        # Two epochs of a channel must differ, also when one Redis is emptied in between.
        self._nonce = secrets.token_urlsafe(_NONCE_BYTES)
        self._numbers = count()
        self._on_publication: OnPublication | None = None
        self._on_interrupted: OnInterrupted | None = None

    @property
    def hears(self) -> bool:
        """Whether every subscription stands; for readiness checks."""
        return self._on_publication is not None and self._redis.hears

    async def start(self, on_publication: OnPublication, on_interrupted: OnInterrupted) -> None:
        self._on_publication, self._on_interrupted = on_publication, on_interrupted
        await self._redis.start()

    async def close(self) -> None:
        await self._redis.close()

    async def ping(self) -> None:
        for answers in (await self._redis.servers()).values():
            await answers()

    async def servers(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return await self._redis.servers()

    # Publishing and reading.

    async def publish(
        self,
        channel: str,
        data: bytes,
        *,
        keep: Keep | None,
        idempotency_key: str | None = None,
        info: bytes = b"",
    ) -> Position:
        name = self._name(channel)
        answer = await self._redis.run(
            name,
            self._redis.publish,
            (f"{name}:stream", f"{name}:meta", f"{name}:answer:{idempotency_key or ''}", name),
            self._new_nonce(),
            _packed(data, info),
            0 if keep is None else keep.items,
            0 if keep is None else keep.ttl_seconds,
            limits.BROKER_HISTORY_META_TTL_SECONDS,
            0 if idempotency_key is None else limits.BROKER_IDEMPOTENCY_SECONDS,
        )
        offset, _, epoch = answer.decode().partition(":")
        return Position(int(offset), epoch)

    async def history(
        self,
        channel: str,
        *,
        keep: Keep,
        since: Position | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> History:
        start, stop = ("+", "-") if reverse else ("-", "+")
        if since is not None:
            start = str(max(0, since.offset - 1) if reverse else since.offset + 1)
        name = self._name(channel)
        found, top, entries = await self._redis.run(
            name,
            scripts.HISTORY,
            (f"{name}:stream", f"{name}:meta"),
            self._new_nonce(),
            keep.ttl_seconds,
            "" if since is None else since.epoch,
            start,
            stop,
            limit,
            int(reverse),
            reading=True,
        )
        epoch = found.decode()
        return History(Position(int(top), epoch), tuple(_publication(entry, epoch) for entry in entries))

    def _new_nonce(self) -> str:
        return f"{self._nonce}{next(self._numbers):x}"

    # Hearing.

    async def subscribe(self, channels: Sequence[str]) -> None:
        if self._on_publication is None:
            raise RuntimeError("a broker must be started before it can listen")
        await self._redis.listen([self._name(channel) for channel in channels], self)

    async def unsubscribe(self, channels: Sequence[str]) -> None:
        await self._redis.ignore([self._name(channel) for channel in channels])

    def hear(self, name: str, body: bytes) -> None:
        """A message of a channel that was subscribed to."""
        offset, epoch, packed = body.split(b":", 2)
        data, info = _unpacked(packed)
        assert self._on_publication is not None
        self._on_publication(self._channel(name), Publication(data, int(offset), epoch.decode(), info))

    def interrupted(self, names: Sequence[str]) -> None:
        """These channels are heard again."""
        assert self._on_interrupted is not None
        self._on_interrupted([self._channel(name) for name in names])

    # Presence.

    async def add_presence(self, channel: str, members: Mapping[str, Present]) -> None:
        items = [(client, member.user.encode() + b"\n" + member.info) for client, member in members.items()]
        for start in range(0, len(items), limits.BROKER_SUBSCRIBE_BATCH):
            flat = [part for pair in items[start : start + limits.BROKER_SUBSCRIBE_BATCH] for part in pair]
            await self._presence(scripts.PRESENCE_ADD, channel, limits.REALTIME_PRESENCE_SECONDS, *flat)

    async def remove_presence(self, channel: str, clients: Sequence[str]) -> None:
        for start in range(0, len(clients), limits.BROKER_SUBSCRIBE_BATCH):
            batch = clients[start : start + limits.BROKER_SUBSCRIBE_BATCH]
            await self._presence(scripts.PRESENCE_REMOVE, channel, *batch)

    async def presence_stats(self, channel: str) -> PresenceStats:
        clients, users = await self._presence(scripts.PRESENCE_STATS, channel)
        return PresenceStats(clients, users)

    async def presence(self, channel: str, *, limit: int) -> Mapping[str, Present] | None:
        found = await self._presence(scripts.PRESENCE, channel, limit)
        if found is None:
            return None
        return {
            client.decode(): _present(value) for client, value in zip(found[::2], found[1::2], strict=True)
        }

    async def _presence(self, script: scripts.Script, channel: str, *values: bytes | str | int) -> Any:
        name = self._name(channel)
        keys = (f"{name}:presence", f"{name}:users")
        return await self._redis.run(name, script, keys, *values, reading=True)

    # Names.

    def _name(self, channel: str) -> str:
        # Braces keep all keys of one channel in one slot of a cluster; no channel name holds any.
        return f"{self._prefix}:{{{channel}}}"

    def _channel(self, name: str) -> str:
        return name[len(self._prefix) + 2 : -1]


def _publication(entry: Any, epoch: str) -> Publication:
    identity, (_, packed) = entry
    data, info = _unpacked(packed)
    return Publication(data, int(identity.partition(b"-")[0]), epoch, info)


def _packed(data: bytes, info: bytes) -> bytes:
    """Both in one value. JSON begins with none of the bytes that this puts before it."""
    return b"%b%d:%b%b" % (_WITH_INFO, len(info), info, data) if info else data


def _unpacked(value: bytes) -> tuple[bytes, bytes]:
    if not value.startswith(_WITH_INFO):
        return value, b""
    size, _, rest = value[len(_WITH_INFO) :].partition(b":")
    return rest[int(size) :], rest[: int(size)]


def _present(value: bytes) -> Present:
    user, _, info = value.partition(b"\n")
    return Present(user.decode(), info)
