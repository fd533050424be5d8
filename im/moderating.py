"""Use cases of moderation: what waits for a person, what they decide, and which words are listed."""

from collections.abc import Sequence
from typing import cast

import msgspec

from core import limits
from core.actor import Actor
from core.clock import Clock
from core.ids import RandomBytes, new_id
from im import posting, review, thread
from im.chain import opened_text
from im.moderation_store import HasReviews, Units
from im.moderation_wire import (
    AddWord,
    ContextLine,
    Decide,
    ReviewItem,
    ReviewList,
    ReviewQuery,
    ReviewView,
    WordItem,
    WordItems,
)
from im.review import Decision, NoSuchReview, Review
from im.store import HasConversations, Row
from im.thread import SYSTEM_USER, Part
from im.wire import Body, ImageBody, RecallBody, TextBody
from im.word_list import CurrentWords, Listed
from im.wording import Action, Verdict


class QueuedReviews:
    """``im.messaging.Reviews``: queued in the transaction of the message."""

    def __init__(self, random: RandomBytes) -> None:
        self._random = random

    def add(self, unit: HasConversations, sent: Row, original: str, verdict: Verdict) -> None:
        at = sent.created_at
        cast("HasReviews", unit).reviews.add(
            Review(
                id=new_id(at=at, random=self._random),
                conversation=sent.conversation,
                seq=sent.seq,
                sender=sent.sender,
                role=sent.role,
                action=verdict.action,
                labels=verdict.hits,
                urgent=verdict.urgent,
                original=original,
                created_at=at,
            )
        )


class Moderating:
    """What the back office does."""

    def __init__(
        self,
        *,
        units: Units,
        clock: Clock,
        random: RandomBytes,
        words: CurrentWords,
        shipped: Sequence[Listed],
    ) -> None:
        self._units = units
        self._clock = clock
        self._random = random
        self._words = words
        self._shipped = tuple(shipped)
        self._stamp = ""

    async def reviews(self, query: ReviewQuery) -> ReviewList:
        """What waits, or what was decided."""
        async with self._units.read() as unit:
            found = await unit.reviews.page(
                waiting=query.state == "waiting", after=query.cursor, limit=query.limit + 1
            )
        shown = found[: query.limit]
        more = len(found) > query.limit
        return ReviewList(items=[_item(each) for each in shown], next=shown[-1].id if more else None)

    async def one(self, name: str) -> ReviewView:
        """One with what was written and what stands around it. Refuses with ``NoSuchReview``."""
        async with self._units.read() as unit:
            found = await unit.reviews.find(name)
            if found is None:
                raise NoSuchReview()
            around = limits.REVIEW_CONTEXT_MESSAGES
            first, last = found.seq - around, found.seq + around
            rows = await unit.conversations.page(
                found.conversation, above=first - 1, upto=last, limit=last - first + 1
            )
        lines = [
            ContextLine(seq=row.seq, role=row.role, text=_text(row), created_at=row.created_at)
            for row in rows
            if row.role != Part.SYSTEM.value
        ]
        return ReviewView(item=_item(found), original=found.original, note=found.note, context=lines)

    async def decide(self, actor: Actor, name: str, body: Decide) -> ReviewView:
        """Decide one, once. Refuses with ``NoSuchReview`` and ``DecidedAlready``. Locks: the conversation."""
        at = self._clock.now()
        async with self._units.read() as unit:
            known = await unit.reviews.find(name)
        if known is None:
            raise NoSuchReview()
        async with self._units.begin() as unit:
            room = await posting.held(unit, known.conversation, sender=SYSTEM_USER)
            held = await unit.reviews.hold(name)
            if held is None:
                raise NoSuchReview()
            after = review.decided(held, Decision(body.decision), note=body.note, by=actor.id, at=at)
            unit.reviews.keep(after)
            row = await unit.conversations.message(held.conversation, held.seq)
            if after.decision is Decision.REMOVED and row is not None and not row.recalled:
                posting.write(
                    unit,
                    room,
                    thread.announce(room.thread),
                    sender=SYSTEM_USER,
                    role=Part.SYSTEM,
                    cid=f"review-{held.id}",
                    body=RecallBody(ref_seq=held.seq),
                    at=at,
                    random=self._random,
                    ref_seq=held.seq,
                )
                await unit.conversations.recalled(held.conversation, row.said)
            await unit.commit()
        return await self.one(name)

    async def words(self) -> WordItems:
        """Every listed word."""
        async with self._units.read() as unit:
            own = await unit.words.all()
        return WordItems(
            items=[_word(each, shipped=True) for each in self._shipped] + [_word(each) for each in own]
        )

    async def add_word(self, actor: Actor, body: AddWord) -> WordItems:
        """List a word; this process judges by it at once, the others within seconds."""
        at = self._clock.now()
        async with self._units.begin() as unit:
            unit.words.add(
                Listed(
                    id=new_id(at=at, random=self._random),
                    word=body.word,
                    action=Action(body.action),
                    label=body.label,
                    urgent=body.urgent,
                    by=actor.id,
                    at=at,
                )
            )
            await unit.commit()
        await self.reload()
        return await self.words()

    async def remove_word(self, word: str) -> WordItems:
        """List a word of the hospital's no more."""
        async with self._units.begin() as unit:
            unit.words.drop(word)
            await unit.commit()
        await self.reload()
        return await self.words()

    async def reload(self) -> None:
        """Judge by the list as it is now; costs one query when nothing changed."""
        async with self._units.read() as unit:
            stamp = await unit.words.stamp()
            if stamp == self._stamp:
                return
            own = await unit.words.all()
        self._words.use((*self._shipped, *own))
        self._stamp = stamp


def _item(each: Review) -> ReviewItem:
    return ReviewItem(
        id=each.id,
        conversation=each.conversation,
        seq=each.seq,
        role=each.role,
        action=each.action.value,
        labels=list(each.labels),
        urgent=each.urgent,
        created_at=each.created_at,
        decision=each.decision.value,
        by=each.by,
        decided_at=each.decided_at,
    )


def _word(each: Listed, *, shipped: bool = False) -> WordItem:
    return WordItem(
        id=each.id,
        word=each.word,
        action=each.action.value,
        label=each.label,
        urgent=each.urgent,
        shipped=shipped,
        by=each.by,
    )


def _text(row: Row) -> str:
    if row.recalled or not row.body:
        return ""
    body = msgspec.json.decode(opened_text(row.body)[1], type=Body)
    return body.text if isinstance(body, TextBody | ImageBody) else f"[{row.type}]"
