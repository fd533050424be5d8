"""Sessions on both databases: the use cases over the real store."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from accounts.session import Ending, RefreshTokenUnknown, Session, SessionBounds, SessionOver
from accounts.sessions import NoSession, Opened, Sessions
from adapters.memory.nudge import MemoryNudge
from adapters.sql.outbox import SqlOutbox
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.actor import Actor, Role
from core.clock import ManualClock
from core.ids import LineId, SessionId
from core.refusals import NotFound
from realtime.control import CHANNEL
from realtime.revocations import Of, Revocation, Revoked
from realtime.tokens import HmacTokens
from server.accounts_parts import account_forgetting
from tests.contract.sql_examples import NOON

TOKENS = HmacTokens([b"only for tests, and long enough."])
PERSON = Actor(id="01JDPERSON", role=Role.PATIENT)
NURSE = Actor(id="nurse.0007", role=Role.NURSE, lines=frozenset({LineId("L1"), LineId("L2")}))
BOUNDS = SessionBounds(idle=timedelta(hours=1), absolute=timedelta(hours=12))
SECOND = timedelta(seconds=1)


class House:
    """One process: its clock, its sessions, and what it knows to be taken back."""

    def __init__(self, database: Database) -> None:
        self.clock = ManualClock(NOON)
        self.units = SqlUnits(database, clock=self.clock, nudge=MemoryNudge())
        self.revoked = Revoked()
        self.sessions = Sessions(
            units=self.units,
            clock=self.clock,
            tokens=TOKENS,
            take_back=self.revoked.learn,
            most_per_user=3,
        )

    async def opens(self, actor: Actor = PERSON, *, device: str = "iPhone") -> Opened:
        async with self.units.begin() as unit:
            opened = await self.sessions.open(
                unit, actor, bounds=BOUNDS, device=device, address="203.0.113.7", at=self.clock.now()
            )
            await unit.commit()
        return opened

    def actor(self, opened: Opened) -> Actor:
        identity = TOKENS.verify(opened.access_token, at=self.clock.now())
        return identity.actor

    def is_refused(self, opened: Opened) -> bool:
        return TOKENS.verify(opened.access_token, at=NOON) in self.revoked

    async def found(self, opened: Opened) -> Session:
        async with self.units.read() as unit:
            found = await unit.sessions.find(opened.session.id)
        assert found is not None
        return found


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


async def test_what_is_kept_comes_back_as_it_was(house: House) -> None:
    for actor in (PERSON, NURSE):
        opened = await house.opens(actor)
        assert await house.found(opened) == opened.session
        assert house.actor(opened) == actor
        assert house.actor(opened).session == opened.session.id


async def test_a_session_is_renewed_from_the_database_alone(house: House, database: Database) -> None:
    opened = await house.opens()
    token = opened.refresh_token
    for _ in range(3):
        house.clock.advance(timedelta(minutes=40))
        # Another process, which has never heard of the session.
        other = House(database)
        other.clock.advance(house.clock.now() - NOON)
        renewed = await other.sessions.renew(token)
        assert other.actor(renewed) == PERSON
        assert renewed.session.last_used_at == house.clock.now()
        token = renewed.refresh_token
    with pytest.raises(RefreshTokenUnknown):
        await house.sessions.renew("0" * 26 + token[26:])


async def test_two_pages_that_renew_at_once_get_the_same_token(house: House) -> None:
    opened = await house.opens()
    both = await asyncio.gather(*(house.sessions.renew(opened.refresh_token) for _ in range(4)))
    assert len({each.refresh_token for each in both}) == 1
    await house.sessions.renew(both[0].refresh_token)


async def test_the_second_holder_of_a_token_ends_the_session(house: House, database: Database) -> None:
    opened = await house.opens()
    first = await house.sessions.renew(opened.refresh_token)
    house.clock.advance(timedelta(seconds=limits.REFRESH_GRACE_SECONDS))
    with pytest.raises(SessionOver) as over:
        await house.sessions.renew(opened.refresh_token)
    assert over.value.facts == {"why": "token_reused"}
    assert house.is_refused(first)
    with pytest.raises(SessionOver):
        await house.sessions.renew(first.refresh_token)
    assert (await house.found(opened)).ending is Ending.TOKEN_REUSED
    [told] = await SqlOutbox(database).waiting(after=0, limit=9)
    assert told.outgoing.channel == CHANNEL


async def test_the_list_is_the_callers_own_and_live(house: House) -> None:
    mine, over = await house.opens(), await house.opens()
    theirs = await house.opens(NURSE)
    me = house.actor(mine)
    await house.sessions.end(me, over.session.id)
    assert [one.id for one in await house.sessions.of(me)] == [mine.session.id]
    for foreign in (theirs.session.id, over.session.id, SessionId("0" * 26)):
        with pytest.raises(NotFound):
            await house.sessions.end(me, foreign)
    assert (await house.found(theirs)).ended_at is None
    assert (await house.found(over)).ending is Ending.FROM_ANOTHER_DEVICE
    house.clock.advance(BOUNDS.idle)
    assert await house.sessions.of(me) == []


async def test_signing_out_takes_back_what_the_device_has(house: House) -> None:
    opened = await house.opens()
    me = house.actor(opened)
    connected = await house.sessions.socket_token(me)
    identity = TOKENS.verify(connected.token, at=NOON)
    assert identity.socket_only
    await house.sessions.end_own(me)
    assert house.is_refused(opened)
    assert identity in house.revoked
    with pytest.raises(SessionOver):
        await house.sessions.socket_token(me)
    with pytest.raises(SessionOver):
        await house.sessions.renew(opened.refresh_token)
    with pytest.raises(NoSession):
        await house.sessions.end_own(PERSON)


@pytest.mark.parametrize("but_this", [False, True])
async def test_everywhere_is_everywhere(house: House, *, but_this: bool) -> None:
    here, there, elsewhere = await house.opens(), await house.opens(), await house.opens(NURSE)
    ended = await house.sessions.end_all(house.actor(here), but_this=but_this)
    assert ended == (1 if but_this else 2)
    assert house.is_refused(there)
    assert house.is_refused(here) is not but_this
    assert not house.is_refused(elsewhere)


async def test_one_more_than_there_may_be_ends_the_oldest(house: House) -> None:
    several: list[Opened] = []
    for _ in range(5):
        several.append(await house.opens())
        house.clock.advance(SECOND)
    alive = [one.id for one in await house.sessions.of(PERSON)]
    assert alive == [one.session.id for one in several[2:]]
    assert (await house.found(several[0])).ending is Ending.TOO_MANY


async def test_endings_are_remembered_as_long_as_a_token_can_live_and_no_longer(house: House) -> None:
    opened = await house.opens()
    await house.sessions.end_all(PERSON)
    assert await live(house) == [
        Revocation(Of.TOKEN, opened.session.id, NOON, timedelta(seconds=limits.SESSION_REVOCATION_SECONDS))
    ]
    house.clock.advance(timedelta(seconds=limits.SESSION_REVOCATION_SECONDS))
    assert await live(house) == []
    house.revoked.forget(at=house.clock.now())
    assert len(house.revoked) == 0


async def live(house: House) -> Sequence[Revocation]:
    async with house.units.read() as unit:
        return await unit.revocations.live(at=house.clock.now(), after=("", ""), limit=10)


async def test_pages_of_all_that_are_live(house: House) -> None:
    several = []
    for actor in (PERSON, NURSE, PERSON):
        several.append((await house.opens(actor)).session.id)
        house.clock.advance(SECOND)
    async with house.units.read() as unit:
        first = await unit.sessions.live(set(Role), at=house.clock.now(), after=None, limit=2)
        rest = await unit.sessions.live(set(Role), at=house.clock.now(), after=first[-1].id, limit=2)
    assert [one.id for one in (*first, *rest)] == several


async def test_what_was_over_long_ago_is_forgotten(house: House) -> None:
    opened = await house.opens()
    forget = account_forgetting(house.units, house.clock)
    house.clock.advance(BOUNDS.idle + timedelta(days=limits.SESSION_KEPT_DAYS))
    await forget()
    await house.found(opened)
    house.clock.advance(SECOND)
    await forget()
    with pytest.raises(RefreshTokenUnknown):
        await house.sessions.renew(opened.refresh_token)
