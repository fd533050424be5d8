"""The hospital's directory and the news of the hospital, on both databases."""

from datetime import timedelta

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from clinic.directory import ConsultingRoom, Department, Directory, Doctor, HospitalContact
from core.clock import ManualClock
from core.ids import DepartmentId, DoctorId, RoomId
from tests.contract.sql_examples import NOON

D03, D09 = DepartmentId("D03"), DepartmentId("D09")
HOSPITAL = Directory(
    departments=(
        Department(code=D03, name="心内科", location="门诊楼 3 层"),
        Department(code=D09, name="儿科", parent=D03),
    ),
    doctors=(
        Doctor(code=DoctorId("1001"), name="张伟", department=D03, title="主任医师"),
        Doctor(code=DoctorId("1001"), name="张伟", department=D09),
        Doctor(code=DoctorId("1002"), name="王芳"),
    ),
    rooms=(ConsultingRoom(code=RoomId("R301"), name="301诊室", department=D03, location="3 层东"),),
)


@pytest.fixture
def units(database: Database) -> SqlUnits:
    return SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())


async def keep(units: SqlUnits, directory: Directory) -> Directory:
    async with units.begin() as unit:
        await unit.directory.keep(directory)
        await unit.commit()
    async with units.read() as unit:
        return await unit.directory.whole()


async def test_the_directory_comes_back_and_follows_the_hospital(units: SqlUnits) -> None:
    assert await keep(units, HOSPITAL) == HOSPITAL
    smaller = Directory(
        departments=(Department(code=D03, name="心血管内科"),), doctors=HOSPITAL.doctors[:1], rooms=()
    )
    assert await keep(units, smaller) == smaller
    assert await keep(units, Directory()) == Directory()


async def test_lists_are_paged_by_code(units: SqlUnits) -> None:
    await keep(units, HOSPITAL)
    async with units.read() as unit:
        first = await unit.directory.departments(after=None, limit=1)
        assert [*first, *await unit.directory.departments(after=D03, limit=9)] == [*HOSPITAL.departments]
        page = await unit.directory.doctors(department=None, after=None, limit=1)
        assert page == [*HOSPITAL.doctors[:2]]
        rest = await unit.directory.doctors(department=None, after=page[-1].code, limit=9)
        assert rest == [HOSPITAL.doctors[2]]
        assert await unit.directory.doctors(department=D09, after=None, limit=9) == [HOSPITAL.doctors[1]]
        assert await unit.directory.rooms(department=D03, after=None, limit=9) == [*HOSPITAL.rooms]
        assert await unit.directory.rooms(department=D09, after=None, limit=9) == []
        assert await unit.directory.department(D09) == HOSPITAL.departments[1]
        assert await unit.directory.department(DepartmentId("D0")) is None


async def test_the_first_silent_moment_counts_until_the_hospital_is_heard(units: SqlUnits) -> None:
    second = timedelta(seconds=1)
    async with units.begin() as unit:
        assert await unit.hospital.last() == HospitalContact(None, None)
        await unit.hospital.heard(NOON)
        await unit.hospital.silent(NOON + second)
        await unit.hospital.silent(NOON + 2 * second)
        await unit.commit()
    async with units.begin() as unit:
        assert await unit.hospital.last() == HospitalContact(NOON, NOON + second)
        await unit.hospital.heard(NOON + 3 * second)
        assert await unit.hospital.last() == HospitalContact(NOON + 3 * second, None)
