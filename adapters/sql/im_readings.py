"""What is read of conversations: pages of messages, one member's view, and what changed for a user.

What changed costs what changed: an index read of the member's rows behind a number, then their members and
last messages in batches.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, literal_column, or_, select

from adapters.sql.driver import Row as SqlRow
from adapters.sql.im_rows import (
    SEAT,
    THREAD,
    message_columns,
    message_of_row,
    packed,
    seat_columns,
    seat_of,
    thread_columns,
    thread_of,
)
from adapters.sql.im_tables import im_conversation, im_member, im_message, im_user
from adapters.sql.instants import from_us, from_us_or_none, to_us
from adapters.sql.statement import IN_PLACES, ByDatabase, one_of, places
from adapters.sql.transaction import Transaction
from core import limits
from core.sealing import SealBroken, Sealing
from im.archive import Archive, name_of
from im.store import Due, Listed, Pending, Reach, Row
from im.thread import SPOKEN, Kind, Seat, Thread

_C, _M, _S, _U = im_conversation.c, im_message.c, im_member.c, im_user.c

_NAMES = select(_C.id).where(_C.id > bindparam("after")).order_by(_C.id).limit(bindparam("limit"))
_KEY = select(_C.id).where(_C.key == bindparam("key"))


def _both(make: Callable[[str], Select[Any]]) -> ByDatabase:
    """One question as each database is asked it."""
    return ByDatabase(sqlite=make("sqlite"), mysql=make("mysql"))


def _messages(dialect: str) -> Select[Any]:
    return select(*message_columns(dialect))


_THREAD = _both(lambda on: select(*thread_columns(on)).where(_C.id == bindparam("of")))
_MESSAGE = _both(
    lambda on: _messages(on).where(_M.conversation == bindparam("of"), _M.seq == bindparam("seq"))
)
_BEHIND = select(func.count()).where(
    _M.conversation == bindparam("of"),
    _M.seq > bindparam("seq"),
    _M.sender != bindparam("user"),
    _M.state == "sent",
    or_(*(_M.type == type_ for type_ in sorted(SPOKEN))),
)


def _page(dialect: str) -> Select[Any]:
    return _messages(dialect).where(
        _M.conversation == bindparam("of"), _M.seq > bindparam("above"), _M.seq <= bindparam("upto")
    )


def _view(dialect: str) -> Select[Any]:
    more = packed(dialect, _S.uver, _C.created_us, _C.changed_us)
    return select(*thread_columns(dialect), *seat_columns(dialect), _C.title, more).select_from(
        im_member.join(im_conversation, _C.id == _S.conversation)
    )


_FORWARD = _both(lambda on: _page(on).order_by(_M.seq).limit(bindparam("limit")))
_BACKWARD = _both(lambda on: _page(on).order_by(_M.seq.desc()).limit(bindparam("limit")))
_ONE_VIEW = _both(
    lambda on: _view(on).where(_S.conversation == bindparam("of"), _S.user == bindparam("user"))
)
_CHANGED = _both(
    lambda on: (
        _view(on)
        .where(_S.user == bindparam("user"), _S.uver > bindparam("above"))
        .order_by(_S.uver)
        .limit(bindparam("limit"))
    )
)
_SEATS = _both(
    lambda on: select(_S.conversation, *seat_columns(on)).where(one_of(_S.conversation)).order_by(_S.user)
)
_LAST = _both(
    lambda on: (
        _messages(on)
        .select_from(im_conversation.join(im_message, and_(_M.conversation == _C.id, _M.seq == _C.last_seq)))
        .where(one_of(_C.id))
    )
)
_REACHES = (
    select(_S.conversation, _S.join_seq, func.coalesce(_S.left_seq, _C.last_seq))
    .join(im_conversation, _C.id == _S.conversation)
    .where(_S.user == bindparam("user"))
    .order_by(_S.conversation.desc())
    .limit(limits.IM_SEARCH_REACHES)
)
_DUE = (
    select(_S.conversation, _S.user)
    .where(_S.notice_us <= bindparam("at"))
    .order_by(_S.notice_us)
    .limit(bindparam("limit"))
)
_PENDING = (
    select(_C.id, _C.turns_left, _C.changed_us, func.coalesce(_S.unread, literal_column("0")))
    .select_from(
        im_conversation.outerjoin(im_member, and_(_S.conversation == _C.id, _S.user == bindparam("user")))
    )
    .where(one_of(_C.id))
)
_ANSWER = im_message.alias("answer")
_ANSWERED = (
    select(func.coalesce(func.max(_ANSWER.c.seq), literal_column("0")))
    .where(
        _ANSWER.c.conversation == _M.conversation,
        or_(_ANSWER.c.role == "doctor", _ANSWER.c.role == "nurse"),
        or_(*(_ANSWER.c.type == type_ for type_ in sorted(SPOKEN))),
    )
    .scalar_subquery()
)
_WAITING = (
    select(_M.conversation, func.min(_M.created_us))
    .where(
        one_of(_M.conversation),
        or_(_M.role == "patient", _M.role == "family"),
        or_(*(_M.type == type_ for type_ in sorted(SPOKEN))),
        _M.seq > _ANSWERED,
    )
    .group_by(_M.conversation)
)
_STANDING = select(_U.uver, _U.unread).where(_U.user == bindparam("user"))
_BEYOND = 2**62


class ImReadings:
    """What is read, inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing, archive: Archive) -> None:
        self._transaction = transaction
        self._sealing = sealing
        self._archive = archive

    async def thread(self, conversation: str) -> Thread | None:
        row = await self._transaction.row(_THREAD, of=conversation)
        return None if row is None else thread_of(row)

    async def names(self, *, after: str, limit: int) -> Sequence[str]:
        return [row[0] for row in await self._transaction.rows(_NAMES, after=after, limit=limit)]

    async def find_key(self, key: str) -> str | None:
        row = await self._transaction.row(_KEY, key=key)
        return None if row is None else row[0]

    async def message(self, conversation: str, seq: int) -> Row | None:
        row = await self._transaction.row(_MESSAGE, of=conversation, seq=seq)
        return None if row is None else (await self._rows([row]))[0]

    async def unread_behind(self, conversation: str, seq: int, *, user: str) -> int:
        row = await self._transaction.row(_BEHIND, of=conversation, seq=seq, user=user)
        assert row is not None
        return int(row[0])

    async def page(
        self, conversation: str, *, above: int, upto: int, limit: int, newest: bool = False
    ) -> Sequence[Row]:
        statement = _BACKWARD if newest else _FORWARD
        rows = await self._transaction.rows(statement, of=conversation, above=above, upto=upto, limit=limit)
        found = await self._rows(rows)
        return found[::-1] if newest else found

    async def view(self, conversation: str, *, user: str) -> Listed | None:
        rows = await self._transaction.rows(_ONE_VIEW, of=conversation, user=user)
        return (await self._listed(rows))[0] if rows else None

    async def changed(self, user: str, *, above: int, limit: int) -> Sequence[Listed]:
        rows = await self._transaction.rows(_CHANGED, user=user, above=above, limit=limit)
        return await self._listed(rows)

    async def pending(self, conversations: Sequence[str], *, user: str) -> Mapping[str, Pending]:
        found: dict[str, Pending] = {}
        for names in _parts(conversations):
            rows: Sequence[SqlRow] = await self._transaction.rows(_WAITING, **places(_M.conversation, names))
            waiting: dict[str, int] = dict(rows)
            rows = await self._transaction.rows(_PENDING, user=user, **places(_C.id, names))
            for name, turns_left, changed, unread in rows:
                found[name] = Pending(
                    unread=unread,
                    turns_left=turns_left,
                    last_at=from_us(changed),
                    waiting_since=from_us_or_none(waiting.get(name)),
                )
        return found

    async def standing(self, user: str) -> tuple[int, int]:
        row = await self._transaction.row(_STANDING, user=user)
        return (0, 0) if row is None else (row[0], row[1])

    async def reaches(self, user: str) -> Sequence[Reach]:
        rows = await self._transaction.rows(_REACHES, user=user)
        return [Reach(conversation, first, last) for conversation, first, last in rows]

    async def notices_due(self, *, at: datetime, limit: int) -> Sequence[Due]:
        rows = await self._transaction.rows(_DUE, at=to_us(at), limit=limit)
        return [Due(conversation, user) for conversation, user in rows]

    async def _listed(self, rows: Sequence[SqlRow]) -> list[Listed]:
        """Views with everybody in them, and the last message that the viewer may see."""
        views = [self._view(row) for row in rows]
        seats: dict[str, list[Seat]] = defaultdict(list)
        last: dict[str, Row] = {}
        for view in views:
            if view.thread.kind is Kind.BROADCAST:
                seats[view.thread.id] = [view.seat]
        for names in _parts([view.thread.id for view in views if view.thread.kind is not Kind.BROADCAST]):
            for row in await self._transaction.rows(_SEATS, **places(_S.conversation, names)):
                seats[row[0]].append(seat_of(row[1:]))
        for names in _parts([view.thread.id for view in views]):
            for row in await self._transaction.rows(_LAST, **places(_C.id, names)):
                # Never in the archive (``adapters.sql.archiving``): a list does not wait for it.
                last[row[0]] = self._row(row, {})
        return [
            replace(
                view,
                seats=tuple(seat for seat in seats[view.thread.id] if seat.is_here),
                last=last.get(view.thread.id) if view.seat.is_here else None,
            )
            for view in views
        ]

    def _view(self, row: SqlRow) -> Listed:
        title, short = row[THREAD + SEAT :]
        uver, created, changed = map(int, short.split(" "))
        thread = thread_of(row)
        return Listed(
            thread=thread,
            seat=seat_of(row[THREAD:]),
            title="" if title is None else self._open_title(bytes(title), thread.id),
            uver=uver,
            created_at=from_us(created),
            changed_at=from_us(changed),
        )

    async def _rows(self, rows: Sequence[SqlRow]) -> list[Row]:
        """With their bodies, those that were moved away too, in one trip."""
        moved = [_place(row) for row in rows if row[4] is None]
        archived = await self._archive.fetch(moved) if moved else {}
        return [self._row(row, archived) for row in rows]

    def _row(self, row: SqlRow, archived: Mapping[str, bytes]) -> Row:
        place = _place(row)
        body = archived.get(place) if row[4] is None else bytes(row[4])
        if body is None:
            # Neither here nor there: somebody took it away.
            raise SealBroken()
        return message_of_row(row, self._open_body(body, place))

    def _open_body(self, sealed: bytes, place: str) -> str:
        return self._sealing.open(sealed, table=im_message.name, column="body", row=place)

    def _seal_title(self, title: str, conversation: str) -> bytes:
        return self._sealing.seal(title, table=im_conversation.name, column="title", row=conversation)

    def _open_title(self, sealed: bytes, conversation: str) -> str:
        return self._sealing.open(sealed, table=im_conversation.name, column="title", row=conversation)


def _place(row: SqlRow) -> str:
    """As the body of a message is sealed, and named in the archive."""
    return name_of(row[0], int(row[1].partition(" ")[0]))


def _parts(names: Sequence[str]) -> Iterator[list[Any]]:
    for at in range(0, len(names), IN_PLACES):
        yield list(names[at : at + IN_PLACES])
