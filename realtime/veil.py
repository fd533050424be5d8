"""What is personal is sealed on its way: in the outbox, at the broker and in the broker's history.

``veiled`` seals a publication for its channel; ``Unveiling`` is a broker that opens what comes of it, so hub
and sockets know nothing of it. Each is bound to its channel: copied to another one it does not open. What was
not sealed (a board, somebody typing) begins with a brace and passes as it is.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from core.events import Outgoing
from core.sealing import SealBroken, Sealing
from realtime.broker import Broker, Keep, OnInterrupted, OnPublication
from realtime.stream import History, Position, Publication

log = structlog.get_logger()

_TABLE: Final = "outbox"
_COLUMN: Final = "data"
_UNREADABLE: Final = b'{"event":"unreadable"}'
"""In place of what does not open: the client reloads, and no hole is left in the stream."""


def veiled(outgoing: Outgoing, sealing: Sealing) -> Outgoing:
    """The publication as it waits and travels."""
    sealed = sealing.seal(outgoing.data.decode(), table=_TABLE, column=_COLUMN, row=outgoing.channel)
    return Outgoing(outgoing.channel, sealed, veiled=True)


class Unveiling:
    """A ``Broker`` around another one."""

    def __init__(self, broker: Broker, sealing: Sealing) -> None:
        self._broker = broker
        self._sealing = sealing
        self.immediate = broker.immediate
        self.close = broker.close
        self.ping = broker.ping
        self.publish = broker.publish
        self.subscribe = broker.subscribe
        self.unsubscribe = broker.unsubscribe
        self.add_presence = broker.add_presence
        self.remove_presence = broker.remove_presence
        self.presence_stats = broker.presence_stats
        self.presence = broker.presence

    async def start(self, on_publication: OnPublication, on_interrupted: OnInterrupted) -> None:
        def opened(channel: str, publication: Publication) -> None:
            on_publication(channel, self._opened(channel, publication))

        await self._broker.start(opened, on_interrupted)

    async def servers(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        return await self._broker.servers()

    async def history(
        self,
        channel: str,
        *,
        keep: Keep,
        since: Position | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> History:
        found = await self._broker.history(channel, keep=keep, since=since, limit=limit, reverse=reverse)
        if all(one.data[:1] == b"{" for one in found.publications):
            return found
        return History(found.position, tuple(self._opened(channel, one) for one in found.publications))

    def _opened(self, channel: str, publication: Publication) -> Publication:
        data = publication.data
        if data[:1] == b"{" or not data:
            return publication
        try:
            text = self._sealing.open(bytes(data), table=_TABLE, column=_COLUMN, row=channel)
        except SealBroken:
            log.error("realtime.sealed_publication_does_not_open")
            opened = _UNREADABLE
        else:
            opened = text.encode()
        return Publication(opened, publication.offset, publication.epoch, publication.info)
