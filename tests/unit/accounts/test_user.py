"""Accounts as a model: whatever is proved, linked, merged, unlinked or closed, and in whatever order."""

import random as chance
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.providers import Identified, WayKind
from accounts.user import (
    Change,
    IdentityKind,
    LastWayIn,
    NoSuchIdentity,
    Proof,
    Standing,
    TooManyIdentities,
    User,
    closed,
    linked,
    proofs_of,
    signed_in,
    unlinked,
)
from core import limits
from core.ids import UserId

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)


def h5(person: str) -> Proof:
    return Proof(IdentityKind.WECHAT_H5, "wx1", f"o1-{person}-0123456789")


def mini(person: str) -> Proof:
    return Proof(IdentityKind.WECHAT_MINI, "wx2", f"o2-{person}-0123456789")


def union(person: str) -> Proof:
    return Proof(IdentityKind.WECHAT_UNION, "", f"u-{person}")


def alipay(person: str) -> Proof:
    return Proof(IdentityKind.ALIPAY_MINI, "2021", f"a-{person}")


def phone(number: int) -> Proof:
    return Proof(IdentityKind.SMS, "", f"+8613800{number:06d}")


class Town:
    """Every account there is, and the members of its family: what must never be lost."""

    def __init__(self) -> None:
        self.users: dict[UserId, User] = {}
        self.family: dict[UserId, set[str]] = {}
        self.at = NOON
        self.random = chance.Random(3).randbytes

    def tick(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at

    def owners(self, proofs: Sequence[Proof]) -> list[User]:
        return [one for one in self.users.values() if any(map(one.has, proofs))]

    def keep(self, change: Change) -> UserId:
        assert {one.id for one in change.before} <= {one.id for one in change.after}
        for user in change.after:
            self.users[user.id] = user
            self.family.setdefault(user.id, set())
        for source in change.absorbed:
            self.family[change.user] |= self.family.pop(source)
            self.family[source] = set()
        return change.user

    def sign_in(self, *proofs: Proof) -> UserId:
        at = self.tick()
        change = signed_in(self.owners(proofs), proofs, at=at, random=self.random)
        user = self.keep(change)
        self.family[user].add(f"member {len(self.family)} {at}")
        return user

    def link(self, user: UserId, *proofs: Proof) -> UserId:
        owners = self.owners(proofs)
        return self.keep(linked(self.users[user], owners, proofs, at=self.tick(), random=self.random))

    @property
    def live(self) -> list[User]:
        return [one for one in self.users.values() if one.standing is Standing.LIVE]

    def judge(self) -> None:
        owned = [identity.proof for user in self.users.values() for identity in user.identities]
        assert len(owned) == len(set(owned)), "an identity belongs to one account"
        ids = [identity.id for user in self.users.values() for identity in user.identities]
        assert len(ids) == len(set(ids))
        for user in self.users.values():
            assert bool(user.ways) is (user.standing is Standing.LIVE), "in use means: there is a way in"
            assert (user.merged_into is not None) is (user.standing is Standing.MERGED)
            if user.merged_into is not None:
                assert self.family[user.id] == set()


# By example.


def test_a_first_sign_in_makes_an_account_and_the_next_finds_it() -> None:
    town = Town()
    first = town.sign_in(h5("a"))
    assert town.sign_in(h5("a")) == first
    assert town.sign_in(h5("b")) != first
    assert len(town.users[first].identities) == 1


def test_the_unionid_joins_what_one_person_does_in_two_applications() -> None:
    town = Town()
    first = town.sign_in(h5("a"), union("a"))
    assert town.sign_in(mini("a"), union("a")) == first
    assert {one.proof.kind for one in town.users[first].ways} == {
        IdentityKind.WECHAT_H5,
        IdentityKind.WECHAT_MINI,
    }


def test_a_unionid_that_comes_late_merges_what_it_joins_into_the_older_account() -> None:
    town = Town()
    older, younger = town.sign_in(h5("a")), town.sign_in(mini("a"), union("a"))
    family = town.family[older] | town.family[younger]
    assert town.sign_in(h5("a"), union("a")) == older
    assert family < town.family[older]
    assert town.users[younger].merged_into == older
    town.judge()


def test_a_phone_that_comes_along_finds_the_account_that_has_it() -> None:
    town = Town()
    by_phone = town.sign_in(phone(1))
    assert town.sign_in(mini("a"), phone(1)) == by_phone
    assert town.sign_in(mini("a")) == by_phone


def test_a_number_that_changed_hands_joins_no_strangers() -> None:
    town = Town()
    before, after = town.sign_in(mini("before"), phone(1)), town.sign_in(mini("after"))
    assert town.sign_in(mini("after"), phone(1)) == after
    assert town.sign_in(phone(1)) == after
    assert town.sign_in(mini("before")) == before
    new = town.sign_in(mini("third"), phone(1))
    assert new not in {before, after}
    assert town.sign_in(phone(1)) == new
    town.judge()


def test_linking_what_another_account_has_merges_it() -> None:
    town = Town()
    mine, theirs = town.sign_in(h5("a")), town.sign_in(phone(1))
    family = town.family[mine] | town.family[theirs]
    assert town.link(mine, phone(1)) == mine
    assert town.family[mine] == family
    before = town.users[mine]
    assert town.link(mine, phone(1)) == mine
    assert town.users[mine] == before, "again is harmless"
    town.judge()


def test_the_last_way_in_stays() -> None:
    town = Town()
    user = town.users[town.sign_in(h5("a"), union("a"), phone(1))]
    kinds = {one.proof.kind: one.id for one in user.identities}
    left = unlinked(user, kinds[IdentityKind.WECHAT_H5]).after[0]
    assert [one.proof for one in left.identities] == [phone(1)], "the unionid goes with the last of WeChat"
    with pytest.raises(LastWayIn):
        unlinked(left, kinds[IdentityKind.SMS])
    for none in (kinds[IdentityKind.WECHAT_UNION], "0" * 26):
        with pytest.raises(NoSuchIdentity):
            unlinked(user, none)


def test_there_is_a_bound_for_links_and_none_for_merges() -> None:
    town = Town()
    user = town.sign_in(h5("a"))
    for number in range(1, limits.IDENTITIES_PER_USER):
        town.link(user, phone(number))
    with pytest.raises(TooManyIdentities):
        town.link(user, phone(999))
    town.sign_in(phone(999))
    town.link(user, phone(999))
    town.judge()


def test_whoever_comes_back_after_closing_gets_a_new_account() -> None:
    town = Town()
    first = town.sign_in(h5("a"))
    town.keep(closed(town.users[first], at=NOON))
    assert town.sign_in(h5("a")) != first
    town.judge()


def test_what_a_provider_says_is_proved_in_order_of_strength() -> None:
    said = Identified(WayKind.WECHAT_MINI, "wx2", "o2", union="u", phone="+8613800000000")
    assert [one.kind for one in proofs_of(said)] == [
        IdentityKind.WECHAT_MINI,
        IdentityKind.WECHAT_UNION,
        IdentityKind.SMS,
    ]
    assert proofs_of(Identified(WayKind.SMS, "", "+8613800000000")) == (
        Proof(IdentityKind.SMS, "", "+8613800000000"),
    )


def test_an_identity_is_shown_so_that_only_its_owner_knows_it() -> None:
    town = Town()
    user = town.users[town.sign_in(h5("a"), phone(1))]
    assert [one.masked for one in user.ways] == ["****6789", "138****0001"]
    assert "6789" not in repr(user)


# By any order.

PEOPLE = st.sampled_from("abc")
PROOFS = st.one_of(
    st.tuples(PEOPLE.map(h5)),
    st.tuples(PEOPLE.map(mini)),
    PEOPLE.map(lambda one: (h5(one), union(one))),
    PEOPLE.map(lambda one: (mini(one), union(one))),
    st.tuples(PEOPLE.map(alipay)),
    st.tuples(st.integers(1, 3).map(phone)),
    st.tuples(PEOPLE.map(mini), st.integers(1, 3).map(phone)),
    st.builds(lambda one, number: (mini(one), union(one), phone(number)), PEOPLE, st.integers(1, 3)),
)
DEEDS = st.lists(
    st.tuples(st.sampled_from(["sign in", "sign in", "link", "unlink", "close"]), PROOFS, st.integers(0, 9)),
    max_size=14,
)


@settings(max_examples=300)
@given(DEEDS)
def test_whatever_happens_everybody_keeps_one_account_a_way_in_and_the_family(
    deeds: list[tuple[str, tuple[Proof, ...], int]],
) -> None:
    town = Town()
    for deed, proofs, which in deeds:
        everybody = set().union(*town.family.values())
        some = town.live[which % len(town.live)] if town.live else None
        match deed:
            case "link" if some is not None:
                town.link(some.id, *proofs)
            case "unlink" if some is not None:
                try:
                    town.keep(unlinked(some, some.ways[which % len(some.ways)].id))
                except LastWayIn:
                    assert len(some.ways) == 1
            case "close" if some is not None:
                town.keep(closed(some, at=town.tick()))
            case _:
                user = town.sign_in(*proofs)
                assert town.users[user].standing is Standing.LIVE
                assert all(map(town.users[user].has, proofs))
        town.judge()
        assert everybody <= set().union(*town.family.values())
