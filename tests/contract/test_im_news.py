"""A department's news on both databases: told by who works there, heard by who follows, about nobody."""

import pytest

from adapters.sql.transaction import Database
from core.actor import Actor, Role
from core.ids import LineId
from im import refusals, wire
from im.news import News
from im.wording import Action, Verdict
from tests.contract.im_examples import LI, MEDICINE, SON, WU, ZHANG, Talk
from tests.contract.sql_examples import a_line, new


@pytest.fixture
def talk(database: Database) -> Talk:
    return Talk(database)


async def tells(talk: Talk, who: Actor, text: str, cid: str, department: str = "d1") -> wire.Sent:
    return await talk.news.tell(who, wire.Broadcast(department=department, cid=cid, text=text))


async def follows(talk: Talk, who: Actor, *, on: bool = True, department: str = "d1") -> wire.Conversation:
    return await talk.news.follow(who, wire.Follow(department=department, on=on))


async def test_a_department_tells_its_followers_and_reads_are_counted_by_numbers(talk: Talk) -> None:
    await talk.lists(MEDICINE)
    told = await tells(talk, LI, "周三停诊", "cid-0001")
    again = await tells(talk, LI, "周三停诊", "cid-0001")
    assert told.seq == again.seq == 1
    followed = await follows(talk, ZHANG)
    assert (followed.kind, followed.title, followed.unread) == ("broadcast", "内科", 0)
    await tells(talk, LI, "周四开诊", "cid-0002")
    assert (await talk.view(ZHANG, followed.id)).unread == 1
    marked = await talk.messaging.read(ZHANG, wire.Mark(conversation=followed.id, seq=2))
    assert marked.read_seq == 2
    assert (await talk.view(ZHANG, followed.id)).unread == 0
    with pytest.raises(refusals.MayNotSpeak):
        await talk.says(ZHANG, "好", "cid-0001", followed.id)
    gone = await follows(talk, ZHANG, on=False)
    assert (gone.last_seq, gone.members) == (2, [])


async def test_who_follows_a_department_is_nobody_elses_business(talk: Talk) -> None:
    await talk.lists(MEDICINE)
    room = (await follows(talk, ZHANG)).id
    await follows(talk, SON)
    await tells(talk, LI, "周三停诊", "cid-0001")
    for who in (ZHANG, SON, LI):
        listed = (await talk.reading.sync(who, wire.Sync())).conversations
        for view in (await talk.view(who, room), *listed):
            assert [one.user for one in view.members] == [who.id]
        assert (await talk.messaging.presence(who, room)).online in ([], [who.id])
    await talk.messaging.typing(ZHANG, wire.Typing(conversation=room))
    assert talk.whispered == []
    with pytest.raises(refusals.MayNotInvite):
        await talk.gathering.invite(LI, wire.Invite(conversation=room, user=WU.id))


async def test_there_is_news_only_of_departments_that_the_hospital_has(talk: Talk) -> None:
    await talk.lists(MEDICINE)
    for act in (tells(talk, LI, "停诊", "cid-0001", "d9"), follows(talk, ZHANG, department="d9")):
        with pytest.raises(refusals.NoSuchDepartment):
            await act
    async with talk.units.read() as unit:
        assert await unit.conversations.names(after="", limit=9) == []
    await follows(talk, ZHANG)
    await talk.lists()
    # Listed no longer: who follows it can stop.
    assert (await follows(talk, ZHANG, on=False)).members == []


async def test_staff_of_certain_lines_tell_only_the_departments_of_these(talk: Talk) -> None:
    await talk.lists(MEDICINE)
    async with talk.units.begin() as unit:
        await unit.lines.keep(new(a_line("L0301")))
        await unit.commit()
    bound = Actor(id=LI.id, role=Role.DOCTOR, lines=frozenset({LineId("L0301"), LineId("L9")}))
    with pytest.raises(refusals.NotYourDepartment):
        await tells(talk, bound, "停诊", "cid-0001")
    # A department without an entry in the directory is called as its lines call it.
    told = await tells(talk, bound, "停诊", "cid-0002", "D03")
    assert (await talk.view(LI, told.conversation)).title == "心内科"
    # And not by the other door.
    with pytest.raises(refusals.MayNotSpeak):
        await talk.says(bound, "开诊", "cid-0003", told.conversation)


async def test_the_word_filter_judges_news_too(talk: Talk) -> None:
    await talk.lists(MEDICINE)

    class Words:
        def judge(self, text: str) -> Verdict:
            if "广告" in text:
                return Verdict(Action.BLOCK, text)
            covered = text.replace("偏方", "**")
            return Verdict(Action.PASS if covered == text else Action.MASK, covered)

    talk.news = News(units=talk.units, clock=talk.clock, random=talk.random, wording=Words())
    with pytest.raises(refusals.WordsNotAllowed):
        await tells(talk, LI, "广告", "cid-0001")
    told = await tells(talk, LI, "偏方无用", "cid-0001")
    assert told.body == wire.TextBody(text="**无用")
    assert await tells(talk, LI, "偏方无用", "cid-0001") == told
    assert [one.body for one in await talk.log(LI, told.conversation)] == [told.body]
