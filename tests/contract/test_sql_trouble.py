"""A database that is locked, full, stalled or killed: a clear refusal, nothing half written, recovery."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.outbox import SqlOutbox
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.clock import ManualClock
from core.events import Outgoing
from core.ids import LineId
from core.refusals import StorageUnavailable
from tests.contract.sql_examples import NOON, a_line, moved, new
from tests.services.mariadb import MariadbServer
from tests.services.proxy import Path as Network

L = LineId("L0301")


def units_of(database: Database) -> SqlUnits:
    return SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())


async def keep_line(units: SqlUnits, name: str = "L0301", *, tickets: int = 3) -> None:
    async with units.begin() as unit:
        await unit.lines.keep(new(a_line(name, tickets=tickets)))
        unit.publish(Outgoing(f"queue:{name}", b"{}"))
        await unit.commit()


async def ids(units: SqlUnits) -> list[LineId]:
    async with units.read() as unit:
        return await unit.lines.ids()


@pytest.fixture
async def sqlite(sqlite_database_url: str) -> AsyncIterator[Database]:
    database = Database.open(sqlite_database_url, busy_seconds=0.2)
    yield database
    await database.close()


@pytest.fixture
async def mariadb(mariadb_database_url: str) -> AsyncIterator[Database]:
    database = Database.open(mariadb_database_url, connections=4, busy_seconds=1)
    yield database
    await database.close()


def _file(url: str) -> str:
    return url.removeprefix("sqlite:///")


async def test_a_file_locked_by_another_process_is_said_to_be_locked(
    sqlite: Database, sqlite_database_url: str
) -> None:
    units = units_of(sqlite)
    await keep_line(units)
    other = sqlite3.connect(_file(sqlite_database_url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable) as refused:
        await keep_line(units, "L2")
    assert refused.value.facts == {"why": "locked"}
    assert await ids(units) == [L]
    other.execute("ROLLBACK")
    other.close()
    await keep_line(units, "L2")
    assert await ids(units) == [L, "L2"]


async def test_a_writer_that_waits_too_long_for_its_turn_is_told_so(sqlite: Database) -> None:
    units = units_of(sqlite)
    async with units.begin() as slow:
        await slow.lines.ids()
        with pytest.raises(StorageUnavailable):
            await keep_line(units)
        await slow.commit()
    await keep_line(units)


async def test_a_full_disk_leaves_nothing_behind(sqlite: Database) -> None:
    units = units_of(sqlite)
    await keep_line(units)
    # The pool hands out its only connection, so the limit meets the next transaction.
    await _limit_pages(sqlite, small=True)
    with pytest.raises(StorageUnavailable) as refused:
        await keep_line(units, "L2", tickets=2_000)
    assert refused.value.facts == {"why": "full"}
    assert await ids(units) == [L]
    assert (await SqlOutbox(sqlite).backlog()).rows == 1
    await _limit_pages(sqlite, small=False)
    await keep_line(units, "L2", tickets=2_000)
    async with units.read() as unit:
        assert len((await unit.lines.load(LineId("L2"))).tickets) == 2_000


async def _limit_pages(database: Database, *, small: bool) -> None:
    connection = await database.engine.raw_connection()
    driver = connection.driver_connection
    assert driver is not None
    used = (await driver.execute_fetchall("PRAGMA page_count"))[0][0]
    await driver.execute_fetchall(f"PRAGMA max_page_count = {used + 4 if small else 1_000_000}")
    connection.close()


async def test_a_file_that_is_no_database_is_said_to_be_away(tmp_path: Path) -> None:
    file = tmp_path / "noise.db"
    file.write_bytes(b"no database at all, but long enough to be read as one" * 40)
    database = Database.open(f"sqlite:///{file}")
    with pytest.raises(StorageUnavailable):
        await database.answers()
    await database.close()
    # aiosqlite ends the thread of a connection that never opened without being waited for.
    await asyncio.sleep(0.1)


@pytest.mark.mariadb
async def test_a_killed_server_refuses_and_comes_back_without_a_restart_of_ours(
    mariadb: Database, mariadb_server: MariadbServer
) -> None:
    units = units_of(mariadb)
    await keep_line(units)
    # Several pooled connections, all of which die with the server.
    await asyncio.gather(*[ids(units) for _ in range(4)])
    async with units.begin() as unit:
        line = await unit.lines.load_for_change(L)
        await unit.lines.keep(moved(line, "A001"))
        mariadb_server.kill()
        with pytest.raises(StorageUnavailable) as refused:
            await unit.commit()
        assert refused.value.facts == {"why": "away"}
    with pytest.raises(StorageUnavailable):
        await ids(units)
    mariadb_server.ensure_running()
    assert await ids(units) == [L]
    async with units.read() as unit:
        assert await unit.lines.load(L) == line
    await keep_line(units, "L2")
    assert (await SqlOutbox(mariadb).backlog()).rows == 2


@pytest.mark.mariadb
async def test_a_restart_between_two_requests_is_not_noticed(
    mariadb: Database, mariadb_server: MariadbServer
) -> None:
    units = units_of(mariadb)
    await keep_line(units)
    await asyncio.gather(*[ids(units) for _ in range(4)])
    mariadb_server.restart()
    await keep_line(units, "L2")
    assert await ids(units) == [L, "L2"]


@pytest.mark.mariadb
async def test_a_stalled_server_is_given_up_in_time(
    mariadb: Database, mariadb_server: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SQL_REPLY_SECONDS", 0.3)
    monkeypatch.setattr(limits, "SQL_CONNECT_SECONDS", 0.3)
    units = units_of(mariadb)
    await keep_line(units)
    mariadb_server.pause()
    try:
        for why in ("stalled", "away"):
            with pytest.raises(StorageUnavailable) as refused:
                await keep_line(units, "L2")
            assert refused.value.facts == {"why": why}
    finally:
        mariadb_server.resume()
    assert await ids(units) == [L]


@pytest.mark.mariadb
async def test_where_a_firewall_forgot_all_connections_only_one_wait_is_paid(
    mariadb_server: MariadbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SQL_REPLY_SECONDS", 1.0)
    name = mariadb_server.create_database()
    async with Network(mariadb_server.port) as network:
        database = Database.open(f"mysql://root@127.0.0.1:{network.port}/{name}", connections=4)
        try:
            await asyncio.gather(*(database.answers() for _ in range(4)))
            forgotten = network.forget_open()
            assert len(forgotten) > 1
            with pytest.raises(StorageUnavailable) as refused:
                await database.answers()
            assert refused.value.facts == {"why": "stalled"}
            began = time.monotonic()
            for _ in range(8):
                await database.answers()
            assert time.monotonic() - began < 1.0
            assert len(network.upward) <= 2 * len(forgotten), "nobody is replaced twice"
        finally:
            await database.close()
            mariadb_server.drop_database(name)


@pytest.mark.mariadb
async def test_a_row_lock_that_does_not_come_is_said_to_be_locked(mariadb: Database) -> None:
    units = units_of(mariadb)
    await keep_line(units)
    async with units.begin() as first:
        await first.lines.load_for_change(L)
        with pytest.raises(StorageUnavailable) as refused:
            async with units.begin() as second:
                await second.lines.load_for_change(L)
        assert refused.value.facts == {"why": "locked"}
    async with units.begin() as third:
        await third.lines.load_for_change(L)


async def test_a_cancelled_request_gives_its_connection_and_its_locks_back(database: Database) -> None:
    units = units_of(database)
    await keep_line(units)

    async def hang() -> None:
        async with units.begin() as unit:
            line = await unit.lines.load_for_change(L)
            await unit.lines.keep(moved(line, "A001"))
            await asyncio.sleep(60)

    for _ in range(limits.SQL_POOL_CONNECTIONS + 2):
        task = asyncio.create_task(hang())
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with units.begin() as unit:
        assert (await unit.lines.load_for_change(L)).version == 1


async def test_requests_cancelled_at_any_moment_break_nothing(database: Database) -> None:
    units = units_of(database)
    await keep_line(units, tickets=60)

    async def call(at: int) -> None:
        async with units.begin() as unit:
            line = await unit.lines.load_for_change(L)
            await unit.lines.keep(moved(line, f"A{at + 1:03d}"))
            await unit.commit()

    for at in range(60):
        task = asyncio.create_task(call(at))
        await asyncio.sleep(0.0003 * (at % 20))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with units_of(database).read() as unit:
        line = await unit.lines.load(L)
        moves = await unit.lines.history(L, before=None, limit=100)
    assert len(moves) == line.version - 1
    assert sum(ticket.state == "called" for ticket in line.tickets.values()) == line.version - 1
    async with units.begin() as unit:
        await unit.lines.load_for_change(L)


async def test_a_reader_sees_one_moment(database: Database) -> None:
    units = units_of(database)
    await keep_line(units)
    async with units.read() as reader:
        assert await reader.lines.ids() == [L]
        await keep_line(units, "L2")
        assert await reader.lines.ids() == [L]
    assert await ids(units) == [L, "L2"]


async def test_no_thread_of_a_closed_database_stays(sqlite_database_url: str) -> None:
    before = threading.active_count()
    database = Database.open(sqlite_database_url)
    await asyncio.gather(*[ids(units_of(database)) for _ in range(5)])
    await database.close()
    async with asyncio.timeout(60):
        while threading.active_count() > before:
            await asyncio.sleep(0.01)


@pytest.mark.mariadb
async def test_a_transaction_that_stands_still_lets_go_of_its_locks(
    mariadb_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SQL_IDLE_TRANSACTION_SECONDS", 1)
    still = Database.open(mariadb_database_url, connections=1)
    others = Database.open(mariadb_database_url, connections=1)
    try:
        await keep_line(units_of(others))
        async with units_of(still).begin() as stopped:
            held = await stopped.lines.load_for_change(L)
            async with units_of(others).begin() as unit:
                line = await unit.lines.load_for_change(L)
                await unit.lines.keep(moved(line))
                await unit.commit()
            await stopped.lines.keep(moved(held))
            with pytest.raises(StorageUnavailable):
                await stopped.commit()
    finally:
        await still.close()
        await others.close()
