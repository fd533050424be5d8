"""The queue of one process: what happens to records that storage cannot take."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest

from adapters.memory.audit import MemoryAuditStore
from audit.chain import Tip
from audit.log import AuditLog, DoneNotRecorded
from audit.record import FACTS_CHARACTERS, Record, a_record, bare, facts_of
from core import limits
from core.clock import ManualClock
from tests.unit.audit.chains import NOON, a_record_of


class Picky(MemoryAuditStore):
    """Storage with a defect: it fails on records of one object, or on all."""

    refuses_all = False

    async def append(self, records: Sequence[Record], *, doubt: Tip | None = None) -> Tip:
        if self.refuses_all or any("L0003" in record.object for record in records):
            raise TypeError("a defect")
        return await super().append(records, doubt=doubt)


@dataclass
class Desk:
    store: Picky
    log: AuditLog

    async def written(self) -> list[Record]:
        async with asyncio.timeout(20):
            while self.log.backlog:
                await asyncio.sleep(0.005)
        return [link.record for link in self.store.chain]


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(limits, "AUDIT_RETRY_SECONDS", 0.01)
    store = Picky()
    log = AuditLog(store, clock=ManualClock(NOON))
    log.start()
    yield Desk(store, log)
    store.refuses_all = False
    await log.close()


async def test_a_record_that_cannot_be_stored_does_not_stop_the_others(desk: Desk) -> None:
    for number in range(1, 6):
        desk.log.note(a_record_of(number))
    await desk.log.write(a_record_of(6))
    kept = await desk.written()
    assert kept == [bare(a_record_of(3)) if n == 3 else a_record_of(n) for n in range(1, 7)]
    assert kept[2].code == "audit.unrecordable"
    assert kept[2].action == "line.work"


async def test_storage_that_takes_nothing_at_all_counts_as_away(desk: Desk) -> None:
    desk.store.refuses_all = True
    with pytest.raises(DoneNotRecorded):
        await desk.log.write(a_record_of(1))
    assert desk.log.failing
    desk.store.refuses_all = False
    assert len(await desk.written()) == 1
    assert not desk.log.failing


def test_a_record_fits_its_columns_whatever_comes() -> None:
    long = "x" * 5_000
    record = a_record(
        at=NOON, actor=long, role=long, action=long, object_=long, address=long, code=long,
        facts=facts_of(digest=long),
    )  # fmt: skip
    assert max(map(len, (record.actor, record.role, record.address, record.action, record.object))) <= 255
    assert len(record.facts) <= FACTS_CHARACTERS
    assert bare(record) == bare(bare(record))
