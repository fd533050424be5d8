"""Old seals renewed while the service runs: column after column, a few rows at a time, by primary key.

A value is replaced only if it is still the one that was read, so whoever changes it meanwhile wins. What is
under the newest key is passed over: a run that was cut off goes on where it ended, and running twice is
harmless.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Column, LargeBinary, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from adapters.sql.sealed import SealedColumn, row_name
from adapters.sql.statement import Statement
from adapters.sql.transaction import Database
from core import limits
from core.refusals import StorageUnavailable
from core.sealing import SealBroken, Sealing

HEAD_BYTES = 6
_LIMIT: Any = bindparam("limit")
_HEAD: Any = bindparam("head", type_=LargeBinary())
_OLD: Any = bindparam("old", type_=LargeBinary())
_NEW: Any = bindparam("new", type_=LargeBinary())


class TurningSealing(Sealing, Protocol):
    """Seals under the newest key."""

    @property
    def newest(self) -> bytes:
        """How values under the newest key begin."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a few rows came to."""

    seen: int
    broken: int
    """Values that do not open: altered, moved, or of a key that is not in the ring. They stay as they are."""


class SqlResealing:
    """The renewing of one sealed column. Statements are made once."""

    def __init__(self, database: Database, column: SealedColumn, sealing: TurningSealing) -> None:
        self._database = database
        self._sealing = sealing
        self._at = column
        self._keys = tuple(column.table.primary_key)
        self._first, self._next = self._reading(None), self._reading(_behind(self._keys))
        self._count: Statement = select(func.count()).where(self._is_old())
        self._replace: Statement = (
            update(column.table)
            .where(*(key == bindparam(f"key_{key.name}") for key in self._keys), column.column == _OLD)
            .values({column.column.name: _NEW})
        )
        self._kinds: Statement = select(_head_of(column.column), func.count()).group_by(
            _head_of(column.column)
        )

    async def waiting(self) -> int:
        """How many values are not under the newest key."""
        async with self._database.read() as transaction:
            row = await transaction.row(self._count, head=self._sealing.newest)
            return int(row[0]) if row else 0

    async def by_key(self) -> dict[bytes, int]:
        """How values begin (suite and key), and how many do."""
        async with self._database.read() as transaction:
            rows = await transaction.rows(self._kinds)
            return {bytes(head): int(count) for head, count in rows if head is not None}

    async def steps(self) -> AsyncIterator[Step]:
        """Renew every old value there is; each step is committed when it is told."""
        after: Sequence[Any] | None = None
        while True:
            rows = await self._rows(after)
            if not rows:
                return
            after = rows[-1][: len(self._keys)]
            yield await self._renewed(rows)
            await asyncio.sleep(limits.RESEAL_PAUSE_SECONDS)

    async def _rows(self, after: Sequence[Any] | None) -> Sequence[tuple[Any, ...]]:
        values: dict[str, Any] = {"head": self._sealing.newest, "limit": limits.RESEAL_ROWS_AT_ONCE}
        if after is not None:
            values |= {f"after_{key.name}": value for key, value in zip(self._keys, after, strict=True)}
        async with self._database.read() as transaction:
            return await transaction.rows(self._first if after is None else self._next, **values)

    async def _renewed(self, rows: Sequence[tuple[Any, ...]]) -> Step:
        count, broken, changes = len(self._keys), 0, []
        for row in rows:
            place = {
                "table": self._at.table.name,
                "column": self._at.column.name,
                "row": row_name(row[count:-1]),
            }
            old = bytes(row[-1])
            try:
                new = self._sealing.seal(self._sealing.open(old, **place), **place)
            except SealBroken:
                broken += 1
                continue
            keys = {f"key_{key.name}": value for key, value in zip(self._keys, row, strict=False)}
            changes.append({"old": old, "new": new, **keys})
        await self._written(changes)
        return Step(len(rows), broken)

    async def _written(self, changes: Sequence[dict[str, Any]]) -> None:
        """Commit the changes. Another's locks are waited for, a bounded number of times."""
        for attempt in range(limits.RESEAL_ATTEMPTS):
            try:
                async with self._database.write() as transaction:
                    for change in changes:
                        transaction.later(self._replace, **change)
                    await transaction.commit()
            except StorageUnavailable as away:
                if away.facts.get("why") != "locked" or attempt == limits.RESEAL_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(limits.RESEAL_AGAIN_SECONDS)
            else:
                return

    def _reading(self, behind: ColumnElement[bool] | None) -> Select[Any]:
        old = self._is_old() if behind is None else and_(self._is_old(), behind)
        # The row's columns are named anew: a select does not repeat a column that it has.
        row = [column.label(f"row_{column.name}") for column in self._at.row]
        return select(*self._keys, *row, self._at.column).where(old).order_by(*self._keys).limit(_LIMIT)

    def _is_old(self) -> ColumnElement[bool]:
        column = self._at.column
        # SQLite has no beginning of an empty value.
        return and_(column.is_not(None), or_(func.length(column) < HEAD_BYTES, _head_of(column) != _HEAD))


async def first_sealed(database: Database, columns: Sequence[SealedColumn]) -> str | None:
    """The name of a column that holds a sealed value; ``None`` when there is no such value anywhere."""
    async with database.read() as transaction:
        for each in columns:
            held: Statement = select(each.column).where(each.column.is_not(None)).limit(1)
            if await transaction.row(held) is not None:
                return each.name
    return None


def _head_of(column: Column[bytes]) -> ColumnElement[bytes]:
    return func.substr(column, 1, HEAD_BYTES, type_=LargeBinary())


def _behind(keys: Sequence[Column[Any]]) -> ColumnElement[bool]:
    """Every row after the one whose key is given, in the order of the primary key."""
    after = [(key, bindparam(f"after_{key.name}", type_=key.type)) for key in keys]
    return or_(
        *(
            and_(*(key == value for key, value in after[:place]), after[place][0] > after[place][1])
            for place in range(len(after))
        )
    )
