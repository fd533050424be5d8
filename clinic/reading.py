"""The hospital's directory, page by page, as anybody may see it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from clinic import wire
from clinic.directory import ConsultingRoom, Department, Directories, Doctor
from core.ids import DepartmentId, DoctorId, RoomId

Item = TypeVar("Item", Department, Doctor, ConsultingRoom)


class Unit(Protocol):
    """One moment of the database."""

    @property
    def directory(self) -> Directories:
        """The directory, at that moment."""


class Units(Protocol):
    """Opens them. Raises ``core.refusals.StorageUnavailable`` when the database cannot serve."""

    def read(self) -> AbstractAsyncContextManager[Unit]:
        """A transaction that only reads."""


class DirectoryReadings:
    """The reads of the API."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def departments(self, query: wire.DepartmentQuery) -> wire.DepartmentPage:
        """Departments by code."""
        after = None if query.cursor is None else DepartmentId(query.cursor)
        async with self._units.read() as unit:
            found = await unit.directory.departments(after=after, limit=query.limit + 1)
        shown, more = _page(found, query.limit)
        items = [
            wire.DepartmentItem(id=each.code, name=each.name, parent=each.parent, location=each.location)
            for each in shown
        ]
        return wire.DepartmentPage(items=items, next=items[-1].id if more else None)

    async def doctors(self, query: wire.DirectoryQuery) -> wire.DoctorPage:
        """Doctors by code, perhaps of one department."""
        async with self._units.read() as unit:
            found = await unit.directory.doctors(
                department=_department(query),
                after=None if query.cursor is None else DoctorId(query.cursor),
                limit=query.limit + 1,
            )
        shown, more = _page(found, query.limit)
        items = [
            wire.DoctorItem(id=each.code, name=each.name, department=each.department, title=each.title)
            for each in shown
        ]
        return wire.DoctorPage(items=items, next=items[-1].id if more else None)

    async def rooms(self, query: wire.DirectoryQuery) -> wire.RoomPage:
        """Rooms by code, perhaps of one department."""
        async with self._units.read() as unit:
            found = await unit.directory.rooms(
                department=_department(query),
                after=None if query.cursor is None else RoomId(query.cursor),
                limit=query.limit + 1,
            )
        shown, more = _page(found, query.limit)
        items = [
            wire.RoomItem(id=each.code, name=each.name, department=each.department, location=each.location)
            for each in shown
        ]
        return wire.RoomPage(items=items, next=items[-1].id if more else None)


def _department(query: wire.DirectoryQuery) -> DepartmentId | None:
    return None if query.department is None else DepartmentId(query.department)


def _page(found: Sequence[Item], limit: int) -> tuple[Sequence[Item], bool]:
    """The first ``limit``, and further ones of the same code: the cursor is a code and must skip nobody."""
    end = min(limit, len(found))
    while 0 < end < len(found) and found[end].code == found[end - 1].code:
        end += 1
    return found[:end], len(found) > limit
