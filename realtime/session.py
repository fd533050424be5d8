"""One client's side of the Centrifuge JSON protocol v2, without I/O.

The owner feeds it frames and answers, and carries out the effects it returns, in order::

    receive(frame) ─┐                      ┌─ Send, Refuse  write one JSON object
    tick()          │                      ├─ Close         end the connection
    joined(…)       │                      ├─ Admit         connected: count it, once at most
    history_read(…) │                      ├─ Join          subscribe, then call ``joined``
    counted(…)      │                      ├─ Leave         unsubscribe
    listed(…)       ├──► list of effects ──┼─ ReadHistory   then call ``history_read``
    published()     │                      ├─ CountPresence then call ``counted``
    returned(…)     │                      ├─ ListPresence  then call ``listed``
    refused(error)  │                      ├─ Publish       then call ``published``
    give(channel)   │                      └─ Call          then call ``returned``
    take_away(…)   ─┘

While a command waits for its answer (``refused`` when it fails) the later ones wait behind it
(``realtime.dialogue``), and the owner should stop reading the socket (``congested``). Pongs never wait. What
the server gives stands in the same line; what it takes away is gone at once.

    NEW ──connect──► CONNECTING ──joined──► CONNECTED ──► CLOSED
     └───── refused connect ──► REFUSED ──(any command, or the connect deadline)──► CLOSED
"""

from collections.abc import Mapping
from typing import Final, cast

from core import limits
from realtime import admission, frames, results
from realtime.broker import PresenceStats, Present
from realtime.codes import Closings, Disconnect, Error, Errors, No, Unsubscribings
from realtime.commands import Standing, decide, not_for, sub_refresh
from realtime.dialogue import Dialogue, Phase
from realtime.effects import Admit, Effects, Join, Leave, Send
from realtime.feed import Joined
from realtime.frames import Command, Reply
from realtime.stream import History, Position
from realtime.subscription import ASKED, GIVEN, By, Subscription
from realtime.terms import Terms
from realtime.tokens import NOBODY, Identity
from realtime.turn import Gift, Task, Turn

NEVER: Final = float("inf")
_WANTS_112: Final = 2


_OVERDUE: Final = {
    Phase.CONNECTED: Closings.EXPIRED,
    # It has said who it is and waits for us: nothing that a client should be sent away for good for.
    Phase.CONNECTING: Closings.SERVER_ERROR,
}


def _whole(left: float) -> int:
    """Seconds as a client is told them, which takes 0 for never."""
    return max(1, int(left))


class Session(Dialogue):
    """The protocol state of one connection."""

    __slots__ = (
        "_deadline",
        "_expiring_at",
        "_ping_at",
        "_pong_by",
        "client",
        "identity",
        "subscriptions",
    )

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self.client = ""
        self.identity: Identity = NOBODY
        self.subscriptions: dict[str, Subscription] = {}
        # Until connected: by when that must be. Afterwards: when the token's grace ends.
        self._deadline = terms.clock.monotonic() + terms.connect_seconds
        # No later than the first end of a subscription with its grace.
        self._expiring_at = NEVER
        self._ping_at = NEVER
        self._pong_by = NEVER

    @property
    def due(self) -> float:
        """The monotonic moment at which ``tick`` is next worth calling."""
        if self.phase is Phase.CLOSED:
            return NEVER
        return min(self._deadline, self._ping_at, self._pong_by, self._expiring_at)

    def info(self, channel: str) -> bytes:
        """Who the client is, as others on the channel may see it: JSON."""
        stands = self.subscriptions.get(channel, ASKED)
        identity = self.identity
        return frames.client_info(identity.actor.id, self.client, identity.info, stands.info)

    @property
    def _standing(self) -> Standing:
        return Standing(self.identity, self.client, self.subscriptions, self._terms)

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
            phase = self.phase
            if phase is Phase.CLOSED or (phase is Phase.REFUSED and not refused):
                # SDKs send subscribes behind the connect: what follows a refusal in its frame is passed over.
                break
            if not command.id and command.is_pong:
                self._pong(effects)
            else:
                self._do(command, effects)
        return effects

    def joined(self, answers: Mapping[str, Joined | None]) -> Effects:
        """Answer of ``Join``: how each subscription begins, None for one whose history has a gap."""
        turn = self._turn
        if turn is None or turn.joins is None:
            return [Leave(channel) for channel, result in answers.items() if result is not None]
        if None in answers.values():
            return self.close(Closings.INSUFFICIENT_STATE)
        begun = cast("Mapping[str, Joined]", answers)
        effects: Effects = []
        if isinstance(turn.task, Gift):
            self._given(turn.task, begun, effects)
        elif turn.task.connect is not None:
            self._connected(turn.task.id, begun, turn.joins.channels, effects)
        elif turn.task.subscribe is not None:
            self._subscribed(turn.task.id, turn.task.subscribe, begun, turn.joins.terms, effects)
        for channel, why in turn.taken_away.items():
            effects += self._end(channel, why)
        return self._go_on(effects)

    def history_read(self, history: History) -> Effects:
        """Answer of ``ReadHistory``."""
        return self._answered(history=results.history(history))

    def counted(self, stats: PresenceStats) -> Effects:
        """Answer of ``CountPresence``."""
        return self._answered(presence_stats=frames.PresenceStatsResult(stats.clients, stats.users))

    def listed(self, members: Mapping[str, Present] | None) -> Effects:
        """Answer of ``ListPresence``: who watches, None when they are too many to be told."""
        if members is None:
            return self.refused(Errors.LIMIT_EXCEEDED)
        return self._answered(presence=results.present(members))

    def published(self) -> Effects:
        """Answer of ``Publish``."""
        return self._answered(publish=frames.Nothing())

    def returned(self, data: bytes) -> Effects:
        """Answer of ``Call``."""
        return self._answered(rpc=results.returned(data))

    def refused(self, error: Error) -> Effects:
        """The last effect that wanted an answer could not be carried out."""
        turn = self._turn
        if turn is None:
            return []
        if turn.number is None:
            if error is Errors.UNKNOWN_CHANNEL:
                return self._go_on([])
            # Nobody asked, so nobody can be told; a new connection gets everything it should have.
            return self.close(Closings.SERVER_ERROR)
        if self.phase is Phase.CONNECTING:
            self.phase = Phase.REFUSED
            turn.behind.clear()
        effects: Effects = []
        self._refuse(turn.number, error, effects)
        return self._go_on(effects)

    def lost(self, channel: str) -> Effects:
        """Publications of a channel were missed on the way here; the subscription has ended already.

        The client is told to come back and recover: by a new subscription, or by a new connection where the
        subscription was the server's.
        """
        terms = self.subscriptions.pop(channel, None)
        if terms is None or self.closed:
            return []
        if terms.by is By.SERVER:
            return self.close(Closings.INSUFFICIENT_STATE)
        return [Send(frames.unsubscribe_push(channel, Unsubscribings.INSUFFICIENT_STATE))]

    def tick(self) -> Effects:
        """Let time pass: pings, and the deadlines for connecting, pongs, expired tokens and subscriptions."""
        now = self._terms.clock.monotonic()
        if self.closed:
            return []
        if now >= self._deadline:
            return self.close(_OVERDUE.get(self.phase, Closings.STALE))
        if now >= self._pong_by:
            if not self.congested:
                return self.close(Closings.NO_PONG)
            # We are not reading, so the pong may be in the socket.
            self._pong_by = now + self._terms.pong_seconds
        effects = self._end_expired() if now >= self._expiring_at else []
        if not self.closed and now >= self._ping_at and self._pong_by == NEVER:
            self._ping_at = now + self._terms.ping_seconds
            self._pong_by = now + self._terms.pong_seconds
            effects.append(Send(frames.PING))
        return effects

    # What the server decides.

    def give(self, channel: str, terms: Subscription = GIVEN) -> Effects:
        """Subscribe the client from our side, behind what it asked for before.

        One that is subscribed already stays as it is, one that turns out not to exist is passed over. More
        than ``given_channels_per_client`` end the connection, so does one that cannot be given. Does nothing
        before ``connect`` has come. Raises ``BadChannel`` or ``UnknownChannel``.
        """
        self._terms.channels.find(channel)
        if self.phase not in (Phase.CONNECTING, Phase.CONNECTED):
            return []
        given = sum(one.by is By.SERVER for one in self.subscriptions.values())
        given += 0 if self._turn is None else self._turn.gifts
        if given >= self._terms.given_channels_per_client:
            return self.close(Closings.CHANNEL_LIMIT)
        effects: Effects = []
        self._do(Gift(channel, terms), effects)
        return effects

    def take_away(self, channel: str, why: Disconnect = Unsubscribings.SERVER) -> Effects:
        """End a subscription from our side, whoever asked for it; also one that is just beginning."""
        turn = self._turn
        if turn is not None:
            turn.forget_gifts(channel)
            if turn.is_about(channel):
                turn.taken_away[channel] = why
                return []
        return self._end(channel, why)

    def _end(self, channel: str, why: Disconnect) -> Effects:
        if self.subscriptions.pop(channel, None) is None:
            return []
        return [Leave(channel), Send(frames.unsubscribe_push(channel, why))]

    def _given(self, gift: Gift, begun: Mapping[str, Joined], effects: Effects) -> None:
        self._note(gift.channel, gift.terms)
        result = results.subscribed(begun[gift.channel], None)
        effects.append(Send(frames.subscribe_push(gift.channel, result)))

    # Commands.

    def _pong(self, effects: Effects) -> None:
        if self._pong_by == NEVER:
            effects += self.close(Closings.BAD_REQUEST)
        self._pong_by = NEVER

    def _handle(self, task: Task, effects: Effects) -> None:
        if isinstance(task, Gift):
            if task.channel not in self.subscriptions:
                self._join(task, Join({task.channel: None}, task.terms), effects)
            return
        connect = task.connect
        if self.phase is not (Phase.CONNECTED if connect is None else Phase.NEW):
            effects += self.close(Closings.BAD_REQUEST)
        elif connect is not None:
            self._connect(task, connect, effects)
        elif task.subscribe is None and task.is_empty:
            effects += self.close(Closings.BAD_REQUEST)
        elif self._afford(effects, commands=1 if task.publish is None else limits.REALTIME_PUBLISH_COMMANDS):
            self._obey(task, effects)
        elif not self.closed:
            self._refuse(task.id, Errors.TOO_MANY_REQUESTS, effects)

    def _obey(self, command: Command, effects: Effects) -> None:
        if command.refresh is not None:
            self._refresh(command.id, command.refresh, effects)
            return
        if command.unsubscribe is not None:
            self._unsubscribe(command.id, command.unsubscribe, effects)
            return
        standing = self._standing
        if command.sub_refresh is not None:
            self._renew(
                command.id, command.sub_refresh.channel, sub_refresh(command.sub_refresh, standing), effects
            )
            return
        match decide(command, standing):
            case Error() | Disconnect() as no:
                self._deny(command.id, no, effects, about=not_for(command, no))
            case Join() as join:
                self._join(command, join, effects)
            case question:
                self._turn = Turn(command)
                effects.append(question)

    # connect and refresh.

    def _connect(self, command: Command, ask: frames.ConnectAsk, effects: Effects) -> None:
        identity = admission.admitted(ask.token, self._terms)
        if not isinstance(identity, Identity):
            self._turn_down(command.id, identity, effects)
            return
        given = admission.given(identity, results.positions(ask.subs), self._terms)
        if not isinstance(given, dict):
            self._turn_down(command.id, given, effects)
            return
        self.identity = identity
        self.client = self._terms.new_client_id()
        effects.append(Admit())
        if given:
            self.phase = Phase.CONNECTING
            self._join(command, Join(given, GIVEN), effects)
        else:
            self._connected(command.id, {}, {}, effects)

    def _turn_down(self, number: int, no: No, effects: Effects) -> None:
        self.phase = Phase.REFUSED
        self._deny(number, no, effects)

    def _connected(
        self,
        number: int,
        begun: Mapping[str, Joined],
        since: Mapping[str, Position | None],
        effects: Effects,
    ) -> None:
        terms = self._terms
        self.phase = Phase.CONNECTED
        for channel in begun:
            self._note(channel, GIVEN)
        self._ping_at = terms.clock.monotonic() + terms.ping_seconds * (1 + terms.chance()) / 2
        expires, ttl = self._expiry()
        result = frames.ConnectResult(
            client=self.client,
            version=terms.version,
            ping=int(terms.ping_seconds),
            pong=True,
            expires=expires,
            ttl=ttl,
            subs={channel: results.subscribed(joined, since[channel]) for channel, joined in begun.items()},
        )
        self._reply(Reply(number, connect=result), effects)

    def _expiry(self) -> tuple[bool, int]:
        """Arm the deadline of the token; answers ``expires`` and ``ttl`` for the client."""
        ends = self.identity.expires_at
        if ends is None:
            self._deadline = NEVER
            return False, 0
        clock = self._terms.clock
        left = ends - clock.now().timestamp()
        self._deadline = clock.monotonic() + left + self._terms.expiry_grace_seconds
        return True, _whole(left)

    def _left(self, ends: float | None) -> tuple[bool, int]:
        """Whether it ends, and the whole seconds until then."""
        if ends is None:
            return False, 0
        return True, _whole(ends - self._terms.clock.now().timestamp())

    def _grace_ends(self, at: float) -> float:
        """The monotonic moment at which what ends at that Unix time must have been renewed."""
        clock = self._terms.clock
        return clock.monotonic() + at - clock.now().timestamp() + self._terms.expiry_grace_seconds

    def _refresh(self, number: int, ask: frames.RefreshAsk, effects: Effects) -> None:
        identity = admission.renewed(self.identity, ask.token, self._terms)
        if not isinstance(identity, Identity):
            self._deny(number, identity, effects)
            return
        self.identity = identity
        expires, ttl = self._expiry()
        result = frames.RefreshResult(self.client, self._terms.version, expires, ttl)
        self._reply(Reply(number, refresh=result), effects)

    # Channels.

    def _note(self, channel: str, terms: Subscription) -> None:
        self.subscriptions[channel] = terms
        if terms.expires_at is not None:
            self._expiring_at = min(self._expiring_at, self._grace_ends(terms.expires_at))

    def _subscribed(
        self,
        number: int,
        ask: frames.SubscribeAsk,
        begun: Mapping[str, Joined],
        terms: Subscription,
        effects: Effects,
    ) -> None:
        joined = begun[ask.channel]
        if ask.recover and not joined.recovered and ask.flag & _WANTS_112:
            effects.append(Leave(ask.channel))
            self._refuse(number, Errors.UNRECOVERABLE_POSITION, effects)
            return
        self._note(ask.channel, terms)
        result = results.subscribed(joined, Position(ask.offset, ask.epoch) if ask.recover else None)
        if terms.by_token:
            result.expires, result.ttl = self._left(terms.expires_at)
        self._reply(Reply(number, subscribe=result), effects)

    def _renew(self, number: int, channel: str, terms: Subscription | No, effects: Effects) -> None:
        if not isinstance(terms, Subscription):
            self._deny(number, terms, effects)
            return
        self._note(channel, terms)
        self._reply(
            Reply(number, sub_refresh=frames.SubRefreshResult(*self._left(terms.expires_at))), effects
        )

    def _unsubscribe(self, number: int, ask: frames.ChannelAsk, effects: Effects) -> None:
        if not ask.channel:
            effects += self.close(Closings.BAD_REQUEST)
            return
        if self.subscriptions.pop(ask.channel, None) is not None:
            effects.append(Leave(ask.channel))
        self._reply(Reply(number, unsubscribe=frames.Nothing()), effects)

    def _end_expired(self) -> Effects:
        """End subscriptions that were not renewed in time, and find out which end next."""
        over = self._terms.clock.now().timestamp() - self._terms.expiry_grace_seconds
        ends = [(name, each) for name, each in self.subscriptions.items() if each.expires_at is not None]
        effects: Effects = []
        self._expiring_at = NEVER
        for channel, terms in ends:
            assert terms.expires_at is not None
            if terms.expires_at > over:
                self._expiring_at = min(self._expiring_at, self._grace_ends(terms.expires_at))
            elif terms.by is By.SERVER:
                # It has no way to subscribe again but a new connection.
                return self.close(Closings.SUBSCRIPTION_EXPIRED)
            else:
                effects += self._end(channel, Unsubscribings.EXPIRED)
        return effects
