"""``clinic.patient_store.PatientStore`` on SQL. Whatever names a person is sealed here and nowhere else."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, or_, select, update
from sqlalchemy.dialects import mysql, sqlite

from adapters.sql.driver import Duplicate, Row
from adapters.sql.instants import from_us, from_us_or_none, to_us, to_us_or_none
from adapters.sql.patient_tables import patient, patient_family
from adapters.sql.statement import ByDatabase, insert_or_update, insert_row
from adapters.sql.transaction import Transaction
from clinic.identity_numbers import IdKind, Sex
from clinic.patient import Family, InHospital, Patient, SamePersonTwice
from clinic.real_name import Guardian, Person, Relation
from core.ids import PatientId, UserId
from core.sealing import Sealing

_TABLE = patient.name
_P, _F = patient.c, patient_family.c
_ALL = select(*patient.columns)
_OF_USER = _ALL.where(_P.user == bindparam("of"), _P.same_as.is_(None)).order_by(_P.added_us, _P.id)
_ONE = _ALL.where(_P.id == bindparam("of"))
_USUAL = select(_F.usual).where(_F.user == bindparam("of"))
_DUE = (
    _ALL.where(
        or_(*[_P.in_hospital == each.value for each in (InHospital.PENDING, InHospital.UNKNOWN)]),
        _P.asked_us < bindparam("before"),
        _P.unbound_us.is_(None),
        _P.same_as.is_(None),
    )
    .order_by(_P.asked_us)
    .limit(bindparam("limit"))
)
_INSERT = insert_row(patient)
_UPDATE = (
    update(patient)
    .where(_P.id == bindparam("of"))
    .values({column.name: bindparam(column.name) for column in patient.columns if column.name != "id"})
)
_JOIN = update(patient).where(_P.id == bindparam("theirs")).values(same_as=bindparam("ours"))
_JOIN_AGAIN = update(patient).where(_P.same_as == bindparam("theirs")).values(same_as=bindparam("ours"))
_IDS = select(_P.id).where(_P.user == bindparam("of"))
_SAME = select(_P.id).where(_P.same_as == bindparam("of"))
_ERASE = delete(patient).where(_P.id == bindparam("of"))
_ERASE_FAMILY = delete(patient_family).where(_F.user == bindparam("of"))
_KEEP_FAMILY = insert_or_update(patient_family)


def _hold() -> ByDatabase:
    """Make the account's row or touch it: either way it is this transaction's until it ends."""
    row: dict[str, Any] = {"user": bindparam("of")}
    for_sqlite = sqlite.insert(patient_family).values(row)
    for_mysql = mysql.insert(patient_family).values(row)
    return ByDatabase(
        sqlite=for_sqlite.on_conflict_do_update(
            index_elements=["user"], set_={"user": for_sqlite.excluded.user}
        ),
        mysql=for_mysql.on_duplicate_key_update({"user": for_mysql.inserted.user}),
    )


_HOLD = _hold()


class SqlPatients:
    """The patients inside one transaction."""

    def __init__(self, transaction: Transaction, sealing: Sealing) -> None:
        self._transaction = transaction
        self._sealing = sealing

    async def family(self, user: UserId) -> Family:
        usual = await self._transaction.row(_USUAL, of=user)
        rows = await self._transaction.rows(_OF_USER, of=user)
        return Family(
            user, tuple(map(self._patient, rows)), PatientId(usual[0]) if usual and usual[0] else None
        )

    async def family_for_change(self, user: UserId) -> Family:
        self._transaction.later(_HOLD, of=user)
        return await self.family(user)

    async def keep(self, before: Family, after: Family) -> None:
        known = {each.id: each for each in before.patients}
        for each in after.patients:
            if known.get(each.id) == each:
                continue
            # An entry that came from another account is a row already.
            is_new = each.id not in known and await self._transaction.row(_ONE, of=each.id) is None
            values = self._row(each)
            if is_new:
                self._transaction.later(_INSERT, **values)
            else:
                self._transaction.later(_UPDATE, of=values.pop("id"), **values)
        if after.usual != before.usual:
            self._transaction.later(_KEEP_FAMILY, user=after.user, usual=after.usual)
        try:
            await self._transaction.send()
        except Duplicate:
            raise SamePersonTwice() from None

    async def find(self, patient: PatientId) -> Patient | None:
        row = await self._transaction.row(_ONE, of=patient)
        if row is not None and row[13] is not None:
            row = await self._transaction.row(_ONE, of=row[13])
        return None if row is None else self._patient(row)

    async def join(self, same: Sequence[tuple[PatientId, PatientId]]) -> None:
        for theirs, ours in same:
            self._transaction.later(_JOIN, theirs=theirs, ours=ours)
            self._transaction.later(_JOIN_AGAIN, theirs=theirs, ours=ours)
        await self._transaction.send()

    async def erase(self, user: UserId) -> Sequence[PatientId]:
        names = [row[0] for row in await self._transaction.rows(_IDS, of=user)]
        for name in list(names):
            names += [row[0] for row in await self._transaction.rows(_SAME, of=name)]
        self._transaction.later_each(_ERASE, [(name,) for name in names])
        self._transaction.later(_ERASE_FAMILY, of=user)
        return [PatientId(name) for name in names]

    async def due(self, *, asked_before: datetime, limit: int) -> Sequence[Patient]:
        rows = await self._transaction.rows(_DUE, before=to_us(asked_before), limit=limit)
        return [self._patient(row) for row in rows]

    def _seal(self, text: str, column: str, row: str) -> bytes:
        return self._sealing.seal(text, table=_TABLE, column=column, row=row)

    def _open(self, sealed: bytes, column: str, row: str) -> str:
        return self._sealing.open(sealed, table=_TABLE, column=column, row=row)

    def _row(self, each: Patient) -> dict[str, object]:
        who, row = each.person, each.id
        number = each.hospital_number
        guardian = None if who.guardian is None else msgspec.json.encode(who.guardian).decode()
        return {
            "id": row,
            "user": each.user,
            "id_kind": who.id_kind.value,
            "number_index": self._sealing.blind(who.key, table=_TABLE, column="number_index"),
            "name": self._seal(who.name, "name", row),
            "number": self._seal(who.id_number, "number", row),
            "born": self._seal(who.born.isoformat(), "born", row),
            "phone": self._seal(who.phone, "phone", row),
            "guardian": None if guardian is None else self._seal(guardian, "guardian", row),
            "sex": who.sex.value,
            "relation": each.relation.value,
            "added_us": to_us(each.added_at),
            "unbound_us": to_us_or_none(each.unbound_at),
            "same_as": None,
            "in_hospital": each.in_hospital.value,
            "hospital_number": self._seal(number, "hospital_number", row) if number else None,
            "hospital_index": (
                self._sealing.blind(number, table=_TABLE, column="hospital_index") if number else None
            ),
            "asked_us": 0 if each.asked_at is None else to_us(each.asked_at),
        }

    def _patient(self, row: Row) -> Patient:
        (name_of_row, user, id_kind, _, name, number, born, phone, guardian, sex, relation) = row[:11]
        added_us, unbound_us, _, in_hospital, hospital_number, _, asked_us = row[11:]

        def opened(sealed: bytes | None, column: str) -> str:
            return "" if sealed is None else self._open(sealed, column, name_of_row)

        person = Person(
            name=opened(name, "name"),
            id_kind=IdKind(id_kind),
            id_number=opened(number, "number"),
            born=date.fromisoformat(opened(born, "born")),
            sex=Sex(sex),
            phone=opened(phone, "phone"),
            guardian=_guardian(opened(guardian, "guardian")),
        )
        return Patient(
            id=PatientId(name_of_row),
            user=UserId(user),
            person=person,
            relation=Relation(relation),
            added_at=from_us(added_us),
            unbound_at=from_us_or_none(unbound_us),
            in_hospital=InHospital(in_hospital),
            hospital_number=opened(hospital_number, "hospital_number"),
            asked_at=from_us(asked_us) if asked_us else None,
        )


def _guardian(text: str) -> Guardian | None:
    return msgspec.json.decode(text, type=Guardian) if text else None
