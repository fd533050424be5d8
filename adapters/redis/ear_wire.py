"""A connection in subscriber mode: messages in, orders to subscribe and unsubscribe out.

The server confirms in the order in which it was asked, name by name, and refuses a whole command with one
error. So one queue of orders is enough to know which confirmation belongs to whom; a confirmation that nobody
asked for is the server ending a subscription by itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hiredis import pack_command

from adapters.redis.wire import Dialled, Refused, Wire
from core import limits
from realtime.broker import BrokerUnavailable


@dataclass(frozen=True, slots=True)
class Words:
    """How subscribing is said: to any server, or to the node of a cluster that has the name's slot."""

    subscribe: str = "SUBSCRIBE"
    unsubscribe: str = "UNSUBSCRIBE"
    message: bytes = b"message"
    names_a_command: int = limits.BROKER_SUBSCRIBE_BATCH


PLAIN = Words()
# The names of one sharded command must share a slot; each goes by itself.
SHARDED = Words("SSUBSCRIBE", "SUNSUBSCRIBE", b"smessage", 1)


class Asked:
    """Orders that belong together. ``answered`` brings the names that the server refused."""

    __slots__ = ("_left", "_refused", "answered")

    def __init__(self) -> None:
        self._left = 1
        self._refused: dict[str, Refused] = {}
        self.answered: asyncio.Future[dict[str, Refused]] = asyncio.get_running_loop().create_future()

    def given(self) -> None:
        """One more order."""
        self._left += 1

    def refuse(self, names: Sequence[str], why: Refused) -> None:
        """These names were not taken."""
        self._refused.update(dict.fromkeys(names, why))

    def done(self) -> None:
        """One more order is answered; also called once when all of them are given."""
        self._left -= 1
        if not self._left and not self.answered.done():
            self.answered.set_result(self._refused)

    def fail(self) -> None:
        """No answer will come."""
        if not self.answered.done():
            self.answered.set_exception(BrokerUnavailable())


@dataclass(slots=True)
class _Order:
    kind: bytes
    names: Sequence[str]
    at: float
    asked: Asked | None
    confirmed: int = 0


class EarWire(Wire):
    """See the module. ``on_dismissed`` is told a name whose subscription the server ended.

    What waits to be written is bounded by the names that this process listens to.
    """

    def __init__(
        self,
        dialled: Dialled,
        *,
        words: Words,
        reply_seconds: float,
        on_message: Callable[[str, bytes], None],
        on_dismissed: Callable[[str], None],
        on_lost: Callable[[Wire, bool], None],
    ) -> None:
        self._words = words
        self._message = words.message
        self._dismissal = words.unsubscribe.lower().encode()
        self._on_message = on_message
        self._on_dismissed = on_dismissed
        self._orders: deque[_Order] = deque()
        self._unsent: list[bytes] = []
        self.heard = False
        """Set by whatever comes in; for who wants to know whether anything does."""
        super().__init__(dialled, reply_seconds=reply_seconds, on_lost=on_lost)
        self._ended: asyncio.Future[None] = self._loop.create_future()

    def order(self, word: str, names: Sequence[str], asked: Asked | None = None) -> None:
        """Subscribe or unsubscribe, in this turn's write. Raises ``BrokerUnavailable`` when it has ended."""
        if self.lost:
            raise BrokerUnavailable
        kind, step, at = word.lower().encode(), self._words.names_a_command, self._loop.time()
        for start in range(0, len(names), step):
            some = names[start : start + step]
            if asked is not None:
                asked.given()
            self._orders.append(_Order(kind, some, at, asked))
            if not self._unsent:
                self._loop.call_soon(self._flush)
            self._unsent.append(pack_command((word, *some)))  # type: ignore[arg-type]

    def longest(self) -> tuple[object, float] | None:
        return (self._orders[0], self._orders[0].at) if self._orders else None

    async def ended(self, *, within: float) -> bool:
        """Wait for the end, but not longer; answer whether it has come."""
        await asyncio.wait((self._ended,), timeout=within)
        return self.lost

    def _flush(self) -> None:
        if not self.lost:
            self._transport.write(b"".join(self._unsent))
            self._watch_for_silence()
        self._unsent.clear()

    def take(self, reply: Any) -> None:
        self.heard = True
        if isinstance(reply, list) and len(reply) == 3:
            kind, name, body = reply
            if kind == self._message:
                self._on_message(name.decode(), body)
            else:
                self._confirmed(kind, b"" if name is None else name)
        elif isinstance(reply, Refused) and self._orders:
            order = self._orders.popleft()
            if order.asked is not None:
                order.asked.refuse(order.names, reply)
                order.asked.done()
        else:
            self.drop()

    def _confirmed(self, kind: bytes, name: bytes) -> None:
        order = self._orders[0] if self._orders else None
        if order is not None and order.kind == kind and order.names[order.confirmed].encode() == name:
            order.confirmed += 1
            if order.confirmed == len(order.names):
                self._orders.popleft()
                if order.asked is not None:
                    order.asked.done()
        elif kind == self._dismissal:
            self._on_dismissed(name.decode())
        else:
            self.drop()

    def _fail(self) -> None:
        orders, self._orders = self._orders, deque()
        for order in orders:
            if order.asked is not None:
                order.asked.fail()
        if not self._ended.done():
            self._ended.set_result(None)
