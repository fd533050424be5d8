"""``im.consultation_store`` on SQL. Lock order: the consultation, its conversation, users by name."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.dialects import mysql, sqlite

from adapters.sql.consultation_tables import consultation, consultation_day, practice, quick_reply
from adapters.sql.driver import Row
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.statement import ByDatabase, insert_or_update, insert_row, one_of, places
from adapters.sql.transaction import Transaction
from core.sealing import Sealing
from im.consultation import Consultation, Refund, Stage, Terms
from im.consultation_store import Kept, QuickReply, Statement
from im.practice import Hours, Practice

_C, _D, _P, _Q = consultation.c, consultation_day.c, practice.c, quick_reply.c
_OPEN = [stage.value for stage in Stage if stage.is_open]
_ONE = select(consultation).where(_C.id == bindparam("of"))
_HELD = _ONE.with_for_update()
_KEY = select(_C.id).where(_C.key == bindparam("key"))
_ADD = insert_row(consultation)
_FIXED = ("id", "key", "user", "patient", "department", "fee_fen", "turns", "created_us")
_KEEP = (
    update(consultation)
    .where(_C.id == bindparam("of"))
    .values({each.name: bindparam(each.name) for each in consultation.columns if each.name not in _FIXED})
)
_HAND_OVER = update(consultation).where(_C.user == bindparam("source")).values(user=bindparam("target"))
_DUE = select(_C.id).where(_C.due_us <= bindparam("at")).order_by(_C.due_us).limit(bindparam("limit"))
_REFUND = select(_C.id).where(_C.refund == Refund.ASKED.value).limit(bindparam("limit"))
_POOL = (
    select(consultation)
    .where(
        _C.department == bindparam("department"),
        _C.stage == Stage.AWAITING_ACCEPTANCE.value,
        _C.doctor.is_(None),
    )
    .order_by(_C.created_us)
    .limit(bindparam("limit"))
)
_TAKEN = select(_D.doctor, _D.taken).where(one_of(_D.doctor), _D.day == bindparam("of_day"))
_TAKEN_ONE = select(_D.taken).where(_D.doctor == bindparam("of"), _D.day == bindparam("of_day"))
_PRACTICE = select(practice).where(_P.user == bindparam("of"))
_PRACTICES = select(practice).order_by(_P.department, _P.name, _P.user)
_OF_DEPARTMENT = _PRACTICES.where(_P.department == bindparam("of"))
_KEEP_PRACTICE = insert_or_update(practice)
_REPLIES = select(quick_reply).where(one_of(_Q.owner)).order_by(_Q.owner, _Q.rank, _Q.id)
_KEEP_REPLY = insert_or_update(quick_reply)
_DROP_REPLY = delete(quick_reply).where(_Q.id == bindparam("of"), _Q.owner == bindparam("of_owner"))


def _list_of(whose: Any) -> Mapping[bool | None, Any]:
    """By whether they are open, newest first, behind an id where one is given."""
    base = (
        select(consultation)
        .where(whose == bindparam("of"), _C.id < bindparam("before"))
        .order_by(_C.id.desc())
        .limit(bindparam("limit"))
    )
    is_open = or_(*(_C.stage == each for each in _OPEN))
    return {None: base, True: base.where(is_open), False: base.where(~is_open)}


_OF_USER, _OF_DOCTOR = _list_of(_C.user), _list_of(_C.doctor)
_BEYOND = "~"
"""Behind every id."""


def _count() -> ByDatabase:
    row: dict[str, Any] = {column.name: bindparam(column.name) for column in consultation_day.columns}
    for_sqlite = sqlite.insert(consultation_day).values(row)
    for_mysql = mysql.insert(consultation_day).values(row)
    return ByDatabase(
        sqlite=for_sqlite.on_conflict_do_update(
            index_elements=["doctor", "day"], set_={"taken": _D.taken + 1}
        ),
        mysql=for_mysql.on_duplicate_key_update({"taken": _D.taken + 1}),
    )


_COUNT = _count()


class SqlConsultations:
    """Consultations inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing) -> None:
        self._transaction = transaction
        self._sealing = sealing

    async def add(self, kept: Kept, *, key: str) -> None:
        it = kept.it
        self._transaction.later(
            _ADD,
            id=it.id,
            key=key,
            user=it.user,
            patient=it.patient,
            department=it.department,
            fee_fen=it.terms.fee_fen,
            turns=it.terms.turns,
            created_us=to_us(it.created_at),
            **self._changing(kept),
        )
        await self._transaction.send()

    async def find_key(self, key: str) -> str | None:
        row = await self._transaction.row(_KEY, key=key)
        return None if row is None else row[0]

    async def hold(self, consultation: str) -> Kept | None:
        row = await self._transaction.row(_HELD, of=consultation)
        return None if row is None else self._kept(row)

    async def find(self, consultation: str) -> Kept | None:
        row = await self._transaction.row(_ONE, of=consultation)
        return None if row is None else self._kept(row)

    def keep(self, before: Kept, after: Kept) -> None:
        if after != before:
            self._transaction.later(_KEEP, of=after.it.id, **self._changing(after))

    async def of_user(
        self, user: str, *, open_: bool | None, after: str | None, limit: int
    ) -> Sequence[Kept]:
        rows = await self._transaction.rows(_OF_USER[open_], of=user, before=after or _BEYOND, limit=limit)
        return [self._kept(row) for row in rows]

    async def hand_over(self, source: str, target: str) -> None:
        self._transaction.later(_HAND_OVER, source=source, target=target)
        await self._transaction.send()

    async def of_doctor(
        self, doctor: str, *, open_: bool | None, after: str | None, limit: int
    ) -> Sequence[Kept]:
        rows = await self._transaction.rows(
            _OF_DOCTOR[open_], of=doctor, before=after or _BEYOND, limit=limit
        )
        return [self._kept(row) for row in rows]

    async def of_pool(self, department: str, *, limit: int) -> Sequence[Kept]:
        rows = await self._transaction.rows(_POOL, department=department, limit=limit)
        return [self._kept(row) for row in rows]

    async def due(self, *, at: datetime, limit: int) -> Sequence[str]:
        return [row[0] for row in await self._transaction.rows(_DUE, at=to_us(at), limit=limit)]

    async def to_refund(self, *, limit: int) -> Sequence[str]:
        return [row[0] for row in await self._transaction.rows(_REFUND, limit=limit)]

    async def count_day(self, doctor: str, day: str) -> int:
        self._transaction.later(_COUNT, doctor=doctor, day=day, taken=1)
        row = await self._transaction.row(_TAKEN_ONE, of=doctor, of_day=day)
        assert row is not None
        return int(row[0])

    async def taken(self, doctors: Sequence[str], day: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for at in range(0, len(doctors), 50):
            some = places(_D.doctor, doctors[at : at + 50])
            found |= dict(await self._transaction.rows(_TAKEN, of_day=day, **some))
        return found

    def _changing(self, kept: Kept) -> dict[str, Any]:
        it = kept.it
        statement = msgspec.json.encode(kept.said).decode()
        return {
            "stage": it.stage.value,
            "doctor": it.doctor,
            "window_s": int(it.terms.window.total_seconds()),
            "pay_within_s": int(it.terms.pay_within.total_seconds()),
            "accept_within_s": int(it.terms.accept_within.total_seconds()),
            "changed_us": to_us(it.changed_at),
            "due_us": to_us_or_none(it.due_at),
            "paid": it.paid,
            "accepted_us": to_us_or_none(it.accepted_at),
            "expires_us": to_us_or_none(it.expires_at),
            "ended_us": to_us_or_none(it.ended_at),
            "ended_because": it.ended_because,
            "refund": it.refund.value,
            "rating": it.rating,
            "written": self._sealing.seal(statement, table=consultation.name, column="written", row=it.id),
        }

    def _kept(self, row: Row) -> Kept:
        (name, _, stage, user, patient, doctor, department, fee, turns, window, pay, accept) = row[:12]
        created, changed, due, paid, accepted, expires, ended, because, refund, rating, sealed = row[12:]
        text = self._sealing.open(bytes(sealed), table=consultation.name, column="written", row=name)
        it = Consultation(
            id=name,
            stage=Stage(stage),
            user=user,
            patient=patient,
            doctor=doctor,
            department=department,
            terms=Terms(
                fee_fen=fee,
                turns=turns,
                window=timedelta(seconds=window),
                pay_within=timedelta(seconds=pay),
                accept_within=timedelta(seconds=accept),
            ),
            created_at=from_us(created),
            changed_at=from_us(changed),
            due_at=from_us_or_none(due),
            paid=paid,
            accepted_at=from_us_or_none(accepted),
            expires_at=from_us_or_none(expires),
            ended_at=from_us_or_none(ended),
            ended_because=because,
            refund=Refund(refund),
            rating=rating,
        )
        return Kept(it, msgspec.json.decode(text, type=Statement))


class SqlPractices:
    """Practices inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def find(self, user: str) -> Practice | None:
        row = await self._transaction.row(_PRACTICE, of=user)
        return None if row is None else _practice(row)

    async def all(self, *, department: str | None = None) -> Sequence[Practice]:
        if department is None:
            rows = await self._transaction.rows(_PRACTICES)
        else:
            rows = await self._transaction.rows(_OF_DEPARTMENT, of=department)
        return [_practice(row) for row in rows]

    def keep(self, practice: Practice) -> None:
        hours = [
            [each.day, each.begin.isoformat("minutes"), each.until.isoformat("minutes")]
            for each in practice.hours
        ]
        self._transaction.later(
            _KEEP_PRACTICE,
            user=practice.user,
            name=practice.name,
            title=practice.title,
            department=practice.department,
            introduction=practice.introduction,
            fee_fen=practice.fee_fen,
            turns=practice.turns,
            window_s=int(practice.window.total_seconds()),
            daily_limit=practice.daily_limit,
            taking=int(practice.taking),
            in_pool=int(practice.in_pool),
            hours=msgspec.json.encode(hours).decode(),
            confirmed=int(practice.confirmed),
        )

    async def replies(self, owners: Sequence[str]) -> Sequence[QuickReply]:
        rows = await self._transaction.rows(_REPLIES, **places(_Q.owner, owners))
        return [
            QuickReply(id=name, owner=owner, title=title, text=text, rank=rank)
            for name, owner, title, text, rank in rows
        ]

    def keep_reply(self, reply: QuickReply) -> None:
        self._transaction.later(
            _KEEP_REPLY, id=reply.id, owner=reply.owner, title=reply.title, text=reply.text, rank=reply.rank
        )

    def drop_reply(self, reply: str, *, owner: str) -> None:
        self._transaction.later(_DROP_REPLY, of=reply, of_owner=owner)


def _practice(row: Row) -> Practice:
    user, name, title, department, introduction, fee, turns, window, limit, taking, pool, hours, confirmed = (
        row
    )
    return Practice(
        user=user,
        name=name,
        title=title,
        department=department,
        introduction=introduction,
        fee_fen=fee,
        turns=turns,
        window=timedelta(seconds=window),
        daily_limit=limit,
        taking=bool(taking),
        in_pool=bool(pool),
        hours=tuple(
            Hours(day, time.fromisoformat(begin), time.fromisoformat(until))
            for day, begin, until in msgspec.json.decode(hours)
        ),
        confirmed=bool(confirmed),
    )
