"""One client's side of the Centrifuge JSON protocol v2, without I/O.

The owner feeds it frames and answers, and carries out the effects it returns, in order::

    receive(frame) ─┐                      ┌─ Send, Refuse  write one JSON object
    joined(…)       │                      ├─ Close         end the connection
                    │                      ├─ Admit         connected: count it, once at most
    history_read(…) ├──► list of effects ──┼─ Join          subscribe, then call ``joined``
    counted(…)      │                      ├─ Leave         unsubscribe
    refused(error)  │                      ├─ ReadHistory   then call ``history_read``
    tick()         ─┘                      └─ CountPresence then call ``counted``

Commands are handled strictly in order: while one waits for its answer (``refused`` when it fails), the
later ones wait behind it, and the owner should stop reading the socket (``congested``). Pongs never wait.

    NEW ──connect──► CONNECTING ──joined──► CONNECTED ──► CLOSED
     └───── refused connect ──► REFUSED ──(any command, or the connect deadline)──► CLOSED
"""

import enum
from collections import deque
from collections.abc import Mapping
from typing import Final

from realtime import frames, results
from realtime.broker import PresenceStats
from realtime.codes import Closings, Disconnect, Error, Errors, Unsubscribings
from realtime.commands import By, Standing, decide
from realtime.effects import Admit, Close, Effects, Join, Leave, Refuse, Send
from realtime.feed import Joined
from realtime.frames import Command, Reply
from realtime.stream import History, Position
from realtime.terms import Terms
from realtime.tokens import NOBODY, Identity, TokenExpired, TokenInvalid

NEVER: Final = float("inf")
_WANTS_112: Final = 2


class Phase(enum.Enum):
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    REFUSED = "refused"
    CLOSED = "closed"


class Session:
    """The protocol state of one connection."""

    __slots__ = (
        "_allowance",
        "_backlog",
        "_counted_at",
        "_deadline",
        "_ping_at",
        "_pong_by",
        "_terms",
        "_waiting",
        "client",
        "identity",
        "phase",
        "subscriptions",
    )

    def __init__(self, terms: Terms) -> None:
        now = terms.clock.monotonic()
        self._terms = terms
        self.phase = Phase.NEW
        self.client = ""
        self.identity: Identity = NOBODY
        self.subscriptions: dict[str, By] = {}
        self._waiting: Command | None = None
        self._backlog: deque[Command] | None = None
        self._allowance = terms.command_burst
        self._counted_at = now
        # Until connected: by when that must be. Afterwards: when the token's grace ends.
        self._deadline = now + terms.connect_seconds
        self._ping_at = NEVER
        self._pong_by = NEVER

    @property
    def due(self) -> float:
        """The monotonic moment at which ``tick`` is next worth calling."""
        return min(self._deadline, self._ping_at, self._pong_by)

    @property
    def congested(self) -> bool:
        """Whether commands wait behind an unanswered one, so that reading more should wait too."""
        return bool(self._backlog)

    # What comes in.

    def receive(self, frame: str) -> Effects:
        """Take one text message of the client."""
        try:
            commands = frames.decode(frame)
        except frames.Malformed:
            return self.close(Closings.BAD_REQUEST)
        effects: Effects = []
        refused = self.phase is Phase.REFUSED
        for command in commands:
            if self.phase is Phase.CLOSED or (self.phase is Phase.REFUSED and not refused):
                # SDKs send subscribes behind the connect: what follows a refusal in its frame is passed over.
                break
            if command.is_pong:
                self._pong(effects)
            elif self._waiting is None:
                self._handle(command, effects)
            else:
                self._queue(command)
        return effects

    def joined(self, answers: Mapping[str, Joined | None]) -> Effects:
        """Answer of ``Join``: how each subscription begins, None for one whose history has a gap."""
        effects: Effects = []
        command = self._waiting
        if self.phase is Phase.CLOSED or command is None:
            return [Leave(channel) for channel, result in answers.items() if result is not None]
        if None in answers.values():
            return self.close(Closings.INSUFFICIENT_STATE)
        whole = {channel: result for channel, result in answers.items() if result is not None}
        if command.connect is not None:
            self._connected(command, command.connect, whole, effects)
        elif command.subscribe is not None:
            self._subscribed(command, command.subscribe, whole[command.subscribe.channel], effects)
        return self._go_on(effects)

    def history_read(self, history: History) -> Effects:
        """Answer of ``ReadHistory``."""
        return self._answered(Reply(self._number, history=results.history(history)))

    def counted(self, stats: PresenceStats) -> Effects:
        """Answer of ``CountPresence``."""
        result = frames.PresenceStatsResult(stats.clients, stats.users)
        return self._answered(Reply(self._number, presence_stats=result))

    def refused(self, error: Error) -> Effects:
        """The last effect that wanted an answer could not be carried out."""
        if self.phase is Phase.CONNECTING:
            self.phase = Phase.REFUSED
            self._backlog = None
        if self._waiting is None:
            return []
        return self._go_on([Refuse(self._number, error)])

    def lost(self, channel: str) -> Effects:
        """Publications of a channel were missed on the way here; the subscription has ended already.

        The client is told to come back and recover: by a new subscription, or by a new connection where the
        subscription was the server's.
        """
        by = self.subscriptions.pop(channel, None)
        if by is None or self.phase is Phase.CLOSED:
            return []
        if by is By.SERVER:
            return self.close(Closings.INSUFFICIENT_STATE)
        return [Send(frames.unsubscribe_push(channel, Unsubscribings.INSUFFICIENT_STATE))]

    def tick(self) -> Effects:
        """Let time pass: pings, and the deadlines for connecting, pongs and expired tokens."""
        now = self._terms.clock.monotonic()
        if self.phase is Phase.CLOSED:
            return []
        if now >= self._deadline:
            connected = self.phase is Phase.CONNECTED
            return self.close(Closings.EXPIRED if connected else Closings.STALE)
        if now >= self._pong_by:
            if not self.congested:
                return self.close(Closings.NO_PONG)
            # We are not reading, so the pong may be in the socket.
            self._pong_by = now + self._terms.pong_seconds
        if now >= self._ping_at and self._pong_by == NEVER:
            self._ping_at = now + self._terms.ping_seconds
            self._pong_by = now + self._terms.pong_seconds
            return [Send(frames.PING)]
        return []

    def close(self, why: Disconnect) -> Effects:
        """End the session. The owner leaves every channel in ``subscriptions``."""
        if self.phase is Phase.CLOSED:
            return []
        self.phase = Phase.CLOSED
        self._waiting = self._backlog = None
        self._deadline = self._ping_at = self._pong_by = NEVER
        return [Close(why)]

    # Order.

    def _queue(self, command: Command) -> None:
        if self._backlog is None:
            self._backlog = deque()
        self._backlog.append(command)

    @property
    def _number(self) -> int:
        return 0 if self._waiting is None else self._waiting.id

    def _answered(self, reply: Reply) -> Effects:
        return [] if self._waiting is None else self._go_on([Send(frames.reply(reply))])

    def _go_on(self, effects: Effects) -> Effects:
        """The waiting command is answered; handle those behind it until one must wait again."""
        self._waiting = None
        while self._backlog and self._waiting is None and self.phase is not Phase.CLOSED:
            self._handle(self._backlog.popleft(), effects)
        if not self._backlog:
            self._backlog = None
        return effects

    def _pong(self, effects: Effects) -> None:
        if self._pong_by == NEVER:
            effects += self.close(Closings.BAD_REQUEST)
        self._pong_by = NEVER

    def _handle(self, command: Command, effects: Effects) -> None:
        connect = command.connect
        wanted = Phase.CONNECTED if connect is None else Phase.NEW
        if command.is_empty or self.phase is not wanted:
            effects += self.close(Closings.BAD_REQUEST)
        elif connect is not None:
            self._connect(command, connect, effects)
        elif not self._afford(effects):
            if self.phase is not Phase.CLOSED:
                effects.append(Refuse(command.id, Errors.TOO_MANY_REQUESTS))
        else:
            self._obey(command, effects)

    def _obey(self, command: Command, effects: Effects) -> None:
        if command.refresh is not None:
            self._refresh(command, command.refresh, effects)
            return
        if command.unsubscribe is not None:
            self._unsubscribe(command, command.unsubscribe, effects)
            return
        terms = self._terms
        standing = Standing(
            self.identity.actor, self.subscriptions, terms.channels, terms.channels_per_client
        )
        match decide(command, standing):
            case Error() as error:
                effects.append(Refuse(command.id, error))
            case Disconnect() as why:
                effects += self.close(why)
            case effect:
                self._waiting = command
                effects.append(effect)

    def _afford(self, effects: Effects) -> bool:
        """Spend one command; whoever overdraws by another whole burst is sent away."""
        terms, now = self._terms, self._terms.clock.monotonic()
        earned = (now - self._counted_at) * terms.commands_per_second
        self._allowance = min(terms.command_burst, self._allowance + earned) - 1
        self._counted_at = now
        if self._allowance < -terms.command_burst:
            effects += self.close(Closings.TOO_MANY_REQUESTS)
        return self._allowance >= 0

    # connect and refresh.

    def _connect(self, command: Command, ask: frames.ConnectAsk, effects: Effects) -> None:
        try:
            identity = self._identify(ask.token) if ask.token else NOBODY
        except TokenExpired:
            self.phase = Phase.REFUSED
            effects.append(Refuse(command.id, Errors.TOKEN_EXPIRED))
            return
        except TokenInvalid:
            effects += self.close(Closings.INVALID_TOKEN)
            return
        self.identity = identity
        self.client = self._terms.new_client_id()
        effects.append(Admit())
        held = {
            channel: Position(one.offset, one.epoch) if one.recover else None
            for channel, one in ask.subs.items()
        }
        personal = self._terms.channels.personal(identity.actor)
        if personal:
            self.phase = Phase.CONNECTING
            self._waiting = command
            effects.append(Join({channel: held.get(channel) for channel in personal}))
        else:
            self._connected(command, ask, {}, effects)

    def _connected(
        self, command: Command, ask: frames.ConnectAsk, begun: Mapping[str, Joined], effects: Effects
    ) -> None:
        terms = self._terms
        now = terms.clock.monotonic()
        self.phase = Phase.CONNECTED
        self.subscriptions.update(dict.fromkeys(begun, By.SERVER))
        self._ping_at = now + terms.ping_seconds * (1 + terms.chance()) / 2
        subs = {}
        for channel, joined in begun.items():
            held = ask.subs.get(channel)
            since = Position(held.offset, held.epoch) if held is not None and held.recover else None
            subs[channel] = results.subscribed(joined, since)
        expires, ttl = self._expiry()
        result = frames.ConnectResult(
            client=self.client,
            version=terms.version,
            ping=int(terms.ping_seconds),
            pong=True,
            expires=expires,
            ttl=ttl,
            subs=subs,
        )
        effects.append(Send(frames.reply(Reply(command.id, connect=result))))

    def _identify(self, token: str) -> Identity:
        return self._terms.tokens.verify(token, at=self._terms.clock.now())

    def _expiry(self) -> tuple[bool, int]:
        """Arm the deadline of the token; answers ``expires`` and ``ttl`` for the client."""
        ends = self.identity.expires_at
        if ends is None:
            self._deadline = NEVER
            return False, 0
        clock = self._terms.clock
        left = ends - clock.now().timestamp()
        self._deadline = clock.monotonic() + left + self._terms.expiry_grace_seconds
        return True, max(1, int(left))

    def _refresh(self, command: Command, ask: frames.RefreshAsk, effects: Effects) -> None:
        if self.identity.expires_at is None or not ask.token:
            effects += self.close(Closings.BAD_REQUEST)
            return
        try:
            identity = self._identify(ask.token)
        except TokenExpired:
            effects += self.close(Closings.EXPIRED)
            return
        except TokenInvalid:
            effects += self.close(Closings.INVALID_TOKEN)
            return
        if identity.actor.id != self.identity.actor.id:
            effects += self.close(Closings.INVALID_TOKEN)
            return
        self.identity = identity
        expires, ttl = self._expiry()
        result = frames.RefreshResult(self.client, self._terms.version, expires, ttl)
        effects.append(Send(frames.reply(Reply(command.id, refresh=result))))

    # Channels.

    def _subscribed(
        self, command: Command, ask: frames.SubscribeAsk, joined: Joined, effects: Effects
    ) -> None:
        if ask.recover and not joined.recovered and ask.flag & _WANTS_112:
            effects += Leave(ask.channel), Refuse(command.id, Errors.UNRECOVERABLE_POSITION)
            return
        self.subscriptions[ask.channel] = By.CLIENT
        result = results.subscribed(joined, Position(ask.offset, ask.epoch) if ask.recover else None)
        effects.append(Send(frames.reply(Reply(command.id, subscribe=result))))

    def _unsubscribe(self, command: Command, ask: frames.ChannelAsk, effects: Effects) -> None:
        if not ask.channel:
            effects += self.close(Closings.BAD_REQUEST)
            return
        if self.subscriptions.pop(ask.channel, None) is not None:
            effects.append(Leave(ask.channel))
        effects.append(Send(frames.reply(Reply(command.id, unsubscribe=frames.Nothing()))))
