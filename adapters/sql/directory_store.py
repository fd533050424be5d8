"""``clinic.directory`` on SQL: the hospital's directory, and when the hospital was last heard."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, bindparam, delete, select
from sqlalchemy.sql.expression import Executable

from adapters.sql import tables
from adapters.sql.driver import Row
from adapters.sql.instants import from_us_or_none, to_us
from adapters.sql.statement import insert_or_update
from adapters.sql.transaction import Transaction
from clinic.directory import ConsultingRoom, Department, Directory, Doctor, HospitalContact
from core.ids import DepartmentId, DoctorId, RoomId

_HOSPITAL = "hospital"
_NO_DEPARTMENT = ""
"""A key column cannot be empty; no code of a department is this."""


def _page(table: Table) -> Executable:
    return (
        select(table)
        .where(table.c.code > bindparam("after"))
        .order_by(*table.primary_key.columns)
        .limit(bindparam("limit"))
    )


def _page_of_department(table: Table) -> Executable:
    return (
        select(table)
        .where(table.c.code > bindparam("after"), table.c.department == bindparam("of_department"))
        .order_by(*table.primary_key.columns)
        .limit(bindparam("limit"))
    )


def _delete(table: Table) -> Executable:
    return delete(table).where(*[column == bindparam(f"of_{column.name}") for column in table.primary_key])


_PARTS = (tables.department, tables.doctor, tables.room)
_ALL: dict[str, Executable] = {
    table.name: select(table).order_by(*table.primary_key.columns) for table in _PARTS
}
_PUT = {table.name: insert_or_update(table) for table in _PARTS}
_DELETE = {table.name: _delete(table) for table in _PARTS}
_PAGE = {table.name: _page(table) for table in _PARTS}
_PAGE_OF_DEPARTMENT = {table.name: _page_of_department(table) for table in (tables.doctor, tables.room)}
_DEPARTMENT = select(tables.department).where(tables.department.c.code == bindparam("of_code"))
_REST_OF_DOCTOR = select(tables.doctor).where(
    tables.doctor.c.code == bindparam("of_code"), tables.doctor.c.department > bindparam("behind")
)

_C = tables.hospital_contact.c
_LAST = select(_C.heard_at_us, _C.silent_since_us).where(_C.id == bindparam("id"))
_NOTE = insert_or_update(tables.hospital_contact)


class SqlDirectories:
    """The directory inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def departments(self, *, after: DepartmentId | None, limit: int) -> Sequence[Department]:
        rows = await self._transaction.rows(_PAGE["department"], after=after or "", limit=limit)
        return [_department(row) for row in rows]

    async def department(self, code: DepartmentId) -> Department | None:
        row = await self._transaction.row(_DEPARTMENT, of_code=code)
        return None if row is None else _department(row)

    async def doctors(
        self, *, department: DepartmentId | None, after: DoctorId | None, limit: int
    ) -> Sequence[Doctor]:
        rows = list(await self._page("doctor", department, after, limit))
        if rows and department is None:
            last = rows[-1]
            rows += await self._transaction.rows(_REST_OF_DOCTOR, of_code=last[0], behind=last[1])
        return [_doctor(row) for row in rows]

    async def rooms(
        self, *, department: DepartmentId | None, after: RoomId | None, limit: int
    ) -> Sequence[ConsultingRoom]:
        return [_room(row) for row in await self._page("room", department, after, limit)]

    async def whole(self) -> Directory:
        departments, doctors, rooms = [await self._transaction.rows(_ALL[table.name]) for table in _PARTS]
        return Directory(
            departments=tuple(_department(row) for row in departments),
            doctors=tuple(_doctor(row) for row in doctors),
            rooms=tuple(_room(row) for row in rooms),
        )

    async def keep(self, directory: Directory) -> None:
        await self._make(tables.department, [_department_row(each) for each in directory.departments])
        await self._make(tables.doctor, [_doctor_row(each) for each in directory.doctors])
        await self._make(tables.room, [_room_row(each) for each in directory.rooms])

    async def _page(
        self, name: str, department: DepartmentId | None, after: str | None, limit: int
    ) -> Sequence[Row]:
        if department is None:
            return await self._transaction.rows(_PAGE[name], after=after or "", limit=limit)
        return await self._transaction.rows(
            _PAGE_OF_DEPARTMENT[name], after=after or "", limit=limit, of_department=department
        )

    async def _make(self, table: Table, rows: Sequence[Row]) -> None:
        keys = len(table.primary_key.columns)
        present = {tuple(row[:keys]): tuple(row) for row in await self._transaction.rows(_ALL[table.name])}
        wanted = {row[:keys]: row for row in rows}
        self._transaction.later_each(_DELETE[table.name], [key for key in present if key not in wanted])
        changed = [row for key, row in wanted.items() if present.get(key) != row]
        self._transaction.later_each(_PUT[table.name], changed)


class SqlHospitalContacts:
    """News of the hospital inside one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def last(self) -> HospitalContact:
        row = await self._transaction.row(_LAST, id=_HOSPITAL)
        heard, silent = row or (None, None)
        return HospitalContact(heard_at=from_us_or_none(heard), silent_since=from_us_or_none(silent))

    async def heard(self, at: datetime) -> None:
        self._transaction.later(_NOTE, id=_HOSPITAL, heard_at_us=to_us(at), silent_since_us=None)

    async def silent(self, since: datetime) -> None:
        row = await self._transaction.row(_LAST, id=_HOSPITAL)
        heard, silent = row or (None, None)
        if silent is None:
            self._transaction.later(_NOTE, id=_HOSPITAL, heard_at_us=heard, silent_since_us=to_us(since))


def _department(row: Row) -> Department:
    return Department(code=DepartmentId(row[0]), name=row[1], parent=row[2], location=row[3])


def _department_row(each: Department) -> tuple[Any, ...]:
    return each.code, each.name, each.parent, each.location


def _doctor(row: Row) -> Doctor:
    return Doctor(code=DoctorId(row[0]), department=row[1] or None, name=row[2], title=row[3])


def _doctor_row(each: Doctor) -> tuple[Any, ...]:
    return each.code, each.department or _NO_DEPARTMENT, each.name, each.title


def _room(row: Row) -> ConsultingRoom:
    return ConsultingRoom(code=RoomId(row[0]), name=row[1], department=row[2], location=row[3])


def _room_row(each: ConsultingRoom) -> tuple[Any, ...]:
    return each.code, each.name, each.department, each.location
