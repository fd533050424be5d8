"""What is kept of conversations by account, for when the account as a whole changes.

Who said what stays as it was said: the chain of digests covers it. So after two accounts became one, the
older messages keep the name of the account that sent them, and their reader is the one who has its place.
"""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import msgspec

from core import limits
from core.ids import UserId
from im import posting
from im.chain import opened_text
from im.consultation_store import Kept, Unit
from im.thread import Part, Seat


class Ending(Protocol):
    """What ends the consultations of whoever closes the account."""

    def __call__(self, unit: Unit, user: str, *, at: datetime) -> Awaitable[None]:
        """Cancel or end what is open; fees that nobody earned go back."""


class ConversationHolding:
    """Consultations, conversations and the files in them."""

    name = "conversations"

    def __init__(self, end: Ending) -> None:
        self._end = end

    async def move(self, unit: Unit, *, source: UserId, target: UserId, at: datetime) -> None:
        await unit.consultations.hand_over(source, target)
        for name in await unit.conversations.seats_of(source):
            room = await posting.held(unit, name, sender=source)
            left, held = room.seat(source), room.seat(target)
            if left is None:
                continue
            now = replace(left, user=target) if held is None else _both(held, left)
            unit.conversations.seat(name, now)
            unit.conversations.unseat(name, left)
            posting.tell(unit, [target], posting.changed(name, "created"))
        await unit.files.hand_over(source, target)

    async def export(self, unit: Unit, user: UserId, *, at: datetime) -> object:
        """What the person asked and was answered, with what was written; files by name of kind and size."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while page := await unit.consultations.of_user(
            user, open_=None, after=after, limit=limits.CONSULTATIONS_AT_ONCE
        ):
            found += [await _told(unit, kept) for kept in page]
            after = page[-1].it.id
        return found

    async def erase(self, unit: Unit, user: UserId, *, at: datetime) -> None:
        """Ends what is open. What was said is a medical record and is kept (``docs/records.md``)."""
        await self._end(unit, user, at=at)


async def _told(unit: Unit, kept: Kept) -> dict[str, Any]:
    return {
        "consultation": kept.it.id,
        "state": kept.it.stage.value,
        "created_at": kept.it.created_at,
        "ended_at": kept.it.ended_at,
        "fee_fen": kept.it.terms.fee_fen,
        "complaint": kept.said.complaint,
        "earlier_diagnosis": kept.said.earlier_diagnosis,
        "summary": kept.said.summary,
        "messages": await _said(unit, kept.it.id),
    }


async def _said(unit: Unit, conversation: str) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    above = 0
    while rows := await unit.conversations.page(
        conversation, above=above, upto=2**53, limit=limits.IM_RECORD_MESSAGES
    ):
        said += [
            {
                "seq": row.seq,
                "by": row.role,
                "at": row.created_at,
                "body": None
                if row.recalled or not row.body
                else msgspec.json.decode(opened_text(row.body)[1]),
            }
            for row in rows
        ]
        above = rows[-1].seq
    return said


def _both(one: Seat, other: Seat) -> Seat:
    """One person's two places in a conversation as one."""
    here = one.left_seq is None or other.left_seq is None
    return replace(
        one,
        part=Part.PATIENT if Part.PATIENT in {one.part, other.part} else one.part,
        join_seq=min(one.join_seq, other.join_seq),
        read_seq=max(one.read_seq, other.read_seq),
        recv_seq=max(one.recv_seq, other.recv_seq),
        unread=min(one.unread, other.unread),
        muted=one.muted and other.muted,
        pinned=one.pinned or other.pinned,
        left_seq=None if here else max(one.left_seq or 0, other.left_seq or 0),
    )
