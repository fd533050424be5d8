"""Whatever stands in a cell, a row is read or refused; nothing else happens, and nothing of it is told."""

from datetime import date, datetime, time

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as some

from front_machine.contract import LineState
from front_machine.his import Rows
from front_machine.mapping import Table
from front_machine.page import Page, grouped, news
from front_machine.reading import Reader
from tests.services.stranger import MORNING, tree

TABLES = msgspec.convert(tree("his.db")["tables"], dict[str, Table])  # type: ignore[arg-type]
COLUMNS = ("DL", "HM", "LS", "XM", "ZT", "LX", "YX", "XH", "BD", "JH", "CS")
DAY = date(2026, 11, 23)
GOOD = ("L1", "A001", "MZ1", "张三".encode("gb18030"), "1", "1", "", 1.0, "091500", "", 0)

CELLS = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(),
    some.decimals(),
    some.text(alphabet=some.characters(codec=None, exclude_categories=()), max_size=30),
    some.binary(max_size=30),
    some.dates(),
    some.datetimes(),
    some.times(),
    some.sampled_from(["1e999999", "sNaN", "\ud800", "20261123093000", "0", -0.0, 1e308]),
)


def page_of(rows: list[tuple[object, ...]]) -> Page:
    lines = Reader("l", "line_states", TABLES["line_states"], ("DM", "ZT"), encoding="utf-8")
    tickets = Reader("t", "tickets", TABLES["tickets"], COLUMNS, encoding="utf-8")
    pages, troubles = grouped(
        Rows(("DM", "ZT"), [("L1", "1"), ("L2", "1")]),
        Rows(COLUMNS, rows),
        line_reader=lines,
        ticket_reader=tickets,
        day=DAY,
        etag_key=b"k",
    )
    return Page(
        as_of=MORNING,
        begun=0.0,
        his_now=None,
        day=DAY,
        lines=pages,
        troubles=tuple(troubles),
        tickets=tickets,
    )


@settings(max_examples=60)
@given(some.lists(some.tuples(some.integers(0, len(GOOD) - 1), CELLS), min_size=1, max_size=4))
def test_any_cell_spoils_its_own_line_at_most(changes: list[tuple[int, object]]) -> None:
    bad = list(GOOD)
    for at, cell in changes:
        bad[at] = cell
    found = news(page_of([tuple(bad), ("L2", *GOOD[1:])]), {})
    states = {s.line: s for s in (msgspec.json.decode(raw, type=LineState) for raw in found.changed)}
    if str(bad[0]).strip() != "L2":
        assert len(states["L2"].tickets) == 1


def test_native_times_are_taken_as_they_are() -> None:
    row = (*GOOD[:8], time(9, 15), datetime(2026, 11, 23, 9, 30), 0)  # noqa: DTZ001  (drivers answer naive ones)
    state = msgspec.json.decode(news(page_of([row]), {}).changed[0], type=LineState)
    assert state.tickets[0].called_at == MORNING
