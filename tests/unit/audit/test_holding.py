"""What the log tells a person of themselves: their own, the newest first, and a bounded part of it."""

from datetime import UTC, datetime

from audit.chain import Link
from audit.holding import RecordHolding
from audit.reading import Question
from audit.record import Result, a_record
from core import limits
from core.ids import UserId

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)


class Chain:
    """Records of two accounts in turn."""

    def __init__(self, length: int) -> None:
        self.links = [self._link(number) for number in range(1, length + 1)]
        self.asked = 0

    def _link(self, number: int) -> Link:
        record = a_record(
            at=NOON,
            actor=("me", "other")[number % 2],
            role="patient",
            address="",
            action="account.look",
            object_="/v1/me",
            result=Result.DONE,
        )
        return Link(number, bytes(32), bytes(32), "sha256", record)

    async def search(self, question: Question, *, limit: int) -> list[Link]:
        self.asked += 1
        fitting = [
            link
            for link in reversed(self.links)
            if link.record.actor == question.actor and question.first <= link.sequence <= question.last
        ]
        return fitting[:limit]


async def exported(chain: Chain) -> list[int]:
    found = await RecordHolding(chain).export(None, UserId("me"), at=NOON)  # type: ignore[arg-type]
    assert isinstance(found, list)
    return [one.sequence for one in found]


async def test_all_of_ones_own_newest_first() -> None:
    assert await exported(Chain(5)) == [4, 2]
    assert await exported(Chain(0)) == []


async def test_pages_are_joined_without_a_gap() -> None:
    chain = Chain(4 * limits.EXPORT_RECORDS_AT_ONCE - 2)
    found = await exported(chain)
    assert found == list(range(4 * limits.EXPORT_RECORDS_AT_ONCE - 2, 0, -2))
    assert chain.asked == 2


async def test_it_stops_somewhere() -> None:
    assert len(await exported(Chain(3 * limits.EXPORT_RECORDS))) <= limits.EXPORT_RECORDS
