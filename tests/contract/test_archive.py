"""Bodies in the archive: kept, given back, forgotten; moved without a moment in which one is nowhere."""

import gc
import os
import secrets
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from adapters.memory.archive import MemoryArchive
from adapters.mongo.archive import MongoArchive
from adapters.sql.archiving import Archiving, reseal_archive
from adapters.sql.im_tables import im_message
from adapters.sql.leases import SqlLeases
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from core.clock import ManualClock
from core.leases import Fence
from im import wire
from im.archive import HEAD_BYTES, Archive, ArchiveAway, Archived, NoArchive
from im.keeping import Keeping
from im.record import What
from im.recording import Recording
from im.retention import KeptYears
from im.searching import Searching
from im.thread import Kind
from tests.contract.im_examples import LI, WU, ZHANG, Talk
from tests.contract.sql_examples import NOON
from tests.services.mongo import MongoLike
from tests.services.process import free_port
from tests.unit.crypto.rings import a_sealing

MONGO = os.environ.get("TEST_MONGODB_URL", "")
NO_MONGO = pytest.mark.skipif(not MONGO, reason="TEST_MONGODB_URL names no MongoDB to test on")
KINDS = [
    pytest.param("memory", id="memory"),
    pytest.param("nx", id="nx-27017 (wire-compatible, not mongod)"),
    pytest.param("mongod", id="mongod", marks=NO_MONGO),
]


@pytest.fixture(scope="module")
def mongo_like() -> Iterator[MongoLike]:
    server = MongoLike.start_private()
    yield server
    server.stop()


@pytest.fixture(params=KINDS)
async def archive(request: pytest.FixtureRequest) -> AsyncIterator[Archive]:
    if request.param == "memory":
        yield MemoryArchive()
        return
    url = MONGO if request.param == "mongod" else request.getfixturevalue("mongo_like").url
    made = MongoArchive(url, database=f"houzhen_{secrets.token_hex(4)}")
    await made.prepare()
    yield made
    await made._client.drop_database(made._bodies.database.name)
    await made.close()


def bodies(conversation: str, count: int, mark: bytes = b"key-01") -> list[Archived]:
    return [Archived(conversation, seq, mark + bytes(range(seq))) for seq in range(1, count + 1)]


async def test_what_was_kept_is_given_back_and_what_was_not_is_not(archive: Archive) -> None:
    await archive.answers()
    await archive.keep(bodies("c1", 30))
    await archive.keep([])
    found = await archive.fetch([*(f"c1|{seq}" for seq in range(1, 31)), "c1|31", "c2|1"])
    assert found == {each.name: each.sealed for each in bodies("c1", 30)}
    assert await archive.fetch([]) == {}


async def test_kept_anew_is_replaced_and_kept_again_is_the_same(archive: Archive) -> None:
    await archive.keep(bodies("c1", 3))
    await archive.keep(bodies("c1", 3))
    await archive.keep([Archived("c1", 2, b"another")])
    third = bodies("c1", 3)[2].sealed
    assert await archive.fetch(["c1|2", "c1|3"]) == {"c1|2": b"another", "c1|3": third}


async def test_a_conversation_is_forgotten_whole_and_alone(archive: Archive) -> None:
    for name in ("c1", "c11", "c2"):
        await archive.keep(bodies(name, 3))
    names = [await archive.conversation_after(each) for each in ("", "c1", "c11", "c2")]
    assert names == ["c1", "c11", "c2", None]
    await archive.forget("c1")
    await archive.forget("c1")
    assert (await archive.fetch(["c1|1", "c11|1", "c2|3"])).keys() == {"c11|1", "c2|3"}


async def test_what_is_under_other_keys_is_found_page_by_page(archive: Archive) -> None:
    await archive.keep(bodies("c1", 5))
    await archive.keep(bodies("c2", 5, b"key-02"))
    first = await archive.sealed_otherwise(b"key-02", after="", limit=3)
    rest = await archive.sealed_otherwise(b"key-02", after=first[-1].name, limit=3)
    assert [*first, *rest] == bodies("c1", 5)
    assert await archive.by_head() == {b"key-01": 5, b"key-02": 5}
    await archive.keep(bodies("c1", 2, b"key-02"))
    assert await archive.by_head() == {b"key-01": 3, b"key-02": 7}


async def test_one_that_does_not_answer_is_away_and_its_address_is_not_told() -> None:
    away = MongoArchive(f"mongodb://someone:secret@127.0.0.1:{free_port()}", database="houzhen")
    with pytest.raises(ArchiveAway) as told:
        await away.fetch(["c1|1"])
    assert "secret" not in f"{told.value!r} {told.value.facts} {told.value.__cause__}"
    await away.close()
    with warnings.catch_warnings():
        # PyMongo leaves the socket of a refused connection to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Failing(MemoryArchive):
    """Does what it is asked, and fails in one place."""

    fails = ""

    async def keep(self, bodies: Sequence[Archived]) -> None:
        if self.fails == "before":
            raise ArchiveAway()
        if self.fails == "half":
            await super().keep(bodies[: len(bodies) // 2])
            raise ArchiveAway()
        await super().keep(bodies)
        if self.fails == "after":
            raise ArchiveAway()
        if self.fails == "altered":
            self.kept |= {each.name: Archived(each.conversation, each.seq, b"x") for each in bodies[:1]}


class Old(Talk):
    """Talk of long ago, over an archive."""

    def __init__(self, database: Database) -> None:
        clock = ManualClock(NOON)
        super().__init__(database, clock)
        self.archive = Failing()
        self.later = lambda days: clock.advance(timedelta(days=days))
        self.over(self.archive)
        self.fence: Fence | None = None

    def over(self, archive: Archive) -> None:
        """Everybody reads over that one from now on."""
        self.units = SqlUnits(
            self.database, clock=self.clock, nudge=self.units._nudge, sealing=a_sealing(), archive=archive
        )
        self.reading._units = self.messaging._units = self.units

    async def work(self) -> Archiving:
        leases = SqlLeases(self.database)
        self.fence = self.fence or await leases.take("archive", holder="t", seconds=600)
        fence = self.fence
        assert fence is not None
        return Archiving(self.database, self.archive, fence=lambda: fence)

    async def moves(self) -> int:
        work, moved, place = await self.work(), 0, ("", 0)
        while True:
            count, more = await work.move(before=self.clock.now() - timedelta(days=365), after=place)
            moved += count
            if more is None:
                return moved
            place = more

    async def emptied(self) -> int:
        async with self.database.read() as transaction:
            row = await transaction.row(
                select(func.count()).select_from(im_message).where(im_message.c.body.is_(None))
            )
            assert row is not None
            return int(row[0])


@pytest.fixture
async def old(database: Database) -> Old:
    made = Old(database)
    await made.begins()
    for number in range(8):
        await made.says((LI, ZHANG)[number % 2], f"第{number}句", f"cid-{number:04}")
    return made


async def test_old_bodies_move_and_everybody_reads_on(old: Old) -> None:
    before = await old.log(ZHANG)
    assert await old.moves() == 0
    old.later(366)
    await old.says(LI, "一年以后", "cid-0100")
    assert (await old.moves(), await old.emptied(), await old.moves()) == (8, 8, 0)
    assert (await old.log(ZHANG))[:-1] == before
    assert await old.chain_holds()
    hits = await Searching(units=old.units).search(ZHANG, wire.Search(text="第3句"))
    assert [each.seq for each in hits.messages] == [4]
    checked = [each async for each in Recording(units=old.units, clock=old.clock).check()]
    assert checked == [("c1", [])]


async def test_an_archive_that_is_away_stops_nobody_but_who_reads_what_is_old(old: Old) -> None:
    old.later(366)
    assert await old.moves() == 7, "the newest one stays: lists show it"
    old.over(NoArchive())
    view = await old.reading.sync(ZHANG, wire.Sync(uver=0))
    assert [each.last is not None for each in view.conversations] == [True]
    with pytest.raises(ArchiveAway):
        await old.log(ZHANG)
    sent = await old.says(ZHANG, "还能说话", "cid-0200")
    page = await old.reading.pull(ZHANG, wire.Pull(conversation="c1", after=sent.seq - 1))
    assert [each.seq for each in page.messages] == [sent.seq]


@pytest.mark.parametrize("fails", ["before", "half", "after"])
async def test_a_failure_in_any_gap_loses_nothing(old: Old, fails: str) -> None:
    before = await old.log(ZHANG)
    old.archive.fails = fails
    old.later(366)
    with pytest.raises(ArchiveAway):
        await old.moves()
    assert await old.emptied() == 0
    assert await old.log(ZHANG) == before
    old.archive.fails = ""
    assert await old.moves() == 7
    assert await old.log(ZHANG) == before


async def test_what_comes_back_otherwise_does_not_leave_the_database(old: Old) -> None:
    old.archive.fails = "altered"
    old.later(366)
    assert await old.moves() == 6
    assert len(await old.log(ZHANG)) == 8


async def test_what_is_altered_or_taken_out_of_the_archive_is_found(old: Old) -> None:
    old.later(366)
    await old.moves()
    recording, whole = Recording(units=old.units, clock=old.clock), dict(old.archive.kept)
    for seq, kept in (
        (3, whole | {"c1|3": Archived("c1", 3, whole["c1|2"].sealed)}),
        (5, {name: each for name, each in whole.items() if name != "c1|5"}),
    ):
        old.archive.kept = kept
        ((_, found),) = [each async for each in recording.check()]
        assert [(each.seq, each.what) for each in found] == [(seq, What.UNREADABLE)]


async def test_what_is_purged_goes_there_too_and_strays_are_dropped(old: Old) -> None:
    await old.begins("team", LI, WU, kind=Kind.TEAM)
    for number in range(3):
        await old.says(LI, "旧", f"team-{number:04}", "team")
    old.later(366)
    assert await old.moves() == 9
    keeping = Keeping(
        units=old.units, clock=old.clock, random=old.random, years=KeptYears(), archive=old.archive
    )
    old.later(3 * 366)
    await keeping.sweep()
    old.later(31)
    assert await keeping.sweep() >= 1
    assert await old.archive.fetch(["team|1", "team|2"]) == {}
    await old.archive.keep([Archived("nobody", 1, b"stray")])
    work, name = await old.work(), ""
    while (following := await work.sweep(name)) is not None:
        name = following
    assert await old.archive.fetch(["nobody|1"]) == {}


class Turned:
    """A ring that has turned."""

    newest = b"newest"

    def __init__(self) -> None:
        self._before = a_sealing()

    def seal(self, text: str, *, table: str, column: str, row: str) -> bytes:
        return self.newest + self._before.seal(text, table=table, column=column, row=row)

    def open(self, value: bytes, *, table: str, column: str, row: str) -> str:
        return self._before.open(value.removeprefix(self.newest), table=table, column=column, row=row)

    def blind(self, text: str, *, table: str, column: str) -> bytes:
        return self._before.blind(text, table=table, column=column)


async def test_archived_bodies_are_sealed_anew_with_the_others(old: Old) -> None:
    old.later(366)
    await old.moves()
    head = a_sealing().seal("x", table="t", column="c", row="r")[:HEAD_BYTES]
    assert (await old.archive.fetch(["c1|1"]))["c1|1"].startswith(head)
    assert await reseal_archive(old.archive, Turned()) == (7, 0)
    assert await reseal_archive(old.archive, Turned()) == (0, 0)
    assert (await old.archive.fetch(["c1|1"]))["c1|1"].startswith(b"newest")
