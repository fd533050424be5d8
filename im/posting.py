"""What everybody does inside an open transaction who makes, changes or speaks in a conversation.

The caller opened the unit and commits it: what is said, what it changed for the members and what they are
told become true together. Rows are locked in one order: the conversation, then users by name.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import msgspec

from core import limits
from core.events import Outgoing
from core.ids import RandomBytes, new_id
from im import chain, refusals
from im.store import HasConversations, NewConversation, Room, Row
from im.thread import SPOKEN, SYSTEM_USER, Kind, Part, Seat, State, Thread, announce
from im.wire import (
    Body,
    ConversationEvent,
    Event,
    EventBody,
    Message,
    MessageEvent,
    PointerEvent,
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Body).decode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTICE_AFTER = timedelta(seconds=limits.IM_NOTICE_AFTER_SECONDS)


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that will be there when the transaction commits."""

    thread: Thread
    message: Message
    row: Row


async def create(unit: HasConversations, draft: NewConversation, *, at: datetime) -> Thread:
    """Make a conversation with its members. Raises ``core.keys.KeyTaken`` for a key that was used."""
    thread = await unit.conversations.add(draft, at=at)
    tell(unit, [seat.user for seat in draft.seats], changed(draft.id, "created"))
    return thread


async def held(unit: HasConversations, conversation: str, *, sender: str = "", cid: str = "") -> Room:
    """The conversation, locked. Refuses with ``NoSuchConversation``."""
    room = await unit.conversations.hold(conversation, sender=sender, cid=cid)
    if room is None:
        raise refusals.NoSuchConversation()
    return room


async def post(
    unit: HasConversations,
    conversation: str,
    *,
    sender: str,
    role: Part,
    cid: str,
    body: Body,
    at: datetime,
    random: RandomBytes,
) -> Posted:
    """Say something that no rule refuses: what the platform says, the statement a consultation begins with.

    Under a ``cid`` that the sender used before it is that message again.
    """
    room = await held(unit, conversation, sender=sender, cid=cid)
    if room.earlier is not None:
        return Posted(room.thread, message_of(room.earlier), room.earlier)
    return write(
        unit, room, announce(room.thread), sender=sender, role=role, cid=cid, body=body, at=at, random=random
    )


async def announce_event(
    unit: HasConversations,
    conversation: str,
    code: str,
    *,
    at: datetime,
    random: RandomBytes,
    cid: str | None = None,
    **facts: str | int,
) -> Posted:
    """Let the platform say in a conversation what happened: a code for the catalogue."""
    return await post(
        unit,
        conversation,
        sender=SYSTEM_USER,
        role=Part.SYSTEM,
        cid=cid or new_id(at=at, random=random),
        body=EventBody(code=code, facts=facts),
        at=at,
        random=random,
    )


async def change(
    unit: HasConversations,
    conversation: str,
    *,
    at: datetime,
    state: State | None = None,
    expires_at: datetime | None = None,
    turns_left: int | None = None,
    what: str = "state",
) -> Thread:
    """Give a conversation another state, end or number of questions; what is ``None`` stays."""
    room = await held(unit, conversation)
    thread = room.thread
    if state is not None:
        thread = replace(thread, state=state)
    if expires_at is not None:
        thread = replace(thread, expires_at=expires_at)
    if turns_left is not None:
        thread = replace(thread, turns_left=turns_left)
    unit.conversations.keep(thread, at=at, closed=thread.state is State.CLOSED)
    users = [seat.user for seat in room.here]
    unit.conversations.touch(conversation, users)
    tell(unit, users, changed(conversation, what))
    return thread


async def add_member(
    unit: HasConversations, conversation: str, seat: Seat, *, at: datetime, what: str = "members"
) -> Room:
    """Bring somebody in, or back in; whoever is in already stays as they are."""
    room = await held(unit, conversation, sender=seat.user)
    present = room.seat(seat.user)
    if present is not None and present.is_here:
        return room
    come = seat if present is None else replace(present, part=seat.part, shown=seat.shown, left_seq=None)
    users = [one.user for one in room.here]
    _touch_all(unit, conversation, users, come)
    tell(unit, [*users, seat.user], changed(conversation, what))
    return room


async def remove_member(unit: HasConversations, conversation: str, user: str, *, at: datetime) -> Room:
    """Let somebody go; what was said until now they can still read. Refuses with ``NoSuchConversation``."""
    room = await held(unit, conversation, sender=user)
    seat = room.seat(user)
    if seat is None or not seat.is_here:
        raise refusals.NoSuchConversation()
    others = [one.user for one in room.here if one.user != user]
    gone = replace(seat, left_seq=room.thread.last_seq, unread=0)
    _touch_all(unit, conversation, others, gone)
    tell(unit, [*others, user], changed(conversation, "members"))
    return room


def write(
    unit: HasConversations,
    room: Room,
    after: Thread,
    *,
    sender: str,
    role: Part,
    cid: str,
    body: Body,
    at: datetime,
    random: RandomBytes,
    ref_seq: int | None = None,
) -> Posted:
    """Queue one message behind everything that was said; ``after`` is the conversation with it."""
    plain, salt = _encode(body), random(chain.SALT_BYTES)
    type_ = type_of(body)
    committed = chain.commitment(salt, plain)
    link = chain.Link(
        conversation=after.id,
        seq=after.last_seq,
        id=new_id(at=at, random=random),
        sender=sender,
        role=role.value,
        type=type_,
        created_us=_microseconds(at),
        ref_seq=ref_seq,
        commitment=committed,
    )
    digest = chain.digest(room.thread.digest, link)
    after = replace(after, digest=digest)
    row = Row(
        conversation=after.id,
        seq=after.last_seq,
        id=link.id,
        sender=sender,
        role=role.value,
        cid=cid,
        type=type_,
        body=chain.sealed_text(salt, plain),
        ref_seq=ref_seq,
        recalled=False,
        created_at=at,
        commitment=committed,
        digest=digest,
    )
    spoken = type_ in SPOKEN
    unit.conversations.put(
        after, row, counted=spoken, notice_at=at + _NOTICE_AFTER if spoken else None, at=at
    )
    message = Message(
        conversation=after.id,
        seq=after.last_seq,
        id=link.id,
        sender=sender,
        role=role.value,
        cid=cid,
        body=body,
        state="sent",
        created_at=at,
    )
    _tell_message(unit, room, message, turns_left=after.turns_left)
    return Posted(after, message, row)


def tell(unit: HasConversations, users: Iterable[str], event: Event) -> None:
    """Tell these users something once the transaction is committed."""
    data = _encode(event)
    unit.publish(*(Outgoing(channel_of(user), data, veiled=True) for user in users))


def changed(conversation: str, what: str) -> ConversationEvent:
    """That the conversation itself is not what it was."""
    return ConversationEvent(conversation=conversation, what=what)


def channel_of(user: str) -> str:
    """A user's own channel."""
    return f"user:#{user}"


def room_channel(conversation: str) -> str:
    """The channel of a broadcast."""
    return f"room:{conversation}"


def type_of(body: Body) -> str:
    """The type of a body, as it travels."""
    return str(type(body).__struct_config__.tag)


def message_of(row: Row) -> Message:
    """A stored message as members see it."""
    body = None if row.recalled else _decode(chain.opened_text(row.body)[1])
    return Message(
        conversation=row.conversation,
        seq=row.seq,
        id=row.id,
        sender=row.sender,
        role=row.role,  # type: ignore[arg-type]
        cid=row.cid,
        body=body,
        state="recalled" if row.recalled else "sent",
        created_at=row.created_at,
    )


def _tell_message(unit: HasConversations, room: Room, message: Message, *, turns_left: int | None) -> None:
    data = _encode(MessageEvent(message=message, turns_left=turns_left))
    if len(data) > limits.IM_INLINE_EVENT_BYTES:
        pointer = PointerEvent(conversation=message.conversation, seq=message.seq, turns_left=turns_left)
        data = _encode(pointer)
    if room.thread.kind is Kind.BROADCAST:
        # Hospital news for whoever follows; it is about nobody.
        unit.publish(Outgoing(room_channel(message.conversation), data))
        return
    unit.publish(*(Outgoing(channel_of(seat.user), data, veiled=True) for seat in room.here))


def _touch_all(unit: HasConversations, conversation: str, others: Sequence[str], seat: Seat) -> None:
    """One member changes and all learn of it. By name, as every transaction locks users."""
    for user in sorted([*others, seat.user]):
        if user == seat.user:
            unit.conversations.seat(conversation, seat)
        else:
            unit.conversations.touch(conversation, [user])


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def users_of(seats: Sequence[Seat]) -> list[str]:
    """Who is here, by name."""
    return [seat.user for seat in seats if seat.is_here]
