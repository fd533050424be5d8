"""Rows of a strange hospital become contract values; a bad row holds back its own line only."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from adapters.his.registry import open_his
from core.clock import CHINA, ManualClock
from front_machine.contract import HisState, LineState, Opening, RowTrouble
from front_machine.his import HisBroken, HisUnavailable
from front_machine.hospital import CLOCK_STANDS_STILL, Hospital
from front_machine.mapping import MappingRefused
from front_machine.page import HALF_PAGE, NO_SUCH_LINE, TWICE, Page, news
from tests.services.stranger import MORNING, Stranger, a_hospital, settings

KEY = b"k" * 32
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"


class Rig:
    """A hospital and our reading of it."""

    def __init__(self, stranger: Stranger, **changes: Any) -> None:
        self.stranger = stranger
        self.settings = settings(stranger.file, **changes)
        self.link = open_his(self.settings.his)
        self.clock = ManualClock(MORNING)
        self.hospital = Hospital(self.link, self.settings, clock=self.clock, etag_key=KEY)

    async def states(self) -> dict[str, LineState]:
        """Every line that can be used."""
        found = news(await self.hospital.observe(), {})
        states = [msgspec.json.decode(raw, type=LineState) for raw in found.changed]
        return {state.line: state for state in states}

    async def troubles(self, **known: str) -> tuple[RowTrouble, ...]:
        """Everything that cannot."""
        return news(await self.hospital.observe(), known).troubles


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(a_hospital(tmp_path / "his.db"))
    yield made
    await made.link.close()


def etags(page: Page) -> dict[str, str]:
    return {line: content.etag for line, content in page.lines.items()}


async def test_a_row_becomes_a_ticket(rig: Rig) -> None:
    rig.stranger.ticket(
        "L1", "B009", ZT="2 ", LX="2", YX="1 ", JH="20261123093000", CS=1, XM="欧阳娜娜".encode("gb18030")
    )
    ticket = (await rig.states())["L1"].tickets[-1]
    assert (ticket.number, ticket.visit, ticket.state, ticket.his_code) == (
        "B009",
        "MZL1B009",
        HisState.CALLED,
        "2",
    )
    assert (ticket.kind, ticket.priority, ticket.masked_name, ticket.recall_count) == (
        "return",
        "elderly",
        "欧阳*娜",
        1,
    )
    assert ticket.called_at == datetime(2026, 11, 23, 9, 30, tzinfo=CHINA)
    assert ticket.checked_in_at == datetime(2026, 11, 23, 9, 15, tzinfo=CHINA)


async def test_the_directory_is_read(rig: Rig) -> None:
    directory, troubles = await rig.hospital.directory()
    assert [(line.code, line.name, line.rooms) for line in directory.lines] == [
        ("L1", "内科", ("301",)),
        ("L2", "内科", ("301",)),
    ]
    assert directory.lines[0].doctor is None
    assert directory.departments == ()
    assert not troubles


async def test_an_unchanged_line_keeps_its_name_and_is_not_sent(rig: Rig) -> None:
    first = await rig.hospital.observe()
    second = await rig.hospital.observe()
    assert etags(first) == etags(second)
    assert not news(second, etags(first))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE PD SET ZT = '2 ' WHERE HM LIKE 'A002%' AND DL LIKE 'L1%'",
        "UPDATE PD SET XH = 7 WHERE HM LIKE 'A002%' AND DL LIKE 'L1%'",
        "DELETE FROM PD WHERE HM LIKE 'A002%' AND DL LIKE 'L1%'",
        "UPDATE XL SET ZT = '2' WHERE DM LIKE 'L1%'",
    ],
)
async def test_only_the_line_that_changed_gets_another_name(rig: Rig, change: str) -> None:
    known = etags(await rig.hospital.observe())
    rig.stranger.run(change)
    found = news(await rig.hospital.observe(), known)
    assert [msgspec.json.decode(raw, type=LineState).line for raw in found.changed] == ["L1"]


async def test_another_key_gives_other_names(rig: Rig) -> None:
    other = Hospital(rig.link, rig.settings, clock=ManualClock(MORNING), etag_key=b"x" * 32)
    assert not set(etags(await rig.hospital.observe()).values()) & set(etags(await other.observe()).values())


async def test_an_empty_line_is_there_and_a_closed_one_says_so(rig: Rig) -> None:
    rig.stranger.open_line("L3", state="0")
    state = (await rig.states())["L3"]
    assert state.tickets == ()
    assert state.open is Opening.CLOSED


async def test_a_line_that_is_no_more_is_gone(rig: Rig) -> None:
    known = etags(await rig.hospital.observe())
    rig.stranger.run("DELETE FROM XL WHERE DM LIKE 'L2%'")
    rig.stranger.run("DELETE FROM PD WHERE DL LIKE 'L2%'")
    assert news(await rig.hospital.observe(), known).gone == ("L2",)


async def test_an_unknown_code_is_unknown_with_the_code_beside_it(rig: Rig) -> None:
    rig.stranger.move("L1", "A002", "K7")
    ticket = (await rig.states())["L1"].tickets[1]
    assert (ticket.state, ticket.his_code) == (HisState.UNKNOWN, "K7")


async def test_a_code_too_long_to_be_one_stays_in_the_hospital(rig: Rig) -> None:
    rig.stranger.move("L1", "A002", "张三丰 13800138000")
    ticket = (await rig.states())["L1"].tickets[1]
    assert ticket.his_code == "(long)"


@pytest.mark.parametrize(
    ("cells", "field", "why"),
    [
        ({"HM": "  "}, "number", "is empty"),
        ({"LS": None}, "visit", "is empty"),
        ({"HM": "A001    "}, "number", TWICE),
        ({"LS": b"\xff\xff"}, "visit", "bytes that are not gb18030"),
    ],
)
async def test_a_bad_row_holds_back_its_own_line_only(
    rig: Rig, cells: dict[str, object], field: str, why: str
) -> None:
    rig.stranger.ticket("L1", "B001", **cells)
    assert set(await rig.states()) == {"L2"}
    trouble = (await rig.troubles())[0]
    assert (trouble.line, trouble.row, trouble.field, trouble.why) == ("L1", 7, field, why)
    assert trouble.spoils_line


@pytest.mark.parametrize(
    ("cells", "field"),
    [({"JH": "garbage"}, "called_at"), ({"CS": "x"}, "recall_count"), ({"XH": "x"}, "order")],
)
async def test_a_bad_optional_field_stays_empty_and_is_told(
    rig: Rig, cells: dict[str, object], field: str
) -> None:
    rig.stranger.ticket("L1", "B001", **cells)
    assert len((await rig.states())["L1"].tickets) == 4
    trouble = (await rig.troubles())[0]
    assert (trouble.field, trouble.spoils_line) == (field, False)


async def test_half_a_page_is_noticed(rig: Rig) -> None:
    half = Rig(
        rig.stranger,
        tables__tickets__query="SELECT * FROM PD WHERE NOT (DL LIKE 'L2%' AND HM LIKE 'A003%')",
    )
    assert set(await half.states()) == {"L1"}
    assert (await half.troubles())[0] == RowTrouble(line="L2", row=0, field="tickets", why=HALF_PAGE)
    await half.link.close()


async def test_tickets_of_no_line_are_told_and_harm_nobody(rig: Rig) -> None:
    rig.stranger.ticket("L9", "A001")
    assert set(await rig.states()) == {"L1", "L2"}
    assert (await rig.troubles())[0] == RowTrouble(line="", row=7, field="line", why=NO_SUCH_LINE)


async def test_a_missing_column_is_refused_by_key(tmp_path: Path) -> None:
    rig = Rig(a_hospital(tmp_path / "his.db"), tables__tickets__query="SELECT DL, HM, LS FROM PD")
    with pytest.raises(
        MappingRefused, match=r"tables\.tickets\.fields\.state: the query answers no column ZT"
    ):
        await rig.hospital.check()
    await rig.link.close()


async def test_a_query_that_cannot_run_is_refused_by_key(tmp_path: Path) -> None:
    rig = Rig(a_hospital(tmp_path / "his.db"), tables__lines__query="SELECT DM FROM NOSUCH")
    with pytest.raises(MappingRefused, match=r"tables\.lines"):
        await rig.hospital.check()
    await rig.link.close()


async def test_a_good_mapping_passes_its_check(rig: Rig) -> None:
    assert "tables.tickets: 6 rows, 0 troubles" in await rig.hospital.check()


async def test_the_hospitals_own_clock_gives_the_day(tmp_path: Path) -> None:
    rig = Rig(
        a_hospital(tmp_path / "his.db"),
        clock={
            "query": "SELECT '20200102' AS D, '20200102083000' AS N",
            "fields": {
                "day": {"column": "D", "times": ["%Y%m%d"]},
                "now": {"column": "N", "times": ["%Y%m%d%H%M%S"]},
            },
        },
    )
    page = await rig.hospital.observe()
    assert (page.day.isoformat(), page.his_now) == ("2020-01-02", datetime(2020, 1, 2, 8, 30, tzinfo=CHINA))
    assert (await rig.states())["L1"].tickets[0].checked_in_at == datetime(2020, 1, 2, 9, 15, tzinfo=CHINA)
    await rig.link.close()


async def test_a_line_may_have_a_day_of_its_own(tmp_path: Path) -> None:
    """An emergency line goes on until five in the morning, whatever the hospital's business day is."""
    stranger = a_hospital(tmp_path / "his.db")
    day = {"column": "R", "times": ["%Y%m%d"]}
    rig = Rig(
        stranger,
        tables__line_states={
            "query": "SELECT DM, ZT, CASE DM WHEN 'L2      ' THEN ZS END AS R FROM XL",
            "fields": {"line": "DM", "day": day, "open": {"column": "ZT", "codes": {"1": "open"}}},
        },
    )
    stranger.run("UPDATE XL SET ZS = '20261122' WHERE DM = 'L2      '")
    states = await rig.states()
    assert {line: state.day.isoformat() for line, state in states.items()} == {
        "L1": "2026-11-23",
        "L2": "2026-11-22",
    }
    assert states["L2"].tickets[0].checked_in_at == datetime(2026, 11, 22, 9, 15, tzinfo=CHINA)
    stranger.run("UPDATE XL SET ZS = '20261123' WHERE DM = 'L2      '")
    again = await rig.states()
    assert again["L2"].etag != states["L2"].etag, "another day is another content"
    assert again["L1"].etag == states["L1"].etag
    stranger.run("UPDATE XL SET ZS = '2026' WHERE DM = 'L2      '")
    answer = news(await rig.hospital.observe(), {})
    assert [(t.line, t.field, t.spoils_line) for t in answer.troubles] == [("L2", "day", True)]
    assert len(answer.changed) == 1, "it keeps its last good state, and its day"
    await rig.link.close()


async def test_a_hospital_whose_clock_stands_still_is_down(tmp_path: Path) -> None:
    stranger = a_hospital(tmp_path / "his.db")
    stranger.run("CREATE TABLE SJ (N TEXT)")
    stranger.run("INSERT INTO SJ VALUES ('20261123093000')")
    now = {"column": "N", "times": ["%Y%m%d%H%M%S"]}
    rig = Rig(stranger, clock={"query": "SELECT N FROM SJ", "fields": {"now": now}})
    await rig.hospital.observe()
    rig.clock.advance(timedelta(seconds=9))
    await rig.hospital.observe()
    rig.clock.advance(timedelta(seconds=1))
    with pytest.raises(HisUnavailable, match=CLOCK_STANDS_STILL):
        await rig.hospital.observe()
    stranger.run("UPDATE SJ SET N = '20261123093001'")
    await rig.hospital.observe()
    await rig.link.close()


async def test_a_missing_file_is_away_and_is_not_made(tmp_path: Path) -> None:
    rig = Rig(a_hospital(tmp_path / "his.db"))
    rig.stranger.file.rename(tmp_path / "elsewhere.db")
    with pytest.raises(HisUnavailable, match="SQLITE_CANTOPEN"):
        await rig.hospital.observe()
    assert not rig.stranger.file.exists()
    (tmp_path / "elsewhere.db").rename(rig.stranger.file)
    assert set(await rig.states()) == {"L1", "L2"}
    await rig.link.close()


async def test_a_question_that_writes_is_refused_by_the_database(rig: Rig) -> None:
    greedy = Rig(rig.stranger, tables__tickets__query="DELETE FROM PD RETURNING *")
    with pytest.raises((HisBroken, HisUnavailable)):
        await greedy.hospital.observe()
    assert len((await rig.states())["L1"].tickets) == 3
    await greedy.link.close()


async def test_a_question_without_end_is_ended(rig: Rig) -> None:
    endless = Rig(
        rig.stranger,
        his__reply_seconds=0.1,
        tables__tickets__query=ENDLESS,
    )
    with pytest.raises(HisUnavailable, match="timeout"):
        await endless.hospital.observe()
    await endless.link.close()
