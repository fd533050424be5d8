"""``im.keeping_store`` on SQL. Lock order: the consultation, its conversation, users by name."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import and_, bindparam, delete, literal_column, or_, select, update

from adapters.sql.consultation_tables import consultation
from adapters.sql.driver import Row
from adapters.sql.file_tables import im_file
from adapters.sql.im_tables import im_code, im_conversation, im_member, im_message, im_user
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.keeping_tables import record_ending, record_hold
from adapters.sql.moderation_tables import im_review
from adapters.sql.statement import insert_or_update, insert_row
from adapters.sql.transaction import Transaction
from core.sealing import Sealing
from im.chain import FIRST
from im.consultation import Stage
from im.retention import Class, Ending, Hold, Subject
from im.thread import Kind, State

_C, _N, _E, _H, _U, _S = (
    each.c for each in (im_conversation, consultation, record_ending, record_hold, im_user, im_member)
)
_SUBJECT = (_C.id, _C.kind, _C.retention, _C.state, _C.closed_us, _C.changed_us, _C.last_seq, _C.digest)
_BARE = (_N.id, _N.stage, _N.ended_us, _N.changed_us)
_OPEN = [stage.value for stage in Stage if stage.is_open]
_HELD = select(_H.id).where(_H.subject == _C.id, _H.lifted_us.is_(None)).exists()
_HELD_BARE = select(_H.id).where(_H.subject == _N.id, _H.lifted_us.is_(None)).exists()

_LOCK_BARE = select(*_BARE).where(_N.id == bindparam("of")).with_for_update()
_LOCK = select(*_SUBJECT).where(_C.id == bindparam("of")).with_for_update()
_OVER = (
    select(*_SUBJECT)
    .select_from(im_conversation.outerjoin(record_ending, _E.subject == _C.id))
    .where(
        _C.retention == bindparam("class"),
        or_(
            _C.closed_us <= bindparam("before"),
            and_(
                _C.closed_us.is_(None),
                _C.kind != Kind.CONSULTATION.value,
                _C.changed_us <= bindparam("before"),
            ),
        ),
        _E.subject.is_(None),
        ~_HELD,
    )
    .order_by(_C.id)
    .limit(bindparam("limit"))
)
_OVER_BARE = (
    select(*_BARE)
    .select_from(
        consultation.outerjoin(record_ending, _E.subject == _N.id).outerjoin(im_conversation, _C.id == _N.id)
    )
    .where(
        *(_N.stage != stage for stage in _OPEN),
        _N.changed_us <= bindparam("before"),
        _E.subject.is_(None),
        _C.id.is_(None),
        ~_HELD_BARE,
    )
    .order_by(_N.id)
    .limit(bindparam("limit"))
)
_ANNOUNCED = (
    select(record_ending)
    .where(_E.purged_us.is_(None), _E.subject > bindparam("after"))
    .order_by(_E.subject)
    .limit(bindparam("limit"))
)
_GONE = (
    select(record_ending)
    .where(_E.purged_us.is_not(None), _E.subject < bindparam("before"))
    .order_by(_E.subject.desc())
    .limit(bindparam("limit"))
)
_ENDING = select(record_ending).where(_E.subject == bindparam("of"))
_KEEP_ENDING = insert_or_update(record_ending)
_WITHDRAW = delete(record_ending).where(_E.subject == bindparam("of"), _E.purged_us.is_(None))
_COUNTED = (
    select(_S.user, _S.unread).where(_S.conversation == bindparam("of"), _S.unread > 0).order_by(_S.user)
)
_UNCOUNT = (
    update(im_user)
    .where(_U.user == bindparam("of_user"))
    .values(uver=_U.uver + literal_column("1"), unread=_U.unread - bindparam("fewer"))
)
_ERASE = tuple(
    delete(table).where(column == bindparam("of"))
    for table, column in (
        (im_message, im_message.c.conversation),
        (im_member, _S.conversation),
        (im_file, im_file.c.conversation),
        (im_review, im_review.c.conversation),
        (im_code, im_code.c.conversation),
        (im_conversation, _C.id),
        (consultation, _N.id),
    )
)
_PLACE = insert_row(record_hold)
_HOLDS_ON = select(record_hold).where(_H.subject == bindparam("of"), _H.lifted_us.is_(None)).order_by(_H.id)
_ONE_HOLD = select(record_hold).where(_H.id == bindparam("of")).with_for_update()
_KEEP_HOLD = (
    update(record_hold)
    .where(_H.id == bindparam("of"))
    .values({name: bindparam(name) for name in ("lifted_us", "lifted_by", "written")})
)
_STANDING = (
    select(record_hold)
    .where(_H.lifted_us.is_(None), _H.id < bindparam("before"))
    .order_by(_H.id.desc())
    .limit(bindparam("limit"))
)
_LIFTED = (
    select(record_hold)
    .where(_H.lifted_us.is_not(None), _H.id < bindparam("before"))
    .order_by(_H.id.desc())
    .limit(bindparam("limit"))
)


class Written(msgspec.Struct, frozen=True):
    """What is sealed of a hold."""

    reason: str
    lifted: str = ""


class SqlKeepsakes:
    """Holds and endings inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing) -> None:
        self._transaction = transaction
        self._sealing = sealing

    async def hold(self, subject: str) -> Subject | None:
        bare = await self._transaction.row(_LOCK_BARE, of=subject)
        row = await self._transaction.row(_LOCK, of=subject)
        if row is not None:
            return _subject(row)
        return None if bare is None else _bare(bare)

    async def over(self, class_: Class, *, before: datetime, limit: int) -> Sequence[Subject]:
        asked = {"before": to_us(before), "limit": limit}
        found = [
            _subject(row) for row in await self._transaction.rows(_OVER, **{"class": class_.value}, **asked)
        ]
        if class_ is Class.RECORD and len(found) < limit:
            asked["limit"] = limit - len(found)
            found += map(_bare, await self._transaction.rows(_OVER_BARE, **asked))
        return found

    async def announced(self, *, after: str, limit: int) -> Sequence[Ending]:
        return [_ending(row) for row in await self._transaction.rows(_ANNOUNCED, after=after, limit=limit)]

    async def gone(self, *, before: str, limit: int) -> Sequence[Ending]:
        return [_ending(row) for row in await self._transaction.rows(_GONE, before=before, limit=limit)]

    async def ending(self, subject: str) -> Ending | None:
        row = await self._transaction.row(_ENDING, of=subject)
        return None if row is None else _ending(row)

    def announce(self, ending: Ending) -> None:
        subject = ending.subject
        self._transaction.later(
            _KEEP_ENDING,
            subject=subject.id,
            kind=subject.kind,
            retention=subject.class_.value,
            ended_us=to_us_or_none(subject.ended_at),
            announced_us=to_us(ending.announced_at),
            purged_us=to_us_or_none(ending.purged_at),
            messages=subject.messages,
            files=ending.files,
            digest=subject.digest,
        )

    def withdraw(self, subject: str) -> None:
        self._transaction.later(_WITHDRAW, of=subject)

    async def purge(self, ending: Ending) -> None:
        name = ending.subject.id
        for user, unread in await self._transaction.rows(_COUNTED, of=name):
            self._transaction.later(_UNCOUNT, of_user=user, fewer=unread)
        for statement in _ERASE:
            self._transaction.later(statement, of=name)
        self.announce(ending)

    def place(self, hold: Hold) -> None:
        self._transaction.later(
            _PLACE,
            id=hold.id,
            subject=hold.subject,
            by=hold.by,
            placed_us=to_us(hold.at),
            lifted_us=to_us_or_none(hold.lifted_at),
            lifted_by=hold.lifted_by,
            written=self._sealed(hold),
        )

    async def holds_on(self, subject: str) -> Sequence[Hold]:
        return [self._hold(row) for row in await self._transaction.rows(_HOLDS_ON, of=subject)]

    async def find_hold(self, hold: str) -> Hold | None:
        row = await self._transaction.row(_ONE_HOLD, of=hold)
        return None if row is None else self._hold(row)

    def keep_hold(self, hold: Hold) -> None:
        self._transaction.later(
            _KEEP_HOLD,
            of=hold.id,
            lifted_us=to_us_or_none(hold.lifted_at),
            lifted_by=hold.lifted_by,
            written=self._sealed(hold),
        )

    async def holds(self, *, stand: bool, before: str, limit: int) -> Sequence[Hold]:
        statement = _STANDING if stand else _LIFTED
        rows = await self._transaction.rows(statement, before=before, limit=limit)
        return [self._hold(row) for row in rows]

    def _sealed(self, hold: Hold) -> bytes:
        text = msgspec.json.encode(Written(hold.reason, hold.lifted_because)).decode()
        return self._sealing.seal(text, table=record_hold.name, column="written", row=hold.id)

    def _hold(self, row: Row) -> Hold:
        name, subject, by, placed, lifted, lifted_by, sealed = row
        text = self._sealing.open(bytes(sealed), table=record_hold.name, column="written", row=name)
        written = msgspec.json.decode(text, type=Written)
        return Hold(
            id=name,
            subject=subject,
            reason=written.reason,
            by=by,
            at=from_us(placed),
            lifted_at=from_us_or_none(lifted),
            lifted_by=lifted_by,
            lifted_because=written.lifted,
        )


def _subject(row: Row) -> Subject:
    name, kind, class_, state, closed, changed, messages, digest = row
    # What has no end of its own ends with what was last said in it.
    endless = kind != Kind.CONSULTATION.value and state != State.CLOSED.value
    return Subject(
        id=name,
        kind=kind,
        class_=Class(class_),
        ended_at=from_us(changed) if endless else from_us_or_none(closed),
        messages=messages,
        digest=bytes(digest),
    )


def _bare(row: Row) -> Subject:
    name, stage, ended, changed = row
    over = None if stage in _OPEN else from_us(ended or changed)
    return Subject(
        id=name,
        kind=Kind.CONSULTATION.value,
        class_=Class.RECORD,
        ended_at=over,
        messages=0,
        digest=FIRST,
    )


def _ending(row: Row) -> Ending:
    name, kind, class_, ended, announced, purged, messages, files, digest = row
    subject = Subject(
        id=name,
        kind=kind,
        class_=Class(class_),
        ended_at=from_us_or_none(ended),
        messages=messages,
        digest=bytes(digest),
    )
    return Ending(
        subject=subject,
        announced_at=from_us(announced),
        purged_at=from_us_or_none(purged),
        files=files,
    )
