"""``queue_display.store.PastDays`` on SQL: old days found by index and forgotten one by one."""

from datetime import date
from typing import Any

from sqlalchemy import Table, bindparam, delete, select
from sqlalchemy.sql.expression import Executable

from adapters.sql import tables
from adapters.sql.instants import from_day, to_day
from adapters.sql.transaction import Transaction
from core.ids import LineId
from queue_display.store import Past


def _days(table: Table) -> Executable:
    c: Any = table.c
    return (
        select(c.day)
        .where(c.line == bindparam("of_line"), c.day < bindparam("before"))
        .distinct()
        .order_by(c.day)
        .limit(bindparam("limit"))
    )


def _forget(table: Table) -> Executable:
    return delete(table).where(table.c.line == bindparam("of_line"), table.c.day == bindparam("of_day"))


_TABLES = {Past.TICKETS: tables.ticket, Past.HISTORY: tables.transition}
_DAYS = {what: _days(table) for what, table in _TABLES.items()}
_FORGET = {what: _forget(table) for what, table in _TABLES.items()}


class SqlPastDays:
    """Past days inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def days(self, what: Past, line: LineId, *, before: date, limit: int) -> list[date]:
        rows = await self._transaction.rows(_DAYS[what], of_line=line, before=to_day(before), limit=limit)
        return [from_day(row[0]) for row in rows]

    async def forget(self, what: Past, line: LineId, day: date) -> int:
        return await self._transaction.run(_FORGET[what], of_line=line, of_day=to_day(day))
