"""The rules of one notice: when it is due, by which way it goes, and what becomes of it. Pure.

    waiting ──taken up──► sending ──► sent
       ▲                     ├──► waiting again   surely not delivered: the way was busy, or it was refused
       │                     └──► unknown         it may have arrived: never sent twice
       └─ late, unsent: nothing more is tried

A notice says that something waits, never what: no word of a message, no diagnosis.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from enum import StrEnum

from core import limits
from core.clock import CHINA


class Kind(StrEnum):
    """What it is about."""

    NEW_MESSAGE = "new_message"
    CONSULTATION = "consultation"
    NEAR_TURN = "near_turn"
    CALLED = "called"


class Channel(StrEnum):
    """By which application of the hospital's."""

    WECHAT_MINI = "wechat_mini"
    WECHAT_PAGE = "wechat_page"
    ALIPAY_MINI = "alipay_mini"


class State(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    """Taken up, and nobody knows what the platform did with it."""
    UNSENT = "unsent"
    """No way to the person: no application of theirs, or nothing agreed to."""
    LATE = "late"
    """It was worth nothing any more."""


class Outcome(StrEnum):
    """What came of handing it over."""

    SENT = "sent"
    NOT_AGREED = "not_agreed"
    """The person wants none, or what they agreed to is used up."""
    WRONG = "wrong"
    """The platform does not take what the hospital configured: template, page, application."""
    NOT_NOW = "not_now"
    """Surely not delivered, and may be tried again."""
    UNKNOWN = "unknown"


ANY_NUMBER = -1
"""Of a grant: as many as needed."""

_GOOD_FOR = {
    Kind.NEW_MESSAGE: timedelta(hours=24),
    Kind.CONSULTATION: timedelta(hours=24),
    Kind.NEAR_TURN: timedelta(minutes=15),
    Kind.CALLED: timedelta(minutes=10),
}
_AT_ANY_HOUR = frozenset({Kind.NEAR_TURN, Kind.CALLED})
"""Whoever follows a ticket at night waits in the emergency department."""


@dataclass(frozen=True, slots=True)
class Night:
    """When somebody wants no notices, in China Standard Time."""

    begin: time
    end: time

    def over(self, at: datetime) -> datetime:
        """The moment itself, or the end of the night that it is in."""
        local = at.astimezone(CHINA)
        now = local.time()
        is_in = (
            self.begin <= now < self.end if self.begin <= self.end else now >= self.begin or now < self.end
        )
        if not is_in:
            return at
        morning = datetime.combine(local.date(), self.end, CHINA)
        return morning if morning > local else morning + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One. ``key`` is what it is known by: the same thing is told once.

    ``tried``: ways that did not take it.
    """

    id: str
    user: str
    kind: Kind
    key: str
    params: Mapping[str, str] = field(repr=False)
    state: State
    due_at: datetime
    until: datetime
    created_at: datetime
    tries: int = 0
    tried: tuple[Channel, ...] = ()
    channel: Channel | None = None


def planned(
    id_: str,
    *,
    user: str,
    kind: Kind,
    key: str,
    params: Mapping[str, str],
    at: datetime,
    night: Night | None,
) -> Notice:
    """A notice of something that happened now."""
    due = at if night is None or kind in _AT_ANY_HOUR else night.over(at)
    return Notice(
        id=id_,
        user=user,
        kind=kind,
        key=key,
        params=params,
        state=State.WAITING,
        due_at=due,
        until=due + _GOOD_FOR[kind],
        created_at=at,
    )


def chosen(
    kind: Kind,
    *,
    has: Collection[Channel],
    offered: Mapping[Channel, Collection[Kind]],
    left: Mapping[Channel, int],
    tried: Iterable[Channel] = (),
) -> Channel | None:
    """The way it goes: the first that the person has, the hospital offers, and consent is left for."""
    over = set(tried)
    for channel in Channel:
        if (
            channel in has
            and channel not in over
            and kind in offered.get(channel, ())
            and left.get(channel, 0)
        ):
            return channel
    return None


def taken_up(notice: Notice, channel: Channel | None, *, at: datetime) -> Notice:
    """The notice before it is handed over; without a way, or too late, it ends here."""
    if at >= notice.until:
        return replace(notice, state=State.LATE)
    if channel is None:
        return replace(notice, state=State.UNSENT)
    return replace(
        notice,
        state=State.SENDING,
        channel=channel,
        tries=notice.tries + 1,
        due_at=at + timedelta(seconds=limits.NOTICE_HANDED_SECONDS),
    )


def handed(notice: Notice, outcome: Outcome, *, at: datetime) -> Notice:
    """The notice after it was handed over."""
    assert notice.channel is not None
    if outcome is Outcome.SENT:
        return replace(notice, state=State.SENT)
    if outcome is Outcome.UNKNOWN:
        return replace(notice, state=State.UNKNOWN)
    if outcome is not Outcome.NOT_NOW:
        tried = (*notice.tried, notice.channel)
        return replace(notice, state=State.WAITING, tried=tried, due_at=at)
    if notice.tries >= limits.NOTICE_TRIES:
        return replace(notice, state=State.UNSENT)
    pause = timedelta(seconds=limits.NOTICE_AGAIN_SECONDS * 4 ** (notice.tries - 1))
    again = replace(notice, state=State.WAITING, due_at=at + pause)
    return again if again.due_at < notice.until else replace(notice, state=State.LATE)


def left_behind(notice: Notice) -> Notice:
    """The notice of a worker that ended while it was handed over: it may have arrived."""
    return replace(notice, state=State.UNKNOWN)


def agreed(left: int, *, channel: Channel) -> int:
    """How many may be sent after the person said yes once more."""
    if channel is Channel.WECHAT_PAGE:
        return ANY_NUMBER
    return min(left + 1, limits.NOTICE_GRANTS)


def used(left: int) -> int:
    """How many may be sent after one was."""
    return left if left == ANY_NUMBER else max(0, left - 1)
