"""Reviews and listed words on both databases: the original is kept, one decision, what is removed is gone."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from adapters.sql.transaction import Database
from conf.word_list import read_word_list
from core.actor import Actor, Role
from core.clock import ManualClock
from im import moderation_wire as wire
from im.messaging import Manners, Messaging
from im.moderating import Moderating, QueuedReviews
from im.refusals import WordsNotAllowed
from im.review import DecidedAlready, NoSuchReview
from im.word_list import CurrentWords
from tests.contract.im_examples import LI, ZHANG, Talk
from tests.contract.sql_examples import NOON

DESK = Actor(id="service_desk.s1", role=Role.SERVICE_DESK)
OTHER = Actor(id="service_desk.s2", role=Role.SERVICE_DESK)


class Desk(Talk):
    """Talk whose words are judged."""

    def __init__(self, database: Database, *, seed: int = 1) -> None:
        clock = ManualClock(NOON)
        super().__init__(database, clock, seed=seed)
        self.tick = lambda: clock.advance(timedelta(seconds=1))
        self.words = CurrentWords()
        self.moderating = Moderating(
            units=self.units,
            clock=self.clock,
            random=self.random,
            words=self.words,
            shipped=read_word_list(),
        )

        async def nobody(*_: Any) -> Any:
            return []

        self.messaging = Messaging(
            units=self.units,
            clock=self.clock,
            random=self.random,
            whisper=nobody,
            present=nobody,
            may_type=lambda name: True,
            manners=Manners(),
            wording=self.words,
            reviews=QueuedReviews(self.random),
        )

    async def waiting(self, **more: Any) -> list[wire.ReviewItem]:
        return (await self.moderating.reviews(wire.ReviewQuery(**more))).items


@pytest.fixture
async def desk(database: Database) -> Desk:
    made = Desk(database)
    await made.moderating.reload()
    await made.begins()
    return made


async def test_what_is_covered_is_stored_covered_and_the_original_waits_for_a_person(desk: Desk) -> None:
    sent = await desk.says(LI, "加我微信 abc", "cid-0001")
    assert sent.body is not None
    assert (await desk.log(ZHANG))[0].body == sent.body
    assert "加我微信" not in str(sent.body)
    (item,) = await desk.waiting()
    assert (item.action, item.labels, item.role) == ("mask", ["off_platform"], "doctor")
    seen = await desk.moderating.one(item.id)
    assert seen.original == "加我微信 abc"
    assert [line.text for line in seen.context] == ["**** abc"]


async def test_a_blocked_word_leaves_nothing(desk: Desk) -> None:
    with pytest.raises(WordsNotAllowed):
        await desk.says(ZHANG, "能不能代 开 处 方", "cid-0001")
    assert not await desk.log(ZHANG)
    assert not await desk.waiting()


async def test_whoever_may_be_in_danger_is_sent_on_and_looked_at_first(desk: Desk) -> None:
    for number, text in enumerate(("给您包个红包", "我不想活了", "谢谢，红包收下", "想死"), start=1):
        await desk.says(ZHANG, text, f"cid-{number:04}")
        desk.tick()
    assert [message.body.text for message in await desk.log(LI)][1] == "我不想活了"  # type: ignore[union-attr]
    items = await desk.waiting()
    assert [(item.seq, item.urgent) for item in items] == [(2, True), (4, True), (1, False), (3, False)]
    pages: list[int] = []
    cursor: str | None = None
    while True:
        page = await desk.moderating.reviews(wire.ReviewQuery(limit=1, cursor=cursor))
        pages += [item.seq for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert pages == [2, 4, 1, 3]


async def test_of_two_who_decide_one_is_first_and_what_is_removed_nobody_sees(database: Database) -> None:
    desks = [Desk(database, seed=seed) for seed in range(2)]
    await desks[0].moderating.reload()
    await desks[0].begins()
    sent = await desks[0].says(LI, "药品回扣的事", "cid-0001")
    (item,) = await desks[0].waiting()
    body = wire.Decide(decision="removed", note="违规")
    told = await asyncio.gather(
        desks[0].moderating.decide(DESK, item.id, body),
        desks[1].moderating.decide(OTHER, item.id, body),
        return_exceptions=True,
    )
    assert sum(isinstance(each, DecidedAlready) for each in told) == 1
    log = await desks[0].log(ZHANG)
    assert [(message.seq, message.body is None) for message in log] == [(sent.seq, True), (2, False)]
    assert (await desks[0].view(ZHANG)).unread == 0
    assert await desks[0].chain_holds()
    assert not await desks[0].waiting()
    (decided,) = await desks[0].waiting(state="decided")
    assert decided.decision == "removed"
    assert (await desks[0].moderating.one(item.id)).note == "违规"


async def test_what_is_fine_stays_and_what_is_no_review_is_none(desk: Desk) -> None:
    await desk.says(ZHANG, "给您包个红包", "cid-0001")
    (item,) = await desk.waiting()
    await desk.moderating.decide(DESK, item.id, wire.Decide(decision="fine"))
    assert len(await desk.log(LI)) == 1
    with pytest.raises(NoSuchReview):
        await desk.moderating.one("none")
    with pytest.raises(NoSuchReview):
        await desk.moderating.decide(DESK, "none", wire.Decide(decision="fine"))


async def test_the_hospitals_words_are_judged_by_here_at_once_and_elsewhere_when_they_look(
    database: Database,
) -> None:
    here, there = Desk(database), Desk(database, seed=2)
    for each in (here, there):
        await each.moderating.reload()
    await here.begins()
    admin = Actor(id="security_admin.a2", role=Role.SECURITY_ADMIN)
    added = await here.moderating.add_word(admin, wire.AddWord(word="神医", action="block", label="advert"))
    assert (added.items[-1].word, added.items[-1].by, added.items[-1].shipped) == ("神医", admin.id, False)
    with pytest.raises(WordsNotAllowed):
        await here.says(LI, "我认识一位神医", "cid-0001")
    await there.moderating.reload()
    with pytest.raises(WordsNotAllowed):
        await there.says(LI, "我认识一位神医", "cid-0001")
    await here.moderating.add_word(admin, wire.AddWord(word="刷单", action="pass"))
    await here.says(LI, "刷单是骗局", "cid-0002")
    await here.moderating.remove_word(added.items[-1].id)
    await here.says(LI, "神医", "cid-0003")
    await there.moderating.reload()
    await there.says(LI, "神医", "cid-0004")
