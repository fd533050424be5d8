"""Notices on both databases: told once, by what was agreed to, never twice."""

import asyncio
import random as chance
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from accounts.user import Change, Identity, IdentityKind, Proof, User
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core import limits
from core.actor import Actor, Role
from core.clock import ManualClock
from core.ids import LineId, TicketNumber, UserId
from im import wire as im_wire
from im.noticing import Noticing
from notices import wire
from notices.adding import Telling
from notices.agreeing import Agreeing, NoSuchChannel
from notices.holding import NoticeHolding
from notices.notice import ANY_NUMBER, Channel, Kind, Night, Outcome, State
from notices.sending import Sending
from queue_display.following import TicketFollowing, TooManyFollowed
from queue_display.line import Line
from queue_display.refusals import NoSuchTicket
from queue_display.store import Change as LineChange
from queue_display.ticket import TicketState
from tests.contract.im_examples import LI, ZHANG, Talk
from tests.contract.sql_examples import NOON, a_line, moved, new
from tests.unit.crypto.rings import a_sealing

APP = "wx-mini"
OFFERED = {
    Channel.WECHAT_MINI: {Kind.NEW_MESSAGE: "t-message", Kind.CALLED: "t-called", Kind.NEAR_TURN: "t-near"}
}


class Postman:
    """A platform's application that does as told and remembers."""

    app = APP
    kinds: Mapping[Kind, str] = OFFERED[Channel.WECHAT_MINI]

    def __init__(self) -> None:
        self.carried: list[tuple[str, Kind]] = []
        self.outcomes: list[Outcome] = []
        self.hangs: asyncio.Event | None = None

    async def carry(self, subject: str, kind: Kind, params: Mapping[str, str]) -> Outcome:
        self.carried.append((subject, kind))
        if self.hangs is not None:
            await self.hangs.wait()
        return self.outcomes.pop(0) if self.outcomes else Outcome.SENT


class Town:
    """One process's notices over a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(NOON)
        self.units = SqlUnits(database, clock=self.clock, nudge=MemoryNudge(), sealing=a_sealing())
        self.postman = Postman()
        self.became: list[State | Outcome] = []
        telling = Telling(random=chance.Random(3).randbytes, night=Night(time(22), time(7)))
        self.telling = telling
        self.agreeing = Agreeing(units=self.units, offered=OFFERED)
        self.sending = Sending(
            units=self.units,
            clock=self.clock,
            couriers={Channel.WECHAT_MINI: self.postman},
            told=lambda kind, what: self.became.append(what),
        )
        self.noticing = Noticing(units=self.units, clock=self.clock, telling=telling)
        self.following = TicketFollowing(units=self.units, clock=self.clock, telling=telling)
        self.talk = Talk(database, self.clock)

    async def signs_up(self, user: Actor = ZHANG, *, app: str = APP) -> None:
        proof = Proof(IdentityKind.WECHAT_MINI, app, f"openid-of-{user.id}")
        one = User(UserId(user.id), NOON, (Identity(f"i-{user.id}", proof, NOON),))
        async with self.units.begin() as unit:
            await unit.users.keep(Change((), (one,), one.id, is_new=True))
            await unit.commit()

    async def agrees(
        self, *templates: str, user: Actor = ZHANG, refused: Sequence[str] = ()
    ) -> wire.Templates:
        body = wire.Agree(channel="wechat_mini", accepted=list(templates), refused=list(refused))
        return await self.agreeing.agree(user, body)

    async def left(self, template: str = "t-message", user: Actor = ZHANG) -> int:
        told = await self.agreeing.templates(user, "wechat_mini")
        return next(each.left for each in told.templates if each.template == template)

    async def adds(self, key: str = "k1", kind: Kind = Kind.NEW_MESSAGE, user: Actor = ZHANG) -> bool:
        async with self.units.begin() as unit:
            new = await self.telling.add(unit, user.id, kind, key, {"room": "3"}, at=self.clock.now())
            await unit.commit()
        return new

    async def states(self) -> list[str]:
        async with self.database.engine.connect() as connection:
            rows = await connection.execute(text("SELECT state FROM notice ORDER BY id"))
            return [row[0] for row in rows]

    def later(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))


@pytest.fixture
async def town(database: Database) -> Town:
    made = Town(database)
    await made.signs_up()
    return made


async def test_the_same_thing_is_told_once_and_uses_one_consent(town: Town) -> None:
    await town.agrees("t-message", "t-message")
    await town.agrees("t-message")
    assert await town.left() == 2
    assert await town.adds()
    assert not await town.adds()
    assert await town.sending.sweep() == 1
    assert await town.sending.sweep() == 0
    assert town.postman.carried == [("openid-of-u-zhang", Kind.NEW_MESSAGE)]
    assert await town.left() == 1


async def test_who_agreed_to_nothing_or_has_no_such_application_is_not_told(town: Town) -> None:
    await town.adds("k1")
    stranger = Actor(id="u-other", role=Role.PATIENT)
    await town.signs_up(stranger, app="another-app")
    await town.agrees("t-message", user=stranger)
    await town.adds("k2", user=stranger)
    await town.adds("k3", user=Actor(id="u-nobody", role=Role.PATIENT))
    await town.sending.sweep()
    assert town.postman.carried == []
    assert town.became == [State.UNSENT] * 3
    assert await town.sending.sweep() == 0
    # What was not sent used nothing up.
    assert await town.left(user=stranger) == 1


async def test_a_busy_platform_is_asked_again_and_the_consent_is_kept_meanwhile(town: Town) -> None:
    await town.agrees("t-message")
    await town.adds()
    town.postman.outcomes = [Outcome.NOT_NOW]
    await town.sending.sweep()
    assert await town.left() == 1
    assert await town.sending.sweep() == 0
    town.later(seconds=limits.NOTICE_AGAIN_SECONDS)
    assert await town.sending.sweep() == 1
    assert town.became == [Outcome.NOT_NOW, Outcome.SENT]
    assert await town.left() == 0


async def test_whoever_says_no_at_the_platform_is_asked_for_consent_anew(town: Town) -> None:
    for _ in range(3):
        await town.agrees("t-message")
    await town.adds()
    town.postman.outcomes = [Outcome.NOT_AGREED]
    await town.sending.sweep()
    await town.sending.sweep()
    assert town.became == [Outcome.NOT_AGREED, State.UNSENT]
    assert await town.left() == 0
    await town.agrees("t-message")
    assert (await town.agrees(refused=["t-message"])).templates[0].left == 0


async def test_a_worker_that_is_killed_in_the_middle_sends_nothing_twice(town: Town) -> None:
    await town.agrees("t-message")
    await town.adds()
    town.postman.hangs = asyncio.Event()
    sweep = asyncio.create_task(town.sending.sweep())
    async with asyncio.timeout(5):
        while not town.postman.carried:
            await asyncio.sleep(0.01)
    sweep.cancel()
    await asyncio.gather(sweep, return_exceptions=True)
    assert await town.sending.sweep() == 0
    town.later(seconds=limits.NOTICE_HANDED_SECONDS)
    town.postman.hangs = None
    await town.sending.sweep()
    assert len(town.postman.carried) == 1
    assert town.became == [State.UNKNOWN]
    assert await town.sending.sweep() == 0


async def test_two_workers_at_once_send_one(database: Database) -> None:
    town, other = Town(database), Town(database)
    await town.signs_up()
    await town.agrees("t-message")
    await town.adds()
    await asyncio.gather(town.sending.sweep(), other.sending.sweep())
    assert len(town.postman.carried) + len(other.postman.carried) == 1


async def test_quiet_at_night_waits_for_the_morning_and_a_call_does_not(town: Town) -> None:
    await town.agrees("t-message", "t-called")
    await town.agreeing.quiet(ZHANG, wire.Quiet(on=True))
    assert (await town.agreeing.templates(ZHANG, "wechat_mini")).quiet
    town.later(hours=11)
    await town.adds("k1")
    await town.adds("k2", Kind.CALLED)
    await town.sending.sweep()
    assert [kind for _, kind in town.postman.carried] == [Kind.CALLED]
    town.later(hours=8)
    await town.sending.sweep()
    assert [kind for _, kind in town.postman.carried] == [Kind.CALLED, Kind.NEW_MESSAGE]


async def test_a_call_of_ten_minutes_ago_is_told_no_more(town: Town) -> None:
    await town.agrees("t-called")
    await town.adds(kind=Kind.CALLED)
    town.later(minutes=10)
    await town.sending.sweep()
    assert town.became == [State.LATE]


async def test_a_message_that_no_device_received_is_told_once_until_one_did(town: Town) -> None:
    talk = town.talk
    await talk.begins()
    await town.agrees("t-message")
    await town.agrees("t-message")
    await talk.says(LI, "请说", "cid-0001")
    await town.noticing.sweep()
    assert not await town.states()
    town.later(seconds=limits.IM_NOTICE_AFTER_SECONDS)
    for number in range(2, 4):
        await town.noticing.sweep()
        await talk.says(LI, "还在吗", f"cid-{number:04}")
        town.later(seconds=limits.IM_NOTICE_AFTER_SECONDS)
    await town.noticing.sweep()
    assert await town.states() == ["waiting"]
    await town.sending.sweep()
    await talk.messaging.read(ZHANG, im_wire.Mark(conversation="c1", seq=3))
    await talk.says(LI, "好的", "cid-0005")
    town.later(seconds=limits.IM_NOTICE_AFTER_SECONDS)
    await town.noticing.sweep()
    assert await town.states() == ["sent", "waiting"]


async def test_what_a_device_received_in_time_and_what_staff_missed_is_told_nobody(town: Town) -> None:
    talk = town.talk
    await talk.begins()
    await talk.says(LI, "请说", "cid-0001")
    await talk.messaging.ack(ZHANG, im_wire.Mark(conversation="c1", seq=1))
    await talk.says(ZHANG, "头疼", "cid-0001")
    town.later(seconds=limits.IM_NOTICE_AFTER_SECONDS)
    await town.noticing.sweep()
    assert not await town.states()
    assert await town.noticing.sweep() == 0


async def test_what_an_application_does_not_offer_cannot_be_agreed_to(town: Town) -> None:
    with pytest.raises(NoSuchChannel):
        await town.agreeing.templates(ZHANG, "alipay_mini")
    await town.agrees("t-of-somebody-else")
    assert await town.left() == 0


async def test_notices_go_with_the_account_and_end_with_it(town: Town) -> None:
    son, holding = Actor(id="u-son", role=Role.PATIENT), NoticeHolding()
    await town.agrees("t-message")
    await town.agrees("t-message", user=son)
    await town.agreeing.quiet(son, wire.Quiet(on=True))
    await town.adds("k1", user=son)
    async with town.units.begin() as unit:
        await holding.move(unit, source=UserId(son.id), target=UserId(ZHANG.id), at=NOON)
        await unit.commit()
    assert await town.left() == 2
    async with town.units.read() as unit:
        exported: Any = await holding.export(unit, UserId(ZHANG.id), at=NOON)
    assert exported["quiet_at_night"]
    assert exported["agreed"] == [{"channel": "wechat_mini", "kind": "new_message", "left": 2}]
    await town.sending.sweep()
    assert town.postman.carried == [("openid-of-u-zhang", Kind.NEW_MESSAGE)]
    async with town.units.begin() as unit:
        await holding.erase(unit, UserId(ZHANG.id), at=NOON)
        await unit.commit()
    assert await town.left() == 0
    assert not await town.states()


async def test_what_is_over_is_forgotten_after_a_month_and_what_waits_is_not(town: Town) -> None:
    await town.agrees("t-message")
    await town.adds("k1")
    await town.sending.sweep()
    await town.adds("k2")
    async with town.units.begin() as unit:
        unit.notices.forget(before=NOON + timedelta(days=1))
        await unit.commit()
    assert await town.states() == ["waiting"]


def test_any_number_is_no_count() -> None:
    assert ANY_NUMBER < 0
    assert TooManyFollowed(limit=limits.TICKETS_FOLLOWED).facts == {"limit": 10}
    assert NoSuchTicket(line=LineId("l"), number=TicketNumber("1")).code


async def a_day(town: Town, tickets: int = 6) -> Line:
    line = a_line(tickets=tickets)
    async with town.units.begin() as unit:
        await unit.lines.keep(new(line))
        await unit.commit()
    return line


async def follows(town: Town, number: str, *, on: bool = True, user: Actor = ZHANG) -> bool:
    body = wire.FollowTicket(on=on)
    return (await town.following.follow(user, LineId("L0301"), TicketNumber(number), body)).on


async def happens(town: Town, line: Line, *numbers: str, to: TicketState = TicketState.CALLED) -> Line:
    async with town.units.begin() as unit:
        change = moved(line, *numbers, to=to)
        await unit.lines.keep(change)
        await unit.commit()
    return change.after


async def test_a_ticket_is_told_of_once_when_three_are_before_it_and_once_when_it_is_called(
    town: Town,
) -> None:
    await town.agrees("t-called", "t-near")
    line = await a_day(town)
    await follows(town, "A005")
    await town.following.sweep()
    assert not await town.states()
    for _ in range(2):
        line = await happens(town, line, line.waiting[0].number)
        assert await town.following.sweep() == (1 if len(line.waiting) == 5 else 0)
    for number in (line.waiting[0].number, line.waiting[1].number):
        line = await happens(town, line, number)
        await town.following.sweep()
    assert await town.following.sweep() == 0
    assert len(await town.states()) == 1
    line = await happens(town, line, "A005")
    assert await town.following.sweep() == 1
    await town.sending.sweep()
    assert {kind for _, kind in town.postman.carried} == {Kind.NEAR_TURN, Kind.CALLED}
    # Passed over and called once more: they know by now.
    line = await happens(town, line, "A005", to=TicketState.PASSED)
    line = await happens(town, line, "A005")
    assert await town.following.sweep() == 0
    await happens(town, line, "A005", to=TicketState.DONE)
    await town.following.sweep()
    async with town.units.read() as unit:
        assert not await unit.follows.page(after=None, limit=10)


async def test_only_what_is_there_is_followed_and_no_more_than_ten(town: Town) -> None:
    await a_day(town, tickets=12)
    with pytest.raises(NoSuchTicket):
        await follows(town, "Z999")
    for number in range(2, 12):
        assert await follows(town, f"A{number:03}")
    await follows(town, "A002")
    with pytest.raises(TooManyFollowed):
        await follows(town, "A012")
    assert not await follows(town, "A002", on=False)
    assert await follows(town, "A012")


async def test_what_one_follows_is_known_everywhere_and_can_be_stopped_when_it_is_over(town: Town) -> None:
    line = await a_day(town)
    assert (await town.following.mine(ZHANG)).items == []
    for number in ("A003", "A001"):
        await follows(town, number)
    mine = (await town.following.mine(ZHANG)).items
    assert [(one.number, one.line, one.line_name) for one in mine] == [
        ("A001", line.id, line.name),
        ("A003", line.id, line.name),
    ]
    assert (await town.following.mine(Actor(id="u-other", role=Role.PATIENT))).items == []
    # The day is over: nothing of it is shown, and what was asked for can be taken back.
    tomorrow = replace(line, day=line.day + timedelta(days=1), version=2, tickets={})
    async with town.units.begin() as unit:
        await unit.lines.keep(LineChange(before=line, after=tomorrow, events=()))
        await unit.commit()
    assert (await town.following.mine(ZHANG)).items == []
    assert not await follows(town, "A001", on=False)
    with pytest.raises(NoSuchTicket):
        await follows(town, "A001", on=False)


async def test_however_many_follow_everybody_is_looked_at(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FOLLOWED_AT_ONCE", 2)
    line = await a_day(town)
    people = [Actor(id=f"u{number}", role=Role.PATIENT) for number in range(5)]
    for user in people:
        await follows(town, "A006", user=user)
    await follows(town, "A005", user=people[0])
    line = await happens(town, line, "A001", "A002")
    assert await town.following.sweep() == 6
    assert await town.following.sweep() == 0
    await follows(town, "A006", on=False, user=people[1])
    await happens(town, line, "A006")
    assert await town.following.sweep() == 4


async def test_the_ticket_of_that_number_of_another_day_is_another(town: Town) -> None:
    line = await a_day(town)
    await follows(town, "A001")
    tomorrow = replace(line, day=line.day + timedelta(days=1), version=2)
    async with town.units.begin() as unit:
        await unit.lines.keep(LineChange(before=line, after=tomorrow, events=()))
        await unit.commit()
    await town.following.sweep()
    assert not await town.states()
