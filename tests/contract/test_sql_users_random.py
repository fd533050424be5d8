"""Random lives of accounts on both databases: what is kept is what the rules say, step by step."""

import random as chance

import pytest

from accounts.user import LastWayIn, Proof, Standing, User, closed, linked, signed_in, unlinked
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.ids import UserId
from tests.contract.patient_examples import units_of
from tests.unit.accounts.test_user import Town, alipay, h5, mini, phone, union

STEPS = 40


def some_proofs(dice: chance.Random) -> tuple[Proof, ...]:
    person, number = dice.choice("abcd"), dice.randint(1, 4)
    return dice.choice(
        [
            (h5(person),),
            (h5(person), union(person)),
            (mini(person), union(person)),
            (mini(person), union(person), phone(number)),
            (mini(person), phone(number)),
            (alipay(person),),
            (phone(number),),
        ]
    )


class Kept:
    """The same lives, as the database keeps them."""

    def __init__(self, units: SqlUnits, town: Town) -> None:
        self.units = units
        self.town = town

    async def sign_in(self, proofs: tuple[Proof, ...]) -> None:
        async with self.units.begin() as unit:
            owners = await unit.users.owners(proofs)
            assert {one.id for one in owners} == {one.id for one in self.town.owners(proofs)}
            change = signed_in(owners, proofs, at=self.town.tick(), random=self.town.random)
            if set(change.before) != set(change.after):
                await unit.users.keep(change)
            await unit.commit()
        self.town.keep(change)

    async def link(self, user: UserId, proofs: tuple[Proof, ...]) -> None:
        async with self.units.begin() as unit:
            found = await unit.users.owners(proofs, besides=user)
            assert [one.id for one in found] == sorted(one.id for one in found), "locked in one order"
            me = next(one for one in found if one.id == user)
            others = [one for one in found if one.id != user]
            change = linked(me, others, proofs, at=self.town.tick(), random=self.town.random)
            await unit.users.keep(change)
            await unit.commit()
        self.town.keep(change)

    async def unlink(self, user: UserId, which: int) -> None:
        async with self.units.begin() as unit:
            me = await unit.users.find(user)
            assert me is not None
            ways = sorted(me.ways, key=lambda one: one.id)
            try:
                change = unlinked(me, ways[which % len(ways)].id)
            except LastWayIn:
                return
            await unit.users.keep(change)
            await unit.commit()
        self.town.keep(change)

    async def close(self, user: UserId) -> None:
        async with self.units.begin() as unit:
            me = await unit.users.find(user)
            assert me is not None
            change = closed(me, at=self.town.tick())
            await unit.users.keep(change)
            await unit.commit()
        self.town.keep(change)

    async def judge(self) -> None:
        self.town.judge()
        async with self.units.read() as unit:
            for known in self.town.users.values():
                found = await unit.users.find(known.id)
                assert found is not None
                assert comparable(found) == comparable(known)


def comparable(user: User) -> tuple[object, ...]:
    return user.standing, user.merged_into, user.created_at, user.ended_at, frozenset(user.identities)


@pytest.mark.parametrize("seed", [0, 2])
async def test_the_database_holds_what_the_rules_say(database: Database, seed: int) -> None:
    dice, town = chance.Random(seed), Town()
    kept = Kept(units_of(database), town)
    for _ in range(STEPS):
        live = [one.id for one in town.users.values() if one.standing is Standing.LIVE]
        deed = dice.choice(["sign in", "sign in", "sign in", "link", "unlink", "close"])
        proofs, which = some_proofs(dice), dice.randrange(10)
        if deed == "sign in" or not live:
            await kept.sign_in(proofs)
        elif deed == "link":
            await kept.link(dice.choice(live), proofs)
        elif deed == "unlink":
            await kept.unlink(dice.choice(live), which)
        elif dice.random() < 0.3:
            await kept.close(dice.choice(live))
        await kept.judge()
    assert {one.standing for one in town.users.values()} >= {Standing.LIVE, Standing.MERGED}
