"""T16: every call that changes something, made again on another process, as after a lost answer.

The answer is the same, and nothing in the database is another.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from adapters.sql.transaction import Database
from core.actor import Actor
from im import refusals, wire
from tests.contract.im_examples import LI, MEDICINE, SON, STRANGER, WU, ZHANG, Talk

Call = Callable[[Talk], Awaitable[Any]]
TEXT = wire.TextBody(text="您好")

CALLS: dict[str, Call] = {
    "send": lambda on: on.messaging.send(ZHANG, wire.Send(conversation="c1", cid="cid-9001", body=TEXT)),
    "recall": lambda on: on.messaging.recall(ZHANG, wire.Recall(conversation="c1", cid="cid-9002", seq=1)),
    "ack": lambda on: on.messaging.ack(LI, wire.Mark(conversation="c1", seq=1)),
    "read": lambda on: on.messaging.read(LI, wire.Mark(conversation="c1", seq=1)),
    "mute": lambda on: on.messaging.mute(LI, wire.Switch(conversation="c1", on=True)),
    "pin": lambda on: on.messaging.pin(LI, wire.Switch(conversation="c1", on=True)),
    "invite": lambda on: on.gathering.invite(WU, wire.Invite(conversation="c1", user=WU.id)),
    "leave": lambda on: on.gathering.leave(WU, "c1"),
    "broadcast": lambda on: on.news.tell(
        LI, wire.Broadcast(department="d1", cid="cid-9003", text="周三停诊")
    ),
    "follow": lambda on: on.news.follow(ZHANG, wire.Follow(department="d1", on=True)),
}


async def everything(database: Database) -> dict[str, Any]:
    """All rows about conversations, and how many publications wait."""
    found = {}
    async with database.read() as reading:
        for table in ("im_conversation", "im_message", "im_member", "im_user", "im_code", "outbox"):
            found[table] = sorted(map(repr, await reading.rows(_all(table))))
    return found


def _all(table: str) -> Any:
    from sqlalchemy import select

    from adapters.sql.schema import metadata

    return select(metadata.tables[table])


@pytest.fixture
async def pair(database: Database) -> tuple[Talk, Talk]:
    """Two processes."""
    first, second = Talk(database), Talk(database, seed=2)
    await first.begins("c1", LI, WU, ZHANG)
    await first.says(ZHANG, "头疼", "cid-0001")
    await first.lists(MEDICINE)
    return first, second


@pytest.mark.acceptance("T16")
@pytest.mark.parametrize("name", CALLS)
async def test_a_call_made_again_elsewhere_answers_alike_and_changes_nothing(
    pair: tuple[Talk, Talk], name: str
) -> None:
    first, second = pair
    try:
        answer = msgspec.to_builtins(await CALLS[name](first))
    except refusals.NoSuchColleague:
        pytest.fail("nobody was there to invite")
    before = await everything(first.database)
    assert msgspec.to_builtins(await CALLS[name](second)) == answer
    assert await everything(first.database) == before


@pytest.mark.acceptance("T16")
async def test_a_relative_whose_answer_was_lost_comes_in_by_asking_again(pair: tuple[Talk, Talk]) -> None:
    first, second = pair
    code = (await first.gathering.invite_code(ZHANG, "c1")).code

    async def joins(talk: Talk, who: Actor) -> Any:
        return msgspec.to_builtins(await talk.gathering.join(who, wire.Join(code=code)))

    answer, before = await joins(first, SON), await everything(first.database)
    assert await joins(second, SON) == answer
    assert await everything(first.database) == before
    with pytest.raises(refusals.CodeIsNoGood):
        await joins(second, STRANGER)
    await first.gathering.leave(SON, "c1")
    await joins(second, SON)
    with pytest.raises(refusals.MayNotSpeak):
        await first.says(SON, "还在", "cid-0002")


async def test_another_text_under_the_cid_of_a_departments_news_is_refused(pair: tuple[Talk, Talk]) -> None:
    first, second = pair
    await CALLS["broadcast"](first)
    with pytest.raises(refusals.CidUsedOtherwise):
        await second.news.tell(LI, wire.Broadcast(department="d1", cid="cid-9003", text="另一句"))
