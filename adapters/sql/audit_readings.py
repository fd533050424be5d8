"""``audit.reading`` on SQL: a search walks one index from the newest end until its page is full."""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import BigInteger, bindparam, literal_column, select
from sqlalchemy.sql.expression import BindParameter, Executable

from adapters.sql import audit_tables as tables
from adapters.sql.audit_store import SqlAuditStore, link_of_row
from adapters.sql.statement import ByDatabase
from adapters.sql.transaction import Database
from audit.capacity import Size
from audit.chain import Algorithm, Link
from audit.moments import microseconds
from audit.reading import Question
from core.clock import Clock

_R = tables.record.c
_ESCAPE = "|"

_OLDEST = select(*tables.record.c).order_by(_R.sequence).limit(1)
_BYTES = ByDatabase(
    sqlite=select(
        literal_column(
            "(SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)"
        )
    ),
    mysql=select(
        literal_column(
            "(SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS SIGNED) "
            "FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'audit!_%' "
            "ESCAPE '!')",
            BigInteger,
        )
    ),
)


class SqlAuditReadings(SqlAuditStore):
    """The log of one database, also for looking. ``room``: bytes it may take in all; 0: as the disk has."""

    def __init__(
        self, database: Database, *, clock: Clock, algorithm: Algorithm = "sha256", room: int = 0
    ) -> None:
        super().__init__(database, algorithm=algorithm)
        self._readings = database
        self._clock = clock
        self._room = room
        self._searches: dict[tuple[str, ...], Executable] = {}

    async def search(self, question: Question, *, limit: int) -> list[Link]:
        wanted = {name: getattr(question, name) for name in ("actor", "action", "result", "object")}
        values = {name: value for name, value in wanted.items() if value is not None}
        if "object" in values:
            values["object"] = f"%{_escaped(values['object'])}%"
        bounds = {"first": question.first, "last": question.last, "most": limit}
        async with self._readings.read() as transaction:
            rows = await transaction.rows(self._search(tuple(sorted(values))), **bounds, **values)
        return [link_of_row(row) for row in rows]

    async def oldest(self) -> Link | None:
        async with self._readings.read() as transaction:
            row = await transaction.row(_OLDEST)
        return None if row is None else link_of_row(row)

    async def size(self, *, since_us: int) -> Size:
        oldest, last = await self.oldest(), (await self.tip()).sequence
        began = since_us if oldest is None else oldest.record.at_us
        async with self._readings.read() as transaction:
            taken = int((await transaction.rows(_BYTES))[0][0])
        newer = await self.first_since(since_us)
        days = (microseconds(self._clock.now()) - max(began, since_us)) / (24 * 3600 * 1e6)
        return Size(
            records=0 if oldest is None else last - oldest.sequence + 1,
            bytes=taken,
            room=await self._left(taken),
            last_week=max(0, last - newer + 1),
            days=min(days, 7.0),
        )

    async def _left(self, taken: int) -> int | None:
        if self._room:
            return max(0, self._room - taken)
        file = self._readings.engine.url.database
        if self._readings.kind != "sqlite" or not file:
            return None
        return (await asyncio.to_thread(shutil.disk_usage, Path(file).parent)).free

    def _search(self, names: Sequence[str]) -> Executable:
        """The statement for these conditions, built once: there are sixteen."""
        found = self._searches.get(tuple(names))
        if found is None:
            conditions = [_R.sequence >= bindparam("first"), _R.sequence <= bindparam("last")]
            for name in names:
                value: BindParameter[str] = bindparam(name)
                column = tables.record.c[name]
                conditions.append(column.like(value, escape=_ESCAPE) if name == "object" else column == value)
            newest = select(*tables.record.c).where(*conditions).order_by(_R.sequence.desc())
            found = self._searches[tuple(names)] = newest.limit(bindparam("most"))
        return found


def _escaped(text: str) -> str:
    for character in (_ESCAPE, "%", "_"):
        text = text.replace(character, f"{_ESCAPE}{character}")
    return text
