"""The outbox: publications that are committed and not yet at the broker.

Ids of one channel grow in the order of its transactions, because a transaction inserts while it holds the
lock of what the channel describes. Between channels a smaller id may become visible after a larger one; so
rows are deleted one by one, never "up to".
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select

from adapters.sql import tables
from adapters.sql.instants import from_us, to_us
from adapters.sql.leases import guard
from adapters.sql.statement import IN_PLACES, one_of, places
from adapters.sql.transaction import Database, Transaction
from core.events import Outgoing
from core.leases import Fence
from core.outbox import Backlog, Waiting

_C = tables.outbox.c

_ADD = insert(tables.outbox).values(
    channel=bindparam("channel"), data=bindparam("data"), created_us=bindparam("created_us")
)
_WAITING = (
    select(_C.id, _C.channel, _C.data, _C.created_us)
    .where(_C.id > bindparam("after"))
    .order_by(_C.id)
    .limit(bindparam("limit"))
)
_REMOVE = delete(tables.outbox).where(one_of(_C.id))
_BACKLOG = select(func.count(), func.min(_C.created_us)).select_from(tables.outbox)


def add(transaction: Transaction, outgoing: Iterable[Outgoing], *, at: datetime) -> None:
    """Queue publications into the transaction that makes them true."""
    created = to_us(at)
    transaction.later_each(_ADD, [(each.channel, each.data, created) for each in outgoing])


class SqlOutbox:
    """``core.outbox.OutboxStore`` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self, *, after: int, limit: int) -> list[Waiting]:
        async with self._database.read() as transaction:
            rows = await transaction.rows(_WAITING, after=after, limit=limit)
        return [
            Waiting(
                id=number, key=f"{number}.{created}", outgoing=Outgoing(channel, data), at=from_us(created)
            )
            for number, channel, data, created in rows
        ]

    async def remove(self, ids: Sequence[int], *, fence: Fence | None) -> None:
        if not ids:
            return
        async with self._database.write() as transaction:
            for at in range(0, len(ids), IN_PLACES):
                transaction.later(_REMOVE, **places(_C.id, ids[at : at + IN_PLACES]))
            if fence is not None:
                await guard(transaction, fence)
            await transaction.commit()

    async def backlog(self) -> Backlog:
        async with self._database.read() as transaction:
            count, oldest = (await transaction.rows(_BACKLOG))[0]
        return Backlog(rows=count, oldest=None if oldest is None else from_us(oldest))
