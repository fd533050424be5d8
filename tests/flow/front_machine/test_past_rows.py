"""A hospital's past days: sorted to lines and days, bounded, without anybody's name."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.his.registry import open_his
from core import limits
from core.clock import CHINA, ManualClock
from front_machine.contract import AskPastDays, Code, HisState, PastTicket
from front_machine.hospital import Hospital
from front_machine.mapping import TARGETS, MappingRefused
from front_machine.operations import Operations
from front_machine.page import TOO_MANY, TWICE
from front_machine.past import OTHER_DAY
from front_machine.settings import load_settings
from tests.services.stranger import MORNING, PAST_TICKETS, Stranger, a_hospital, settings, tree
from tests.unit.front_machine.test_mapping import written

TODAY = MORNING.date()
YESTERDAY = TODAY - timedelta(days=1)
KEY = b"k" * 32


def at(hour: int, minute: int) -> datetime:
    return datetime(YESTERDAY.year, YESTERDAY.month, YESTERDAY.day, hour, minute, tzinfo=CHINA)


@pytest.fixture
def stranger(tmp_path: Path) -> Stranger:
    return a_hospital(tmp_path / "his.db")


def hospital(stranger: Stranger, **changes: Any) -> Hospital:
    given = settings(stranger.file, **({"tables__past_tickets": PAST_TICKETS} | changes))
    return Hospital(open_his(given.his), given, clock=ManualClock(MORNING), etag_key=KEY)


async def ask(stranger: Stranger, since: date, until: date, **changes: Any) -> tuple[Any, Any]:
    found = await hospital(stranger, **changes).past_days(since=since, until=until)
    assert found is not None
    return found


async def test_rows_are_sorted_to_lines_and_days_with_the_days_own_times(stranger: Stranger) -> None:
    day_before = YESTERDAY - timedelta(days=1)
    stranger.past_ticket(YESTERDAY, "L1", "A001", came=485, called=500, ended=510)
    stranger.past_ticket(YESTERDAY, "L2", "A001", came=485, called=500, ended=510)
    stranger.past_ticket(day_before, "L1", "A001", came=485, called=500, ended=510)
    days, troubles = await ask(stranger, day_before, TODAY)
    assert {(day.line, day.day, len(day.tickets)) for day in days} == {
        ("L1", YESTERDAY, 1), ("L2", YESTERDAY, 1), ("L1", day_before, 1),
    }  # fmt: skip
    assert troubles == []
    [told] = next(day.tickets for day in days if (day.line, day.day) == ("L1", YESTERDAY))
    assert told == PastTicket(
        number="A001", state=HisState.DONE, room="301", checked_in_at=at(8, 5), called_at=at(8, 20),
        ended_at=at(8, 30),
    )  # fmt: skip


async def test_the_hospital_is_asked_for_that_span_only(stranger: Stranger) -> None:
    stranger.past_ticket(YESTERDAY - timedelta(days=3), "L1", "A001", came=485, called=500, ended=510)
    assert await ask(stranger, YESTERDAY, TODAY) == ([], [])


@pytest.mark.parametrize(
    ("sql", "field", "why"),
    [
        ("UPDATE LS SET HM = '        ' WHERE rowid = 2", "number", "is empty"),
        ("UPDATE LS SET HM = 'A000    ' WHERE rowid = 2", "number", TWICE),
        ("UPDATE LS SET RQ = '2026112A' WHERE rowid = 2", "day", "does not fit any of the times"),
        ("UPDATE LS SET RQ = '20260101' WHERE rowid = 2", "day", OTHER_DAY),
        ("UPDATE LS SET RQ = '20261123' WHERE rowid = 2", "day", OTHER_DAY),
    ],
)
async def test_a_row_that_cannot_be_used_is_left_out_and_reported(
    stranger: Stranger, sql: str, field: str, why: str
) -> None:
    stranger.past_day(YESTERDAY, "L1", people=3)
    stranger.run(sql)
    everything = PAST_TICKETS | {"query": "SELECT * FROM LS ORDER BY rowid"}
    days, troubles = await ask(stranger, YESTERDAY, TODAY, tables__past_tickets=everything)
    assert [ticket.number for ticket in days[0].tickets] == ["A000", "A002"]
    assert [(each.row, each.field, each.why, each.spoils_line) for each in troubles] == [
        (2, field, why, False)
    ]


async def test_an_optional_time_that_cannot_be_read_stays_empty(stranger: Stranger) -> None:
    stranger.past_day(YESTERDAY, "L1", people=1)
    stranger.run("UPDATE LS SET JS = '8 o clock'")
    days, troubles = await ask(stranger, YESTERDAY, TODAY)
    assert days[0].tickets[0].ended_at is None
    assert [each.field for each in troubles] == ["ended_at"]


async def test_a_line_of_too_many_tickets_is_cut(stranger: Stranger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "QUEUE_TICKETS_PER_LINE", 2)
    stranger.past_day(YESTERDAY, "L1", people=3)
    days, troubles = await ask(stranger, YESTERDAY, TODAY)
    assert len(days[0].tickets) == 2
    assert troubles[0].why == TOO_MANY


async def test_check_asks_the_past_too(stranger: Stranger) -> None:
    stranger.past_day(YESTERDAY, "L1", people=3)
    assert "tables.past_tickets: 1 lines yesterday, 0 troubles" in await hospital(stranger).check()
    wrong = PAST_TICKETS | {"query": "SELECT * FROM NOSUCH"}
    with pytest.raises(MappingRefused, match=r"tables\.past_tickets"):
        await hospital(stranger, tables__past_tickets=wrong).check()


def operations(stranger: Stranger, **changes: Any) -> Operations:
    return Operations(
        hospital(stranger, **changes), clock=ManualClock(MORNING), poll_seconds=1, settle_seconds=1,
        etag_key=KEY,
    )  # fmt: skip


async def test_a_hospital_without_past_days_does_not_offer_them(stranger: Stranger) -> None:
    given = settings(stranger.file)
    without = Hospital(open_his(given.his), given, clock=ManualClock(MORNING), etag_key=KEY)
    asked = Operations(without, clock=ManualClock(MORNING), poll_seconds=1, settle_seconds=1, etag_key=KEY)
    answer = await asked.past_days(AskPastDays(since=YESTERDAY, until=TODAY))
    assert answer.code is Code.BAD_REQUEST


@pytest.mark.parametrize("days", [-1, 0, limits.HOSPITAL_PAST_DAYS_AT_ONCE + 1])
async def test_a_span_without_sense_is_refused_before_the_hospital_is_asked(
    stranger: Stranger, days: int
) -> None:
    stranger.file.unlink()
    ask = AskPastDays(since=TODAY - timedelta(days=days), until=TODAY)
    assert (await operations(stranger).past_days(ask)).code is Code.BAD_REQUEST


async def test_a_day_without_rows_is_empty_and_a_missing_hospital_unavailable(stranger: Stranger) -> None:
    ask = AskPastDays(since=YESTERDAY, until=TODAY)
    assert (await operations(stranger).past_days(ask)).code is Code.EMPTY
    stranger.file.unlink()
    assert (await operations(stranger).past_days(ask)).code is Code.UNAVAILABLE


async def test_more_rows_than_the_bound_are_not_taken_for_all(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HIS_ROWS", 2)
    stranger.past_day(YESTERDAY, "L1", people=3)
    answer = await operations(stranger).past_days(AskPastDays(since=YESTERDAY, until=TODAY))
    assert (answer.code, answer.his_code) == (Code.UNAVAILABLE, "too_many_rows")


def test_there_is_no_field_for_a_person() -> None:
    assert not {"name", "visit"} & (set(TARGETS["past_tickets"]) | set(PastTicket.__struct_fields__))


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    past = {**PAST_TICKETS, "fields": {k: v for k, v in PAST_TICKETS["fields"].items() if k != "day"}}
    with pytest.raises(MappingRefused, match=r"tables\.past_tickets\.fields\.day: is missing"):
        load_settings(written(tmp_path, tree(tmp_path / "h.db", tables__past_tickets=past)), environment={})
