"""``audit.reviewing`` on SQL: adding up is the database's; reviews are only ever added, a version a row."""

import msgspec
from sqlalchemy import BigInteger, bindparam, case, func, literal_column, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import Executable

from adapters.sql import audit_tables as tables
from adapters.sql.audit_store import first_since
from adapters.sql.driver import Duplicate
from adapters.sql.statement import ByDatabase, insert_row
from adapters.sql.transaction import Database
from audit.moments import microseconds
from audit.review import Address, Named, Review, State, Tally
from audit.reviewing import VersionTaken
from audit.store import NONE_SINCE

_R, _H, _V = tables.record.c, tables.head.c, tables.review.c
_HOUR_SQLITE = literal_column("(at_us / 3600000000 + 8) % 24", BigInteger)
_HOUR_MYSQL = literal_column("(at_us DIV 3600000000 + 8) % 24", BigInteger)

_OF_RANGE = (_R.sequence >= bindparam("first"), _R.sequence <= bindparam("last"))


def _tally(hour: ColumnElement[int]) -> Executable:
    like = (_R.action, _R.role, _R.result, _R.code, hour)
    return select(*like, func.count()).where(*_OF_RANGE).group_by(*like)


_TALLIES = ByDatabase(sqlite=_tally(_HOUR_SQLITE), mysql=_tally(_HOUR_MYSQL))
_REFUSED = func.sum(case((_R.result == "refused", 1), else_=0))
_ADDRESSES = (
    select(_R.address, func.count(), _REFUSED)
    .where(*_OF_RANGE)
    .group_by(_R.address)
    .order_by(_REFUSED.desc(), func.count().desc(), _R.address)
    .limit(bindparam("most"))
)
_ACTORS = (
    select(_R.actor, func.count())
    .where(*_OF_RANGE, _R.action.like(bindparam("ending")), _R.result == "done")
    .group_by(_R.actor)
    .order_by(func.count().desc(), _R.actor)
    .limit(bindparam("most"))
)
_LAST = select(func.max(_R.sequence))
_HEADS = select(func.count()).where(_H.at_us >= bindparam("since"), _H.at_us < bindparam("until"))
_OF_MONTH = select(_V.document).where(_V.month == bindparam("of_month")).order_by(_V.version.desc()).limit(1)
_MONTHS = select(_V.document).order_by(_V.month.desc(), _V.version.desc())
_KEEP = insert_row(tables.review)


class SqlAuditReviews:
    """The reviews that lie beside one log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first_since(self, at_us: int) -> int:
        found = await first_since(self._database, at_us)
        if found is not None:
            return found
        async with self._database.read() as transaction:
            row = await transaction.row(_LAST)
        return NONE_SINCE if row is None or row[0] is None else int(row[0]) + 1

    async def tallies(self, *, first: int, last: int) -> list[Tally]:
        async with self._database.read() as transaction:
            rows = await transaction.rows(_TALLIES, first=first, last=last)
        return [
            Tally(action, role, result, code, int(hour), int(count))
            for action, role, result, code, hour, count in rows
        ]

    async def addresses(self, *, first: int, last: int, limit: int) -> list[Address]:
        async with self._database.read() as transaction:
            rows = await transaction.rows(_ADDRESSES, first=first, last=last, most=limit)
        return [Address(address, int(count), int(refused)) for address, count, refused in rows]

    async def actors(self, *, ending: str, first: int, last: int, limit: int) -> list[Named]:
        async with self._database.read() as transaction:
            rows = await transaction.rows(_ACTORS, ending=f"%{ending}", first=first, last=last, most=limit)
        return [Named(actor, int(count)) for actor, count in rows]

    async def heads_between(self, *, since_us: int, until_us: int) -> int:
        async with self._database.read() as transaction:
            rows = await transaction.rows(_HEADS, since=since_us, until=until_us)
        return int(rows[0][0])

    async def reviews(self) -> list[Review]:
        async with self._database.read() as transaction:
            rows = await transaction.rows(_MONTHS)
        newest: dict[str, Review] = {}
        for row in rows:
            review = _review(row[0])
            newest.setdefault(review.month, review)
        return list(newest.values())

    async def review(self, month: str) -> Review | None:
        async with self._database.read() as transaction:
            row = await transaction.row(_OF_MONTH, of_month=month)
        return None if row is None else _review(row[0])

    async def keep_review(self, review: Review) -> None:
        at = review.signed_at if review.state is State.SIGNED else None
        try:
            async with self._database.write() as transaction:
                transaction.later(
                    _KEEP,
                    month=review.month,
                    version=review.version,
                    state=review.state.value,
                    at_us=microseconds(at or review.drafted_at),
                    reviewer=review.reviewer or review.drafted_by,
                    document=msgspec.json.encode(review),
                )
                await transaction.commit()
        except Duplicate:
            raise VersionTaken from None


def _review(document: bytes) -> Review:
    return msgspec.json.decode(document, type=Review)
