"""The hospital's directory: departments, doctors and rooms, as the hospital itself lists them.

It is copied from the hospital whole, so what it no longer lists is gone here too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.ids import DepartmentId, DoctorId, RoomId


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """科室. ``parent`` is the larger department it belongs to."""

    code: DepartmentId
    name: str
    parent: DepartmentId | None = None
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """医生, in one department; who works in two departments is listed twice."""

    code: DoctorId
    name: str
    department: DepartmentId | None = None
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultingRoom:
    """诊室, and where it is."""

    code: RoomId
    name: str
    department: DepartmentId | None = None
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Everything the hospital lists, each part by code."""

    departments: tuple[Department, ...] = ()
    doctors: tuple[Doctor, ...] = ()
    rooms: tuple[ConsultingRoom, ...] = ()


class Directories(Protocol):
    """Where the directory is kept."""

    async def departments(self, *, after: DepartmentId | None, limit: int) -> Sequence[Department]:
        """Departments by code, those behind ``after``."""

    async def department(self, code: DepartmentId) -> Department | None:
        """One department; ``None``: the hospital lists none of that code."""

    async def doctors(
        self, *, department: DepartmentId | None, after: DoctorId | None, limit: int
    ) -> Sequence[Doctor]:
        """Doctors by code, perhaps of one department; a doctor's entries are never torn apart by a page."""

    async def rooms(
        self, *, department: DepartmentId | None, after: RoomId | None, limit: int
    ) -> Sequence[ConsultingRoom]:
        """Rooms by code, perhaps of one department."""

    async def whole(self) -> Directory:
        """The directory as it was last kept."""

    async def keep(self, directory: Directory) -> None:
        """Make this the directory. Writes only what differs from the present one."""


@dataclass(frozen=True, slots=True)
class HospitalContact:
    """When the hospital last answered, and since when it does not; both ``None`` before the first try."""

    heard_at: datetime | None
    silent_since: datetime | None


class HospitalContacts(Protocol):
    """What the process that talks to the hospital tells the others about it."""

    async def last(self) -> HospitalContact:
        """The newest news."""

    async def heard(self, at: datetime) -> None:
        """The hospital answered."""

    async def silent(self, since: datetime) -> None:
        """The hospital does not answer; the first such moment since it was heard counts."""
