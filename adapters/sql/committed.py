"""The directory and the news of the hospital for those who hold no unit: every call is its own transaction.

Made from ``SqlUnits``, so that ``units.under(fence)`` fences these writes too.
"""

from collections.abc import Sequence
from datetime import datetime

from adapters.sql.unit import SqlUnits
from clinic.directory import ConsultingRoom, Department, Directory, Doctor, HospitalContact
from core.ids import DepartmentId, DoctorId, RoomId


class CommittedDirectories:
    """``clinic.directory.Directories``; when a write returns, it is committed."""

    def __init__(self, units: SqlUnits) -> None:
        self._units = units

    async def departments(self, *, after: DepartmentId | None, limit: int) -> Sequence[Department]:
        async with self._units.read() as unit:
            return await unit.directory.departments(after=after, limit=limit)

    async def doctors(
        self, *, department: DepartmentId | None, after: DoctorId | None, limit: int
    ) -> Sequence[Doctor]:
        async with self._units.read() as unit:
            return await unit.directory.doctors(department=department, after=after, limit=limit)

    async def rooms(
        self, *, department: DepartmentId | None, after: RoomId | None, limit: int
    ) -> Sequence[ConsultingRoom]:
        async with self._units.read() as unit:
            return await unit.directory.rooms(department=department, after=after, limit=limit)

    async def whole(self) -> Directory:
        async with self._units.read() as unit:
            return await unit.directory.whole()

    async def keep(self, directory: Directory) -> None:
        async with self._units.begin() as unit:
            await unit.directory.keep(directory)
            await unit.commit()


class CommittedContacts:
    """``clinic.directory.HospitalContacts``; when a write returns, it is committed."""

    def __init__(self, units: SqlUnits) -> None:
        self._units = units

    async def last(self) -> HospitalContact:
        async with self._units.read() as unit:
            return await unit.hospital.last()

    async def heard(self, at: datetime) -> None:
        async with self._units.begin() as unit:
            await unit.hospital.heard(at)
            await unit.commit()

    async def silent(self, since: datetime) -> None:
        async with self._units.begin() as unit:
            await unit.hospital.silent(since)
            await unit.commit()
