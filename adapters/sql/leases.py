"""``core.leases.LeaseStore`` on SQL. The database's clock decides, so machines need not agree on the time."""

from sqlalchemy import BigInteger, bindparam, literal_column, select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import Executable

from adapters.sql import tables
from adapters.sql.driver import Duplicate
from adapters.sql.statement import ByDatabase, insert_row, one_of, places
from adapters.sql.transaction import Database, Transaction
from core.leases import Fence, LeaseLost

_C = tables.lease.c

# SQLite's clock answers milliseconds: enough to divide seconds.
_NOW_SQLITE = literal_column("CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)", BigInteger)
_NOW_MYSQL = literal_column("CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)", BigInteger)


def _find(now: ColumnElement[int]) -> Executable:
    return (
        select(_C.holder, _C.fence, _C.until_us, now).where(_C.name == bindparam("lease")).with_for_update()
    )


def _extend(now: ColumnElement[int]) -> Executable:
    return (
        update(tables.lease)
        .where(_C.name == bindparam("lease"), _C.holder == bindparam("by"), _C.fence == bindparam("number"))
        .values(until_us=now + bindparam("duration", type_=BigInteger))
    )


_FIND = ByDatabase(sqlite=_find(_NOW_SQLITE), mysql=_find(_NOW_MYSQL))
_EXTEND = ByDatabase(sqlite=_extend(_NOW_SQLITE), mysql=_extend(_NOW_MYSQL))
_NOW = ByDatabase(sqlite=select(_NOW_SQLITE), mysql=select(_NOW_MYSQL))
_INSERT = insert_row(tables.lease)
_SET = (
    update(tables.lease)
    .where(_C.name == bindparam("lease"))
    .values(holder=bindparam("by"), fence=bindparam("number"), until_us=bindparam("until"))
)
_OF_HOLDER = (
    select(_C.name, _C.fence)
    .where(one_of(_C.name), _C.holder == bindparam("by"))
    .order_by(_C.name)
    .with_for_update()
)
_GUARD = ByDatabase(
    sqlite=select(_C.fence).where(_C.name == bindparam("lease")),
    mysql=select(_C.fence).where(_C.name == bindparam("lease")).with_for_update(read=True),
)


class SqlLeases:
    """The leases of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, lease: str, *, holder: str, seconds: float) -> Fence | None:
        async with self._database.write() as transaction:
            row = await transaction.row(_FIND, lease=lease)
            if row is None:
                return await self._take_first(transaction, lease, holder=holder, seconds=seconds)
            owner, number, until, now = row
            if owner != holder and until > now:
                return None
            fence = Fence(lease, number + 1)
            transaction.later(
                _SET, lease=lease, by=holder, number=fence.number, until=now + round(seconds * 1e6)
            )
            await transaction.commit()
            return fence

    async def renew(self, fences: list[Fence], *, holder: str, seconds: float) -> list[Fence]:
        if not fences:
            return []
        async with self._database.write() as transaction:
            names = places(_C.name, sorted(fence.lease for fence in fences))
            rows = await transaction.rows(_OF_HOLDER, by=holder, **names)
            held = {Fence(name, number) for name, number in rows}
            kept = [fence for fence in fences if fence in held]
            for fence in sorted(kept, key=lambda each: each.lease):
                duration = round(seconds * 1e6)
                transaction.later(
                    _EXTEND, lease=fence.lease, by=holder, number=fence.number, duration=duration
                )
            await transaction.commit()
            return kept

    async def give_up(self, fence: Fence, *, holder: str) -> None:
        async with self._database.write() as transaction:
            # A negative duration ends it in the past.
            transaction.later(_EXTEND, lease=fence.lease, by=holder, number=fence.number, duration=-1_000_000)
            await transaction.commit()

    async def _take_first(
        self, transaction: Transaction, lease: str, *, holder: str, seconds: float
    ) -> Fence | None:
        now = (await transaction.rows(_NOW))[0][0]
        until = now + round(seconds * 1e6)
        transaction.later(_INSERT, name=lease, holder=holder, fence=1, until_us=until)
        try:
            await transaction.commit()
        except Duplicate:
            return None
        return Fence(lease, 1)


async def guard(transaction: Transaction, fence: Fence) -> None:
    """Refuse with ``LeaseLost`` unless the fence is the newest; it stays so until this transaction ends."""
    row = await transaction.row(_GUARD, lease=fence.lease)
    if row is None or row[0] != fence.number:
        raise LeaseLost(lease=fence.lease)
