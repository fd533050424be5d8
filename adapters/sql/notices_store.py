"""``notices.store.NoticeStore`` and ``queue_display.following.Follows`` on SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import and_, bindparam, delete, or_, select, update

from adapters.sql.driver import Row
from adapters.sql.instants import from_us, from_us_or_none, to_us
from adapters.sql.notice_tables import notice, notice_grant, notice_manner, ticket_follow
from adapters.sql.statement import insert_or_update, insert_row
from adapters.sql.transaction import Transaction
from core.ids import LineId, TicketNumber
from core.sealing import Sealing
from notices.notice import Channel, Kind, Notice, State
from queue_display.following import Follow

_N, _G, _M, _T = notice.c, notice_grant.c, notice_manner.c, ticket_follow.c
_OPEN = frozenset({State.WAITING, State.SENDING})
_KNOWS = select(_N.id).where(_N.key == bindparam("of"))
_ADD = insert_row(notice)
_DUE = (
    select(_N.id, _N.user).where(_N.due_us <= bindparam("at")).order_by(_N.due_us).limit(bindparam("limit"))
)
_HELD = select(notice).where(_N.id == bindparam("of")).with_for_update()
_KEEP = (
    update(notice)
    .where(_N.id == bindparam("of"))
    .values({name: bindparam(name) for name in ("state", "due_us", "until_us", "tries", "tried", "channel")})
)
_FORGET = delete(notice).where(_N.due_us.is_(None), _N.created_us < bindparam("before"))
_GRANTS = select(_G.channel, _G.kind, _G.left).where(_G.user == bindparam("of"))
_GRANTS_HELD = _GRANTS.with_for_update()
_GRANT = insert_or_update(notice_grant)
_MANNER = select(_M.quiet).where(_M.user == bindparam("of"))
_QUIET = insert_or_update(notice_manner)
_ERASE = [
    delete(table).where(table.c.user == bindparam("of"))
    for table in (notice, notice_grant, notice_manner, ticket_follow)
]
_MOVE_NOTICES = update(notice).where(_N.user == bindparam("source")).values(user=bindparam("target"))
_OF_USER = select(ticket_follow).where(_T.user == bindparam("of")).order_by(_T.line, _T.number)
_PAGE = (
    select(ticket_follow)
    .where(
        or_(
            _T.line > bindparam("line"),
            and_(_T.line == bindparam("line"), _T.number > bindparam("number")),
            and_(_T.line == bindparam("line"), _T.number == bindparam("number"), _T.user > bindparam("user")),
        )
    )
    .order_by(_T.line, _T.number, _T.user)
    .limit(bindparam("limit"))
)
_CHANGE = (
    update(ticket_follow)
    .where(
        _T.user == bindparam("of"),
        _T.line == bindparam("of_line"),
        _T.number == bindparam("of_number"),
        _T.day == bindparam("of_day"),
    )
    .values(told_near=bindparam("told_near"), told_called=bindparam("told_called"))
)
_FOLLOW = insert_or_update(ticket_follow)
_UNFOLLOW = delete(ticket_follow).where(
    _T.user == bindparam("of"), _T.line == bindparam("of_line"), _T.number == bindparam("of_number")
)


class SqlNotices:
    """Notices and consents to them inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing, *, writes: bool) -> None:
        self._transaction = transaction
        self._sealing = sealing
        self._grants = _GRANTS_HELD if writes else _GRANTS

    async def knows(self, key: str) -> bool:
        return await self._transaction.row(_KNOWS, of=key) is not None

    def add(self, notice_: Notice) -> None:
        params = msgspec.json.encode(dict(notice_.params)).decode()
        self._transaction.later(
            _ADD,
            id=notice_.id,
            user=notice_.user,
            kind=notice_.kind.value,
            key=notice_.key,
            created_us=to_us(notice_.created_at),
            params=self._sealing.seal(params, table=notice.name, column="params", row=notice_.id),
            **_changing(notice_),
        )

    async def due(self, *, at: datetime, limit: int) -> Sequence[tuple[str, str]]:
        return [(row[0], row[1]) for row in await self._transaction.rows(_DUE, at=to_us(at), limit=limit)]

    async def hold(self, notice: str) -> Notice | None:
        row = await self._transaction.row(_HELD, of=notice)
        return None if row is None else self._notice(row)

    def keep(self, notice: Notice) -> None:
        self._transaction.later(_KEEP, of=notice.id, **_changing(notice))

    def forget(self, *, before: datetime) -> None:
        self._transaction.later(_FORGET, before=to_us(before))

    async def left(self, user: str) -> Mapping[tuple[Channel, Kind], int]:
        rows = await self._transaction.rows(self._grants, of=user)
        return {(Channel(channel), Kind(kind)): left for channel, kind, left in rows}

    def grant(self, user: str, channel: Channel, kind: Kind, left: int) -> None:
        self._transaction.later(_GRANT, user=user, channel=channel.value, kind=kind.value, left=left)

    async def is_quiet(self, user: str) -> bool:
        row = await self._transaction.row(_MANNER, of=user)
        return row is not None and bool(row[0])

    def be_quiet(self, user: str, on: bool) -> None:
        self._transaction.later(_QUIET, user=user, quiet=int(on))

    async def erase(self, user: str) -> None:
        for statement in _ERASE:
            self._transaction.later(statement, of=user)

    async def move(self, source: str, target: str) -> None:
        mine, theirs = await self.left(target), await self.left(source)
        for (channel, kind), left in theirs.items():
            before = mine.get((channel, kind), 0)
            # Each consent was given to the same person's application: together, or without end.
            self.grant(target, channel, kind, -1 if -1 in {before, left} else before + left)
        if await self.is_quiet(source):
            self.be_quiet(target, True)
        follows = SqlFollows(self._transaction)
        for follow in await follows.of_user(source):
            follows.keep(replace(follow, user=target))
        self._transaction.later(_MOVE_NOTICES, source=source, target=target)
        for statement in _ERASE[1:]:
            self._transaction.later(statement, of=source)

    def _notice(self, row: Row) -> Notice:
        name, user, kind, key, state, due, until, created, tries, tried, channel, sealed = row
        text = self._sealing.open(bytes(sealed), table=notice.name, column="params", row=name)
        return Notice(
            id=name,
            user=user,
            kind=Kind(kind),
            key=key,
            params=msgspec.json.decode(text, type=dict[str, str]),
            state=State(state),
            due_at=from_us_or_none(due) or from_us(until),
            until=from_us(until),
            created_at=from_us(created),
            tries=tries,
            tried=tuple(Channel(one) for one in tried.split()),
            channel=Channel(channel) if channel else None,
        )


class SqlFollows:
    """Followed tickets inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def of_user(self, user: str) -> Sequence[Follow]:
        return [_follow(row) for row in await self._transaction.rows(_OF_USER, of=user)]

    async def page(self, *, after: Follow | None, limit: int) -> Sequence[Follow]:
        begin = ("", "", "") if after is None else (after.line, after.number, after.user)
        rows = await self._transaction.rows(_PAGE, line=begin[0], number=begin[1], user=begin[2], limit=limit)
        return [_follow(row) for row in rows]

    def change(self, follow: Follow) -> None:
        self._transaction.later(
            _CHANGE,
            of=follow.user,
            of_line=follow.line,
            of_number=follow.number,
            of_day=follow.day,
            told_near=int(follow.told_near),
            told_called=int(follow.told_called),
        )

    def keep(self, follow: Follow) -> None:
        self._transaction.later(
            _FOLLOW,
            user=follow.user,
            line=follow.line,
            number=follow.number,
            day=follow.day,
            told_near=int(follow.told_near),
            told_called=int(follow.told_called),
        )

    def drop(self, follow: Follow) -> None:
        self._transaction.later(_UNFOLLOW, of=follow.user, of_line=follow.line, of_number=follow.number)


def _changing(notice: Notice) -> dict[str, Any]:
    return {
        "state": notice.state.value,
        "due_us": to_us(notice.due_at) if notice.state in _OPEN else None,
        "until_us": to_us(notice.until),
        "tries": notice.tries,
        "tried": " ".join(notice.tried),
        "channel": notice.channel.value if notice.channel else None,
    }


def _follow(row: Row) -> Follow:
    user, line, number, day, near, called = row
    return Follow(
        user=user,
        line=LineId(line),
        number=TicketNumber(number),
        day=day,
        told_near=bool(near),
        told_called=bool(called),
    )
