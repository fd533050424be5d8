"""What a process must know of revoked tokens: read at start, after an interruption, and now and then."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from core import limits
from core.clock import ManualClock
from core.refusals import StorageUnavailable
from realtime.revocations import Of, Revocation, Revoked, Unit
from server.revocations import RevocationReader

NOON = datetime(2026, 11, 23, 4, tzinfo=UTC)


class Rows:
    """A database of revocations that may be away."""

    def __init__(self, names: Sequence[str]) -> None:
        self.rows = [Revocation(Of.USER, name, NOON) for name in sorted(names)]
        self.reads = 0
        self.away = False

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Unit]:
        self.reads += 1
        if self.away:
            raise StorageUnavailable(why="away")
        yield self  # type: ignore[misc]

    @property
    def revocations(self) -> "Rows":
        return self

    async def live(self, *, at: datetime, after: tuple[str, str], limit: int) -> Sequence[Revocation]:
        return [one for one in self.rows if (one.of.value, one.name) > after and one.until > at][:limit]


class House:
    """A reader, and what it carried out."""

    def __init__(self, names: Sequence[str], *, read_seconds: float = 3_600) -> None:
        self.rows = Rows(names)
        self.revoked = Revoked()
        self.clock = ManualClock(NOON)
        self.reader = RevocationReader(
            self.rows,  # type: ignore[arg-type]
            self.revoked,
            clock=self.clock,
            take_back=self.revoked.learn,
            read_seconds=read_seconds,
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.reader.run())
        try:
            async with asyncio.timeout(10):
                yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, known: int) -> None:
        while len(self.revoked) != known:
            await asyncio.sleep(0.001)


async def test_everything_live_is_read_however_many_pages_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REVOCATIONS_AT_ONCE", 3)
    for count in (0, 1, 3, 7):
        house = House([f"u{number}" for number in range(count)])
        await house.reader.read()
        assert len(house.revoked) == count


async def test_what_is_over_is_forgotten() -> None:
    house = House(["u"])
    await house.reader.read()
    house.clock.advance(timedelta(seconds=limits.TOKEN_SECONDS))
    await house.reader.read()
    assert len(house.revoked) == 0


async def test_an_interruption_is_followed_by_a_read_at_once() -> None:
    house = House(["u"])
    async with house.running():
        await asyncio.sleep(0)
        assert house.rows.reads == 0
        house.reader.read_soon()
        await house.until(1)


async def test_it_reads_now_and_then_without_being_told() -> None:
    house = House(["u"], read_seconds=0.001)
    async with house.running():
        await house.until(1)
        house.rows.rows.append(Revocation(Of.TOKEN, "t", NOON))
        await house.until(2)


async def test_while_the_database_is_away_what_is_known_stays_and_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "WORK_RETRY_SECONDS", 0.001)
    house = House(["u"], read_seconds=0.001)
    with capture_logs() as lines:
        async with house.running():
            await house.until(1)
            house.rows.away = True
            before = house.rows.reads
            while house.rows.reads < before + 5:
                await asyncio.sleep(0.001)
            assert len(house.revoked) == 1
            house.rows.rows.append(Revocation(Of.USER, "v", NOON))
            house.rows.away = False
            await house.until(2)
    assert [line["event"] for line in lines] == ["revocations.storage_away"]
