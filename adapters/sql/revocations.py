"""``realtime.revocations.RevocationStore`` on SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, select
from sqlalchemy.dialects import mysql, sqlite

from adapters.sql import tables
from adapters.sql.instants import from_us, to_us
from adapters.sql.statement import ByDatabase
from adapters.sql.transaction import Transaction
from realtime.revocations import Of, Revocation

_C = tables.revocation.c
_ROW: dict[str, Any] = {column.name: bindparam(column.name) for column in tables.revocation.columns}
_LATEST = ("before_us", "until_us")
_LAST = ("actor", "at_us")


def _keep() -> ByDatabase:
    """One statement, so that of two revocations of one user at once the later moment stays."""
    for_sqlite = sqlite.insert(tables.revocation).values(_ROW)
    for_mysql = mysql.insert(tables.revocation).values(_ROW)
    return ByDatabase(
        sqlite=for_sqlite.on_conflict_do_update(
            index_elements=["of", "name"],
            set_={name: func.max(_C[name], for_sqlite.excluded[name]) for name in _LATEST}
            | {name: for_sqlite.excluded[name] for name in _LAST},
        ),
        mysql=for_mysql.on_duplicate_key_update(
            {name: func.greatest(_C[name], for_mysql.inserted[name]) for name in _LATEST}
            | {name: for_mysql.inserted[name] for name in _LAST}
        ),
    )


_KEEP = _keep()
_LIVE = (
    select(_C.of, _C.name, _C.before_us, _C.until_us)
    .where(
        or_(
            _C.of > bindparam("after_of"), and_(_C.of == bindparam("after_of"), _C.name > bindparam("after"))
        ),
        _C.until_us > bindparam("at"),
    )
    .order_by(_C.of, _C.name)
    .limit(bindparam("limit"))
)
_FORGET = delete(tables.revocation).where(_C.until_us <= bindparam("at"))


class SqlRevocations:
    """The revocations inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def keep(self, revocation: Revocation, *, by: str, at: datetime) -> None:
        self._transaction.later(
            _KEEP,
            of=revocation.of.value,
            name=revocation.name,
            before_us=to_us(revocation.before),
            until_us=to_us(revocation.until),
            actor=by,
            at_us=to_us(at),
        )

    async def live(self, *, at: datetime, after: tuple[str, str], limit: int) -> Sequence[Revocation]:
        of, name = after
        rows = await self._transaction.rows(_LIVE, after_of=of, after=name, at=to_us(at), limit=limit)
        return [
            Revocation(Of(kind), named, from_us(before), from_us(until) - from_us(before))
            for kind, named, before, until in rows
        ]

    def forget(self, *, at: datetime) -> None:
        self._transaction.later(_FORGET, at=to_us(at))
