"""Pages of the directory skip nobody, whatever the size of a page."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from clinic import wire
from clinic.directory import Doctor
from clinic.reading import DirectoryReadings
from core.ids import DepartmentId, DoctorId

DOCTORS = [
    Doctor(code=DoctorId(code), name=code, department=DepartmentId(department))
    for code, department in [("a", "1"), ("b", "1"), ("b", "2"), ("b", "3"), ("c", "1"), ("d", "2")]
]


class Stored:
    async def doctors(
        self, *, department: DepartmentId | None, after: DoctorId | None, limit: int
    ) -> Sequence[Doctor]:
        behind = [each for each in DOCTORS if after is None or each.code > after]
        cut = limit
        while cut < len(behind) and behind[cut].code == behind[cut - 1].code:
            cut += 1
        return behind[:cut]


class Units:
    directory = Stored()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        yield self


@pytest.mark.parametrize("limit", range(1, 8))
async def test_walking_the_pages_meets_every_entry_once(limit: int) -> None:
    readings = DirectoryReadings(Units())
    met: list[tuple[str, str | None]] = []
    cursor: str | None = None
    while True:
        page = await readings.doctors(wire.DirectoryQuery(cursor=cursor, limit=limit))
        met += [(item.id, item.department) for item in page.items]
        if page.next is None:
            break
        cursor = page.next
    assert met == [(each.code, each.department) for each in DOCTORS]
