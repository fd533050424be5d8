"""Publishers and a listener who write everything down, and a judgement: was anything silently lost?"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from realtime.broker import Broker, BrokerUnavailable
from realtime.stream import Position, Publication
from tests.contract.hearing import KEEP

PAUSE_SECONDS = 0.005


@dataclass
class Diary:
    """What happened to one channel, in order."""

    events: list[tuple[str, Position]] = field(default_factory=list)
    refused: int = 0

    def of(self, kind: str) -> list[Position]:
        return [position for each, position in self.events if each == kind]

    def told_after(self, at: int) -> bool:
        """Whether the listener learned, later than that event, that something was missed."""
        heard = [position for kind, position in self.events[:at] if kind == "heard"]
        last = heard[-1] if heard else None
        for kind, position in self.events[at:]:
            if kind == "interrupted":
                return True
            if kind == "heard":
                if last is not None and position != Position(last.offset + 1, last.epoch):
                    return True
                last = position
        return False

    def judge(self, top: Position) -> None:
        """I1, I2, I4: offsets in order and never used twice, everything heard or told."""
        accepted, heard = self.of("accepted"), self.of("heard")
        assert len(set(accepted)) == len(accepted), "a position was given twice"
        epochs: dict[str, int] = {}
        for position in heard:
            # A new connection may hear the last one again, never an older one of a stream it has left.
            assert position.offset > epochs.get(position.epoch, 0), "heard out of order"
            epochs[position.epoch] = position.offset
        assert list(epochs) == [epoch for epoch, _ in _runs(heard)], "an old epoch came back"
        known = set(heard)
        for at, (kind, position) in enumerate(self.events):
            if kind == "accepted" and position not in known:
                assert self.told_after(at), f"{position} was lost and nobody was told"
        if heard and heard[-1] != top:
            assert self.told_after(self.events.index(("heard", heard[-1]))), "behind, and not told"


def _runs(heard: Iterable[Position]) -> list[tuple[str, int]]:
    runs: list[tuple[str, int]] = []
    for position in heard:
        if not runs or runs[-1][0] != position.epoch:
            runs.append((position.epoch, 0))
    return runs


class Witness:
    """Listens at one broker to what is published through another.

    ``busy`` channels are published on all the time, ``quiet`` ones only when told so: what is lost there is
    not betrayed by what follows.
    """

    def __init__(
        self, writer: Broker, reader: Broker, busy: Sequence[str], quiet: Sequence[str] = ()
    ) -> None:
        self.diaries = {channel: Diary() for channel in (*busy, *quiet)}
        self._busy = busy
        self._quiet = quiet
        self._writer = writer
        self._reader = reader
        self._done = asyncio.Event()

    def hear(self, channel: str, publication: Publication) -> None:
        self.diaries[channel].events.append(("heard", Position(publication.offset, publication.epoch)))

    def interrupted(self, channels: Sequence[str]) -> None:
        for channel in channels:
            self.diaries[channel].events.append(("interrupted", Position(0, "")))

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[None]:
        """Publish on every channel, each under its key until it is accepted, while the context lasts."""
        await self._reader.start(self.hear, self.interrupted)
        await self._reader.subscribe(tuple(self.diaries))
        async with asyncio.TaskGroup() as publishers:
            for channel in self._busy:
                publishers.create_task(self._publish(channel))
            try:
                yield
            finally:
                self._done.set()

    async def _publish(self, channel: str) -> None:
        number = 0
        while not self._done.is_set():
            number += 1
            await self._publish_once(channel, number)
            await asyncio.sleep(PAUSE_SECONDS)

    async def publish_quietly(self, number: int) -> None:
        """One publication on each quiet channel, until it is accepted."""
        await asyncio.gather(*(self._publish_once(channel, number) for channel in self._quiet))

    async def _publish_once(self, channel: str, number: int) -> None:
        diary = self.diaries[channel]
        while True:
            try:
                position = await self._writer.publish(
                    channel, b"%d" % number, keep=KEEP, idempotency_key=f"{channel}.{number}"
                )
            except BrokerUnavailable:
                diary.refused += 1
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                diary.events.append(("accepted", position))
                return

    async def until_heard_again(
        self, channels: Iterable[str], *, more: int = 5, seconds: float = 30.0
    ) -> None:
        """Wait until each of the channels is published and heard in a new epoch, a few times."""
        async with asyncio.timeout(seconds):
            for channel in channels:
                events = self.diaries[channel].events
                began = next((position.epoch for kind, position in events if kind == "heard"), "")
                while len([p for p in self.diaries[channel].of("heard") if p.epoch != began]) < more:
                    await asyncio.sleep(0.01)

    async def until_accepted_on(self, channels: Iterable[str], *, more: int = 10) -> None:
        """Wait until so many more publications were accepted on each of them."""
        counts = {channel: len(self.diaries[channel].of("accepted")) for channel in channels}
        async with asyncio.timeout(30):
            while any(len(self.diaries[each].of("accepted")) < has + more for each, has in counts.items()):
                await asyncio.sleep(0.01)

    async def judge(self) -> None:
        """Look at every channel once more, then judge."""
        for channel, diary in self.diaries.items():
            async with asyncio.timeout(20):
                top = (await self._reader.history(channel, keep=KEEP)).position
                while diary.of("heard")[-1:] != [top] and not diary.told_after(len(diary.events) - 1):
                    await asyncio.sleep(0.01)
            diary.judge(top)
