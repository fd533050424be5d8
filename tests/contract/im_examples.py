"""People who talk, over one database."""

import random as chance
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from adapters.memory.nudge import MemoryNudge
from adapters.sql.outbox import SqlOutbox
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from clinic.directory import Department, Directory
from core.actor import Actor, Role
from core.clock import Clock, ManualClock
from core.ids import DepartmentId
from im import posting, wire
from im.chain import FIRST, Link, commitment, digest, opened_text
from im.gathering import Gathering
from im.messaging import Manners, Messaging
from im.news import News
from im.reading import Reading
from im.store import NewConversation, Row
from im.thread import Kind, Part, Seat, State
from tests.contract.sql_examples import NOON
from tests.unit.crypto.rings import a_sealing

LI = Actor(id="doctor.li", role=Role.DOCTOR)
WU = Actor(id="nurse.wu", role=Role.NURSE)
ZHANG = Actor(id="u-zhang", role=Role.PATIENT)
SON = Actor(id="u-son", role=Role.PATIENT)
STRANGER = Actor(id="u-stranger", role=Role.PATIENT)

MEDICINE = Department(code=DepartmentId("d1"), name="内科")

PARTS = {LI.id: Part.DOCTOR, WU.id: Part.NURSE, ZHANG.id: Part.PATIENT, SON.id: Part.FAMILY}


class Talk:
    """The services of one process; several may share a database."""

    def __init__(self, database: Database, clock: Clock | None = None, *, seed: int = 1) -> None:
        self.clock = clock or ManualClock(NOON)
        self.database = database
        self.units = SqlUnits(database, clock=self.clock, nudge=MemoryNudge(), sealing=a_sealing())
        self.random = chance.Random(seed).randbytes
        self.whispered: list[tuple[tuple[str, ...], bytes]] = []

        async def whisper(users: Sequence[str], data: bytes) -> None:
            self.whispered.append((tuple(users), data))

        async def present(users: Sequence[str]) -> Sequence[str]:
            return [user for user in users if user == LI.id]

        self.typed: list[str] = []
        self.messaging = Messaging(
            units=self.units,
            clock=self.clock,
            random=self.random,
            whisper=whisper,
            present=present,
            may_type=lambda name: self.typed.append(name) or len(self.typed) < 4,  # type: ignore[func-returns-value]
            manners=Manners(recall_within=timedelta(seconds=120)),
        )
        self.reading = Reading(units=self.units)
        self.gathering = Gathering(units=self.units, clock=self.clock, random=self.random)
        self.news = News(units=self.units, clock=self.clock, random=self.random)

    async def begins(
        self, name: str = "c1", *people: Actor, kind: Kind = Kind.CONSULTATION, **more: Any
    ) -> str:
        """A conversation of these people (a doctor and a patient, unless others are named)."""
        people = people or (LI, ZHANG)
        async with self.units.begin() as unit:
            draft = NewConversation(
                id=name,
                kind=kind,
                state=more.pop("state", State.ACTIVE),
                key=f"test|{name}",
                seats=tuple(
                    Seat(user=who.id, part=PARTS.get(who.id, Part.PATIENT), shown=who.id) for who in people
                ),
                **more,
            )
            await posting.create(unit, draft, at=self.clock.now())
            await unit.commit()
        return name

    async def lists(self, *departments: Department) -> None:
        """What the hospital lists."""
        async with self.units.begin() as unit:
            await unit.directory.keep(Directory(departments=departments))
            await unit.commit()

    async def says(self, who: Actor, text: str, cid: str, conversation: str = "c1") -> wire.Sent:
        body = wire.TextBody(text=text)
        return await self.messaging.send(who, wire.Send(conversation=conversation, cid=cid, body=body))

    async def log(self, who: Actor, conversation: str = "c1") -> list[wire.Message]:
        """Everything, page after page."""
        found: list[wire.Message] = []
        while True:
            page = await self.reading.pull(
                who, wire.Pull(conversation=conversation, after=found[-1].seq if found else 0, limit=3)
            )
            found += page.messages
            if not page.more:
                return found

    async def view(self, who: Actor, conversation: str = "c1") -> wire.Conversation:
        return (await self.reading.open(who, wire.Open(conversation=conversation))).conversation

    async def told(self, user: str) -> list[dict[str, Any]]:
        """What waits in the outbox for a user, opened; it is taken out."""
        outbox = SqlOutbox(self.database)
        waiting = await outbox.waiting(after=0, limit=10_000)
        mine = [one for one in waiting if one.outgoing.channel == f"user:#{user}"]
        await outbox.remove([one.id for one in mine], fence=None)
        return [
            msgspec.json.decode(
                a_sealing().open(one.outgoing.data, table="outbox", column="data", row=f"user:#{user}")
            )
            for one in mine
        ]

    async def rows(self, conversation: str = "c1") -> list[Row]:
        async with self.units.read() as unit:
            return list(await unit.conversations.page(conversation, above=0, upto=2**53, limit=100_000))

    async def chain_holds(self, conversation: str = "c1") -> bool:
        """Whether each message's digest is what its content and the one before make it."""
        async with self.units.begin() as unit:
            room = await unit.conversations.hold(conversation, sender="")
        assert room is not None
        before = FIRST
        for row in await self.rows(conversation):
            salt, body = opened_text(row.body)
            link = Link(
                conversation=row.conversation,
                seq=row.seq,
                id=row.id,
                sender=row.sender,
                role=row.role,
                type=row.type,
                created_us=round(row.created_at.timestamp() * 1_000_000),
                ref_seq=row.ref_seq,
                commitment=commitment(salt, body),
            )
            before = digest(before, link)
            if before != row.digest:
                return False
        return before == room.thread.digest
