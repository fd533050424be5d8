"""``HisLink`` over SQL keeps what it promises, on SQLite and on MariaDB."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.his.registry import open_his
from front_machine.his import HisBroken, HisLink, HisTrouble, HisUnavailable, OutcomeUnknown, Question
from front_machine.settings import His
from tests.services.mariadb import MariadbServer

TABLES = (
    "CREATE TABLE PD (DL CHAR(8), XM VARBINARY(40), XH DECIMAL(6, 1))",
    "CREATE TABLE SQ (K VARCHAR(64) PRIMARY KEY, V VARCHAR(64))",
)
ROW = "INSERT INTO PD VALUES ('L1', X'D5C5C8FD', 1.5)"


def settings(url: str, **link: Any) -> His:
    return His(reply_seconds=1.0, link={"url": url, "threads": 2, **link})


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    file = tmp_path / "his.db"
    database = sqlite3.connect(file)
    with database:
        for statement in (*TABLES, ROW):
            database.execute(statement)
    database.close()
    return f"sqlite:///{file}"


@pytest.fixture
def mariadb_url(mariadb_server: MariadbServer) -> Iterator[str]:
    mariadb_server.ensure_running()
    name = mariadb_server.create_database()
    mariadb_server.execute(f"USE {name}", *TABLES, ROW)
    yield mariadb_server.url(name).replace("aiomysql", "pymysql")
    mariadb_server.ensure_running()
    mariadb_server.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def url(request: pytest.FixtureRequest) -> str:
    given: str = request.getfixturevalue(f"{request.param}_url")
    return given


@pytest.fixture
async def link(url: str) -> AsyncIterator[HisLink]:
    made = open_his(settings(url))
    yield made
    await made.close()


async def asked(link: HisLink, query: str, **parameters: object) -> list[tuple[object, ...]]:
    return [tuple(row) for row in (await link.ask([Question("q", query, parameters)]))[0].rows]


async def test_questions_are_answered_with_columns_and_rows(link: HisLink) -> None:
    answers = await link.ask(
        [
            Question("a", "SELECT DL, XM FROM PD", {"day": "L1"}),
            Question("b", "SELECT COUNT(*) AS N FROM PD WHERE DL = :day", {"day": "L1", "now": "unused"}),
        ]
    )
    assert [answer.columns for answer in answers] == [("DL", "XM"), ("N",)]
    assert [list(answer.rows) for answer in answers] == [[("L1", b"\xd5\xc5\xc8\xfd")], [(1,)]]


@pytest.mark.parametrize("query", ["SELECT * FROM NOSUCH", "SELECT NOSUCH FROM PD", "SELEC 1"])
async def test_a_question_it_cannot_answer_is_broken_not_away(link: HisLink, query: str) -> None:
    with pytest.raises(HisBroken):
        await asked(link, query)


async def test_reading_connections_do_not_write(link: HisLink) -> None:
    with pytest.raises(HisTrouble):
        await asked(link, "DELETE FROM PD")
    assert len(await asked(link, "SELECT DL FROM PD")) == 1


async def test_a_repeated_key_is_told_once(link: HisLink) -> None:
    for value in ("first", "second"):
        await link.tell(Question("t", "INSERT INTO SQ VALUES (:key, :visit)", {"key": "k", "visit": value}))
    assert await asked(link, "SELECT K, V FROM SQ") == [("k", "first")]


async def test_troubles_never_quote_a_value(link: HisLink) -> None:
    with pytest.raises(HisTrouble) as trouble:
        await asked(link, "SELECT * FROM NOSUCH WHERE V = :visit", visit="张三丰")
    told = repr(trouble.value) + repr(trouble.value.__cause__) + str(trouble.value)
    assert "张三丰" not in told
    assert trouble.value.__suppress_context__


async def test_callers_beyond_the_bound_are_refused_at_once(
    link: HisLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.limits.HIS_CALLERS_WAITING", 2)
    answers = await asyncio.gather(
        *(asked(link, "SELECT DL FROM PD") for _ in range(12)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, HisUnavailable)]
    assert len(refused) == 8
    assert {str(one) for one in refused} == {"busy"}
    assert len(await asked(link, "SELECT DL FROM PD")) == 1


@pytest.mark.mariadb
async def test_a_stalled_server_is_given_up_and_used_again(
    mariadb_server: MariadbServer, mariadb_url: str
) -> None:
    link = open_his(settings(mariadb_url))
    assert len(await asked(link, "SELECT DL FROM PD")) == 1
    mariadb_server.pause()
    try:
        with pytest.raises(HisUnavailable):
            await asked(link, "SELECT DL FROM PD")
        with pytest.raises((OutcomeUnknown, HisUnavailable)):
            await link.tell(Question("t", "INSERT INTO SQ VALUES ('x', 'y')"))
    finally:
        mariadb_server.resume()
    async with asyncio.timeout(60):
        while True:
            try:
                assert len(await asked(link, "SELECT DL FROM PD")) == 1
                break
            except HisUnavailable:
                await asyncio.sleep(0.2)
    await link.close()


@pytest.mark.mariadb
async def test_a_server_that_died_is_away_and_found_again(
    mariadb_server: MariadbServer, mariadb_url: str
) -> None:
    link = open_his(settings(mariadb_url))
    assert len(await asked(link, "SELECT DL FROM PD")) == 1
    mariadb_server.kill()
    with pytest.raises(HisUnavailable):
        await asked(link, "SELECT DL FROM PD")
    mariadb_server.ensure_running()
    assert len(await asked(link, "SELECT DL FROM PD")) == 1
    await link.close()


@pytest.mark.mariadb
async def test_wrong_credentials_are_away_not_a_crash(mariadb_url: str) -> None:
    link = open_his(settings(mariadb_url.replace("root@", "nobody:wrong@")))
    with pytest.raises(HisTrouble):
        await asked(link, "SELECT 1")
    await link.close()
