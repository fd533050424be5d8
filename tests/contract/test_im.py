"""Conversations on both databases: nothing lost, doubled or out of order; each member's list is right."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from adapters.sql.transaction import Database
from core import limits
from core.actor import Actor, Role
from core.clock import ManualClock
from core.refusals import Refusal, StorageUnavailable
from im import posting, refusals, wire
from im.store import Due
from im.thread import Kind, Part, State
from tests.contract.im_examples import LI, SON, STRANGER, WU, ZHANG, Talk
from tests.contract.sql_examples import NOON


@pytest.fixture
def talk(database: Database) -> Talk:
    return Talk(database)


async def test_what_is_said_is_numbered_counted_told_and_chained(talk: Talk) -> None:
    await talk.begins()
    first = await talk.says(ZHANG, "医生您好", "cid-0001")
    second = await talk.says(LI, "请说", "cid-0001")
    third = await talk.says(ZHANG, "头疼", "cid-0002")
    assert [first.seq, second.seq, third.seq] == [1, 2, 3]
    assert [message.seq for message in await talk.log(LI)] == [1, 2, 3]
    mine, theirs = await talk.view(ZHANG), await talk.view(LI)
    assert (mine.unread, theirs.unread) == (1, 2)
    assert mine.last is not None
    assert mine.last.body == wire.TextBody(text="头疼")
    events = [event for event in await talk.told(LI.id) if event["event"] == "message"]
    assert [event["message"]["seq"] for event in events] == [1, 2, 3]
    assert events[0]["message"]["body"] == {"type": "text", "text": "医生您好"}
    assert await talk.chain_holds()


@pytest.mark.acceptance("T16")
async def test_the_same_cid_is_the_same_message_and_another_text_under_it_is_refused(talk: Talk) -> None:
    await talk.begins(turns_left=5)
    sent = await talk.says(ZHANG, "头疼", "cid-0001")
    again = await talk.says(ZHANG, "头疼", "cid-0001")
    assert (again.seq, again.id, again.created_at, again.turns_left) == (1, sent.id, sent.created_at, 4)
    with pytest.raises(refusals.CidUsedOtherwise):
        await talk.says(ZHANG, "牙疼", "cid-0001")
    assert len(await talk.log(LI)) == 1
    assert (await talk.view(LI)).unread == 1


@pytest.mark.acceptance("T16")
async def test_the_same_cid_at_the_same_moment_from_several_processes_is_one_message(
    database: Database,
) -> None:
    processes = [Talk(database, seed=seed) for seed in range(6)]
    await processes[0].begins()
    sent = await asyncio.gather(*(each.says(ZHANG, "头疼", "cid-0001") for each in processes))
    assert {(one.seq, one.id) for one in sent} == {(1, sent[0].id)}
    assert len(await processes[0].log(LI)) == 1


async def test_many_at_once_leave_no_gap_and_every_count_is_right(database: Database) -> None:
    people = [Actor(id=f"nurse.n{number:02}", role=Role.NURSE) for number in range(8)]
    processes = [Talk(database, seed=seed) for seed in range(4)]
    for name in ("c1", "c2", "c3"):
        await processes[0].begins(name, *people, kind=Kind.TEAM)

    async def speaks(at: int, who: Actor) -> None:
        for turn in range(5):
            for name in ("c1", "c2", "c3"):
                while True:
                    try:
                        await processes[at % 4].says(who, "在", f"{who.id[-3:]}-{turn:05}", name)
                    except StorageUnavailable:
                        continue
                    break

    await asyncio.gather(*(speaks(at, who) for at, who in enumerate(people)))
    for name in ("c1", "c2", "c3"):
        rows = await processes[0].rows(name)
        assert [row.seq for row in rows] == list(range(1, 41))
        assert len({(row.sender, row.cid) for row in rows}) == 40
        assert await processes[0].chain_holds(name)
        for who in people:
            assert (await processes[0].view(who, name)).unread == 35
    for who in people:
        synced = await processes[0].reading.sync(who, wire.Sync())
        assert synced.unread == 105


@pytest.mark.acceptance("T15")
async def test_the_last_question_is_asked_once_however_many_ask_it(database: Database) -> None:
    processes = [Talk(database, seed=seed) for seed in range(4)]
    await processes[0].begins(turns_left=3)
    asked = await asyncio.gather(
        *(processes[at % 4].says(ZHANG, "在吗", f"cid-{at:04}") for at in range(20)), return_exceptions=True
    )
    assert [type(one) for one in asked].count(wire.Sent) == 3
    assert {type(one) for one in asked} == {wire.Sent, refusals.NoTurnsLeft}
    assert len(await processes[0].log(LI)) == 3
    # The doctor answers as often as needed.
    await processes[0].says(LI, "在", "cid-0001")


@pytest.mark.acceptance("T15")
async def test_nothing_is_said_from_the_end_on(database: Database) -> None:
    clock = ManualClock(NOON)
    talk = Talk(database, clock)
    await talk.begins(expires_at=NOON + timedelta(hours=24))
    clock.advance(timedelta(hours=24) - timedelta(microseconds=1))
    await talk.says(ZHANG, "最后一句", "cid-0001")
    clock.advance(timedelta(microseconds=1))
    for who in (ZHANG, LI):
        with pytest.raises(refusals.WindowIsOver):
            await talk.says(who, "晚了", "cid-0002")
    # What was acknowledged before is acknowledged again.
    assert (await talk.says(ZHANG, "最后一句", "cid-0001")).seq == 1


@pytest.mark.parametrize("state", [State.WAITING, State.CLOSED])
async def test_what_is_not_open_is_read_and_not_spoken_in(talk: Talk, state: State) -> None:
    await talk.begins(state=state)
    with pytest.raises(refusals.ConversationIsClosed):
        await talk.says(ZHANG, "在吗", "cid-0001")
    assert await talk.log(ZHANG) == []


async def test_whoever_is_not_in_it_meets_what_does_not_exist(talk: Talk) -> None:
    await talk.begins()
    await talk.says(ZHANG, "头疼", "cid-0001")
    of, mark = wire.OfConversation, wire.Mark
    for name in ("c1", "c9"):
        calls: list[Any] = [
            talk.says(STRANGER, "x", "cid-0001", name),
            talk.log(STRANGER, name),
            talk.view(STRANGER, name),
            talk.messaging.read(STRANGER, mark(conversation=name, seq=1)),
            talk.messaging.ack(STRANGER, mark(conversation=name, seq=1)),
            talk.messaging.recall(STRANGER, wire.Recall(conversation=name, cid="cid-0002", seq=1)),
            talk.messaging.typing(STRANGER, wire.Typing(conversation=name)),
            talk.messaging.presence(STRANGER, name),
            talk.messaging.mute(STRANGER, wire.Switch(conversation=name, on=True)),
            talk.gathering.leave(STRANGER, name),
            talk.gathering.invite_code(STRANGER, of(conversation=name).conversation),
            talk.gathering.invite(
                LI if name == "c9" else STRANGER, wire.Invite(conversation=name, user="doctor.x")
            ),
        ]
        for call in calls:
            with pytest.raises(refusals.NoSuchConversation) as refused:
                await call
            assert refused.value.facts == {}


async def test_received_and_read_never_go_back_and_the_count_follows(talk: Talk) -> None:
    await talk.begins()
    for turn in range(4):
        await talk.says(ZHANG, "问", f"cid-{turn:04}")
    await talk.says(LI, "答", "cid-0001")
    await talk.told(ZHANG.id)
    marked = await talk.messaging.ack(LI, wire.Mark(conversation="c1", seq=3))
    assert (marked.recv_seq, marked.read_seq, marked.unread) == (3, 0, 4)
    marked = await talk.messaging.read(LI, wire.Mark(conversation="c1", seq=2))
    assert (marked.recv_seq, marked.read_seq, marked.unread) == (3, 2, 2)
    for seq in (1, 0):
        marked = await talk.messaging.read(LI, wire.Mark(conversation="c1", seq=seq))
        assert (marked.recv_seq, marked.read_seq, marked.unread) == (3, 2, 2)
    marked = await talk.messaging.read(LI, wire.Mark(conversation="c1", seq=99))
    assert (marked.recv_seq, marked.read_seq, marked.unread) == (5, 5, 0)
    receipts = [event for event in await talk.told(ZHANG.id) if event["event"] == "receipt"]
    assert [(one["user"], one["recv_seq"], one["read_seq"]) for one in receipts] == [
        (LI.id, 3, 0),
        (LI.id, 3, 2),
        (LI.id, 5, 5),
    ]
    synced = await talk.reading.sync(LI, wire.Sync())
    assert (synced.unread, synced.conversations[0].unread) == (0, 0)


async def test_a_message_taken_back_is_hidden_uncounted_and_told(database: Database) -> None:
    clock = ManualClock(NOON)
    talk = Talk(database, clock)
    await talk.begins()
    await talk.says(ZHANG, "发错了", "cid-0001")
    await talk.says(ZHANG, "头疼", "cid-0002")
    sent = await talk.messaging.recall(ZHANG, wire.Recall(conversation="c1", cid="cid-0003", seq=1))
    again = await talk.messaging.recall(ZHANG, wire.Recall(conversation="c1", cid="cid-0003", seq=1))
    assert (sent.seq, again.seq) == (3, 3)
    first, second, third = await talk.log(LI)
    assert (first.state, first.body) == ("recalled", None)
    assert second.body == wire.TextBody(text="头疼")
    assert third.body == wire.RecallBody(ref_seq=1)
    assert (await talk.view(LI)).unread == 1
    assert (await talk.reading.sync(LI, wire.Sync())).unread == 1
    assert await talk.chain_holds()
    with pytest.raises(refusals.CannotBeRecalled):
        await talk.messaging.recall(ZHANG, wire.Recall(conversation="c1", cid="cid-0004", seq=1))
    with pytest.raises(refusals.NotYourMessage):
        await talk.messaging.recall(LI, wire.Recall(conversation="c1", cid="cid-0004", seq=2))
    with pytest.raises(refusals.NoSuchMessage):
        await talk.messaging.recall(LI, wire.Recall(conversation="c1", cid="cid-0004", seq=9))
    with pytest.raises(refusals.CannotBeRecalled):
        await talk.messaging.recall(ZHANG, wire.Recall(conversation="c1", cid="cid-0004", seq=3))
    clock.advance(timedelta(seconds=121))
    with pytest.raises(refusals.TooLateToRecall):
        await talk.messaging.recall(ZHANG, wire.Recall(conversation="c1", cid="cid-0005", seq=2))


async def test_only_what_changed_is_synced(talk: Talk) -> None:
    for number in range(12):
        await talk.begins(f"c{number:02}")
    whole = await talk.reading.sync(LI, wire.Sync(limit=5))
    seen = list(whole.conversations)
    while whole.more:
        whole = await talk.reading.sync(LI, wire.Sync(uver=whole.uver, limit=5))
        seen += whole.conversations
    assert sorted(one.id for one in seen) == [f"c{number:02}" for number in range(12)]
    assert (await talk.reading.sync(LI, wire.Sync(uver=whole.uver))).conversations == []
    await talk.says(ZHANG, "一", "cid-0001", "c07")
    await talk.says(ZHANG, "二", "cid-0002", "c03")
    await talk.says(ZHANG, "三", "cid-0003", "c07")
    changed = await talk.reading.sync(LI, wire.Sync(uver=whole.uver))
    assert [one.id for one in changed.conversations] == ["c03", "c07"]
    assert changed.unread == 3
    assert changed.conversations[1].last is not None
    assert changed.conversations[1].last.seq == 2


async def test_pages_go_both_ways_without_a_gap(talk: Talk) -> None:
    await talk.begins()
    for turn in range(10):
        await talk.says(ZHANG, str(turn), f"cid-{turn:04}")
    pull = wire.Pull
    newer = await talk.reading.pull(LI, pull(conversation="c1", after=4, limit=3))
    assert ([one.seq for one in newer.messages], newer.more, newer.last_seq) == ([5, 6, 7], True, 10)
    older = await talk.reading.pull(LI, pull(conversation="c1", before=5, limit=3))
    assert ([one.seq for one in older.messages], older.more) == ([2, 3, 4], True)
    first = await talk.reading.pull(LI, pull(conversation="c1", before=2, limit=3))
    assert ([one.seq for one in first.messages], first.more) == ([1], False)
    between = await talk.reading.pull(LI, pull(conversation="c1", after=2, before=5))
    assert [one.seq for one in between.messages] == [3, 4]
    opened = await talk.reading.open(LI, wire.Open(conversation="c1", limit=4))
    assert [one.seq for one in opened.messages] == [7, 8, 9, 10]


async def test_what_is_too_long_to_travel_is_pointed_at(talk: Talk) -> None:
    await talk.begins()
    await talk.says(ZHANG, "长" * 4000, "cid-0001")
    assert [event["event"] for event in await talk.told(LI.id)] == ["conversation", "pointer"]


async def test_what_waits_for_the_broker_names_nobody_in_plain(talk: Talk) -> None:
    from adapters.sql.outbox import SqlOutbox

    await talk.begins()
    await talk.says(ZHANG, "王小明头疼", "cid-0001")
    for each in await SqlOutbox(talk.database).waiting(after=0, limit=100):
        assert "王小明".encode() not in each.outgoing.data
        assert b"message" not in each.outgoing.data


async def test_a_muted_conversation_and_an_acknowledged_one_call_for_no_notice(talk: Talk) -> None:
    await talk.begins("c1", LI, ZHANG, WU)
    await talk.messaging.mute(WU, wire.Switch(conversation="c1", on=True))
    await talk.says(ZHANG, "问", "cid-0001")

    async def due() -> Sequence[Due]:
        async with talk.units.read() as unit:
            return await unit.conversations.notices_due(
                at=talk.clock.now() + timedelta(seconds=limits.IM_NOTICE_AFTER_SECONDS), limit=10
            )

    assert list(await due()) == [Due("c1", LI.id)]
    await talk.messaging.ack(LI, wire.Mark(conversation="c1", seq=1))
    assert list(await due()) == []
    assert (await talk.view(WU)).muted


async def test_typing_is_kept_nowhere_and_presence_is_asked(talk: Talk) -> None:
    await talk.begins()
    for _ in range(9):
        await talk.messaging.typing(LI, wire.Typing(conversation="c1"))
    assert [users for users, _ in talk.whispered] == [(ZHANG.id,)] * 3
    assert (await talk.messaging.presence(ZHANG, "c1")).online == [LI.id]
    assert await talk.log(LI) == []


async def test_a_relative_comes_in_by_a_code_once_and_goes(database: Database) -> None:
    clock = ManualClock(NOON)
    talk = Talk(database, clock)
    await talk.begins()
    await talk.says(ZHANG, "头疼", "cid-0001")
    code = (await talk.gathering.invite_code(ZHANG, "c1")).code
    joined = await talk.gathering.join(SON, wire.Join(code=code.lower()))
    assert [(one.user, one.role) for one in joined.members if one.user == SON.id] == [(SON.id, "family")]
    with pytest.raises(refusals.CodeIsNoGood):
        await talk.gathering.join(STRANGER, wire.Join(code=code))
    await talk.says(SON, "我是儿子", "cid-0001")
    await talk.gathering.leave(SON, "c1")
    await talk.says(ZHANG, "后来说的", "cid-0002")
    seen = await talk.log(SON)
    assert [one.body for one in seen][-1] == wire.EventBody(code="im.left", facts={"user": SON.id})
    with pytest.raises(refusals.MayNotSpeak):
        await talk.says(SON, "还在", "cid-0002")
    for who in (ZHANG, LI):
        with pytest.raises(refusals.MayNotLeave):
            await talk.gathering.leave(who, "c1")
    late = (await talk.gathering.invite_code(ZHANG, "c1")).code
    clock.advance(timedelta(seconds=limits.IM_CODE_SECONDS))
    with pytest.raises(refusals.CodeIsNoGood):
        await talk.gathering.join(SON, wire.Join(code=late))


async def test_staff_begin_a_direct_conversation_once_and_teams_by_cid(talk: Talk) -> None:
    with pytest.raises(refusals.NoSuchColleague):
        await talk.gathering.start(LI, wire.Start(cid="cid-0001", kind="direct", users=["doctor.nobody"]))
    with pytest.raises(refusals.NoSuchColleague):
        await talk.gathering.start(LI, wire.Start(cid="cid-0001", kind="direct", users=[LI.id]))


async def test_the_platform_says_something_once_and_costs_no_question(talk: Talk) -> None:
    await talk.begins(turns_left=1)
    for _ in range(2):
        async with talk.units.begin() as unit:
            await posting.announce_event(
                unit, "c1", "consultation.extended", at=NOON, random=talk.random, cid="extend-1", hours=24
            )
            await unit.commit()
    [only] = await talk.log(ZHANG)
    assert only.body == wire.EventBody(code="consultation.extended", facts={"hours": 24})
    assert ((await talk.view(ZHANG)).unread, (await talk.view(ZHANG)).turns_left) == (0, 1)
    assert only.role == Part.SYSTEM


async def test_nothing_is_half_said(talk: Talk) -> None:
    await talk.begins()
    try:
        async with talk.units.begin() as unit:
            await posting.post(
                unit,
                "c1",
                sender=ZHANG.id,
                role=Part.PATIENT,
                cid="cid-0001",
                body=wire.TextBody(text="x"),
                at=NOON,
                random=talk.random,
            )
            raise refusals.FileNotReady
    except Refusal:
        pass
    assert await talk.log(LI) == []
    assert ((await talk.view(LI)).unread, (await talk.view(LI)).last_seq) == (0, 0)
    assert (await talk.says(ZHANG, "x", "cid-0001")).seq == 1
