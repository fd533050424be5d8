"""Use cases of whoever talks: say something, take it back, say how far one has read, write, switch.

Acknowledged is what is committed. A send is one transaction; whatever ends it early leaves nothing, and the
same ``cid`` sent again is the same message, on whichever process.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import msgspec

from core.actor import Actor
from core.clock import Clock
from core.ids import RandomBytes
from core.keys import KeyTaken
from core.turns import Turns
from im import chain, posting, refusals, thread
from im.access import seat_in, view_for
from im.reading import conversation_of
from im.store import Room, Row, Unit, Units
from im.thread import Seat, Thread
from im.wire import (
    Body,
    Conversation,
    Done,
    FileBody,
    ImageBody,
    Mark,
    Marked,
    Online,
    Recall,
    RecallBody,
    ReceiptEvent,
    Send,
    Sendable,
    Sent,
    Switch,
    TextBody,
    Typing,
    TypingEvent,
    VoiceBody,
)
from im.wording import Action, AnyWords, Verdict, Wording, judged


class Attachments(Protocol):
    """What messaging asks of files, inside the transaction of the message that holds them."""

    async def claim(
        self, unit: Unit, conversation: str, sender: str, body: Sendable, *, seq: int
    ) -> Sendable:
        """The message takes these files; answers the body with their digests.

        Refuses with ``FileNotReady``.
        """


class NoFiles:
    """Where no files are kept: whatever names one is refused."""

    async def claim(
        self, unit: Unit, conversation: str, sender: str, body: Sendable, *, seq: int
    ) -> Sendable:
        raise refusals.FileNotReady()


class Reviews(Protocol):
    """Where messages wait for a person to look at them."""

    def add(self, unit: Unit, sent: Row, original: str, verdict: Verdict) -> None:
        """Queue one, in the message's transaction."""


class NoReviews:
    """Where nobody looks."""

    def add(self, unit: Unit, sent: Row, original: str, verdict: Verdict) -> None:
        pass


Whisper = Callable[[Sequence[str], bytes], Awaitable[None]]
"""Tells users' devices something that is kept nowhere and may be lost."""

Present = Callable[[Sequence[str]], Awaitable[Sequence[str]]]
"""Which of these users hold a connection now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What a hospital sets. ``recall_within``: how long a message can be taken back."""

    recall_within: timedelta = timedelta(seconds=120)


class Messaging:
    """What members do in their conversations."""

    def __init__(
        self,
        *,
        units: Units,
        clock: Clock,
        random: RandomBytes,
        whisper: Whisper,
        present: Present,
        may_type: Callable[[str], bool],
        manners: Manners,
        wording: Wording | None = None,
        attachments: Attachments | None = None,
        reviews: Reviews | None = None,
    ) -> None:
        self._units = units
        self._clock = clock
        self._random = random
        self._whisper = whisper
        self._present = present
        self._may_type = may_type
        self._manners = manners
        self._wording = wording or AnyWords()
        self._attachments = attachments or NoFiles()
        self._reviews = reviews or NoReviews()
        self._turns = Turns()

    async def send(self, actor: Actor, body: Send) -> Sent:
        """Say something. Refuses as ``im.thread.speak``, with ``WordsNotAllowed``, ``FileNotReady`` and
        ``CidUsedOtherwise``."""
        said, verdict = self._judged(body.body)
        async with self._turns.of(body.conversation):
            try:
                return await self._send(actor, body, said, verdict)
            except KeyTaken:
                # The same cid came at the same moment on another process and was first.
                return await self._send(actor, body, said, verdict)

    async def _send(self, actor: Actor, asked: Send, said: Sendable, verdict: Verdict) -> Sent:
        at = self._clock.now()
        async with self._units.begin() as unit:
            room = await unit.conversations.hold(asked.conversation, sender=actor.id, cid=asked.cid)
            room, seat = seat_in(room, actor)
            if room.earlier is not None:
                return _again(room.earlier, said, room.thread)
            if room.thread.kind is thread.Kind.BROADCAST:
                # News have a door of their own, which asks whose department it is.
                raise refusals.MayNotSpeak(why="news")
            after = thread.speak(room.thread, seat, posting.type_of(said), at=at)
            if not isinstance(said, TextBody):
                said = await self._attachments.claim(unit, after.id, actor.id, said, seq=after.last_seq)
            posted = posting.write(
                unit,
                room,
                after,
                sender=actor.id,
                role=seat.part,
                cid=asked.cid,
                body=said,
                at=at,
                random=self._random,
            )
            if verdict.action is not Action.PASS:
                self._reviews.add(unit, posted.row, text_of(asked.body), verdict)
            await unit.commit()
        return _sent(posted, verdict)

    async def recall(self, actor: Actor, body: Recall) -> Sent:
        """Take an own message back: an event with its own seq; what was said stays stored and is hidden."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            held = await unit.conversations.hold(body.conversation, sender=actor.id, cid=body.cid)
            room, seat = seat_in(held, actor)
            if room.earlier is not None:
                return _again(room.earlier, RecallBody(ref_seq=body.seq), room.thread)
            row = await unit.conversations.message(body.conversation, body.seq)
            said = None if row is None else row.said
            within = self._manners.recall_within
            after = thread.recall(room.thread, seat, said, within=within, at=at)
            assert said is not None
            posted = posting.write(
                unit,
                room,
                after,
                sender=actor.id,
                role=seat.part,
                cid=body.cid,
                body=RecallBody(ref_seq=body.seq),
                at=at,
                random=self._random,
                ref_seq=body.seq,
            )
            await unit.conversations.recalled(body.conversation, said)
            await unit.commit()
        return _sent(posted, None)

    async def ack(self, actor: Actor, body: Mark) -> Marked:
        """A device of the caller has everything up to ``seq``."""
        return await self._mark(actor, body, read=False)

    async def read(self, actor: Actor, body: Mark) -> Marked:
        """The caller has read everything up to ``seq``."""
        return await self._mark(actor, body, read=True)

    async def _mark(self, actor: Actor, body: Mark, *, read: bool) -> Marked:
        async with self._units.begin() as unit:
            held = await unit.conversations.hold(body.conversation, sender=actor.id)
            room, seat = seat_in(held, actor)
            after = await self._moved(unit, room, seat, body.seq, read=read)
            if after != seat:
                reached = after.recv_seq >= room.thread.last_seq
                unit.conversations.mark(body.conversation, seat, after, all_received=reached)
                receipt = ReceiptEvent(
                    conversation=body.conversation,
                    user=actor.id,
                    recv_seq=after.recv_seq,
                    read_seq=after.read_seq,
                )
                posting.tell(unit, posting.users_of(room.seats), receipt)
                await unit.commit()
        return Marked(
            conversation=body.conversation,
            recv_seq=after.recv_seq,
            read_seq=after.read_seq,
            unread=after.unread,
        )

    async def _moved(self, unit: Unit, room: Room, seat: Seat, seq: int, *, read: bool) -> Seat:
        if not read:
            return thread.received(room.thread, seat, seq)
        upto, behind = min(seq, seat.reach(room.thread)), 0
        if seat.read_seq < upto < room.thread.last_seq:
            behind = await unit.conversations.unread_behind(room.thread.id, upto, user=seat.user)
        return thread.read(room.thread, seat, seq, unread_behind=behind)

    async def typing(self, actor: Actor, body: Typing) -> Done:
        """Tell the others that the caller writes. Too often is passed over in silence."""
        async with self._units.read() as unit:
            view = await view_for(unit, actor, body.conversation)
        others = [seat.user for seat in view.seats if seat.user != actor.id]
        if view.seat.is_here and others and self._may_type(f"{actor.id}|{body.conversation}"):
            event = TypingEvent(conversation=body.conversation, user=actor.id, on=body.on)
            await self._whisper(others, msgspec.json.encode(event))
        return Done(conversation=body.conversation)

    async def presence(self, actor: Actor, conversation: str) -> Online:
        """Which members are connected now."""
        async with self._units.read() as unit:
            view = await view_for(unit, actor, conversation)
        online = await self._present([seat.user for seat in view.seats])
        return Online(conversation=conversation, online=list(online))

    async def mute(self, actor: Actor, body: Switch) -> Conversation:
        """No notices about this conversation for the caller, or again."""
        return await self._switch(actor, body.conversation, lambda seat: replace(seat, muted=body.on))

    async def pin(self, actor: Actor, body: Switch) -> Conversation:
        """Keep it at the top of the caller's list, or no longer."""
        return await self._switch(actor, body.conversation, lambda seat: replace(seat, pinned=body.on))

    async def _switch(self, actor: Actor, conversation: str, changed: Callable[[Seat], Seat]) -> Conversation:
        async with self._units.begin() as unit:
            held = await unit.conversations.hold(conversation, sender=actor.id)
            _, seat = seat_in(held, actor)
            after = changed(seat)
            if after != seat:
                unit.conversations.seat(conversation, after)
                posting.tell(unit, [actor.id], posting.changed(conversation, "switched"))
                await unit.commit()
        async with self._units.read() as unit:
            return conversation_of(await view_for(unit, actor, conversation))

    def _judged(self, body: Sendable) -> tuple[Sendable, Verdict]:
        """The body as it may be stored. Refuses with ``WordsNotAllowed``."""
        verdict = judged(self._wording, text_of(body))
        if verdict.action is Action.MASK and isinstance(body, TextBody | ImageBody):
            return msgspec.structs.replace(body, text=verdict.text), verdict
        return body, verdict


def text_of(body: Body) -> str:
    """What somebody typed in it."""
    return body.text if isinstance(body, TextBody | ImageBody) else ""


def undigested(body: Body) -> Body:
    """As its sender said it, without what the server wrote of the files."""
    if isinstance(body, ImageBody | VoiceBody | FileBody):
        return msgspec.structs.replace(body, sha256=[])
    return body


def _again(row: Row, said: Body, now: Thread) -> Sent:
    """The answer of before to the same message. Refuses with ``CidUsedOtherwise``."""
    stored = msgspec.json.decode(chain.opened_text(row.body)[1], type=Body) if row.body else said
    if undigested(stored) != undigested(said):
        raise refusals.CidUsedOtherwise()
    return Sent(
        conversation=row.conversation,
        seq=row.seq,
        id=row.id,
        created_at=row.created_at,
        turns_left=now.turns_left,
    )


def _sent(posted: posting.Posted, verdict: Verdict | None) -> Sent:
    masked = verdict is not None and verdict.action is Action.MASK
    return Sent(
        conversation=posted.message.conversation,
        seq=posted.message.seq,
        id=posted.message.id,
        created_at=posted.message.created_at,
        turns_left=posted.thread.turns_left,
        body=posted.message.body if masked else None,
    )
