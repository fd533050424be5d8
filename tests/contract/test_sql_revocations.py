"""``realtime.revocations.RevocationStore`` on both databases."""

import asyncio
from datetime import timedelta

import pytest

from adapters.memory.nudge import MemoryNudge
from adapters.sql.outbox import SqlOutbox
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.actor import Actor, Role
from core.clock import ManualClock
from core.refusals import BadInput
from realtime.control import CHANNEL
from realtime.revocations import Of, Revocation
from realtime.revoking import Revoking
from tests.contract.sql_examples import NOON

ADMIN = Actor(id="admin.1", role=Role.SECURITY_ADMIN)
SECOND = timedelta(seconds=1)


@pytest.fixture
def units(database: Database) -> SqlUnits:
    return SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge())


def user(name: str, seconds: float = 0.0) -> Revocation:
    return Revocation(Of.USER, name, NOON + timedelta(seconds=seconds))


async def keep(units: SqlUnits, *revocations: Revocation) -> None:
    async with units.begin() as unit:
        for revocation in revocations:
            unit.revocations.keep(revocation, by=ADMIN.id, at=NOON)
        await unit.commit()


async def live(units: SqlUnits, *, at: timedelta = timedelta(), limit: int = 100) -> list[Revocation]:
    found: list[Revocation] = []
    after = ("", "")
    async with units.read() as unit:
        while page := await unit.revocations.live(at=NOON + at, after=after, limit=limit):
            found += page
            after = (page[-1].of.value, page[-1].name)
    return found


async def test_they_come_back_in_pages(units: SqlUnits) -> None:
    token = Revocation(Of.TOKEN, "01JD", NOON + timedelta(microseconds=1))
    # Ids differ by case: the columns compare byte by byte.
    several = [token, user("A"), user("a"), user("b@c.d"), user("x" * 128)]
    await keep(units, *several)
    for limit in (1, 2, 5, 100):
        assert await live(units, limit=limit) == several


async def test_the_later_moment_counts_in_whatever_order_they_come(units: SqlUnits) -> None:
    await keep(units, user("u", 5))
    await keep(units, user("u", 2))
    assert await live(units) == [user("u", 5)]
    await keep(units, user("u", 9), Revocation(Of.TOKEN, "u", NOON))
    assert await live(units) == [Revocation(Of.TOKEN, "u", NOON), user("u", 9)]


async def test_many_at_once_leave_the_latest(units: SqlUnits) -> None:
    await asyncio.gather(*(keep(units, user("u", number)) for number in range(6)))
    assert await live(units) == [user("u", 5)]


async def test_they_are_kept_until_the_last_token_has_ended(units: SqlUnits) -> None:
    await keep(units, user("early"), user("late", 10))
    lifetime = timedelta(seconds=limits.TOKEN_SECONDS)
    assert len(await live(units, at=lifetime - SECOND)) == 2
    assert await live(units, at=lifetime) == [user("late", 10)]
    async with units.begin() as unit:
        unit.revocations.forget(at=NOON + lifetime)
        await unit.commit()
    assert await live(units) == [user("late", 10)]


async def test_what_is_not_committed_neither_counts_nor_is_told(database: Database, units: SqlUnits) -> None:
    async with units.begin() as unit:
        unit.revocations.keep(user("u"), by=ADMIN.id, at=NOON)
    assert await live(units) == []
    done: list[Revocation] = []
    revoking = Revoking(units=units, clock=ManualClock(NOON), take_back=done.extend)
    with pytest.raises(BadInput):
        await revoking.user(ADMIN, "u", issued_before=NOON + SECOND)
    assert await SqlOutbox(database).waiting(after=0, limit=9) == []
    await revoking.user(ADMIN, "u", issued_before=NOON - SECOND)
    await revoking.token(ADMIN, "01JD")
    assert done == [user("u", -1), Revocation(Of.TOKEN, "01JD", NOON)]
    assert await live(units) == done[::-1]
    told = await SqlOutbox(database).waiting(after=0, limit=9)
    assert [each.outgoing.channel for each in told] == [CHANNEL, CHANNEL]
