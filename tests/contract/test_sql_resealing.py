"""Values are sealed anew while others write beside it, on both databases; nothing is lost or turned back."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, select, update

from adapters.crypto.fields import FieldSealing
from adapters.crypto.suites import Suite
from adapters.sql.engine import open_plain_engine
from adapters.sql.resealing import SqlResealing
from adapters.sql.sealed import SEALED, row_name, sealed, sealed_columns
from adapters.sql.statement import insert_row
from adapters.sql.transaction import Database
from core import limits
from core.clock import ManualClock, SystemClock
from server.sealing_keys import reseal_all
from tests.unit.crypto.rings import NOON, HeldRings, counted

ROWS = 230
OWN = MetaData()
NOTE = Table(
    "reseal_note",
    OWN,
    Column("owner", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    sealed("name"),
    sealed("phone", row=("owner",), nullable=True),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
INSERT = insert_row(NOTE)
READ = select(*NOTE.c)
WRITE = (
    update(NOTE)
    .where(NOTE.c.owner == bindparam("whose"), NOTE.c.number == bindparam("which"))
    .values(name=bindparam("new_name"))
)


@pytest.fixture
async def notes(database: Database, database_url: str) -> AsyncIterator[Database]:
    engine = open_plain_engine(database_url)
    async with engine.begin() as connection:
        await connection.run_sync(OWN.create_all)
    yield database
    async with engine.begin() as connection:
        await connection.run_sync(OWN.drop_all)
    await engine.dispose()


def owner(number: int) -> str:
    return f"u{number // 7}"


def sealed_row(sealing: FieldSealing, number: int) -> dict[str, object]:
    whose = owner(number)
    name = sealing.seal(f"姓名{number}", table="reseal_note", column="name", row=f"{whose}|{number}")
    phone = sealing.seal(f"138{number:08}", table="reseal_note", column="phone", row=whose)
    return {"owner": whose, "number": number, "name": name, "phone": None if number % 5 == 0 else phone}


async def fill(database: Database, sealing: FieldSealing) -> dict[int, str]:
    async with database.write() as transaction:
        for number in range(ROWS):
            transaction.later(INSERT, **sealed_row(sealing, number))
        await transaction.commit()
    return {number: f"姓名{number}" for number in range(ROWS)}


async def check(database: Database, sealing: FieldSealing, truth: dict[int, str]) -> set[bytes]:
    """Every value opens as what was last written; answers under which keys they are."""
    heads = set()
    async with database.read() as transaction:
        rows = await transaction.rows(READ)
    assert len(rows) == len(truth)
    for whose, number, name, phone in rows:
        place = row_name((whose, number))
        assert sealing.open(bytes(name), table="reseal_note", column="name", row=place) == truth[number], (
            number
        )
        heads.add(bytes(name[:6]))
        if phone is not None:
            opened = sealing.open(bytes(phone), table="reseal_note", column="phone", row=whose)
            assert opened == f"138{number:08}"
            heads.add(bytes(phone[:6]))
    return heads


def two_processes() -> tuple[HeldRings, FieldSealing, FieldSealing]:
    """One ring, a web process that has not learnt of a new key, and the command beside it."""
    rings = HeldRings(Suite.AES, counted())
    web, command = (FieldSealing(rings, suite=Suite.AES, clock=ManualClock(NOON)) for _ in range(2))
    return rings, web, command


async def test_values_are_renewed_beside_writers(notes: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESEAL_ROWS_AT_ONCE", 20)
    monkeypatch.setattr(limits, "KEY_RING_LOOK_SECONDS", 0.05)
    rings = HeldRings(Suite.AES, counted())
    web = FieldSealing(rings, suite=Suite.AES, clock=SystemClock())
    truth = await fill(notes, web)
    rings.turn(Suite.SM, counted())
    command = FieldSealing(rings, suite=Suite.AES, clock=SystemClock())
    chance, ended = random.Random(7), asyncio.Event()
    locks = [asyncio.Lock() for _ in range(ROWS)]

    async def writer(name: str) -> int:
        count = 0
        while not ended.is_set():
            number = chance.randrange(ROWS)
            async with locks[number], notes.write() as transaction:
                text, place = f"{name}{count}", row_name((owner(number), number))
                value = web.seal(text, table="reseal_note", column="name", row=place)
                transaction.later(WRITE, whose=owner(number), which=number, new_name=value)
                await transaction.commit()
                truth[number] = text
                count += 1
            await asyncio.sleep(0.001)
        return count

    writers = [asyncio.create_task(writer(name)) for name in ("甲", "乙", "丙")]
    told: dict[str, int] = {}

    def tell(column: str, more: int, total: int) -> None:
        told[column] = told.get(column, 0) + more

    done = await reseal_all(notes, command, sealed_columns(OWN), tell)
    ended.set()
    written = sum(await asyncio.gather(*writers))
    assert written > 3
    assert done.broken == done.left == 0
    assert told.keys() == {"reseal_note.name", "reseal_note.phone"}
    assert await check(notes, command, truth) == {command.newest}


async def test_it_goes_on_where_it_was_cut_off(notes: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESEAL_ROWS_AT_ONCE", 30)
    rings, web, _ = two_processes()
    truth = await fill(notes, web)
    rings.turn(Suite.AES, lambda length: b"\5" * length)
    column = next(each for each in sealed_columns(OWN) if each.column.name == "name")
    for left in (200, 140, 50, 0, 0):
        command = FieldSealing(rings, suite=Suite.AES, clock=ManualClock(NOON))
        walk = SqlResealing(notes, column, command)
        before = await walk.waiting()
        async for _ in walk.steps():
            if await walk.waiting() <= left:
                break
        assert await walk.waiting() == (0 if before <= 30 else left)
    assert set(await walk.by_key()) == {command.newest}
    await check(notes, command, truth)


async def test_what_was_changed_meanwhile_stays(notes: Database) -> None:
    rings, web, command = two_processes()
    truth = await fill(notes, web)
    rings.turn(Suite.AES, lambda length: b"\5" * length)
    command = FieldSealing(rings, suite=Suite.AES, clock=ManualClock(NOON))
    column = next(each for each in sealed_columns(OWN) if each.column.name == "name")
    walk = SqlResealing(notes, column, command)
    read = await walk._rows(None)
    changed = command.seal("新名字", table="reseal_note", column="name", row=row_name(read[3][:2]))
    async with notes.write() as transaction:
        transaction.later(WRITE, whose=read[3][0], which=read[3][1], new_name=changed)
        await transaction.commit()
    truth[read[3][1]] = "新名字"
    await walk._renewed(read)
    await check(notes, command, truth)
    assert await walk.waiting() == ROWS - len(read)


async def test_a_value_that_does_not_open_stays_and_is_counted(notes: Database) -> None:
    rings, web, _ = two_processes()
    await fill(notes, web)
    async with notes.write() as transaction:
        for number, junk in ((3, b"junk"), (4, b""), (5, web.seal("x", table="t", column="c", row="r"))):
            transaction.later(WRITE, whose=owner(number), which=number, new_name=junk)
        await transaction.commit()
    rings.turn(Suite.AES, lambda length: b"\5" * length)
    command = FieldSealing(rings, suite=Suite.AES, clock=ManualClock(NOON))
    done = await reseal_all(notes, command, sealed_columns(OWN), lambda *told: None)
    assert (done.broken, done.left) == (3, 3)


def test_the_registry_knows_rows() -> None:
    assert [(each.name, [column.name for column in each.row]) for each in sealed_columns(OWN)] == [
        ("reseal_note.name", ["owner", "number"]),
        ("reseal_note.phone", ["owner"]),
    ]
    assert SEALED in NOTE.c.name.info
