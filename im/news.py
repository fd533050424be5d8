"""Use cases of a department's news: staff tell everybody who follows it, never about a person."""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from core import limits
from core.actor import Actor
from core.clock import Clock
from core.ids import DepartmentId, LineId, RandomBytes, new_id
from core.keys import KeyTaken
from im import posting, refusals, thread
from im.access import view_for
from im.gathering import KnowsColleagues, colleague_seat
from im.messaging import NoReviews, Reviews
from im.reading import conversation_of
from im.store import NewConversation, Unit
from im.thread import Kind, Part, Seat, State
from im.wire import Broadcast, Conversation, Follow, Sent, TextBody
from im.wording import Action, AnyWords, Wording, judged


class NewsUnit(Unit, KnowsColleagues, Protocol):
    """One transaction that knows the departments too."""

    async def department_name(self, department: DepartmentId) -> str | None:
        """What a department is called; ``None``: the hospital has none of that code."""

    async def works_in(self, lines: Collection[LineId], department: DepartmentId) -> bool:
        """Whether one of these lines is the department's."""


class NewsUnits(Protocol):
    """Opens transactions."""

    def begin(self) -> AbstractAsyncContextManager[NewsUnit]:
        """One that will write."""

    def read(self) -> AbstractAsyncContextManager[NewsUnit]:
        """One that sees one moment."""


class News:
    """What departments tell, and who hears it."""

    def __init__(
        self,
        *,
        units: NewsUnits,
        clock: Clock,
        random: RandomBytes,
        wording: Wording | None = None,
        reviews: Reviews | None = None,
    ) -> None:
        self._units = units
        self._clock = clock
        self._random = random
        self._wording = wording or AnyWords()
        self._reviews = reviews or NoReviews()

    async def tell(self, actor: Actor, body: Broadcast) -> Sent:
        """Tell everybody who follows a department. The same ``cid`` again is the same message.

        Refuses with ``NoSuchDepartment``, ``WordsNotAllowed`` and ``CidUsedOtherwise``, and with
        ``NotYourDepartment`` whoever works only at lines of others.
        """
        at = self._clock.now()
        verdict = judged(self._wording, body.text)
        said = TextBody(text=verdict.text if verdict.action is Action.MASK else body.text)
        conversation = await self._room_of(body.department, speaker=actor)
        async with self._units.begin() as unit:
            room = await posting.held(unit, conversation, sender=actor.id, cid=body.cid)
            seat = room.seat(actor.id)
            if seat is None or seat.part is Part.READER or not seat.is_here:
                seat = await colleague_seat(unit, actor, actor.id)
                await posting.add_member(unit, conversation, seat, at=at)
            if room.earlier is not None:
                posted = posting.Posted(room.thread, posting.message_of(room.earlier), room.earlier)
                if posted.message.body not in (None, said):
                    raise refusals.CidUsedOtherwise()
            else:
                after = thread.speak(room.thread, seat, "text", at=at)
                posted = posting.write(
                    unit,
                    room,
                    after,
                    sender=actor.id,
                    role=seat.part,
                    cid=body.cid,
                    body=said,
                    at=at,
                    random=self._random,
                )
                if verdict.action is not Action.PASS:
                    self._reviews.add(unit, posted.row, body.text, verdict)
            await unit.commit()
        told = posted.message
        return Sent(
            conversation=conversation,
            seq=told.seq,
            id=told.id,
            created_at=told.created_at,
            turns_left=None,
            body=said if verdict.action is Action.MASK else None,
        )

    async def follow(self, actor: Actor, body: Follow) -> Conversation:
        """Hear a department's news, or no longer. Refuses with ``NoSuchDepartment``."""
        at = self._clock.now()
        conversation = await self._room_of(body.department)
        async with self._units.begin() as unit:
            room = await posting.held(unit, conversation, sender=actor.id)
            seat = room.seat(actor.id)
            if body.on and (seat is None or not seat.is_here):
                newest = room.thread.last_seq
                reader = Seat(user=actor.id, part=Part.READER, shown="", read_seq=newest, recv_seq=newest)
                await posting.add_member(unit, conversation, reader, at=at)
            elif not body.on and seat is not None and seat.is_here:
                await posting.remove_member(unit, conversation, actor.id, at=at)
            elif seat is None:
                raise refusals.NoSuchConversation()
            await unit.commit()
        async with self._units.read() as unit:
            return conversation_of(await view_for(unit, actor, conversation))

    async def _room_of(self, department: str, *, speaker: Actor | None = None) -> str:
        """The conversation of a department's news; made when it is first asked for."""
        at, key, code = self._clock.now(), f"broadcast|{department}", DepartmentId(department)
        async with self._units.begin() as unit:
            if speaker is not None and speaker.lines and not await unit.works_in(speaker.lines, code):
                raise refusals.NotYourDepartment()
            found = await unit.conversations.find_key(key)
            if found is not None:
                # Also of a department that is listed no longer: who follows it must be able to stop.
                return found
            name = await unit.department_name(code)
            if name is None:
                raise refusals.NoSuchDepartment()
            draft = NewConversation(
                id=new_id(at=at, random=self._random),
                kind=Kind.BROADCAST,
                state=State.ACTIVE,
                key=key,
                seats=(),
                title=name[: limits.IM_TITLE_CHARACTERS],
                department=department,
            )
            try:
                await posting.create(unit, draft, at=at)
                await unit.commit()
            except KeyTaken:
                pass
            else:
                return draft.id
        async with self._units.read() as unit:
            found = await unit.conversations.find_key(key)
        assert found is not None, "a taken key has a conversation"
        return found
