"""An address is good for what it was made for, and for nothing else."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from im.tickets import Tickets
from tests.contract.sql_examples import NOON

TICKETS = Tickets(b"k" * 32)
LATER = NOON + timedelta(minutes=10)


def test_a_ticket_is_good_until_its_end_and_for_its_file_alone() -> None:
    upload = TICKETS.upload("f1", size=70_000, until=LATER)
    assert TICKETS.room("f1", upload, at=NOON) == 70_000
    assert TICKETS.room("f1", upload, at=LATER) == 0
    assert TICKETS.room("f2", upload, at=NOON) == 0
    assert Tickets(b"x" * 32).room("f1", upload, at=NOON) == 0
    link = TICKETS.link("f1", "t", until=LATER)
    assert TICKETS.form("f1", link, at=NOON) == "t"
    assert TICKETS.form("f1", link, at=LATER) is None
    assert TICKETS.form("f2", link, at=NOON) is None
    assert TICKETS.form("f1", "o" + link[1:], at=NOON) is None
    assert TICKETS.room("f1", link, at=NOON) == 0
    assert TICKETS.form("f1", upload, at=NOON) is None


@given(st.text(max_size=80), st.integers(0, 60), st.characters())
def test_nothing_else_is_a_ticket(text: str, place: int, other: str) -> None:
    assert TICKETS.room("f1", text, at=NOON) == 0
    assert TICKETS.form("f1", text, at=NOON) is None
    good = TICKETS.upload("f1", size=70_000, until=LATER)
    place %= len(good)
    altered = good[:place] + other + good[place + 1 :]
    if altered != good:
        assert TICKETS.room("f1", altered, at=NOON) == 0
