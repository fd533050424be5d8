"""One session driven against the hub: carries out its effects and brings it the answers.

The same for every transport; a transport is an ``Outlet``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

import structlog

from core.refusals import Unavailable
from realtime import frames
from realtime.channels import UnknownChannel
from realtime.codes import Closings, Disconnect, Error, Errors, Unsubscribings
from realtime.effects import (
    Admit,
    Call,
    Close,
    CountPresence,
    Effects,
    Join,
    Leave,
    ListPresence,
    Publish,
    Question,
    ReadHistory,
    Refuse,
    Send,
)
from realtime.fanout import Push, Subscriber
from realtime.feed import Joined
from realtime.hub import Hub
from realtime.session import Session
from realtime.stream import Position, reachable
from realtime.subscription import GIVEN, By, Subscription
from realtime.taps import TooManyChannels
from realtime.terms import Terms
from realtime.tokens import Identity

log = structlog.get_logger()

T = TypeVar("T")


class Outlet(Subscriber, Protocol):
    """The way to one client over one transport."""

    @property
    def address(self) -> str:
        """Where the client is, as far as that can be believed; empty where it is not known."""

    def write(self, payload: bytes) -> None:
        """Send JSON objects, already joined by newlines, behind everything sent before."""

    def end(self, why: Disconnect) -> None:
        """Tell the client why and close. Called once; nothing is written afterwards."""

    def admitted(self) -> None:
        """The client has said who it is. Called at most once."""

    def settled(self) -> None:
        """A command was answered: reading may go on if it had to wait."""


class _Nowhere:
    """The outlet of a client that has gone: takes everything and does nothing."""

    __slots__ = ()
    client = user = address = ""
    open_fd = -1

    def info(self, channel: str) -> bytes:
        return b""

    def deliver(self, push: Push) -> None:
        pass

    def go_on(self, push: Push, sent: int) -> None:
        pass

    def lost(self, channel: str) -> None:
        pass

    def fail(self) -> None:
        pass

    def write(self, payload: bytes) -> None:
        pass

    def end(self, why: Disconnect) -> None:
        pass

    def admitted(self) -> None:
        pass

    def settled(self) -> None:
        pass


class Client:
    """Ties a session, its outlet and the hub together. All calls come from the loop."""

    __slots__ = ("_hub", "_outlet", "_task", "session")

    def __init__(self, terms: Terms, hub: Hub, outlet: Outlet) -> None:
        self.session = Session(terms)
        self._hub = hub
        self._outlet = outlet
        self._task: asyncio.Task[None] | None = None

    def receive(self, *frames: str) -> None:
        """Take messages of the client that came together; what can be answered at once is so together."""
        effects: Effects = []
        try:
            for frame in frames:
                effects += self.session.receive(frame)
        finally:
            self._carry_out(effects)

    def tick(self) -> None:
        """Let time pass; due at ``session.due``."""
        self._carry_out(self.session.tick())

    def lost(self, channel: str) -> None:
        """Something was missed on this channel."""
        self._carry_out(self.session.lost(channel))

    def close(self, why: Disconnect) -> None:
        """End the connection from our side."""
        self._carry_out(self.session.close(why))

    def server_subscribe(self, channel: str, *, expires_at: float | None = None) -> None:
        """Subscribe the client from our side, as ``Session.give`` says; it is told by a ``subscribe`` push.

        The subscription lasts as long as the connection, or until ``expires_at`` (Unix seconds): a client
        that comes back has what its token and the policy table give it. Raises ``BadChannel`` or
        ``UnknownChannel``.
        """
        terms = GIVEN if expires_at is None else Subscription(By.SERVER, expires_at)
        self._carry_out(self.session.give(channel, terms))
        self._outlet.settled()

    def server_unsubscribe(self, channel: str, why: Disconnect = Unsubscribings.SERVER) -> None:
        """End a subscription from our side, whoever asked for it; unknown ones are fine."""
        self._carry_out(self.session.take_away(channel, why))

    def gone(self) -> None:
        """The client has left by itself: forget it everywhere."""
        self.session.close(Closings.CONNECTION_CLOSED)
        self._let_go()

    @property
    def id(self) -> str:
        """The connection's own id; empty before ``connect``."""
        return self.session.client

    @property
    def identity(self) -> Identity:
        """Who it is, as the newest token says."""
        return self.session.identity

    def info(self, channel: str) -> bytes:
        """Who the client is, as others on the channel may be shown: JSON."""
        return self.session.info(channel)

    def _admit(self) -> None:
        self._outlet.admitted()
        user = self.identity.actor.id
        self._hub.witness.connected(self.identity.actor, self._outlet.address)
        oldest = self._hub.roster.enter(user, self) if user else None
        if oldest is not None:
            # The newest is the one that somebody holds in the hand; the oldest may be dead already.
            oldest.close(Closings.CONNECTION_LIMIT)

    def release(self) -> None:
        """The outlet has closed for good: hold it no longer.

        Outlet and client hold each other, and the collector, which would find that out, comes rarely.
        """
        self._outlet = _Nowhere()

    def _let_go(self) -> None:
        self._hub.roster.leave(self.identity.actor.id, self)
        for channel in self.session.subscriptions:
            self._hub.leave(self._outlet, channel)
        self.session.subscriptions.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _carry_out(self, effects: Effects) -> None:
        writing: list[bytes] = []
        # Answers that are there at once bring further effects, which belong behind the ones at hand.
        for effect in (todo := list(effects)):
            match effect:
                case Send(data):
                    writing.append(data)
                case Join(channels):
                    todo += self._join(channels)
                case Admit():
                    self._admit()
                case Refuse(number, error, about):
                    writing.append(frames.refusal(number, error))
                    self._hub.metrics.errors.labels(error.code).inc()
                    if about:
                        self._hub.witness.refused(self.identity.actor, self._outlet.address, about)
                case Leave(channel):
                    self._hub.leave(self._outlet, channel)
                case Close(why):
                    if why is Closings.INVALID_TOKEN:
                        self._hub.witness.turned_away(self._outlet.address)
                    self._write(writing)
                    writing = []
                    self._let_go()
                    self._outlet.end(why)
                case question:
                    self._start(partial(self._ask, question))
        self._write(writing)

    def _write(self, writing: list[bytes]) -> None:
        if writing:
            self._outlet.write(b"\n".join(writing))

    def _join(self, channels: Mapping[str, Position | None]) -> Effects:
        joined = self._hub.join_now(self._outlet, channels)
        if joined is not None:
            return self.session.joined(joined)
        self._start(partial(self._hub.join, self._outlet, channels, self._joined))
        return []

    def _joined(self, results: Mapping[str, Joined | None]) -> None:
        self._task = None
        self._carry_out(self.session.joined(results))

    async def _ask(self, question: Question) -> None:
        answer = await self._answer(question)
        self._task = None
        self._carry_out(answer)

    async def _answer(self, question: Question) -> Effects:
        match question:
            case ReadHistory():
                return await self._read(question)
            case CountPresence(channel):
                return self.session.counted(await self._hub.presence_stats(channel))
            case ListPresence(channel):
                return self.session.listed(await self._hub.presence(channel))
            case Publish():
                await self._hub.publish(question)
                return self.session.published()
            case Call():
                answer = await self._hub.calls.run(question, address=self._outlet.address)
                if isinstance(answer, Error):
                    return self.session.refused(answer)
                return self.session.returned(answer)

    async def _read(self, ask: ReadHistory) -> Effects:
        history = await self._hub.history(
            ask.channel, keep=ask.keep, since=ask.since, limit=ask.limit, reverse=ask.reverse
        )
        if ask.since is not None and not reachable(ask.since, history, limit=ask.limit, reverse=ask.reverse):
            return self.session.refused(Errors.UNRECOVERABLE_POSITION)
        return self.session.history_read(history)

    def _start(self, work: Callable[[], Awaitable[None]]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._attempt(work))

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        # Made here: who leaves before this task has begun would leave a coroutine that nobody awaits.
        try:
            await work()
        except (Unavailable, TimeoutError):
            self._refuse(Errors.INTERNAL)
        except UnknownChannel:
            self._refuse(Errors.UNKNOWN_CHANNEL)
        except TooManyChannels:
            self._refuse(Errors.LIMIT_EXCEEDED)
        except Exception:
            log.exception("realtime.command_failed")
            self._refuse(Errors.INTERNAL)
        self._outlet.settled()

    def _refuse(self, error: Error) -> None:
        self._task = None
        self._carry_out(self.session.refused(error))
