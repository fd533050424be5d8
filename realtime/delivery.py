"""From what a process heard to what its subscribers get: joined while busy, sliced, fair to the small ones.

The broker's publications are noted per channel; the next turn of the loop hears them all. What came in for a
channel within one turn, or while an earlier delivery of that channel was still under way, becomes one write
to each receiver; a receiver that listens to several of the channels gets all of it in one write. So an idle
process sends at once, and a busy one saves a write for every publication it could join.

A large delivery is cut into slices, between which the loop does everything else: commands are answered, and
deliveries to few go ahead of the rest of a delivery to many. What needs several turns of the loop, as a
transaction does, gets them one after the other as long as each has something to do, up to
``REALTIME_OTHERS_SECONDS``; while another thread is at work for the loop, and needs the processor too, up to
``REALTIME_ELSEWHERE_SECONDS``. Then a turn delivers for as long as the others took, so that neither side
waits for the other more than half of the time; beside other threads a fifth of it at least is delivering.
To everybody outside it is as if the broker's message had come a little later: a channel's feed hears a
publication when its delivery begins, and whoever leaves the feed meanwhile is dropped from what is under way.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from core import limits
from realtime.fanout import FanOut, Push, Subscriber
from realtime.stream import Publication


class Source(Protocol):
    """A channel as deliveries see it."""

    pending: list[Publication] | None
    """Publications heard from the broker that the feed has not been told of."""
    under_way: int
    """Deliveries of this channel that have begun and not ended."""


S = TypeVar("S", bound=Source)

Told = tuple[Sequence[Subscriber], Sequence[Push]]
"""Who gets what: publications of one channel, in order."""


class Delivery(Generic[S]):
    """The same for a number of receivers, some of whom have been served."""

    __slots__ = ("_at", "_left", "_receivers", "_writes", "parts")

    def __init__(self, parts: Sequence[tuple[S, Sequence[Push]]], receivers: Sequence[Subscriber]) -> None:
        self.parts = parts
        self._writes = Push.joined([push for _, pushes in parts for push in pushes])
        self._receivers = receivers
        self._at = 0
        self._left: dict[Subscriber, list[S]] = {}

    @property
    def waiting(self) -> int:
        """How many receivers are still to come."""
        return len(self._receivers) - self._at

    def drop(self, source: S, subscriber: Subscriber) -> None:
        """The subscriber has left the channel: it gets nothing more of it."""
        if any(source is one for one, _ in self.parts):
            self._left.setdefault(subscriber, []).append(source)

    def go_on(self, count: int, fan_out: FanOut) -> None:
        """Serve the next so many receivers."""
        receivers = self._receivers[self._at : self._at + count]
        self._at += len(receivers)
        if self._left:
            for receiver in receivers:
                if receiver in self._left:
                    self._serve_the_rest(receiver, fan_out)
            receivers = [one for one in receivers if one not in self._left]
        for push in self._writes:
            fan_out(receivers, push)

    def _serve_the_rest(self, receiver: Subscriber, fan_out: FanOut) -> None:
        left = self._left[receiver]
        rest = [push for source, pushes in self.parts if source not in left for push in pushes]
        for push in Push.joined(rest):
            fan_out((receiver,), push)


class Deliveries(Generic[S]):
    """Everything under way in one process. All calls come from the loop."""

    def __init__(
        self,
        *,
        hear: Callable[[S, Sequence[Publication]], Iterable[Told]],
        fan_out: FanOut,
        monotonic: Callable[[], float],
        slice_receivers: int = limits.REALTIME_SLICE_RECEIVERS,
        busy_elsewhere: Callable[[], bool] = lambda: False,
    ) -> None:
        """``hear`` tells a channel's feed and answers who gets what, in order.

        While ``busy_elsewhere``, what is left of a large delivery leaves the processor to other threads.
        """
        self._hear = hear
        self._fan_out = fan_out
        self._monotonic = monotonic
        self._slice = slice_receivers
        self._busy_elsewhere = busy_elsewhere
        self._left_off_at: float | None = None
        self._turned_at = 0.0
        self._waited_elsewhere = False
        self._heard: list[S] = []
        self._small: deque[Delivery[S]] = deque()
        self._large: deque[Delivery[S]] = deque()
        self._bytes = 0
        self._awake = self._stepping = False

    def take(self, source: S, publication: Publication) -> None:
        """Note a publication; it is under way after this turn of the loop.

        When more than ``REALTIME_HEARD_BYTES`` wait, whoever brings more waits here until they have gone.
        """
        if source.pending is None:
            source.pending = []
            if not source.under_way:
                self._heard.append(source)
        source.pending.append(publication)
        self._bytes += len(publication.data)
        while self._bytes > limits.REALTIME_HEARD_BYTES and not self._stepping:
            self._step()
        self._wake()

    def drop(self, source: S, subscriber: Subscriber) -> None:
        """The subscriber has left the channel: nothing of it may reach it from now on."""
        if source.under_way:
            for delivery in (*self._small, *self._large):
                delivery.drop(source, subscriber)

    def _wake(self, *, nap: bool = False) -> None:
        if self._awake or not (self._heard or self._small or self._large):
            return
        self._awake = True
        loop = asyncio.get_running_loop()
        if nap:
            loop.call_later(limits.REALTIME_NAP_SECONDS, self._turn)
        else:
            loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._awake = False
        began = self._monotonic()
        if self._others_go_on(began):
            self._wake(nap=self._busy_elsewhere())
            return
        others_took = 0.0 if self._left_off_at is None else began - self._left_off_at
        most = limits.REALTIME_OTHERS_SECONDS if self._waited_elsewhere else limits.REALTIME_SLICE_SECONDS
        self._waited_elsewhere = False
        try:
            self._step(until=began + min(others_took, most))
        finally:
            self._wake()
            self._turned_at = self._monotonic()
            self._left_off_at = self._turned_at if self._awake else None

    def _others_go_on(self, now: float) -> bool:
        """Whether the loop did something in the turn that has passed, or waits for another thread."""
        took, self._turned_at = now - self._turned_at, now
        if self._left_off_at is None:
            return False
        elsewhere = self._busy_elsewhere()
        self._waited_elsewhere = self._waited_elsewhere or elsewhere
        others = (
            limits.REALTIME_ELSEWHERE_SECONDS if self._waited_elsewhere else limits.REALTIME_OTHERS_SECONDS
        )
        if now - self._left_off_at >= others:
            return False
        return elsewhere or took > limits.REALTIME_IDLE_TURN_SECONDS

    def _step(self, *, until: float = 0.0) -> None:
        """Begin what was heard, then a slice of small deliveries and one of the large, again until then."""
        self._stepping = True
        try:
            while True:
                if self._heard:
                    self._begin()
                self._serve(self._small)
                self._serve(self._large)
                if not (self._small or self._large) or self._monotonic() >= until:
                    return
        finally:
            self._stepping = False

    def _serve(self, waiting: deque[Delivery[S]]) -> None:
        room = self._slice
        while waiting and room > 0:
            delivery = waiting[0]
            count = min(room, delivery.waiting)
            room -= count
            try:
                delivery.go_on(count, self._fan_out)
            finally:
                if not delivery.waiting:
                    waiting.popleft()
                    self._ended(delivery)

    def _ended(self, delivery: Delivery[S]) -> None:
        for source, _ in delivery.parts:
            source.under_way -= 1
            if not source.under_way and source.pending is not None:
                self._heard.append(source)

    def _begin(self) -> None:
        sources, self._heard = self._heard, []
        told: list[tuple[S, Sequence[Subscriber], Sequence[Push]]] = []
        for source in sources:
            publications, source.pending = source.pending or [], None
            self._bytes -= sum(len(one.data) for one in publications)
            told += [(source, *each) for each in self._hear(source, publications)]
        for delivery in _deliveries(told):
            for source, _ in delivery.parts:
                source.under_way += 1
            (self._small if delivery.waiting <= self._slice else self._large).append(delivery)


def _deliveries(told: Sequence[tuple[S, Sequence[Subscriber], Sequence[Push]]]) -> list[Delivery[S]]:
    """One delivery for all who get the same."""
    if len(told) == 1:
        [(source, receivers, pushes)] = told
        return [Delivery(((source, pushes),), receivers)]
    parts: dict[Subscriber, tuple[int, ...]] = {}
    for number, (_, receivers, _) in enumerate(told):
        own = (number,)
        for receiver in receivers:
            before = parts.get(receiver)
            parts[receiver] = own if before is None else before + own
    groups: dict[tuple[int, ...], list[Subscriber]] = {}
    for receiver, numbers in parts.items():
        groups.setdefault(numbers, []).append(receiver)
    return [
        Delivery([(told[number][0], told[number][2]) for number in numbers], receivers)
        for numbers, receivers in groups.items()
    ]
