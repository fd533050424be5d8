"""The broker of a single process: streams in memory, delivered before ``publish`` returns.

``MemoryStreams`` is what Redis is to the other adapter. Several brokers may share one, as processes share a
Redis: tests do, and ``dev``, whose roles live in one loop.
"""

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from core import limits
from core.clock import Clock
from realtime.broker import BrokerUnavailable, Keep, OnInterrupted, OnPublication, PresenceStats, Present
from realtime.stream import History, Position, Publication


@dataclass(slots=True)
class _Stream:
    epoch: str
    keep: Keep
    offset: int = 0
    kept: deque[Publication] | None = None
    """None while there are none: most personal channels are silent, and an empty deque is 600 bytes."""
    published: float = 0.0
    touched: float = 0.0


class MemoryStreams:
    """Every channel's stream, the listeners, presence, and the answers to repeated publications."""

    def __init__(self, *, clock: Clock, new_epoch: Callable[[], str]) -> None:
        self._clock = clock
        self._new_epoch = new_epoch
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._answers: OrderedDict[str, tuple[float, Position]] = OrderedDict()
        self._presence: dict[str, dict[str, tuple[float, Present]]] = {}
        self._listeners: dict[str, tuple[OnPublication, ...]] = {}

    def listen(self, channel: str, listener: OnPublication) -> None:
        """Tell the listener of every publication from now on."""
        others = self._listeners.get(channel, ())
        if listener not in others:
            self._listeners[channel] = (*others, listener)

    def ignore(self, channel: str, listener: OnPublication) -> None:
        """The reverse of ``listen``."""
        others = tuple(one for one in self._listeners.get(channel, ()) if one != listener)
        if others:
            self._listeners[channel] = others
        else:
            self._listeners.pop(channel, None)

    def publish(
        self, channel: str, data: bytes, *, keep: Keep | None, key: str | None, info: bytes = b""
    ) -> Position:
        """Append, answer the position, and tell the listeners; once per key."""
        now = self._clock.monotonic()
        answered = self._answer(channel, key, now)
        if answered is not None:
            return answered
        publication = Publication(data, info=info)
        if keep is not None:
            stream = self._stream(channel, keep, now)
            self._evict(stream, now)
            stream.offset += 1
            publication = Publication(data, stream.offset, stream.epoch, info)
            stream.kept = stream.kept if stream.kept is not None else deque()
            stream.kept.append(publication)
            stream.published = now
            self._evict(stream, now)
        position = Position(publication.offset, publication.epoch)
        if key is not None:
            self._answers[f"{channel} {key}"] = now + limits.BROKER_IDEMPOTENCY_SECONDS, position
        for listener in self._listeners.get(channel, ()):
            listener(channel, publication)
        return position

    def _answer(self, channel: str, key: str | None, now: float) -> Position | None:
        while self._answers and next(iter(self._answers.values()))[0] <= now:
            self._answers.popitem(last=False)
        known = None if key is None else self._answers.get(f"{channel} {key}")
        return None if known is None else known[1]

    def _stream(self, channel: str, keep: Keep, now: float) -> _Stream:
        while self._streams:
            oldest = next(iter(self._streams.values()))
            if now - oldest.touched <= limits.BROKER_HISTORY_META_TTL_SECONDS:
                break
            self._streams.popitem(last=False)
        stream = self._streams.get(channel)
        if stream is None:
            stream = self._streams[channel] = _Stream(self._new_epoch(), keep)
        self._streams.move_to_end(channel)
        stream.keep, stream.touched = keep, now
        return stream

    def _evict(self, stream: _Stream, now: float) -> None:
        if stream.kept is None:
            return
        if now - stream.published >= stream.keep.ttl_seconds:
            # As in Redis, the age is the stream's: each publication renews all of it.
            stream.kept = None
            return
        while len(stream.kept) > stream.keep.items:
            stream.kept.popleft()

    def history(
        self, channel: str, *, keep: Keep, since: Position | None, limit: int, reverse: bool
    ) -> History:
        """Read as ``Broker.history`` promises."""
        now = self._clock.monotonic()
        stream = self._stream(channel, keep, now)
        self._evict(stream, now)
        top = Position(stream.offset, stream.epoch)
        if not limit or (since is not None and since.epoch not in ("", stream.epoch)):
            return History(top)
        kept = list(stream.kept or ())
        if reverse:
            kept.reverse()
        if since is not None:
            start = since.offset
            kept = [one for one in kept if (one.offset < start if reverse else one.offset > start)]
        return History(top, tuple(kept[:limit]))

    def add_presence(self, channel: str, members: Mapping[str, Present]) -> None:
        """Note or renew watchers."""
        ends = self._clock.monotonic() + limits.REALTIME_PRESENCE_SECONDS
        present = self._presence.setdefault(channel, {})
        present.update({client: (ends, member) for client, member in members.items()})

    def remove_presence(self, channel: str, clients: Sequence[str]) -> None:
        """Forget watchers."""
        present = self._presence.get(channel, {})
        for client in clients:
            present.pop(client, None)
        if not present:
            self._presence.pop(channel, None)

    def presence(self, channel: str) -> Mapping[str, Present]:
        """Those whose time is not over."""
        now = self._clock.monotonic()
        gone = [client for client, (ends, _) in self._presence.get(channel, {}).items() if ends <= now]
        self.remove_presence(channel, gone)
        return {client: member for client, (_, member) in self._presence.get(channel, {}).items()}

    def forget_everything(self) -> None:
        """What a restart without persistence does. For tests of what follows."""
        self._streams.clear()
        self._answers.clear()
        self._presence.clear()


class MemoryBroker:
    """One listener on shared streams; see ``realtime.broker.Broker``."""

    immediate = True

    def __init__(self, streams: MemoryStreams) -> None:
        self._streams = streams
        self._on_publication: OnPublication | None = None
        self._heard: set[str] = set()
        self._closed = False

    async def start(self, on_publication: OnPublication, on_interrupted: OnInterrupted) -> None:
        self._on_publication = on_publication

    async def close(self) -> None:
        await self.unsubscribe(tuple(self._heard))
        self._closed = True

    async def ping(self) -> None:
        self._check_open()

    async def servers(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return {"memory": self.ping}

    async def publish(
        self,
        channel: str,
        data: bytes,
        *,
        keep: Keep | None,
        idempotency_key: str | None = None,
        info: bytes = b"",
    ) -> Position:
        self._check_open()
        return self._streams.publish(channel, data, keep=keep, key=idempotency_key, info=info)

    async def history(
        self,
        channel: str,
        *,
        keep: Keep,
        since: Position | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> History:
        self._check_open()
        return self._streams.history(channel, keep=keep, since=since, limit=limit, reverse=reverse)

    async def subscribe(self, channels: Sequence[str]) -> None:
        self._check_open()
        if self._on_publication is None:
            raise RuntimeError("a broker must be started before it can listen")
        for channel in channels:
            self._heard.add(channel)
            self._streams.listen(channel, self._on_publication)

    async def unsubscribe(self, channels: Sequence[str]) -> None:
        if self._on_publication is None:
            return
        for channel in channels:
            self._heard.discard(channel)
            self._streams.ignore(channel, self._on_publication)

    async def add_presence(self, channel: str, members: Mapping[str, Present]) -> None:
        self._check_open()
        self._streams.add_presence(channel, members)

    async def remove_presence(self, channel: str, clients: Sequence[str]) -> None:
        self._check_open()
        self._streams.remove_presence(channel, clients)

    async def presence_stats(self, channel: str) -> PresenceStats:
        self._check_open()
        present = self._streams.presence(channel).values()
        return PresenceStats(len(present), len({member.user for member in present}))

    async def presence(self, channel: str, *, limit: int) -> Mapping[str, Present] | None:
        self._check_open()
        present = self._streams.presence(channel)
        return present if len(present) <= limit else None

    def _check_open(self) -> None:
        if self._closed:
            raise BrokerUnavailable
