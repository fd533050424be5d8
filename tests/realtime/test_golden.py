"""T3: golden transcripts, to the letter: session, client, hub and memory broker, without a socket.

A transcript is a text in ``golden/``. A line begins with what it is:

    #        words for the reader
    >        a frame of the client; ``|`` below it is a further line of the same frame
    <        an object of the server, exactly so and in this order; before the next step nothing else has come
    !        the end: code and reason
    +        so many seconds pass
    publish  channel and payload: what a worker publishes
    lose     channel and payload: published, and lost on the way here
    give, take   channel: the server subscribes the client, or ends a subscription
    other    a token and a channel: somebody else comes and subscribes; ``gone`` lets them go
    broker   ``away``, ``slow`` (it does not answer) or ``back``
    forget   the broker loses everything: a new epoch

``[2..9]`` behind ``>``, ``|`` or ``<`` stands for so many lines with that number in place of each ``#``.
"""

import asyncio
import json
import re
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from adapters.memory.broker import MemoryBroker
from core.refusals import Kind, Refusal
from realtime import codes
from realtime.broker import BrokerUnavailable, Keep
from realtime.channels import Channels, houzhen_channels
from realtime.frames import Command, Reply
from realtime.hub import Hub
from realtime.stream import History, Position
from realtime.terms import Asking, Terms
from tests.protocol.house import House, Wire
from tests.protocol.table import table

pytestmark = pytest.mark.acceptance("T3")

GOLDEN = Path(__file__).parent / "golden"
TRANSCRIPTS = sorted(GOLDEN.glob("*.txt"))
CHANNELS = Channels((*houzhen_channels()._policies.values(), *table()._policies.values()))
UNUSED = {
    # Anonymous clients may connect.
    codes.Errors.UNAUTHORIZED,
}


class AwayBroker(MemoryBroker):
    """Memory that can be away, or not answer."""

    away = slow = False

    @property
    def immediate(self) -> bool:  # type: ignore[override]
        return not self.slow

    async def history(
        self,
        channel: str,
        *,
        keep: Keep,
        since: Position | None = None,
        limit: int = 0,
        reverse: bool = False,
    ) -> History:
        if self.away:
            raise BrokerUnavailable
        if self.slow:
            await asyncio.Event().wait()
        return await super().history(channel, keep=keep, since=since, limit=limit, reverse=reverse)


class Full(Refusal):
    """Nothing left."""

    code = "test.full"
    kind = Kind.CONFLICT


async def double(asking: Asking, data: bytes) -> bytes:
    return b"%d" % (2 * int(data))


async def nothing(asking: Asking, data: bytes) -> bytes:
    return b""


async def refuse(asking: Asking, data: bytes) -> bytes:
    raise Full


METHODS = {"double": double, "nothing": nothing, "refuse": refuse}


class ToTheLetter(Wire):
    """Keeps what was written as it was written."""

    def __init__(self, terms: Terms, hub: Hub) -> None:
        super().__init__(terms, hub)
        self.lines: deque[str] = deque()

    def write(self, payload: bytes) -> None:
        super().write(payload)
        self.lines.extend(payload.decode().split("\n"))


class Play:
    """One transcript being played."""

    def __init__(self) -> None:
        self.house = House(channels=CHANNELS)
        self.epochs = count(1)
        self.house.streams._new_epoch = lambda: f"e{next(self.epochs)}"
        self.broker = AwayBroker(self.house.streams)
        self.house.broker = self.house.hub._broker = self.house.hub._taps._broker = self.broker
        self.client = ToTheLetter(self.house.terms(rpc=METHODS, version="1"), self.house.hub)
        self.others: list[Wire] = []

    async def run(self, text: str) -> None:
        async with self.house.hub:
            for number, step in enumerate(steps(text), 1):
                try:
                    await self._step(*step)
                except (AssertionError, TimeoutError) as wrong:
                    raise AssertionError(f"step {number}, {step}: {wrong}") from wrong
            self._nothing_more()
            self.client.protocol.gone()

    async def _step(self, kind: str, rest: str) -> None:
        if kind == "<":
            for expected in rest.split("\n"):
                await self.client.until(lambda: bool(self.client.lines))
                assert self.client.lines.popleft() == expected
            return
        self._nothing_more()
        if kind == "!":
            assert self.client.closed is not None, "still open"
            code, reason = self.client.closed
            assert f"{code} {reason}" == rest
            return
        await self._act(kind, rest)
        for _ in range(50):
            await asyncio.sleep(0)

    def _nothing_more(self) -> None:
        assert not self.client.lines, f"more was told: {self.client.lines[0]}"

    async def _act(self, kind: str, rest: str) -> None:
        first, _, payload = rest.partition(" ")
        protocol = self.client.protocol
        match kind:
            case ">":
                protocol.receive(rest)
            case "+":
                self.house.clock.advance(timedelta(seconds=float(rest)))
                protocol.tick()
            case "publish":
                await self.house.publish(first, payload.encode())
            case "lose":
                hear = self.house.hub._hear
                self.house.streams.ignore(first, hear)
                await self.house.publish(first, payload.encode())
                self.house.streams.listen(first, hear)
            case "give":
                protocol.server_subscribe(first)
            case "take":
                protocol.server_unsubscribe(first)
            case "other":
                other = await self.house.client(first if first != "-" else "")
                await other.answers({"id": 2, "subscribe": {"channel": payload}})
                self.others.append(other)
            case "gone":
                self.others.pop().protocol.gone()
            case "broker":
                self.broker.away, self.broker.slow = rest == "away", rest == "slow"
            case "forget":
                self.house.streams.forget_everything()
            case _:
                raise AssertionError("no such step")


def spelled_out(rest: str) -> str:
    """Lines that differ in a number only, written out."""
    found = re.match(r"\[(\d+)\.\.(\d+)\] (.*)", rest)
    if found is None:
        return rest
    first, last, line = int(found[1]), int(found[2]), found[3]
    return "\n".join(line.replace("#", str(number)) for number in range(first, last + 1))


def steps(text: str) -> Iterator[tuple[str, str]]:
    """What a transcript says, in order."""
    said: tuple[str, str] | None = None
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        rest = spelled_out(rest)
        if kind == "|":
            assert said is not None
            said = (said[0], said[1] + "\n" + rest)
            continue
        if said is not None:
            yield said
        said = (kind, rest) if kind and kind != "#" else None
    if said is not None:
        yield said


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_a_transcript(transcript: Path) -> None:
    await Play().run(transcript.read_text("utf-8"))


def test_they_are_complete() -> None:
    """Each command with a result, each error, each push and each close that we have is in one of them."""
    played = [step for file in TRANSCRIPTS for step in steps(file.read_text("utf-8"))]
    told = [json.loads(line) for kind, rest in played if kind == "<" for line in rest.split("\n")]
    said = [rest for kind, rest in played if kind == ">"]
    assert {code for one in told if "error" in one for code in [one["error"]["code"]]} >= {
        one.code for one in codes.ERRORS if one not in UNUSED
    }
    answered = {name for one in told if "id" in one for name in one} - {"id", "error"}
    assert answered == set(Reply.__struct_fields__) - {"id", "error"}
    for method in Command.__struct_fields__[1:]:
        assert any(f'"{method}":' in line for line in said), method
    pushes = {kind for one in told if "push" in one for kind in one["push"]} - {"channel"}
    assert pushes == {"pub", "join", "leave", "subscribe", "unsubscribe"}
    closed = {int(rest.split()[0]) for kind, rest in played if kind == "!"}
    assert closed >= {3004, 3005, 3010, 3012, 3013, 3500, 3501, 3502, 3508, 3509}
