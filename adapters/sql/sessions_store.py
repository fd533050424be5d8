"""``accounts.store.SessionStore`` on SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, select, update

from accounts.session import Ending, Session, SessionBounds
from adapters.sql.accounts_tables import session
from adapters.sql.driver import Row
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.statement import insert_row, one_of, places
from adapters.sql.transaction import Transaction
from core.actor import Role
from core.ids import LineId, SessionId

_C = session.c
_ADD = insert_row(session)
_CHANGING = (
    "lines",
    "last_used_us",
    "current",
    "previous",
    "salt",
    "rotated_us",
    "ended_us",
    "ending",
    "good_until_us",
)
_KEEP = (
    update(session).where(_C.id == bindparam("of_id")).values({name: bindparam(name) for name in _CHANGING})
)
_ONE = select(session).where(_C.id == bindparam("id"))
_OF_USER = (
    select(session)
    .where(_C.user == bindparam("of_user"), _C.good_until_us > bindparam("at"), _C.ended_us.is_(None))
    .order_by(_C.id)
)
_LIVE = (
    select(session)
    .where(
        one_of(_C.role),
        _C.id > bindparam("after"),
        _C.good_until_us > bindparam("at"),
        _C.ended_us.is_(None),
    )
    .order_by(_C.id)
    .limit(bindparam("limit"))
)
_LOCKED = {statement: statement.with_for_update() for statement in (_ONE, _OF_USER)}
_BLUR = update(session).where(_C.user == bindparam("of_user")).values(device="", address="")
_FORGET = delete(session).where(_C.good_until_us < bindparam("before"))


class SqlSessions:
    """The sessions inside one transaction. ``writes``: what is read may be changed, so it is locked."""

    def __init__(self, transaction: Transaction, *, writes: bool) -> None:
        self._transaction = transaction
        self._one = _LOCKED[_ONE] if writes else _ONE
        self._of_user = _LOCKED[_OF_USER] if writes else _OF_USER

    async def find(self, session: SessionId) -> Session | None:
        row = await self._transaction.row(self._one, id=session)
        return None if row is None else _session(row)

    async def live_of(self, user: str, *, at: datetime) -> Sequence[Session]:
        rows = await self._transaction.rows(self._of_user, of_user=user, at=to_us(at))
        return [_session(row) for row in rows]

    async def live(
        self, roles: Collection[Role], *, at: datetime, after: SessionId | None, limit: int
    ) -> Sequence[Session]:
        named = places(_C.role, sorted(roles))
        rows = await self._transaction.rows(_LIVE, **named, after=after or "", at=to_us(at), limit=limit)
        return [_session(row) for row in rows]

    def add(self, session: Session) -> None:
        self._transaction.later(_ADD, **_row(session))

    def keep(self, session: Session) -> None:
        row = _row(session)
        self._transaction.later(_KEEP, of_id=session.id, **{name: row[name] for name in _CHANGING})

    def blur(self, user: str) -> None:
        self._transaction.later(_BLUR, of_user=user)

    def forget(self, *, before: datetime) -> None:
        self._transaction.later(_FORGET, before=to_us(before))


def _row(one: Session) -> dict[str, Any]:
    return {
        "id": one.id,
        "user": one.user,
        "role": one.role.value,
        "lines": msgspec.json.encode(sorted(one.lines)).decode(),
        "device": one.device,
        "address": one.address,
        "created_us": to_us(one.created_at),
        "last_used_us": to_us(one.last_used_at),
        "idle_us": one.bounds.idle // timedelta(microseconds=1),
        "absolute_us": one.bounds.absolute // timedelta(microseconds=1),
        "family": one.family,
        "current": one.current,
        "previous": one.previous,
        "salt": one.salt,
        "rotated_us": to_us(one.rotated_at),
        "ended_us": to_us_or_none(one.ended_at),
        "ending": None if one.ending is None else one.ending.value,
        "good_until_us": to_us(one.good_until),
    }


def _session(row: Row) -> Session:
    (
        name,
        user,
        role,
        lines,
        device,
        address,
        created,
        used,
        idle,
        absolute,
        family,
        current,
        previous,
        salt,
        rotated,
        ended_us,
        ending,
        _,
    ) = row
    return Session(
        id=SessionId(name),
        user=user,
        role=Role(role),
        lines=frozenset(map(LineId, msgspec.json.decode(lines, type=list[str]))),
        device=device,
        address=address,
        created_at=from_us(created),
        last_used_at=from_us(used),
        bounds=SessionBounds(timedelta(microseconds=idle), timedelta(microseconds=absolute)),
        family=bytes(family),
        current=bytes(current),
        previous=None if previous is None else bytes(previous),
        salt=bytes(salt),
        rotated_at=from_us(rotated),
        ended_at=from_us_or_none(ended_us),
        ending=None if ending is None else Ending(ending),
    )
