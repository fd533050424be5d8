"""Accounts that are merged or closed while people are added to them: nobody is lost, on either database."""

import asyncio
import itertools

import pytest

from accounts.oauth_state import States
from accounts.providers import WayKind
from accounts.proving import Claim, Proving
from accounts.rights import Rights
from accounts.sessions import Sessions
from accounts.users import Users, Where
from adapters.sql.transaction import Database
from clinic.enrolment import Enrolment
from clinic.patient_holding import ConsentHolding, PatientHolding
from clinic.patients import PatientService
from core.actor import Actor
from core.clock import ManualClock
from core.ids import PatientId, UserId
from core.refusals import NotFound, StorageUnavailable
from realtime.tokens import HmacTokens
from server.accounts_parts import HOLDINGS
from tests.contract.patient_examples import IN_FORCE, ScriptedRecords, agree, body, units_of
from tests.contract.sql_examples import NOON
from tests.services.ways import FakeWays

PEOPLE = 4


class Town:
    def __init__(self, database: Database) -> None:
        clock = ManualClock(NOON)
        self.units = units_of(database, clock)
        self.fakes = FakeWays()
        self.codes = itertools.count()
        sessions = Sessions(
            units=self.units, clock=clock, tokens=HmacTokens([b"only for tests, and long enough."])
        )
        states = States(b"key", random=bytes)
        proving = Proving(units=self.units, clock=clock, ways=self.fakes.ways, states=states)
        holdings = (PatientHolding(), ConsentHolding())
        self.users = Users(
            units=self.units, clock=clock, sessions=sessions, proving=proving, holdings=holdings
        )
        self.rights = Rights(
            units=self.units, clock=clock, sessions=sessions, proving=proving, holdings=holdings
        )
        count = itertools.count(1)
        self.patients = PatientService(
            units=self.units,
            enrolment=Enrolment(units=self.units, records=ScriptedRecords(), clock=clock, in_force=IN_FORCE),
            clock=clock,
            random=lambda length: next(count).to_bytes(length, "big"),
            limit=20,
            in_force=IN_FORCE,
        )

    def claim(self, way: WayKind, who: str) -> Claim:
        fake = self.fakes.alipay_mini if way is WayKind.ALIPAY_MINI else self.fakes.wechat_mini
        return Claim(way, fake.knows(f"code-{next(self.codes)}", f"openid-of-{who}"))

    async def signs_in(self, way: WayKind, who: str) -> Actor:
        done = await self.users.sign_in(self.claim(way, who), Where())
        actor = done.opened.session.actor
        await agree(self.units, actor.id)
        return actor

    async def adds(self, actor: Actor, order: int) -> str | None:
        """Keep trying while the database is busy; ``None``: the account is gone."""
        while True:
            try:
                return (await self.patients.add(actor, body(order))).id
            except NotFound:
                return None
            except StorageUnavailable:
                await asyncio.sleep(0.01)

    async def links(self, actor: Actor, way: WayKind, who: str) -> None:
        while True:
            try:
                await self.users.link(actor, self.claim(way, who))
            except StorageUnavailable:
                await asyncio.sleep(0.01)
            else:
                return

    async def family(self, actor: Actor) -> set[str]:
        return {one.id for one in (await self.patients.all(actor)).patients}


@pytest.fixture
def town(database: Database) -> Town:
    return Town(database)


async def test_who_is_added_while_accounts_are_merged_is_in_the_one_that_stays(town: Town) -> None:
    mine = await town.signs_in(WayKind.WECHAT_MINI, "a")
    theirs = await town.signs_in(WayKind.ALIPAY_MINI, "a")
    before = {await town.adds(mine, 800), await town.adds(theirs, 801)}
    added = await asyncio.gather(
        *(town.adds(theirs, 810 + number) for number in range(PEOPLE)),
        town.links(mine, WayKind.ALIPAY_MINI, "a"),
        *(town.adds(mine, 820 + number) for number in range(PEOPLE)),
    )
    # Whoever moved between being added and being shown was answered "not found", and is there all the same.
    assert {one for one in (*before, *added) if one is not None} <= await town.family(mine)
    assert await town.family(theirs) == set()
    assert len([one for one in added[-PEOPLE:] if one is not None]) == PEOPLE


async def test_of_one_person_in_both_accounts_both_ids_go_on_answering(town: Town) -> None:
    mine = await town.signs_in(WayKind.WECHAT_MINI, "a")
    theirs = await town.signs_in(WayKind.ALIPAY_MINI, "a")
    ours, twin = await town.adds(mine, 800), await town.adds(theirs, 800)
    await town.links(mine, WayKind.ALIPAY_MINI, "a")
    assert ours is not None
    assert twin is not None
    assert await town.family(mine) == {ours}
    assert (await town.patients.one(mine, PatientId(twin))).id == ours
    # The entry that was taken in is erased with the account too.
    await town.rights.close(mine)
    async with town.units.read() as unit:
        for name in (ours, twin):
            assert await unit.patients.find(PatientId(name)) is None
        assert await unit.consents.ledger(UserId(mine.id)) != []


async def test_nobody_is_added_to_an_account_that_is_being_closed(town: Town) -> None:
    mine = await town.signs_in(WayKind.WECHAT_MINI, "a")
    await asyncio.gather(
        *(town.adds(mine, 810 + number) for number in range(PEOPLE)),
        town.rights.close(mine),
        *(town.adds(mine, 820 + number) for number in range(PEOPLE)),
    )
    assert await town.family(mine) == set()


def test_every_feature_takes_part_under_its_own_name() -> None:
    names = [holding.name for holding in HOLDINGS]
    assert len(names) == len(set(names))
    assert not {"account", "sessions", "exported_at"} & set(names)
