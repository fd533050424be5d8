"""What is old goes whole and leaves its head behind; what is held, young or not announced stays."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from adapters.sql.schema import metadata
from adapters.sql.transaction import Database
from core.actor import Actor, Role
from core.refusals import Unavailable
from im import posting, wire
from im.keeping import Keeping
from im.keeping_wire import EndingQuery, HoldItem, HoldQuery, LiftHold, PlaceHold
from im.refusals import NoSuchConversation
from im.retention import (
    Ending,
    HoldIsLifted,
    KeptYears,
    NoSuchHold,
    NotAnnounced,
    RecordIsHeld,
    TooYoungToPurge,
)
from im.thread import Kind, State
from tests.contract.file_examples import Post
from tests.contract.im_examples import LI, WU, ZHANG
from tests.contract.test_consultations import OWNER, Clinic

GUARD = Actor(id="security_admin.s1", role=Role.SECURITY_ADMIN)
YEAR = 366 * 24 * 3600


class NoLog(Unavailable):
    code = "test.no_log"


class House(Post):
    """Talk with files, and what keeps them."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        self.witnessed: list[Ending] = []
        self.log_is_away = False

        async def witness(ending: Ending) -> None:
            if self.log_is_away:
                raise NoLog()
            self.witnessed.append(ending)

        self.keeping = Keeping(
            units=self.units,
            clock=self.clock,
            random=self.random,
            years=KeptYears(),
            blobs=self.blobs,
            witness=witness,
        )

    async def closes(self, name: str = "c1") -> None:
        async with self.units.begin() as unit:
            await posting.change(unit, name, at=self.clock.now(), state=State.CLOSED)
            await unit.commit()

    async def is_here(self, name: str = "c1") -> bool:
        async with self.units.read() as unit:
            return await unit.conversations.thread(name) is not None

    async def announced(self) -> list[str]:
        return [each.conversation for each in (await self.keeping.endings(EndingQuery())).items]

    async def holds_it(self, name: str = "c1") -> HoldItem:
        return await self.keeping.place(GUARD, PlaceHold(conversation=name, reason="court letter 12"))

    async def counted(self) -> dict[str, int]:
        """Rows of every table that names conversations."""
        found: dict[str, int] = {}
        async with self.database.read() as transaction:
            for table in metadata.sorted_tables:
                if "conversation" in table.columns or table.name == "im_conversation":
                    row = await transaction.row(select(func.count()).select_from(table))
                    assert row is not None
                    found[table.name] = row[0]
        return found


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    made = House(database, tmp_path / "files")
    yield made
    made.close()


async def an_old_talk(house: House, name: str = "c1") -> None:
    await house.begins(name, retention="record")
    await house.says(ZHANG, "头疼三天了", f"cid-{name}-1", name)
    await house.says(LI, "请多休息", f"cid-{name}-2", name)
    await house.closes(name)


async def test_a_consultation_is_announced_after_fifteen_years_and_goes_a_month_later(house: House) -> None:
    await an_old_talk(house)
    house.later(14 * YEAR)
    assert (await house.keeping.sweep(), await house.announced()) == (0, [])
    house.later(YEAR)
    assert (await house.keeping.sweep(), await house.announced()) == (0, ["c1"])
    house.later(29 * 24 * 3600)
    assert await house.keeping.sweep() == 0
    assert await house.is_here()
    house.later(24 * 3600)
    told: list[Ending] = []
    assert await house.keeping.sweep(told.append) == 1
    assert not await house.is_here()
    (gone,) = (await house.keeping.endings(EndingQuery(state="gone"))).items
    assert (gone.conversation, gone.messages, gone.retention) == ("c1", 2, "record")
    assert [each.subject.id for each in told] == [each.subject.id for each in house.witnessed] == ["c1"]
    assert await house.keeping.sweep() == 0
    assert await house.announced() == []


async def test_everything_of_it_goes_with_it_and_nothing_of_the_others(house: House) -> None:
    await an_old_talk(house)
    await house.begins("c2", retention="record")
    await house.says(LI, "c2 不动", "cid-c2-1", "c2")
    await house.holds_it("c1")
    kept = await house.counted()
    await house.begins("c3", retention="record")
    photo = await house.brings(conversation="c3")
    await house.messaging.send(
        ZHANG, wire.Send(conversation="c3", cid="pic-0001", body=wire.ImageBody(files=[photo.id]))
    )
    await house.closes("c3")
    assert (await house.counted())["im_file"] == 1
    assert house.kept()
    house.later(15 * YEAR)
    await house.keeping.sweep()
    house.later(30 * 24 * 3600)
    assert await house.keeping.sweep() == 1
    assert await house.counted() == kept
    assert not house.kept()
    for who, unread in ((ZHANG, 2), (LI, 1)):
        async with house.units.read() as unit:
            assert (await unit.conversations.standing(who.id))[1] == unread
    with pytest.raises(NoSuchConversation):
        await house.log(ZHANG, "c3")
    assert await house.chain_holds("c2")


async def test_a_hold_keeps_it_also_when_it_was_announced_already(house: House) -> None:
    await an_old_talk(house)
    house.later(16 * YEAR)
    await house.keeping.sweep()
    first, second = await house.holds_it(), await house.holds_it()
    assert await house.announced() == []
    house.later(YEAR)
    assert await house.keeping.sweep() == 0
    await house.keeping.lift(GUARD, first.id, LiftHold(reason="withdrawn"))
    assert (await house.keeping.sweep(), await house.announced()) == (0, [])
    await house.keeping.lift(GUARD, second.id, LiftHold(reason="withdrawn"))
    assert (await house.keeping.sweep(), await house.announced()) == (0, ["c1"])
    assert await house.is_here()
    with pytest.raises(HoldIsLifted):
        await house.keeping.lift(GUARD, first.id, LiftHold(reason="again"))
    with pytest.raises(NoSuchHold):
        await house.keeping.lift(GUARD, "h-none", LiftHold(reason="none"))
    with pytest.raises(NoSuchConversation):
        await house.holds_it("none")
    lifted = (await house.keeping.holds(HoldQuery(state="lifted"))).items
    assert {(each.reason, each.lifted_because) for each in lifted} == {("court letter 12", "withdrawn")}
    assert (await house.keeping.holds(HoldQuery())).items == []


async def test_whoever_asks_earlier_is_refused_and_everything_stays(house: House) -> None:
    await an_old_talk(house)
    with pytest.raises(TooYoungToPurge) as young:
        await house.keeping.purge("c1")
    assert young.value.facts["until"].startswith("2041")
    house.later(16 * YEAR)
    with pytest.raises(NotAnnounced):
        await house.keeping.purge("c1")
    await house.keeping.sweep()
    with pytest.raises(NotAnnounced):
        await house.keeping.purge("c1")
    house.later(31 * 24 * 3600)
    hold = await house.holds_it()
    with pytest.raises(RecordIsHeld):
        await house.keeping.purge("c1")
    await house.keeping.lift(GUARD, hold.id, LiftHold(reason="over now"))
    await house.keeping.sweep()
    house.later(31 * 24 * 3600)
    assert [each.subject.id for each in await house.keeping.due()] == ["c1"]
    assert len(await house.log(ZHANG)) == 2
    assert (await house.keeping.purge("c1")).subject.messages == 2
    with pytest.raises(NoSuchConversation):
        await house.keeping.purge("c1")


async def test_what_cannot_be_recorded_does_not_go(house: House) -> None:
    await an_old_talk(house)
    house.later(16 * YEAR)
    await house.keeping.sweep()
    house.later(31 * 24 * 3600)
    house.log_is_away = True
    with pytest.raises(NoLog):
        await house.keeping.sweep()
    assert len(await house.log(ZHANG)) == 2
    house.log_is_away = False
    assert await house.keeping.sweep() == 1


async def test_what_has_no_end_goes_three_years_after_the_last_word(house: House) -> None:
    await house.begins("team", LI, WU, ZHANG, kind=Kind.TEAM)
    await house.says(LI, "一", "cid-0001", "team")
    house.later(2 * YEAR)
    await house.says(LI, "二", "cid-0002", "team")
    house.later(2 * YEAR)
    await house.keeping.sweep()
    assert await house.announced() == []
    house.later(YEAR)
    await house.keeping.sweep()
    assert await house.announced() == ["team"]
    await house.says(WU, "三", "cid-0003", "team")
    house.later(31 * 24 * 3600)
    assert (await house.keeping.sweep(), await house.announced()) == (0, [])


async def test_a_consultation_that_nobody_answered_goes_too(database: Database, house: House) -> None:
    clinic = Clinic(database)
    await clinic.opens()
    name = await clinic.asks(doctor=LI.id)
    await clinic.consulting.cancel(OWNER, name)
    house.later(15 * YEAR + 3600)
    await house.keeping.sweep()
    assert name in await house.announced()
    house.later(31 * 24 * 3600)
    assert await house.keeping.sweep() == 1
    async with house.units.read() as unit:
        assert await unit.consultations.find(name) is None
