"""``audit.store`` on both databases and in memory: one chain over everybody who writes to it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from adapters.memory.audit import MemoryAuditStore
from adapters.sql import migrations
from adapters.sql.audit_store import SqlAuditStore
from adapters.sql.audit_tables import metadata
from adapters.sql.engine import open_plain_engine
from adapters.sql.transaction import Database
from audit.chain import Link, Tip, holds
from audit.head import HeadKind, a_head
from audit.record import Record
from audit.retention import KEPT_DAYS
from audit.store import AuditKeeper, AuditStore, HeadTaken
from core import limits
from core.refusals import StorageUnavailable
from tests.contract.test_sql_migrations import _differences, empty_url  # noqa: F401
from tests.services.mariadb import MariadbServer
from tests.unit.audit.chains import KEY, NOON, a_record_of, found_in, heads_of


@pytest.fixture
async def audit_database(audit_url: str) -> AsyncIterator[Database]:
    opened = Database.open(audit_url, busy_seconds=20)
    yield opened
    await opened.close()


@pytest.fixture(params=["memory", "sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def url_or_memory(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "memory" else request.getfixturevalue(f"{request.param}_audit_url")


@pytest.fixture
async def store(url_or_memory: str | None) -> AsyncIterator[AuditStore]:
    if url_or_memory is None:
        yield MemoryAuditStore()
        return
    opened = Database.open(url_or_memory, busy_seconds=20)
    yield SqlAuditStore(opened)
    await opened.close()


def some(first: int, last: int, *, at: datetime = NOON) -> list[Record]:
    return [a_record_of(number, at=at) for number in range(first, last + 1)]


async def everything(store: AuditStore, *, after: int = 0) -> list[Link]:
    return [link async for page in store.links(after=after) for link in page]


async def test_records_are_chained_in_their_order(store: AuditStore) -> None:
    assert await store.tip() == Tip()
    assert await store.first() == 1
    await store.append(some(1, 3))
    tip = await store.append(some(4, 5))
    assert tip == await store.tip()
    chain = await everything(store)
    assert [link.record for link in chain] == some(1, 5)
    assert found_in(chain, heads_of(chain, 5)) == []
    assert await everything(store, after=3) == chain[3:]
    assert await store.last_before(chain[3].record.at_us, after=0) == Tip(3, chain[2].hash)


async def test_many_writers_make_one_chain(store: AuditStore) -> None:
    await asyncio.gather(*(store.append(some(n, n + 2)) for n in range(1, 40)))
    chain = await everything(store)
    assert len(chain) == 39 * 3
    assert found_in(chain, heads_of(chain, len(chain))) == []


async def test_a_doubtful_batch_is_not_written_twice(store: AuditStore) -> None:
    tip = await store.append(some(1, 3))
    assert await store.append(some(1, 3), doubt=tip) == tip
    assert len(await everything(store)) == 3
    await store.append(some(4, 5), doubt=Tip(5, bytes(32)))
    assert len(await everything(store)) == 5


async def test_heads_are_numbered_once(store: AuditStore) -> None:
    await store.append(some(1, 3))
    chain = await everything(store)
    heads = heads_of(chain, 1, 3)
    assert await store.last_head() is None
    for head in heads:
        await store.keep_head(head)
    with pytest.raises(HeadTaken):
        await store.keep_head(heads[1])
    assert await store.heads() == heads
    assert await store.heads(after=1) == heads[1:]
    assert await store.last_head() == heads[1]


async def test_processes_take_turns(audit_url: str, audit_database: Database) -> None:
    command = [sys.executable, "-m", "tests.contract.audit_child", audit_url]
    writing = [await asyncio.create_subprocess_exec(*command, str(first)) for first in (1, 1000, 2000)]
    async with asyncio.timeout(60):
        assert [await process.wait() for process in writing] == [0, 0, 0]
    chain = await everything(SqlAuditStore(audit_database))
    assert len(chain) == 3 * 30 * 2
    assert found_in(chain, heads_of(chain, len(chain))) == []


def long_ago(days: float) -> datetime:
    """By the databases' own clocks, which their triggers ask."""
    return datetime.now(UTC) - timedelta(days=days)


async def _purge(store: AuditKeeper, chain: list[Link], first: int) -> int:
    last = chain[first - 2]
    day = (datetime.fromtimestamp(last.record.at_us / 1e6, tz=UTC)).date().isoformat()
    head = a_head(
        number=1,
        kind=HeadKind.PURGE,
        day=day,
        at_us=int(datetime.now(UTC).timestamp() * 1e6),
        first=first,
        tip=Tip(last.sequence, last.hash),
        key=KEY.id,
    )
    return await store.purge(KEY.signed(head), at_once=4)


async def test_what_is_older_than_half_a_year_may_be_taken_away(audit_database: Database) -> None:
    store = SqlAuditStore(audit_database)
    await store.append(some(1, 10, at=long_ago(KEPT_DAYS + 2)))
    await store.append(some(11, 12, at=long_ago(1)))
    chain = await everything(store)
    assert await _purge(store, chain, 11) == 10
    assert await store.first() == 11
    left = await everything(store)
    assert left == chain[10:]
    assert {each.what for each in found_in(left, await store.heads())} <= {"head_missing"}


async def test_the_database_itself_refuses_to_forget_what_is_younger(audit_database: Database) -> None:
    store = SqlAuditStore(audit_database)
    await store.append(some(1, 3, at=long_ago(KEPT_DAYS + 2)))
    await store.append(some(4, 6, at=long_ago(KEPT_DAYS - 1)))
    chain = await everything(store)
    with pytest.raises(Exception, match=r"only added to|storage_unavailable"):
        await _purge(store, chain, 6)
    assert await everything(store) == chain


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_record SET actor = 'somebody.else' WHERE sequence = 2",
        "DELETE FROM audit_record WHERE sequence = 3",
        "UPDATE audit_head SET count = 1",
        "DELETE FROM audit_head",
    ],
)
async def test_the_database_refuses_to_change_what_is_written(audit_url: str, statement: str) -> None:
    database = Database.open(audit_url, busy_seconds=20)
    store = SqlAuditStore(database)
    await store.append(some(1, 3, at=long_ago(1)))
    chain = await everything(store)
    await store.keep_head(heads_of(chain, 3)[0])
    engine = open_plain_engine(audit_url)
    with pytest.raises(Exception, match="only added to"):
        async with engine.begin() as connection:
            await connection.execute(text(statement))
    await engine.dispose()
    assert await everything(store) == chain
    assert all(holds(link) for link in chain)
    await database.close()


async def test_migrations_build_the_schema_of_the_log(empty_url: str) -> None:  # noqa: F811
    assert await migrations.current(empty_url, migrations.AUDIT) is None
    await migrations.upgrade(empty_url, migrations.AUDIT)
    assert await migrations.upgrade(empty_url, migrations.AUDIT) == migrations.head(migrations.AUDIT)
    engine = open_plain_engine(empty_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences, metadata, "audit_version") == []
    await engine.dispose()


async def test_the_log_may_share_the_platforms_database(sqlite_database_url: str) -> None:
    await migrations.upgrade(sqlite_database_url, migrations.AUDIT)
    assert await migrations.current(sqlite_database_url) == migrations.head()
    assert await migrations.current(sqlite_database_url, migrations.AUDIT) == migrations.head(
        migrations.AUDIT
    )


async def test_a_locked_log_cannot_be_written(sqlite_audit_url: str) -> None:
    holder, waiter = Database.open(sqlite_audit_url), Database.open(sqlite_audit_url, busy_seconds=0.1)
    async with holder.write() as transaction:
        await transaction.send()
        for attempt in (SqlAuditStore(waiter).answers(), SqlAuditStore(waiter).append(some(1, 1))):
            with pytest.raises(StorageUnavailable):
                await attempt
    await SqlAuditStore(waiter).append(some(1, 1))
    await holder.close()
    await waiter.close()
    assert limits.AUDIT_BUSY_SECONDS < limits.HTTP_ANSWER_SECONDS


@pytest.mark.mariadb
async def test_a_user_who_may_only_add_and_read_is_enough(
    mariadb_server: MariadbServer, mariadb_audit_url: str
) -> None:
    """The GRANTs of docs/audit.md."""
    name = mariadb_audit_url.rpartition("/")[2].partition("?")[0]
    mariadb_server.execute(
        "CREATE OR REPLACE USER adder@'127.0.0.1' IDENTIFIED BY 'x'",
        f"GRANT SELECT, INSERT ON {name}.* TO adder@'127.0.0.1'",
        f"GRANT UPDATE ON {name}.audit_turn TO adder@'127.0.0.1'",
    )
    url = mariadb_audit_url.replace("root@", "adder:x@")
    database = Database.open(url, busy_seconds=20)
    store = SqlAuditStore(database)
    await store.answers()
    await store.append(some(1, 3, at=long_ago(KEPT_DAYS + 9)))
    chain = await everything(store)
    await store.keep_head(heads_of(chain, 3)[0])
    assert await migrations.current(url, migrations.AUDIT) == migrations.head(migrations.AUDIT)
    engine = open_plain_engine(url)
    for statement in (
        "DELETE FROM audit_record",
        "UPDATE audit_record SET code = 'x'",
        "TRUNCATE audit_record",
    ):
        with pytest.raises(Exception, match="denied"):
            async with engine.begin() as connection:
                await connection.execute(text(statement))
    await engine.dispose()
    await database.close()
