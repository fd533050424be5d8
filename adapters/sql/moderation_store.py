"""``im.moderation_store`` on SQL."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import and_, bindparam, delete, func, or_, select, update

from adapters.sql.driver import Row
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.moderation_tables import im_review, listed_word
from adapters.sql.statement import insert_row
from adapters.sql.transaction import Transaction
from core import limits
from core.clock import Clock
from core.sealing import Sealing
from im.review import Decision, Review
from im.word_list import Listed
from im.wording import Action

_R, _W = im_review.c, listed_word.c
_ADD = insert_row(im_review)
_ONE = select(im_review).where(_R.id == bindparam("of"))
_HELD = _ONE.with_for_update()
_KEEP = (
    update(im_review)
    .where(_R.id == bindparam("of"))
    .values({name: bindparam(name) for name in ("decision", "by", "decided_us", "written")})
)
_WAITING = (
    select(im_review)
    .where(
        _R.decision == Decision.WAITING.value,
        or_(
            _R.urgent < bindparam("urgent"),
            and_(_R.urgent == bindparam("same"), _R.id > bindparam("after")),
        ),
    )
    .order_by(_R.urgent.desc(), _R.id)
    .limit(bindparam("limit"))
)
_DECIDED = (
    select(im_review)
    .where(_R.decision != Decision.WAITING.value, _R.id < bindparam("before"))
    .order_by(_R.id.desc())
    .limit(bindparam("limit"))
)
_WORDS = select(listed_word).order_by(_W.id).limit(limits.WORDS_LISTED)
_STAMP = select(func.count(), func.max(_W.id), func.max(_W.created_us))
_ADD_WORD = insert_row(listed_word)
_DROP_WORD = delete(listed_word).where(_W.id == bindparam("of"))
_BEYOND = "~"
"""Behind every id."""


class Written(msgspec.Struct, frozen=True):
    """What is sealed of a review."""

    original: str
    note: str = ""


class SqlReviews:
    """Reviews inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing) -> None:
        self._transaction = transaction
        self._sealing = sealing

    def add(self, review: Review) -> None:
        self._transaction.later(
            _ADD,
            id=review.id,
            conversation=review.conversation,
            seq=review.seq,
            sender=review.sender,
            role=review.role,
            action=review.action.value,
            labels=" ".join(review.labels)[:255],
            urgent=int(review.urgent),
            created_us=to_us(review.created_at),
            decision=review.decision.value,
            by=review.by,
            decided_us=to_us_or_none(review.decided_at),
            written=self._sealed(review),
        )

    async def find(self, review: str) -> Review | None:
        row = await self._transaction.row(_ONE, of=review)
        return None if row is None else self._review(row)

    async def hold(self, review: str) -> Review | None:
        row = await self._transaction.row(_HELD, of=review)
        return None if row is None else self._review(row)

    def keep(self, review: Review) -> None:
        self._transaction.later(
            _KEEP,
            of=review.id,
            decision=review.decision.value,
            by=review.by,
            decided_us=to_us_or_none(review.decided_at),
            written=self._sealed(review),
        )

    async def page(self, *, waiting: bool, after: str | None, limit: int) -> Sequence[Review]:
        if not waiting:
            rows = await self._transaction.rows(_DECIDED, before=after or _BEYOND, limit=limit)
            return [self._review(row) for row in rows]
        last = None if after is None else await self.find(after)
        urgent = 1 if last is None or last.urgent else 0
        rows = await self._transaction.rows(
            _WAITING, urgent=urgent, same=urgent, after=after or "", limit=limit
        )
        return [self._review(row) for row in rows]

    def _sealed(self, review: Review) -> bytes:
        text = msgspec.json.encode(Written(review.original, review.note)).decode()
        return self._sealing.seal(text, table=im_review.name, column="written", row=review.id)

    def _review(self, row: Row) -> Review:
        name, conversation, seq, sender, role, action, labels, urgent = row[:8]
        decision, by, created, decided, sealed = row[8:]
        text = self._sealing.open(bytes(sealed), table=im_review.name, column="written", row=name)
        written = msgspec.json.decode(text, type=Written)
        return Review(
            id=name,
            conversation=conversation,
            seq=seq,
            sender=sender,
            role=role,
            action=Action(action),
            labels=tuple(labels.split()),
            urgent=bool(urgent),
            original=written.original,
            created_at=from_us(created),
            decision=Decision(decision),
            note=written.note,
            by=by,
            decided_at=from_us_or_none(decided),
        )


class SqlWords:
    """Listed words inside one transaction."""

    def __init__(self, transaction: Transaction, clock: Clock) -> None:
        self._transaction = transaction
        self._clock = clock

    async def all(self) -> Sequence[Listed]:
        return [
            Listed(
                id=name,
                word=word,
                action=Action(action),
                label=label,
                urgent=bool(urgent),
                by=by,
                at=from_us(created),
            )
            for name, word, action, label, urgent, by, created in await self._transaction.rows(_WORDS)
        ]

    async def stamp(self) -> str:
        row = await self._transaction.row(_STAMP)
        return repr(row)

    def add(self, word: Listed) -> None:
        self._transaction.later(
            _ADD_WORD,
            id=word.id,
            word=word.word,
            action=word.action.value,
            label=word.label,
            urgent=int(word.urgent),
            by=word.by,
            created_us=to_us(word.at or self._clock.now()),
        )

    def drop(self, word: str) -> None:
        self._transaction.later(_DROP_WORD, of=word)
