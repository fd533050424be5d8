"""Heads are signed when they are due, copied off the machine, and a purge takes whole old days only."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from adapters.files.audit_export import AuditExport, exported_heads, exported_links
from adapters.memory.audit import MemoryAuditStore
from audit.checking import check, record_of
from audit.head import HeadKind
from audit.keeping import Heads, export, purge
from audit.record import Result
from audit.retention import KEPT_DAYS, TooYoungToPurge
from audit.verify import What
from core import limits
from core.clock import CHINA, ManualClock
from core.refusals import StorageUnavailable
from tests.unit.audit.chains import KEY, a_record_of

MONDAY = datetime(2026, 3, 2, 9, tzinfo=CHINA)
HOURS = timedelta(hours=1)


class Office:
    """A log, its clock, and the share where its copies go."""

    def __init__(self, share: Path) -> None:
        self.clock = ManualClock(MONDAY)
        self.store = MemoryAuditStore()
        self.share = share
        self.heads = Heads(self.store, key=KEY, clock=self.clock)
        self.folder = AuditExport(share, pem=KEY.pem)

    async def works(self, acts: int = 3) -> None:
        at = self.clock.now()
        await self.store.append([a_record_of(number, at=at) for number in range(acts)])

    async def signs(self) -> list[tuple[HeadKind, str, int]]:
        return [(head.kind, head.day, head.sequence) for head in await self.heads.sign_due()]

    async def troubles(self) -> list[What]:
        checked = await check(
            self.store,
            keys={KEY.id: KEY.public},
            now=self.clock.now(),
            exported=exported_heads(self.share),
        )
        assert record_of(checked, at=MONDAY).result is (Result.FAILED if checked.troubles else Result.DONE)
        return [trouble.what for trouble in checked.troubles]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "share")


async def test_a_head_is_signed_now_and_then_and_at_each_days_end(office: Office) -> None:
    assert await office.signs() == []
    await office.works()
    assert await office.signs() == [(HeadKind.NOW, "", 3)]
    await office.works()
    assert await office.signs() == []
    office.clock.advance(timedelta(seconds=limits.AUDIT_HEAD_SECONDS))
    assert await office.signs() == [(HeadKind.NOW, "", 6)]
    office.clock.advance(HOURS)
    assert await office.signs() == []
    await office.works()
    office.clock.advance(14 * HOURS)
    assert await office.signs() == [(HeadKind.DAY, "2026-03-02", 9)]
    # Two days nobody was there, and the worker neither.
    office.clock.advance(48 * HOURS)
    await office.works()
    office.clock.advance(24 * HOURS)
    await office.works()
    assert await Heads(office.store, key=KEY, clock=office.clock).sign_due()
    assert [head.day for head in await office.store.heads(after=3)] == ["2026-03-05"]
    office.clock.advance(24 * HOURS)
    assert await office.signs() == [(HeadKind.DAY, "2026-03-06", 15)]
    assert await office.troubles() == []


async def test_what_is_due_is_copied_off_the_machine(office: Office) -> None:
    await office.works(5)
    await office.signs()
    assert await export(office.store, office.folder) == 1
    assert list(exported_links(office.share)) == []
    office.clock.advance(24 * HOURS)
    await office.works(2)
    await office.signs()
    await export(office.store, office.folder)
    office.clock.advance(24 * HOURS)
    await office.signs()
    await export(office.store, office.folder)
    assert exported_heads(office.share) == office.store.signed
    assert list(exported_links(office.share)) == office.store.chain
    assert sorted(file.name for file in office.share.glob("records/*")) == [
        "2026-03-02.000000000001-000000000005.jsonl",
        "2026-03-03.000000000006-000000000007.jsonl",
    ]
    assert (office.share / "public-key.pem").read_text() == KEY.pem
    assert await export(office.store, office.folder) == 0


async def test_a_share_that_was_away_gets_everything_later(office: Office, tmp_path: Path) -> None:
    (tmp_path / "share").write_text("in the way")
    await office.works()
    await office.signs()
    with pytest.raises(OSError):
        await export(office.store, office.folder)
    (tmp_path / "share").unlink()
    assert await export(office.store, office.folder) == 1


async def test_who_rewrites_log_and_heads_is_caught_by_the_share(office: Office) -> None:
    await office.works(5)
    await office.signs()
    await export(office.store, office.folder)
    office.store.chain = []
    office.store.signed = []
    await office.works(4)
    await office.signs()
    assert {What.TRUNCATED, What.HEAD_DIFFERS} <= set(await office.troubles())


async def test_a_file_of_the_share_that_is_none_is_named(office: Office) -> None:
    (office.share / "heads" / "2026-03").mkdir(parents=True)
    (office.share / "records").mkdir()
    (office.share / "heads" / "2026-03" / "00000001.json").write_text("{}")
    (office.share / "records" / "2026-03-02.000000000001-000000000001.jsonl").write_text("x\n")
    with pytest.raises(ValueError, match=r"00000001\.json"):
        exported_heads(office.share)
    with pytest.raises(ValueError, match="line 1"):
        list(exported_links(office.share))


async def _a_year(office: Office) -> None:
    for _ in range(4):
        await office.works()
        await office.signs()
        office.clock.advance(timedelta(days=60))
    await office.signs()


async def test_a_purge_takes_whole_days_that_are_old_enough(office: Office) -> None:
    await _a_year(office)
    today = office.clock.now().date()
    assert await purge(office.store, office.store, office.heads, today=today, days=200) == 3
    assert await office.store.first() == 4
    assert office.store.signed[-1].kind is HeadKind.PURGE
    assert await office.troubles() == []
    assert await purge(office.store, office.store, office.heads, today=today, days=200) == 0
    office.clock.advance(timedelta(days=1))
    await office.works()
    office.clock.advance(timedelta(days=1))
    await office.signs()
    assert await office.troubles() == []


async def test_nothing_younger_than_half_a_year_is_purged(office: Office) -> None:
    await _a_year(office)
    for days in (0, KEPT_DAYS - 1):
        with pytest.raises(TooYoungToPurge):
            await purge(office.store, office.store, office.heads, today=date(2026, 11, 1), days=days)
    assert len(office.store.chain) == 12


async def test_the_newest_record_always_stays(office: Office) -> None:
    await office.works()
    assert await purge(office.store, office.store, office.heads, today=date(2030, 1, 1), days=200) == 2
    assert (await office.store.tip()).sequence == 3
    assert await purge(office.store, office.store, office.heads, today=date(2030, 1, 1), days=200) == 0


async def test_a_log_that_is_away_is_said_to_be(office: Office) -> None:
    office.store.away = True
    with pytest.raises(StorageUnavailable):
        await office.heads.sign_due()
