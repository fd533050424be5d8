"""One open connection to a Redis: commands out, replies in, matched in order.

Everything that many tasks ask for in one turn of the loop leaves in one write, and each reply is handed to
the one who waited longest. A connection that fails, or whose server owes an answer for too long, fails
everything in flight and is never used again: no reply can reach the wrong caller, and a command and the run
id it was told always belong to the same server.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import structlog
from hiredis import ProtocolError, Reader, pack_command

from adapters.redis.scripts import Script
from core import limits
from realtime.broker import BrokerUnavailable

log = structlog.get_logger()

Part = str | bytes | int
_NOTHING: Final = object()


class Refused(Exception):
    """The server answered with an error. ``word`` is its first: NOSCRIPT, MOVED, READONLY, OOM, …"""

    @property
    def word(self) -> str:
        return str(self).partition(" ")[0]


@dataclass(slots=True, eq=False)
class Dialled:
    """An open connection, authenticated, that owes no reply."""

    writer: asyncio.StreamWriter
    run: str
    """The beginning of the server's run id: another one after each restart and on each other server."""
    at: str
    """``host:port`` of the very server."""


class Wire(asyncio.Protocol):
    """What both kinds of connection share: a bounded amount of reading a turn, and an end that is told once.

    ``on_lost`` is called with this wire and whether it was given up because the server owed an answer for
    ``reply_seconds``.
    """

    def __init__(
        self, dialled: Dialled, *, reply_seconds: float, on_lost: Callable[["Wire", bool], None]
    ) -> None:
        self.run = dialled.run
        self.at = dialled.at
        self.lost = False
        self._reply_seconds = reply_seconds
        self._on_lost = on_lost
        self._watch: asyncio.TimerHandle | None = None
        self._doubted: object = None
        self._loop = asyncio.get_running_loop()
        self._reader = Reader(replyError=Refused, notEnoughData=_NOTHING)
        self._reading_held = False
        # Kept: the stream's writer closes the transport when it is collected.
        self._writer = dialled.writer
        self._transport = cast(asyncio.Transport, dialled.writer.transport)
        self._transport.set_protocol(self)
        self._transport.resume_reading()

    def take(self, reply: Any) -> None:
        """Handle one reply or message."""
        raise NotImplementedError

    def longest(self) -> tuple[object, float] | None:
        """Who waits longest for the server, and since when on the loop's clock."""
        raise NotImplementedError

    def drop(self, *, silent: bool = False) -> None:
        """End the connection now. Harmless when it has ended."""
        if self.lost:
            return
        self.lost = True
        if self._watch is not None:
            self._watch.cancel()
        self._transport.abort()
        self._fail()
        self._on_lost(self, silent)

    def _fail(self) -> None:
        """Tell whoever waits that nothing will come."""

    def _watch_for_silence(self) -> None:
        """Give up when who waits longest has waited too long; one timer for all of them."""
        if self._watch is None:
            self._watch = self._loop.call_later(self._reply_seconds, self._look)

    def _look(self) -> None:
        self._watch = None
        longest = None if self.lost else self.longest()
        if longest is None:
            return
        who, since = longest
        left = since + self._reply_seconds - self._loop.time()
        if left <= 0:
            if self._doubted is who:
                self.drop(silent=True)
                return
            # It may be this loop that stood still: what has arrived meanwhile is read first.
            self._doubted, left = who, limits.BROKER_SECOND_LOOK_SECONDS
        self._watch = self._loop.call_later(left, self._look)

    # asyncio.Protocol

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop()

    def eof_received(self) -> None:
        self.drop()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._read_on()

    def _read_on(self) -> None:
        """Take what is there, but not more than ``BROKER_MESSAGES_PER_TURN`` before others have their turn.

        Meanwhile nothing more is read: the kernel's buffers fill, then Redis's own bound on a client's
        output counts, and past that Redis ends the connection. What was missed is then found by position.
        """
        gets, take = self._reader.gets, self.take
        if self.lost:
            return
        try:
            for _ in range(limits.BROKER_MESSAGES_PER_TURN):
                reply = gets()
                if reply is _NOTHING:
                    self._hold_reading(held=False)
                    return
                take(reply)
                if self._transport.is_closing():
                    return
        except ProtocolError:
            self.drop()
            return
        self._hold_reading(held=True)
        self._loop.call_soon(self._read_on)

    def _hold_reading(self, *, held: bool) -> None:
        if held == self._reading_held or self.lost:
            return
        self._reading_held = held
        if held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


class CommandWire(Wire):
    """Commands and their replies, pipelined.

    At most ``BROKER_COMMANDS_IN_FLIGHT`` are unanswered by the server; more wait here, and beyond
    ``BROKER_COMMANDS_WAITING`` or ``BROKER_WAITING_BYTES`` a command is refused at once.
    """

    def __init__(
        self, dialled: Dialled, *, reply_seconds: float, on_lost: Callable[[Wire, bool], None]
    ) -> None:
        super().__init__(dialled, reply_seconds=reply_seconds, on_lost=on_lost)
        self._asked: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._writable = True
        self._flushing = False

    def ask(self, *parts: Part) -> asyncio.Future[Any]:
        """Send in this turn's write. The future brings the reply, ``Refused`` or ``BrokerUnavailable``.

        Raises ``BrokerUnavailable`` when the connection has ended or too much waits. A future that is
        cancelled gives its reply up, nobody else gets it.
        """
        # Its stub knows commands of one part only.
        packed = pack_command(parts)  # type: ignore[arg-type]
        if (
            self.lost
            or len(self._asked) >= limits.BROKER_COMMANDS_WAITING
            or self._unsent_bytes + len(packed) > limits.BROKER_WAITING_BYTES
        ):
            raise BrokerUnavailable
        future = self._loop.create_future()
        self._asked.append((future, self._loop.time()))
        self._unsent.append(packed)
        self._unsent_bytes += len(packed)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)
        return future

    async def run_script(
        self, script: Script, keys: tuple[str, ...], *values: Part, asking: bool = False
    ) -> Any:
        """Run a script; its text is sent only where the server does not know it.

        ``asking``: for a slot that is just moving to this server. Raises like ``ask``.
        """
        told: tuple[Part, ...] = (self.run, *values) if script.told_run else values
        try:
            return await self._ask(asking, "EVALSHA", script.digest, len(keys), *keys, *told)
        except Refused as refused:
            if refused.word != "NOSCRIPT":
                raise
        # The text loads it too. Refusals come in order, so those who asked earlier also ask again earlier.
        return await self._ask(asking, "EVAL", script.text, len(keys), *keys, *told)

    def _ask(self, asking: bool, *parts: Part) -> asyncio.Future[Any]:
        if asking:
            forget(self.ask("ASKING"))
        return self.ask(*parts)

    def _flush(self) -> None:
        self._flushing = False
        if self.lost or not self._writable:
            return
        in_flight = len(self._asked) - len(self._unsent)
        count = min(len(self._unsent), limits.BROKER_COMMANDS_IN_FLIGHT - in_flight)
        if count <= 0:
            return
        batch = b"".join([self._unsent.popleft() for _ in range(count)])
        self._unsent_bytes -= len(batch)
        self._transport.write(batch)
        self._watch_for_silence()

    def take(self, reply: Any) -> None:
        if not self._asked:
            # Nobody asked: the server ends the connection with a word, or this is no Redis.
            self.drop()
            return
        future, _ = self._asked.popleft()
        if not future.done():
            if isinstance(reply, Refused):
                future.set_exception(reply)
            else:
                future.set_result(reply)
        if self._unsent and not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def longest(self) -> tuple[object, float] | None:
        return self._asked[0] if self._asked else None

    def _fail(self) -> None:
        asked, self._asked = self._asked, deque()
        self._unsent.clear()
        for future, _ in asked:
            if not future.done():
                future.set_exception(BrokerUnavailable())

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._flush()


def forget(future: asyncio.Future[Any]) -> None:
    """Nobody waits for this reply, not even for its failure."""

    def look(done: asyncio.Future[Any]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            done.exception()

    future.add_done_callback(look)
