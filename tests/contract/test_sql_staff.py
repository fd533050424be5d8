"""``accounts.staff_store`` on both databases: what is kept comes back, and of several at once one wins."""

import asyncio
import os
from dataclasses import replace
from datetime import timedelta

import pytest

from accounts import lockout, staff
from accounts.credentials import Credentials, Link, link_digest
from accounts.lockout import TooManyTries, TriedAt, Tries
from accounts.staff import NumberIsTaken, StaffAccount, StaffState
from accounts.totp import new_recovery_codes, recovery_digest
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.actor import ADMINS, Role
from core.clock import ManualClock
from core.ids import LineId, StaffId
from tests.contract.sql_examples import NOON
from tests.unit.crypto.rings import a_sealing

SEVEN = StaffId("0007")
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
KEY = TriedAt.PASSWORD.key(SEVEN)


@pytest.fixture
def units(database: Database) -> SqlUnits:
    return SqlUnits(database, clock=ManualClock(NOON), nudge=MemoryNudge(), sealing=a_sealing())


def account(number: str, role: Role = Role.NURSE, *, lines: tuple[str, ...] = ()) -> StaffAccount:
    first = staff.first_administrator(number=StaffId(number), name="𠮷某某", at=NOON)
    return replace(first, role=role, lines=frozenset(map(LineId, lines)), state=StaffState.ACTIVE)


async def add(units: SqlUnits, *accounts: StaffAccount) -> None:
    async with units.begin() as unit:
        for one in accounts:
            await unit.staff.add(one)
        await unit.commit()


async def test_accounts_come_back_as_they_were(units: SqlUnits) -> None:
    nurse = account("0007", lines=("L2", "L1"))
    await add(units, nurse)
    changed = replace(
        nurse,
        role=Role.CASHIER,
        lines=frozenset(),
        state=StaffState.LOCKED,
        granted=False,
        changed_at=NOON + timedelta(seconds=1),
        signed_in_at=NOON + timedelta(microseconds=7),
    )
    async with units.begin() as unit:
        assert await unit.staff.find(SEVEN) == nurse
        assert await unit.staff.find(StaffId("0008")) is None
        unit.staff.keep(changed)
        await unit.commit()
    async with units.read() as unit:
        assert await unit.staff.find(SEVEN) == changed


async def test_a_number_is_given_once_even_to_two_at_once(units: SqlUnits) -> None:
    done = await asyncio.gather(*(add(units, account("0007")) for _ in range(4)), return_exceptions=True)
    assert sum(each is None for each in done) == 1
    assert sum(isinstance(each, NumberIsTaken) for each in done) == 3


async def test_lists_are_by_number_and_administrators_are_those_not_closed(units: SqlUnits) -> None:
    several = [account(str(number), role) for number, role in enumerate(sorted([*ADMINS, Role.NURSE]))]
    gone = replace(account("9", Role.SYSTEM_ADMIN), state=StaffState.CLOSED)
    await add(units, *several, gone)
    async with units.read() as unit:
        assert list(await unit.staff.all(after=None, limit=99)) == [*several, gone]
        assert list(await unit.staff.all(after=StaffId("1"), limit=2)) == several[2:4]
        found = await unit.staff.administrators()
        assert list(found.accounts) == [one for one in several if one.role in ADMINS]


async def test_two_administrators_cannot_close_each_other_at_once(units: SqlUnits) -> None:
    both = [account("1", Role.SYSTEM_ADMIN), account("2", Role.SYSTEM_ADMIN)]
    await add(units, *both)

    async def close(by: StaffAccount, other: StaffAccount) -> None:
        async with units.begin() as unit:
            among = await unit.staff.administrators()
            found = await unit.staff.find(other.number)
            assert found is not None
            unit.staff.keep(staff.closed(by.actor, found, among=among, at=NOON))
            await unit.commit()

    done = await asyncio.gather(close(*both), close(*both[::-1]), return_exceptions=True)
    async with units.read() as unit:
        assert len((await unit.staff.administrators()).accounts) == 1
    assert sum(each is None for each in done) == 1


async def test_credentials_come_back_and_nothing_of_them_can_be_read(
    units: SqlUnits, database: Database
) -> None:
    plain = Credentials(password="$argon2id$v=19$…", set_at=NOON)
    enrolled = replace(
        plain.with_password("$second", at=NOON + timedelta(days=1)),
        secret=SECRET,
        enrolled_at=NOON,
        used_step=57_000_000,
        answered_at=NOON + timedelta(seconds=1),
    )
    for credentials in (plain, enrolled):
        async with units.begin() as unit:
            unit.credentials.keep(SEVEN, credentials)
            await unit.commit()
        async with units.read() as unit:
            assert await unit.credentials.find(SEVEN) == credentials
    from sqlalchemy import select

    from adapters.sql.staff_tables import staff_credential

    async with database.read() as transaction:
        row = await transaction.rows(select(staff_credential))
    assert SECRET not in str(row)
    async with units.begin() as unit:
        unit.credentials.drop(SEVEN)
        await unit.commit()
    async with units.read() as unit:
        assert await unit.credentials.find(SEVEN) is None


async def test_a_recovery_code_is_used_once_even_by_several_at_once(units: SqlUnits) -> None:
    codes = new_recovery_codes(os.urandom)
    digests = [recovery_digest(code, number=SEVEN) for code in codes]
    async with units.begin() as unit:
        unit.credentials.renew_recovery(SEVEN, digests)
        await unit.commit()

    async def use(number: str) -> bool:
        async with units.begin() as unit:
            used = await unit.credentials.use_recovery(StaffId(number), digests[3])
            await unit.commit()
            return used

    assert await use("0008") is False
    assert sorted(await asyncio.gather(*(use(SEVEN) for _ in range(5)))) == [False] * 4 + [True]
    async with units.begin() as unit:
        assert await unit.credentials.recovery_left(SEVEN) == 9
        unit.credentials.renew_recovery(SEVEN, digests[:2])
        assert await unit.credentials.recovery_left(SEVEN) == 2


async def test_a_link_ends_the_ones_before_it(units: SqlUnits) -> None:
    def link(token: str, number: StaffId | None, hours: int = 1) -> Link:
        return Link(link_digest(token), number, NOON, NOON + timedelta(hours=hours))

    async with units.begin() as unit:
        assert await unit.credentials.set_up_until() is None
        for each in (link("a", SEVEN), link("b", SEVEN), link("c", None), link("d", None, 2)):
            unit.credentials.offer(each)
        await unit.commit()
    async with units.begin() as unit:
        found = {token: await unit.credentials.link(link_digest(token)) for token in "abcde"}
        assert [token for token, each in found.items() if each is not None] == ["b", "d"]
        assert found["b"] == link("b", SEVEN)
        assert found["d"] == link("d", None, 2)
        assert await unit.credentials.set_up_until() == NOON + timedelta(hours=2)
        unit.credentials.withdraw(None)
        await unit.commit()
    async with units.begin() as unit:
        unit.credentials.forget_links(before=NOON + timedelta(hours=1))
        await unit.commit()
    async with units.read() as unit:
        assert await unit.credentials.link(link_digest("d")) is None
        assert await unit.credentials.link(link_digest("b")) is not None


async def a_try(units: SqlUnits, *, wrong: bool = True) -> bool:
    """Whether it was judged at all."""
    other = TriedAt.ADDRESS.key("10.0.0.1")
    async with units.begin() as unit:
        tries = await unit.tries.take([KEY, other], at=NOON)
        try:
            unit.tries.keep(KEY, lockout.counted(tries[KEY], TriedAt.PASSWORD, at=NOON))
        except TooManyTries:
            return False
        await unit.commit()
    if not wrong:
        async with units.begin() as unit:
            tries = await unit.tries.take([KEY], at=NOON)
            unit.tries.keep(KEY, lockout.forgiven(tries[KEY], TriedAt.PASSWORD))
            await unit.commit()
    return True


async def test_of_many_tries_at_once_no_more_are_judged_than_may_be(units: SqlUnits) -> None:
    judged = await asyncio.gather(*(a_try(units) for _ in range(12)))
    assert sum(judged) == limits.STAFF_TRIES
    async with units.begin() as unit:
        tries = (await unit.tries.take([KEY], at=NOON))[KEY]
    assert tries is not None
    assert tries.failed == limits.STAFF_TRIES
    assert tries.locked_until == NOON + timedelta(seconds=limits.STAFF_LOCK_SECONDS)


async def test_right_tries_leave_nothing(units: SqlUnits) -> None:
    for _ in range(limits.STAFF_TRIES + 2):
        assert await a_try(units, wrong=False)
    async with units.begin() as unit:
        assert await unit.tries.take([KEY], at=NOON) == {KEY: None}


async def test_tries_of_long_ago_are_dropped(units: SqlUnits) -> None:
    await a_try(units)
    async with units.begin() as unit:
        unit.tries.forget(before=NOON)
        assert (await unit.tries.take([KEY], at=NOON))[KEY] == Tries(1, NOON)
        unit.tries.forget(before=NOON + timedelta(seconds=1))
        assert (await unit.tries.take([KEY], at=NOON))[KEY] is None
