"""Accounts on both databases: found by what is sealed, merged whole, one of several at once."""

import asyncio
from datetime import datetime, timedelta

import pytest

from accounts.oauth_state import States
from accounts.providers import Identified, ProviderAway, WayKind, Ways
from accounts.proving import Claim, Proving
from accounts.rights import FreshSignInNeeded, Rights
from accounts.session import SessionOver
from accounts.sessions import Sessions
from accounts.store import hold_account
from accounts.user import IdentityKind, LastWayIn, NoSuchIdentity, Proof, Standing, User
from accounts.users import Users, Where
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.actor import Actor
from core.clock import ManualClock
from core.ids import SessionId, UserId
from core.refusals import NotFound
from realtime.revocations import Revoked
from realtime.tokens import HmacTokens
from tests.contract.sql_examples import NOON
from tests.services.ways import FakeSms
from tests.unit.crypto.rings import a_sealing

TOKENS = HmacTokens([b"only for tests, and long enough."])
PHONE = "+8613800000000"
HERE = Where("iPhone · WeChat", "203.0.113.7")


class Mini:
    """A mini-program's provider: a code is ``person``, or ``person/union`` if it knows a union."""

    app = "wx2"

    def __init__(self, kind: WayKind = WayKind.WECHAT_MINI) -> None:
        self.kind = kind
        self.away = False

    async def identify(self, code: str, *, phone_code: str = "") -> Identified:
        if self.away:
            raise ProviderAway(provider="wechat", why="timeout")
        person, _, union = code.partition("/")
        return Identified(self.kind, self.app, f"openid-of-{person}", union, phone_code)


class Family:
    """A feature that keeps members by user, as patients do."""

    name = "family"

    def __init__(self) -> None:
        self.members: dict[UserId, set[str]] = {}

    async def move(self, unit: object, *, source: UserId, target: UserId, at: datetime) -> None:
        self.members.setdefault(target, set()).update(self.members.pop(source, set()))

    async def export(self, unit: object, user: UserId, *, at: datetime) -> object:
        return sorted(self.members.get(user, set()))

    async def erase(self, unit: object, user: UserId, *, at: datetime) -> None:
        self.members.pop(user, None)


class House:
    def __init__(self, database: Database) -> None:
        self.clock = ManualClock(NOON)
        self.units = SqlUnits(database, clock=self.clock, nudge=MemoryNudge(), sealing=a_sealing())
        self.revoked = Revoked()
        self.mini, self.alipay = Mini(), Mini(WayKind.ALIPAY_MINI)
        self.family = Family()
        self.sessions = Sessions(
            units=self.units, clock=self.clock, tokens=TOKENS, take_back=self.revoked.learn
        )
        states = States(b"key", random=lambda size: bytes(size))
        self.sms = FakeSms()
        ways = Ways(wechat_mini=self.mini, alipay_mini=self.alipay, sms=self.sms)
        proving = Proving(units=self.units, clock=self.clock, ways=ways, states=states)
        self.users = Users(
            units=self.units,
            clock=self.clock,
            sessions=self.sessions,
            proving=proving,
            holdings=(self.family,),
        )
        self.rights = Rights(
            units=self.units,
            clock=self.clock,
            sessions=self.sessions,
            proving=proving,
            holdings=(self.family,),
        )

    async def signs_in(self, code: str, *, phone: str = "", way: WayKind = WayKind.WECHAT_MINI) -> Actor:
        done = await self.users.sign_in(Claim(way, code, phone_code=phone), HERE)
        actor = done.opened.session.actor
        members = self.family.members.setdefault(UserId(actor.id), set())
        members.add(f"{code}{phone}")
        return actor

    async def text(self, phone: str) -> Claim:
        """A code that the phone received."""
        await self.users.proving.send_code(phone, address="")
        return Claim(WayKind.SMS, self.sms.last(phone), phone=phone)

    async def user(self, actor: Actor) -> User:
        async with self.units.read() as unit:
            found = await unit.users.find(UserId(actor.id))
        assert found is not None
        return found


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


async def test_what_is_kept_comes_back_as_it_was(house: House) -> None:
    me = await house.signs_in("a/u-a", phone="+8613800000000")
    user = await house.user(me)
    assert {one.proof for one in user.identities} == {
        Proof(IdentityKind.WECHAT_MINI, "wx2", "openid-of-a"),
        Proof(IdentityKind.WECHAT_UNION, "", "u-a"),
        Proof(IdentityKind.SMS, "", "+8613800000000"),
    }
    assert (user.standing, user.created_at) == (Standing.LIVE, NOON)
    assert await house.signs_in("a") == me
    assert await house.user(me) == user


async def test_two_first_sign_ins_at_once_make_one_account(house: House) -> None:
    actors = await asyncio.gather(*(house.signs_in("a/u-a", phone="+8613800000000") for _ in range(6)))
    assert len({actor.id for actor in actors}) == 1
    assert len({actor.session for actor in actors}) == 6
    assert len((await house.user(actors[0])).identities) == 3


async def test_two_applications_at_once_are_one_person_by_the_unionid(house: House) -> None:
    house.alipay.kind = WayKind.WECHAT_H5
    both = await asyncio.gather(
        *(
            house.signs_in("a/u-a", way=way)
            for way in (WayKind.WECHAT_MINI, WayKind.ALIPAY_MINI, WayKind.WECHAT_MINI)
        )
    )
    assert len({actor.id for actor in both}) == 1
    kinds = {one.proof.kind for one in (await house.user(both[0])).ways}
    assert kinds == {IdentityKind.WECHAT_MINI, IdentityKind.WECHAT_H5}


async def test_a_link_merges_whoever_had_it_and_loses_nobody(house: House) -> None:
    mine = await house.signs_in("a")
    house.clock.advance(timedelta(seconds=1))
    theirs = await house.signs_in("b", way=WayKind.ALIPAY_MINI)
    everybody = {"a", "b"}
    assert not (await house.users.link(mine, Claim(WayKind.WECHAT_MINI, "a"))).merged
    link = await house.users.link(mine, Claim(WayKind.ALIPAY_MINI, "b"))
    assert link.merged
    assert {one.proof.kind for one in link.user.ways} == {IdentityKind.WECHAT_MINI, IdentityKind.ALIPAY_MINI}
    assert house.family.members == {UserId(mine.id): everybody}
    gone = await house.user(theirs)
    assert (gone.standing, gone.merged_into, gone.identities) == (Standing.MERGED, mine.id, ())
    with pytest.raises(NotFound):
        await house.users.me(theirs)
    with pytest.raises(SessionOver):
        await house.sessions.socket_token(theirs)
    again = await house.users.link(mine, Claim(WayKind.ALIPAY_MINI, "b"))
    assert (again.merged, again.user) == (False, link.user)
    assert (await house.signs_in("b", way=WayKind.ALIPAY_MINI)).id == mine.id
    third = await house.signs_in("c", phone=PHONE)
    await house.users.link(third, Claim(WayKind.WECHAT_MINI, "a"))
    async with house.units.read() as unit:
        assert list(await unit.users.absorbed(UserId(third.id))) == [mine.id, theirs.id]


async def test_two_accounts_that_link_each_other_at_once_become_one(house: House) -> None:
    one, other = await house.signs_in("a"), await house.signs_in("b", way=WayKind.ALIPAY_MINI)
    done = await asyncio.gather(
        house.users.link(one, Claim(WayKind.ALIPAY_MINI, "b")),
        house.users.link(other, Claim(WayKind.WECHAT_MINI, "a")),
        return_exceptions=True,
    )
    refused = [each for each in done if isinstance(each, BaseException)]
    assert all(isinstance(each, NotFound) for each in refused)
    assert len(refused) == 1
    [left] = house.family.members.values()
    assert left == {"a", "b"}
    standings = {(await house.user(each)).standing for each in (one, other)}
    assert standings == {Standing.LIVE, Standing.MERGED}


async def test_a_late_unionid_merges_into_the_older(house: House) -> None:
    older = await house.signs_in("a")
    house.clock.advance(timedelta(seconds=1))
    house.alipay.kind = WayKind.WECHAT_H5
    younger = await house.signs_in("a/u-a", way=WayKind.ALIPAY_MINI)
    assert younger.id != older.id
    assert (await house.signs_in("a/u-a")).id == older.id
    assert set(house.family.members) == {UserId(older.id)}
    assert (await house.user(younger)).merged_into == older.id


async def test_a_number_that_changed_hands_moves_and_joins_nobody(house: House) -> None:
    before = await house.signs_in("before", phone="+8613800000000")
    after = await house.signs_in("after", phone="+8613800000000")
    assert before.id != after.id
    assert [one.proof.kind for one in (await house.user(before)).identities] == [IdentityKind.WECHAT_MINI]
    assert len((await house.user(after)).identities) == 2


async def test_unlinking_takes_the_identity_away_and_never_the_last(house: House) -> None:
    me, other = await house.signs_in("a", phone="+8613800000000"), await house.signs_in("c")
    by_kind = {one.proof.kind: one for one in (await house.user(me)).identities}
    openid, phone = by_kind[IdentityKind.WECHAT_MINI], by_kind[IdentityKind.SMS]
    for foreign in ((await house.user(other)).identities[0].id, "0" * 26):
        with pytest.raises(NoSuchIdentity):
            await house.users.unlink(me, foreign)
    await house.users.unlink(me, openid.id)
    with pytest.raises(LastWayIn):
        await house.users.unlink(me, phone.id)
    assert (await house.user(me)).identities == (phone,)
    assert (await house.signs_in("a")).id not in {me.id, other.id}


async def test_while_a_provider_is_away_nothing_is_made(house: House, database: Database) -> None:
    house.mini.away = True
    with pytest.raises(ProviderAway):
        await house.users.sign_in(Claim(WayKind.WECHAT_MINI, "a"), HERE)
    async with house.units.read() as unit:
        assert await unit.users.owners([Proof(IdentityKind.WECHAT_MINI, "wx2", "openid-of-a")]) == []
    house.mini.away = False
    me = await house.signs_in("a")
    house.mini.away = True
    with pytest.raises(ProviderAway):
        await house.users.link(me, Claim(WayKind.WECHAT_MINI, "b"))
    assert len((await house.user(me)).identities) == 1


# Rights.


async def test_a_copy_is_of_one_account_and_has_every_part(house: House) -> None:
    me, other = await house.signs_in("a", phone=PHONE), await house.signs_in("b")
    copy = await house.rights.export(me)
    assert copy["family"] == [f"a{PHONE}"]
    assert "openid-of-a" in str(copy["account"])
    assert other.id not in str(copy)
    assert "openid-of-b" not in str(copy)


async def test_closing_needs_a_fresh_sign_in_or_the_accounts_own_phone(house: House) -> None:
    me, _ = await house.signs_in("a", phone=PHONE), await house.signs_in("b", phone="+8613900000000")
    house.clock.advance(timedelta(seconds=limits.FRESH_SIGN_IN_SECONDS))
    with pytest.raises(FreshSignInNeeded):
        await house.rights.close(me)
    with pytest.raises(FreshSignInNeeded):
        await house.rights.close(me, claim=await house.text("+8613900000000"))
    await house.rights.close(me, claim=await house.text(PHONE))
    with pytest.raises(NotFound):
        await house.users.me(me)
    assert list(house.family.members.values()) == [{"b+8613900000000"}]


async def test_a_closed_account_keeps_its_id_and_nothing_else(house: House) -> None:
    me = await house.signs_in("a", phone=PHONE)
    await house.rights.close(me)
    left = await house.user(me)
    assert (left.standing, left.identities, left.ended_at) == (Standing.CLOSED, (), NOON)
    async with house.units.read() as unit:
        assert await unit.sessions.live_of(me.id, at=NOON) == []
        session = await unit.sessions.find(SessionId(me.session))
    assert session is not None
    assert (session.device, session.address) == ("", "")
    assert (await house.signs_in("a")).id != me.id
    with pytest.raises(NotFound):
        await house.rights.close(me)


async def test_nothing_is_added_to_an_account_that_is_gone(house: House) -> None:
    me = await house.signs_in("a")
    await house.rights.close(me)
    async with house.units.begin() as unit:
        with pytest.raises(NotFound):
            await hold_account(unit, UserId(me.id))
    async with house.units.begin() as unit:
        await hold_account(unit, UserId("nobody yet"))
