"""Conversations when two accounts become one, when a copy is asked for, and when an account is closed."""

from typing import Any

import pytest

from adapters.sql.transaction import Database
from core.actor import Actor, Role
from core.ids import UserId
from im import wire
from im.consultation import Refund, Stage
from im.conversation_holding import ConversationHolding
from tests.contract.sql_examples import NOON
from tests.contract.test_consultations import LI, OWNER, WANG, Clinic

NEW = Actor(id="u-new", role=Role.PATIENT)


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    made = Clinic(database)
    await made.opens()
    return made


def holding(clinic: Clinic) -> ConversationHolding:
    return ConversationHolding(clinic.consulting.let_go)


async def moves(clinic: Clinic, source: Actor, target: Actor) -> None:
    async with clinic.units.begin() as unit:
        await holding(clinic).move(unit, source=UserId(source.id), target=UserId(target.id), at=NOON)
        await unit.commit()


async def synced(clinic: Clinic, who: Actor) -> dict[str, wire.Conversation]:
    told = await clinic.talk.reading.sync(who, wire.Sync(uver=0))
    return {each.id: each for each in told.conversations}


async def test_what_one_account_asked_is_the_others_and_nothing_is_lost(clinic: Clinic) -> None:
    name = await clinic.asks(doctor=LI.id)
    await clinic.consulting.accept(LI, name)
    await clinic.talk.says(LI, "请说", "cid-0001", name)
    before = (await synced(clinic, OWNER))[name]
    await moves(clinic, OWNER, NEW)
    await moves(clinic, OWNER, NEW)
    after = (await synced(clinic, NEW))[name]
    assert (after.unread, after.last_seq) == (before.unread, before.last_seq)
    assert {each.user for each in after.members} == {NEW.id, LI.id}
    assert name not in await synced(clinic, OWNER)
    assert (await clinic.consulted.one(NEW, name)).id == name
    await clinic.talk.says(NEW, "头疼", "cid-0001", name)
    assert len(await clinic.talk.log(LI, name)) == after.last_seq + 1
    assert await clinic.talk.chain_holds(name)
    async with clinic.units.read() as unit:
        _, unread = await unit.conversations.standing(NEW.id)
        _, left = await unit.conversations.standing(OWNER.id)
    assert (unread, left) == (before.unread, 0)


async def test_two_places_of_one_person_in_a_conversation_become_one(clinic: Clinic) -> None:
    talk = clinic.talk
    await talk.begins("team", OWNER, NEW, LI)
    for number in range(3):
        await talk.says(LI, "请说", f"cid-{number:04}", "team")
    await talk.messaging.read(NEW, wire.Mark(conversation="team", seq=2))
    await moves(clinic, OWNER, NEW)
    after = (await synced(clinic, NEW))["team"]
    assert (after.read_seq, after.unread) == (2, 1)
    assert {each.user for each in after.members} == {NEW.id, LI.id}


async def test_a_copy_holds_what_was_asked_and_answered(clinic: Clinic) -> None:
    name = await clinic.asks(doctor=LI.id)
    await clinic.consulting.accept(LI, name)
    await clinic.talk.says(LI, "请多休息", "cid-0001", name)
    async with clinic.units.read() as unit:
        told: Any = await holding(clinic).export(unit, UserId(OWNER.id), at=NOON)
    assert [each["consultation"] for each in told] == [name]
    texts = [each["body"].get("text") for each in told[0]["messages"]]
    assert texts[0] == told[0]["complaint"]
    assert texts[-1] == "请多休息"


async def test_closing_ends_what_is_open_and_gives_back_what_nobody_earned(clinic: Clinic) -> None:
    active = await clinic.asks(doctor=LI.id)
    await clinic.consulting.accept(LI, active)
    paid = await clinic.asks("ask-00002", doctor=WANG.id)
    await clinic.consulting.pay(OWNER, paid)
    async with clinic.units.begin() as unit:
        await holding(clinic).erase(unit, UserId(OWNER.id), at=NOON)
        await unit.commit()
    async with clinic.units.read() as unit:
        one, other = [await unit.consultations.find(name) for name in (active, paid)]
    assert one is not None
    assert other is not None
    assert (one.it.stage, one.it.refund) == (Stage.ENDED, Refund.NONE)
    assert (other.it.stage, other.it.refund) == (Stage.CANCELLED, Refund.ASKED)
    # What was said stays: it is a record.
    assert await clinic.talk.rows(active)
