"""The log's database is cut off, locked or slow: each record is there once, in a good chain, afterwards."""

import asyncio
import contextlib
import random
from pathlib import Path

import pytest

from adapters.sql.audit_store import SqlAuditStore
from adapters.sql.transaction import Database
from audit.log import AuditLog, AuditUnavailable, DoneNotRecorded
from audit.record import Record
from core import limits
from core.clock import SystemClock
from tests.services.mariadb import MariadbServer
from tests.services.proxy import Path as Network
from tests.unit.audit.chains import a_record_of, found_in, heads_of


async def kept(url: str) -> list[Record]:
    """What is in the log, and that its chain is good."""
    database = Database.open(url, busy_seconds=20)
    chain = [link async for page in SqlAuditStore(database).links() for link in page]
    await database.close()
    assert found_in(chain, heads_of(chain, len(chain))) == []
    return [link.record for link in chain]


async def writes(log: AuditLog, record: Record) -> None:
    with contextlib.suppress(DoneNotRecorded):
        await log.write(record)


@pytest.mark.mariadb
async def test_a_network_that_breaks_loses_no_record_and_doubles_none(
    mariadb_server: MariadbServer, mariadb_audit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AUDIT_RETRY_SECONDS", 0.01)
    chance = random.Random(7)
    async with Network(mariadb_server.port) as network:
        url = mariadb_audit_url.replace(f":{mariadb_server.port}/", f":{network.port}/")
        databases = [Database.open(url, connections=2) for _ in range(2)]
        logs = [AuditLog(SqlAuditStore(each), clock=SystemClock()) for each in databases]
        for log in logs:
            log.start()
        records = [a_record_of(number) for number in range(400)]
        async with asyncio.TaskGroup() as writers:
            for number, record in enumerate(records):
                writers.create_task(writes(logs[number % 2], record))
                if chance.random() < 0.1:
                    await asyncio.sleep(chance.random() * 0.02)
                    network.cut()
        async with asyncio.timeout(60):
            while any(log.backlog for log in logs):
                await asyncio.sleep(0.02)
        for log, database in zip(logs, databases, strict=True):
            await log.close()
            await database.close()
    found = await kept(mariadb_audit_url)
    assert sorted(record.object for record in found) == sorted(record.object for record in records)
    assert sum(log.failures for log in logs) > 0


async def test_a_locked_file_stops_what_needs_the_log_until_it_is_free(
    sqlite_audit_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AUDIT_RETRY_SECONDS", 0.02)
    database, other = Database.open(sqlite_audit_url, busy_seconds=0.1), Database.open(sqlite_audit_url)
    log = AuditLog(SqlAuditStore(database), clock=SystemClock())
    log.start()
    await log.ready()
    await log.write(a_record_of(1))
    async with other.write() as transaction:
        await transaction.send()
        with pytest.raises(DoneNotRecorded):
            await log.write(a_record_of(2))
        with pytest.raises(AuditUnavailable):
            await log.ready()
        log.note(a_record_of(3))
    async with asyncio.timeout(30):
        while log.failing:
            await asyncio.sleep(0.02)
    await log.ready()
    await log.close()
    await database.close()
    await other.close()
    assert await kept(sqlite_audit_url) == [a_record_of(number) for number in (1, 2, 3)]


async def test_what_waits_is_written_before_the_process_ends(sqlite_audit_url: str) -> None:
    database = Database.open(sqlite_audit_url)
    log = AuditLog(SqlAuditStore(database), clock=SystemClock())
    log.start()
    for number in range(1_200):
        log.note(a_record_of(number))
    await log.close()
    await database.close()
    assert len(await kept(sqlite_audit_url)) == 1_200


async def test_a_log_that_never_comes_back_does_not_keep_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AUDIT_CLOSE_SECONDS", 0.05)
    (tmp_path / "audit.db").mkdir()
    database = Database.open(f"sqlite:///{tmp_path / 'audit.db'}", busy_seconds=0.05)
    log = AuditLog(SqlAuditStore(database), clock=SystemClock())
    log.start()
    log.note(a_record_of(1))
    with pytest.raises(AuditUnavailable):
        await log.ready()
    await log.close()
    assert log.backlog == 1
    await database.close()
