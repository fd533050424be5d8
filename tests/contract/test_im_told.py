"""T12: what somebody saw before a command and what they were told of it make what is there after it.

Each member has a screen that is kept by events alone, as ``docs/messaging.md`` tells clients to. After every
command, drawn at random, each screen is compared with what the server answers to somebody who asks anew.
Where no event tells of a change, the screen stays behind, and the test names the command.
"""

import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from adapters.sql.transaction import Database
from core.actor import Actor
from core.refusals import Refusal
from im import posting, wire
from im.thread import State
from tests.contract.im_examples import LI, SON, WU, ZHANG, Talk

COMMANDS = 40
PEOPLE = (LI, WU, ZHANG, SON)
NOT_SHOWN = {"created_at", "changed_at"}


class Screen:
    """One member's, kept by what it is told. A conversation's own change is looked at anew; words are not."""

    def __init__(self, talk: Talk, who: Actor) -> None:
        self._talk = talk
        self.who = who
        self.view: dict[str, Any] = {}
        self.log: list[Any] = []

    async def looks(self) -> None:
        """Ask for everything, as at the first start."""
        self.view, self.log = await self.fresh()

    async def fresh(self) -> tuple[dict[str, Any], list[Any]]:
        view = msgspec.to_builtins(await self._talk.view(self.who))
        log = msgspec.to_builtins(await self._talk.log(self.who))
        return {name: value for name, value in view.items() if name not in NOT_SHOWN}, log

    async def is_told(self) -> None:
        for event in await self._talk.told(self.who.id):
            await getattr(self, f"_{event['event']}")(event)
        if self.view:
            self._count()

    async def _conversation(self, event: dict[str, Any]) -> None:
        self.view, _ = await self.fresh()
        # Somebody who comes in reads what was said before.
        if self.log == [] and self.view["last_seq"]:
            await self.looks()

    async def _message(self, event: dict[str, Any]) -> None:
        message = event["message"]
        if message["seq"] != len(self.log) + 1:
            assert message["seq"] <= len(self.log), "nothing is left out"
            return
        self.log.append(message)
        if message["body"]["type"] == "recall":
            back = self.log[message["body"]["ref_seq"] - 1]
            back |= {"state": "recalled", "body": None}
        self.view |= {"last": message, "last_seq": message["seq"], "turns_left": event.get("turns_left")}

    async def _receipt(self, event: dict[str, Any]) -> None:
        marks = {"recv_seq": event["recv_seq"], "read_seq": event["read_seq"]}
        if event["user"] == self.who.id:
            self.view |= marks
        for member in self.view["members"]:
            if member["user"] == event["user"]:
                member |= marks

    def _count(self) -> None:
        self.view["unread"] = sum(
            one["sender"] != self.who.id
            and one["seq"] > self.view["read_seq"]
            and one["state"] == "sent"
            and one["body"]["type"] not in ("recall", "event")
            for one in self.log
        )


Command = Callable[[], Awaitable[object]]


class Day:
    """What may happen in a conversation."""

    def __init__(self, talk: Talk, chance: random.Random) -> None:
        self.talk = talk
        self.chance = chance
        self._cids = (f"cid-{number:05}" for number in itertools.count())

    def draw(self) -> tuple[str, Command]:
        """Something that somebody does now, and what to call it."""
        talk, who = self.talk, self.chance.choice(PEOPLE)
        seq, on = self.chance.randrange(1, 30), self.chance.random() < 0.5
        mark, switch = wire.Mark(conversation="c1", seq=seq), wire.Switch(conversation="c1", on=on)
        cid = next(self._cids)
        drawn: dict[str, Command] = {
            "says": lambda: talk.says(who, "您好", cid),
            "says again": lambda: talk.says(who, "还在吗", cid),
            "takes back": lambda: talk.messaging.recall(
                who, wire.Recall(conversation="c1", cid=cid, seq=seq)
            ),
            "has": lambda: talk.messaging.ack(who, mark),
            "reads": lambda: talk.messaging.read(who, mark),
            "mutes": lambda: talk.messaging.mute(who, switch),
            "pins": lambda: talk.messaging.pin(who, switch),
            "brings the son in": self._brings,
            "leaves": lambda: talk.gathering.leave(SON, "c1"),
            "is extended": self._extended,
        }
        name = self.chance.choice(list(drawn))
        return f"{who.id} {name}", drawn[name]

    async def _brings(self) -> None:
        code = (await self.talk.gathering.invite_code(ZHANG, "c1")).code
        await self.talk.gathering.join(SON, wire.Join(code=code))

    async def _extended(self) -> None:
        async with self.talk.units.begin() as unit:
            left = self.chance.randrange(1, 9)
            await posting.change(unit, "c1", at=self.talk.clock.now(), state=State.ACTIVE, turns_left=left)
            await unit.commit()


@pytest.mark.acceptance("T12")
@pytest.mark.parametrize("seed", range(2))
async def test_what_was_seen_and_what_is_told_make_what_is_there(database: Database, seed: int) -> None:
    talk, chance = Talk(database), random.Random(seed)
    await talk.begins("c1", LI, WU, ZHANG, turns_left=9)
    screens = [Screen(talk, who) for who in PEOPLE[:3]]
    for screen in screens:
        await talk.told(screen.who.id)
        await screen.looks()
    day, done = Day(talk, chance), 0
    for _ in range(COMMANDS):
        name, command = day.draw()
        try:
            await command()
        except Refusal:
            name += ", refused"
        else:
            done += 1
        for screen in screens:
            await screen.is_told()
            view, log = await screen.fresh()
            assert (name, screen.who.id, screen.log) == (name, screen.who.id, log)
            behind = {
                what: (screen.view.get(what), now)
                for what, now in view.items()
                if screen.view.get(what) != now
            }
            assert not behind, (name, screen.who.id, behind)
    assert done > COMMANDS / 3
