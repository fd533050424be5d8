"""What travels about the hospital's directory."""

from typing import Annotated

from msgspec import Meta, Struct

Code = Annotated[str, Meta(min_length=1, max_length=64)]


class DepartmentItem(Struct, frozen=True, kw_only=True):
    """科室."""

    id: str
    name: str
    parent: str | None
    location: str


class DepartmentPage(Struct, frozen=True, kw_only=True):
    """A page of departments; ``next`` is the cursor of the following one."""

    items: list[DepartmentItem]
    next: str | None


class DoctorItem(Struct, frozen=True, kw_only=True):
    """A doctor as the public directory shows them."""

    id: str
    name: str
    department: str | None
    title: str


class DoctorPage(Struct, frozen=True, kw_only=True):
    """A page of doctors."""

    items: list[DoctorItem]
    next: str | None


class RoomItem(Struct, frozen=True, kw_only=True):
    """诊室, and where it is."""

    id: str
    name: str
    department: str | None
    location: str


class RoomPage(Struct, frozen=True, kw_only=True):
    """A page of rooms."""

    items: list[RoomItem]
    next: str | None


class DepartmentQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which departments to list."""

    cursor: Code | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 200


class DirectoryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which doctors or rooms to list."""

    department: Code | None = None
    cursor: Code | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 200
