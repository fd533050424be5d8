"""``core.replays.Replays`` on both databases: the same key gets the first answer, and only it."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from adapters.sql import tables
from adapters.sql.idempotency import SqlReplays
from adapters.sql.transaction import Database
from core import limits
from core.replays import Kept, KeyInFlight, KeyReused
from tests.contract.sql_examples import NOON
from tests.unit.crypto.rings import a_sealing

ANSWER = Kept(status=201, body=b'{"ticket":"A018","name":"\xe5\xbc\xa0*"}')


@pytest.fixture
def replays(database: Database) -> SqlReplays:
    return SqlReplays(database, a_sealing())


async def claim(
    replays: SqlReplays, *, after: float = 0, body: bytes = b"body", key: str = "k"
) -> Kept | None:
    at = NOON + timedelta(seconds=after)
    return await replays.claim(scope="nurse-1 POST /v1/…", key=key, fingerprint=body, at=at)


async def test_a_repeated_request_gets_the_first_answer(replays: SqlReplays) -> None:
    assert await claim(replays) is None
    with pytest.raises(KeyInFlight):
        await claim(replays)
    await replays.keep(scope="nurse-1 POST /v1/…", key="k", kept=ANSWER)
    assert await claim(replays, after=3600) == ANSWER
    assert await claim(replays, key="another") is None


async def test_the_same_key_with_another_body_is_refused(replays: SqlReplays) -> None:
    await claim(replays)
    with pytest.raises(KeyReused):
        await claim(replays, body=b"other")
    await replays.keep(scope="nurse-1 POST /v1/…", key="k", kept=ANSWER)
    with pytest.raises(KeyReused):
        await claim(replays, body=b"other")


async def test_a_released_key_may_be_claimed_again_but_an_answer_stays(replays: SqlReplays) -> None:
    await claim(replays)
    await replays.release(scope="nurse-1 POST /v1/…", key="k")
    assert await claim(replays, body=b"corrected") is None
    await replays.keep(scope="nurse-1 POST /v1/…", key="k", kept=ANSWER)
    await replays.release(scope="nurse-1 POST /v1/…", key="k")
    assert await claim(replays, body=b"corrected") == ANSWER


async def test_of_many_who_claim_at_once_one_owns_the_key(replays: SqlReplays) -> None:
    answers = await asyncio.gather(*[claim(replays) for _ in range(6)], return_exceptions=True)
    assert answers.count(None) == 1
    assert sum(isinstance(answer, KeyInFlight) for answer in answers) == 5


async def test_the_claim_of_a_dead_process_runs_out_and_so_does_an_answer(replays: SqlReplays) -> None:
    await claim(replays)
    assert await claim(replays, after=limits.REPLAY_CLAIM_SECONDS + 1) is None
    await replays.keep(scope="nurse-1 POST /v1/…", key="k", kept=ANSWER)
    day = limits.REPLAY_KEPT_SECONDS
    assert await claim(replays, after=day) == ANSWER
    assert await replays.forget(at=NOON + timedelta(seconds=day)) == 0
    assert await replays.forget(at=NOON + timedelta(seconds=2 * day)) == 1
    assert await claim(replays) is None


async def test_neither_request_nor_answer_lies_open(replays: SqlReplays, database: Database) -> None:
    fingerprint = b"f" * 32
    await claim(replays, body=fingerprint)
    await replays.keep(scope="nurse-1 POST /v1/…", key="k", kept=ANSWER)
    async with database.read() as transaction:
        row = await transaction.row(select(tables.replay))
    assert row is not None
    assert not any(
        secret in bytes(value) for secret in (b"ticket", fingerprint) for value in (row[1], row[3])
    )
