"""``core.replays.Replays`` on SQL: first answers, kept for a day.

A claim whose request died with its process ends after ``REPLAY_CLAIM_SECONDS``; the repeated request then
runs again and meets the rules (a ticket that exists, a version that moved on) instead of a stored answer.
That holds also while a slow first request is still under way, so the time can be short.

Answers are sealed: they may hold a token, or what only the caller may read. Of a request there is a keyed
hash: a plain one of a body that is little more than a telephone gives the telephone away.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, update

from adapters.sql import tables
from adapters.sql.driver import Duplicate, Row
from adapters.sql.instants import to_us
from adapters.sql.statement import insert_or_update, insert_row
from adapters.sql.transaction import Database
from core import limits
from core.replays import Kept, KeyInFlight, KeyReused
from core.sealing import Sealing

_C = tables.replay.c

_FIND = (
    select(_C.fingerprint, _C.status, _C.body, _C.claimed_us)
    .where(_C.id == bindparam("id"))
    .with_for_update()
)
_CLAIM = insert_row(tables.replay)
_CLAIM_AGAIN = insert_or_update(tables.replay)
_KEEP = (
    update(tables.replay)
    .where(_C.id == bindparam("of"))
    .values(status=bindparam("http_status"), body=bindparam("answer"))
)
_RELEASE = delete(tables.replay).where(_C.id == bindparam("of"), _C.status.is_(None))
_FORGET = delete(tables.replay).where(_C.claimed_us < bindparam("before"))


class SqlReplays:
    """The first answers of one database."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing

    async def claim(self, *, scope: str, key: str, fingerprint: bytes, at: datetime) -> Kept | None:
        identity = _identity(scope, key)
        asked = self._sealing.blind(fingerprint.hex(), table="replay", column="fingerprint")
        values = {"id": identity, "fingerprint": asked, "status": None, "body": None}
        try:
            async with self._database.write() as transaction:
                row = await transaction.row(_FIND, id=identity)
                if row is not None and not _has_run_out(row[3], status=row[1], at=at):
                    return self._answer(row, identity, asked)
                claim = _CLAIM if row is None else _CLAIM_AGAIN
                transaction.later(claim, **values, claimed_us=to_us(at))
                await transaction.commit()
        except Duplicate:
            raise KeyInFlight from None
        return None

    async def keep(self, *, scope: str, key: str, kept: Kept) -> None:
        identity = _identity(scope, key)
        sealed = self._sealing.seal(kept.body.decode(), table="replay", column="body", row=identity)
        async with self._database.write() as transaction:
            transaction.later(_KEEP, of=identity, http_status=kept.status, answer=sealed)
            await transaction.commit()

    async def release(self, *, scope: str, key: str) -> None:
        async with self._database.write() as transaction:
            transaction.later(_RELEASE, of=_identity(scope, key))
            await transaction.commit()

    def _answer(self, row: Row, identity: str, asked: bytes) -> Kept:
        fingerprint, status, body = row[:3]
        if fingerprint != asked:
            raise KeyReused
        if status is None or body is None:
            raise KeyInFlight
        text = self._sealing.open(body, table="replay", column="body", row=identity)
        return Kept(status=status, body=text.encode())

    async def forget(self, *, at: datetime) -> int:
        """Drop answers older than ``REPLAY_KEPT_SECONDS``; answers how many. For a worker's timer."""
        before = to_us(at - timedelta(seconds=limits.REPLAY_KEPT_SECONDS))
        async with self._database.write() as transaction:
            count = await transaction.run(_FORGET, before=before)
            await transaction.commit()
        return count


def _identity(scope: str, key: str) -> str:
    return hashlib.sha256(f"{scope}\n{key}".encode()).hexdigest()


def _has_run_out(claimed_us: int, *, status: int | None, at: datetime) -> bool:
    limit = limits.REPLAY_CLAIM_SECONDS if status is None else limits.REPLAY_KEPT_SECONDS
    return to_us(at) - claimed_us > limit * 1_000_000
