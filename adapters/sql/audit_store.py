"""``audit.store`` on SQL: one chain over all processes, appended in batches.

A batch is two trips: lock the turn and read the tip; insert every row and commit. On SQLite the write
transaction itself is the lock. Should the lock fail, the primary key refuses a second record of a number.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, literal, select

from adapters.sql import audit_tables as tables
from adapters.sql.driver import Duplicate, Row
from adapters.sql.statement import ByDatabase, insert_row
from adapters.sql.transaction import Database, Transaction
from audit.chain import Algorithm, Link, Tip, extend
from audit.head import Head, HeadKind
from audit.record import Record, Result
from audit.store import NONE_SINCE, Doubtful, HeadTaken
from core import limits
from core.refusals import StorageUnavailable

_R, _H = tables.record.c, tables.head.c

_TURN = ByDatabase(
    sqlite=select(literal(1)),
    mysql=select(tables.turn.c.id).where(tables.turn.c.id == bindparam("turn")).with_for_update(),
)
_TIP = select(_R.sequence, _R.hash).order_by(_R.sequence.desc()).limit(1)
_HASH_AT = select(_R.hash).where(_R.sequence == bindparam("at"))
_INSERT = insert_row(tables.record)
_FIRST = select(func.min(_R.sequence))
_PAGE = (
    select(*tables.record.c)
    .where(_R.sequence > bindparam("after"), _R.sequence <= bindparam("until"))
    .order_by(_R.sequence)
    .limit(limits.AUDIT_PAGE_RECORDS)
)
_TIP_BEFORE = (
    select(_R.sequence, _R.hash)
    .where(_R.sequence > bindparam("after"), _R.at_us < bindparam("before"))
    .order_by(_R.sequence.desc())
    .limit(1)
)
# Records are written almost in the order of their moments: among the first of that time is the lowest number.
_EARLIEST = (
    select(_R.sequence)
    .where(_R.at_us >= bindparam("since"))
    .order_by(_R.at_us)
    .limit(limits.AUDIT_BACKLOG_RECORDS)
    .subquery()
)
_FIRST_SINCE = select(func.min(_EARLIEST.c.sequence))
_HEADS = select(*tables.head.c).where(_H.number > bindparam("after")).order_by(_H.number)
_LAST_HEAD = select(*tables.head.c).order_by(_H.number.desc()).limit(1)
_KEEP_HEAD = insert_row(tables.head)
_PURGE = delete(tables.record).where(_R.sequence <= bindparam("until"))


class SqlAuditStore:
    """The log of one database."""

    def __init__(self, database: Database, *, algorithm: Algorithm = "sha256") -> None:
        self._database = database
        self._algorithm = algorithm

    async def append(self, records: Sequence[Record], *, doubt: Tip | None = None) -> Tip:
        async with self._database.write() as transaction:
            transaction.later(_TURN, turn=1)
            if doubt is not None:
                row = await transaction.row(_HASH_AT, at=doubt.sequence)
                if row is not None and bytes(row[0]) == doubt.hash:
                    return doubt
            links = extend(_tip(await transaction.row(_TIP)), records, algorithm=self._algorithm)
            transaction.later_each(_INSERT, [_row(link) for link in links])
            tip = Tip(links[-1].sequence, links[-1].hash)
            await _commit(transaction, tip)
        return tip

    async def answers(self) -> None:
        async with self._database.write() as transaction:
            await transaction.rows(_TURN, turn=1)

    async def tip(self) -> Tip:
        async with self._database.read() as transaction:
            return _tip(await transaction.row(_TIP))

    async def first(self) -> int:
        async with self._database.read() as transaction:
            row = await transaction.row(_FIRST)
        return int(row[0]) if row is not None and row[0] is not None else 1

    async def links(self, *, after: int = 0, until: int | None = None) -> AsyncGenerator[Sequence[Link]]:
        last = NONE_SINCE if until is None else until
        while True:
            async with self._database.read() as transaction:
                rows = await transaction.rows(_PAGE, after=after, until=last)
            if not rows:
                return
            yield [link_of_row(row) for row in rows]
            after = rows[-1][0]

    async def heads(self, *, after: int = 0) -> list[Head]:
        async with self._database.read() as transaction:
            rows = await transaction.rows(_HEADS, after=after)
        return [_head(row) for row in rows]

    async def last_head(self) -> Head | None:
        async with self._database.read() as transaction:
            row = await transaction.row(_LAST_HEAD)
        return None if row is None else _head(row)

    async def keep_head(self, head: Head) -> None:
        try:
            async with self._database.write() as transaction:
                transaction.later(_KEEP_HEAD, **_fields(head))
                await transaction.commit()
        except Duplicate:
            raise HeadTaken from None

    async def first_since(self, at_us: int) -> int:
        return await first_since(self._database, at_us) or NONE_SINCE

    async def last_before(self, at_us: int, *, after: int) -> Tip:
        async with self._database.read() as transaction:
            return _tip(await transaction.row(_TIP_BEFORE, before=at_us, after=after))

    async def purge(self, head: Head, *, at_once: int) -> int:
        await self.keep_head(head)
        return await self.take_away(head.first, at_once=at_once)

    async def take_away(self, first: int, *, at_once: int) -> int:
        """Delete what lies before ``first``, which a kept head of a purge allows; answers how many."""
        done, until = 0, await self.first() - 1
        while until < first - 1:
            until = min(until + at_once, first - 1)
            async with self._database.write() as transaction:
                done += await transaction.run(_PURGE, until=until)
                await transaction.commit()
        return done


async def first_since(database: Database, at_us: int) -> int | None:
    """The sequence of the oldest record of that moment or later."""
    async with database.read() as transaction:
        row = await transaction.row(_FIRST_SINCE, since=at_us)
    return None if row is None or row[0] is None else int(row[0])


async def _commit(transaction: Transaction, tip: Tip) -> None:
    try:
        await transaction.commit()
    except StorageUnavailable as away:
        raise Doubtful(tip, why=str(away.facts.get("why"))) from away
    except Duplicate:
        raise StorageUnavailable(why="locked") from None


def _tip(row: Row | None) -> Tip:
    return Tip() if row is None else Tip(row[0], bytes(row[1]))


def _row(link: Link) -> tuple[Any, ...]:
    """Values in the order of the table's columns."""
    record = link.record
    return (
        link.sequence,
        link.previous,
        link.hash,
        link.algorithm,
        record.at_us,
        record.actor,
        record.role,
        record.address,
        record.action,
        record.object,
        record.result.value,
        record.code,
        record.facts,
    )


def link_of_row(row: Row) -> Link:
    """The link that a row is. A result that is none of ours stays as it is: the hash will tell."""
    sequence, previous, found, algorithm, *fields = row
    at_us, actor, role, address, action, object_, result, code, facts = fields
    record = Record(
        at_us=at_us,
        actor=actor,
        role=role,
        address=address,
        action=action,
        object=object_,
        result=Result(result) if result in Result._value2member_map_ else result,
        code=code,
        facts=facts,
    )
    return Link(sequence, bytes(previous), bytes(found), algorithm, record)


def _head(row: Row) -> Head:
    values = dict(zip((column.name for column in tables.head.c), row, strict=True))
    return Head(**{**values, "kind": HeadKind(values["kind"])})


def _fields(head: Head) -> dict[str, Any]:
    return {column.name: getattr(head, column.name) for column in tables.head.c} | {"kind": head.kind.value}
