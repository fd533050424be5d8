"""What one process may ask of all: end connections, subscribe a user's connections, refuse tokens.

Messages travel on a channel of the broker that no client can name, without history. Whoever decides puts
``outgoing(…)`` into the outbox of the transaction that decides it; every web process hears it after the
commit and applies it to its own connections. What a process does not understand it passes over, so that two
versions can run side by side. A message may be lost with Redis: what must not be (revocations) is read from
the database as well.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
import structlog

from core import limits
from core.clock import Clock
from core.events import Outgoing
from realtime.channels import BadChannel, UnknownChannel
from realtime.codes import CLOSINGS, Closings, Disconnect
from realtime.metrics import RealtimeMetrics
from realtime.revocations import Of, Revocation, Revoked
from realtime.roster import Member, Roster

log = structlog.get_logger()

CHANNEL: Final = "~control"
"""One of the processes' own (``channels.is_companion``): it has no namespace, so no client can name it."""

_APPLICATION: Final = range(4_000, 5_000)
_REASON_BYTES: Final = 123
_BY_CODE: Final = {why.code: why for why in CLOSINGS}

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.REALTIME_CHANNEL_NAME_BYTES)]


class _Decision(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    """``at`` is when it was decided. A later version is another ``v``, which this one passes over."""

    v: Literal[1] = 1
    at: Moment


class End(_Decision, frozen=True, kw_only=True, tag="end"):
    """Close connections: those of a user, those of one token, or one client; exactly one is named.

    The range of ``code`` says whether SDKs come back (3011 asks them to). ``reason`` goes with the codes of
    the application, 4000 to 4999; the protocol's own have theirs.
    """

    user: Id | None = None
    token_id: Id | None = None
    client: Id | None = None
    code: int = Closings.FORCE_DISCONNECT.code
    reason: str = ""

    def __post_init__(self) -> None:
        if sum(name is not None for name in (self.user, self.token_id, self.client)) != 1:
            raise ValueError("name a user, a token or a client")
        if self.code in _BY_CODE:
            if self.reason:
                raise ValueError("a code of the protocol has its own reason")
        elif self.code not in _APPLICATION or not _may_be_said(self.reason):
            raise ValueError("no such code, or no reason that SDKs understand")

    @property
    def why(self) -> Disconnect:
        """As the socket is told."""
        return _BY_CODE.get(self.code) or _ByApplication(self.code, self.reason)


class Subscribe(_Decision, frozen=True, kw_only=True, tag="subscribe"):
    """Subscribe every connection that the user has now."""

    user: Id
    channel: Name
    expires_at: float | None = None
    """Unix seconds; None: as long as the connection lasts."""


class Unsubscribe(_Decision, frozen=True, kw_only=True, tag="unsubscribe"):
    """End the subscription of every connection of the user, whoever asked for it."""

    user: Id
    channel: Name


class Revoke(_Decision, frozen=True, kw_only=True, tag="revoke"):
    """Tokens are taken back: refuse them, and close what they have opened."""

    of: Of
    name: Id
    before: Moment
    until: Moment | None = None
    """When it can be forgotten; None: as for any token."""


Decision = End | Subscribe | Unsubscribe | Revoke


class _ByApplication(Disconnect):
    """Any code of the application; one metric label for all of them."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return "application"


def _revocation(heard: Revoke) -> Revocation:
    if heard.until is None:
        return Revocation(heard.of, heard.name, heard.before)
    return Revocation(heard.of, heard.name, heard.before, heard.until - heard.before)


def outgoing(decision: Decision) -> Outgoing:
    """The decision for every process, to be published in the transaction that makes it true."""
    return Outgoing(CHANNEL, msgspec.json.encode(decision))


def revoke(revocation: Revocation, *, at: datetime) -> Revoke:
    """The message of a revocation."""
    before, until = revocation.before, revocation.until
    return Revoke(at=at, of=revocation.of, name=revocation.name, before=before, until=until)


class Control:
    """Carries decisions out on the connections of this process.

    ``everyone`` answers all of them, also those of nobody we know.
    """

    def __init__(
        self,
        *,
        roster: Roster[Member],
        everyone: Callable[[], Iterable[Member]],
        revoked: Revoked,
        clock: Clock,
        metrics: RealtimeMetrics,
    ) -> None:
        self._roster = roster
        self._everyone = everyone
        self._revoked = revoked
        self._clock = clock
        self._metrics = metrics
        self._decode = msgspec.json.Decoder(Decision).decode

    def hear(self, data: bytes) -> None:
        """Take a message from the broker. Never raises."""
        try:
            decision = self._decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self._metrics.control.labels("unknown").inc()
            return
        self._metrics.control.labels(str(decision.__struct_config__.tag)).inc()
        match decision:
            case End():
                self._end(decision)
            case Subscribe(user=user, channel=channel, expires_at=ends):
                self._each(
                    self._roster.of(user), lambda member: member.server_subscribe(channel, expires_at=ends)
                )
            case Unsubscribe(user=user, channel=channel):
                self._each(self._roster.of(user), lambda member: member.server_unsubscribe(channel))
            case Revoke():
                self.take_back([_revocation(decision)])

    def take_back(self, revocations: Iterable[Revocation]) -> None:
        """Refuse these tokens from now on, and close with 3500 what they have opened here."""
        news = self._revoked.learn(revocations)
        self._metrics.revocations.set(len(self._revoked))
        tokens = {one.name for one in news if one.of is Of.TOKEN}
        concerned = [member for one in news if one.of is Of.USER for member in self._roster.of(one.name)]
        if tokens:
            concerned += [member for member in self._everyone() if member.identity.token_id in tokens]
        void = [member for member in concerned if member.identity in self._revoked]
        self._each(void, lambda member: member.close(Closings.INVALID_TOKEN))

    def _end(self, decision: End) -> None:
        if self._clock.now() - decision.at > timedelta(seconds=limits.CONTROL_LATE_SECONDS):
            # It waited while the broker was away; whoever is connected now may have come since.
            self._metrics.control.labels("late").inc()
            return
        if decision.user is not None:
            members: Iterable[Member] = self._roster.of(decision.user)
        elif decision.token_id is not None:
            members = [one for one in self._everyone() if one.identity.token_id == decision.token_id]
        else:
            members = [one for one in self._everyone() if one.id == decision.client]
        why = decision.why
        self._each(members, lambda member: member.close(why))

    def _each(self, members: Iterable[Member], act: Callable[[Member], None]) -> None:
        """One connection that fails leaves the others alone."""
        for member in members:
            try:
                act(member)
            except (BadChannel, UnknownChannel):
                # Of a version that knows more channels than this one.
                self._metrics.control.labels("unknown").inc()
            except Exception:
                log.exception("realtime.control_failed")


def _may_be_said(reason: str) -> bool:
    """Whether SDKs take the code for what it is: not empty, short enough, and nothing that is JSON."""
    if not reason.strip() or len(reason.encode(errors="replace")) > _REASON_BYTES:
        return False
    try:
        msgspec.json.decode(reason)
    except msgspec.MsgspecError:
        return True
    return False
