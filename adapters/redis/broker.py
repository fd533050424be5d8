"""The broker of many processes: Redis streams for history, Redis pub/sub for telling.

A publication is one script (epoch, offset, XADD, PUBLISH, idempotency), so offsets and messages have one
order. See ``scripts`` for epochs, ``subscription`` for hearing. With Redis away every call raises
``BrokerUnavailable``; what clients hold stays valid, and when Redis is back the hub compares positions and
sends back whoever missed something.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from adapters.redis import scripts
from adapters.redis.link import Links
from adapters.redis.subscription import Subscription
from core import limits
from realtime.broker import Keep, OnInterrupted, OnPublication, PresenceStats, Present
from realtime.stream import History, Position, Publication

log = structlog.get_logger()

_NONCE_BYTES = 6
_WITH_INFO = b"\0"


class RedisBroker:
    """See ``realtime.broker.Broker``. ``prefix`` separates several installations on one Redis."""

    immediate = False

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "houzhen",
        probe_seconds: float = limits.BROKER_PROBE_SECONDS,
        reply_seconds: float = limits.BROKER_REPLY_SECONDS,
    ) -> None:
        self._links = Links(url, reply_seconds=reply_seconds)
        self._prefix = prefix
        self._probe_seconds = probe_seconds
        self._subscription: Subscription | None = None
        self._on_publication: OnPublication | None = None

    @property
    def hears(self) -> bool:
        """Whether the subscription stands; for readiness checks."""
        return self._subscription is not None and self._subscription.standing

    async def start(self, on_publication: OnPublication, on_interrupted: OnInterrupted) -> None:
        self._on_publication = on_publication
        self._subscription = Subscription(
            self._links,
            on_message=self._hear,
            on_interrupted=on_interrupted,
            probe=self._send_probe,
            probe_channel=f"{self._prefix}:probe:{secrets.token_hex(8)}",
            probe_seconds=self._probe_seconds,
        )
        self._subscription.start()
        await self._subscription.tried.wait()

    async def close(self) -> None:
        if self._subscription is not None:
            await self._subscription.close()
        await self._links.close()

    async def ping(self) -> None:
        async with self._links.one() as link:
            await link.call("PING")

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
        keys = (
            self._key(channel, "stream"),
            self._key(channel, "meta"),
            self._key(channel, f"answer:{idempotency_key or ''}"),
            self._key(channel),
        )
        async with self._links.one() as link:
            answer = await link.run_script(
                scripts.PUBLISH,
                keys,
                _packed(data, info),
                link.run,
                secrets.token_urlsafe(_NONCE_BYTES),
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
        async with self._links.one() as link:
            epoch, top, entries = await link.run_script(
                scripts.HISTORY,
                (self._key(channel, "stream"), self._key(channel, "meta")),
                link.run,
                secrets.token_urlsafe(_NONCE_BYTES),
                keep.ttl_seconds,
                "" if since is None else since.epoch,
                start,
                stop,
                limit,
                int(reverse),
            )
        name = epoch.decode()
        return History(Position(int(top), name), tuple(_publication(entry, name) for entry in entries))

    # Hearing.

    async def subscribe(self, channels: Sequence[str]) -> None:
        await self._ear().add([self._key(channel) for channel in channels])

    async def unsubscribe(self, channels: Sequence[str]) -> None:
        await self._ear().remove([self._key(channel) for channel in channels])

    def _ear(self) -> Subscription:
        if self._subscription is None:
            raise RuntimeError("a broker must be started before it can listen")
        return self._subscription

    def _hear(self, key: str, message: bytes) -> None:
        offset, epoch, packed = message.split(b":", 2)
        data, info = _unpacked(packed)
        assert self._on_publication is not None
        self._on_publication(self._channel(key), Publication(data, int(offset), epoch.decode(), info))

    async def _send_probe(self, channel: str) -> None:
        async with self._links.one() as link:
            await link.call("PUBLISH", channel, b"")

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
        keys = (self._key(channel, "presence"), self._key(channel, "users"))
        async with self._links.one() as link:
            return await link.run_script(script, keys, *values)

    # Names.

    def _key(self, channel: str, part: str = "") -> str:
        # Braces keep all keys of one channel in one slot of a cluster; no channel name holds any.
        return f"{self._prefix}:{{{channel}}}:{part}" if part else f"{self._prefix}:{{{channel}}}"

    def _channel(self, key: str) -> str:
        return key[len(self._prefix) + 2 : -1]


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
