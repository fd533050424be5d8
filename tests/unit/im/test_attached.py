"""A file is awaited, stored, taken by one message, and otherwise swept."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from im import refusals
from im.attached import Attached, Content, Kept, Stage, awaited, stored, taken
from im.sniffing import Sort
from tests.contract.sql_examples import NOON

CONTENT = Content(media_type="image/jpeg", size=10, digest=bytes(32))
KEPT = Kept(blob="f1.a", key="1.k")


def a_file(**more: Any) -> Attached:
    given = {"conversation": "c1", "owner": "u1", "sort": Sort.IMAGE, "name": "", "announced": 10, "at": NOON}
    return awaited("f1", **(given | more))


def test_a_file_goes_its_way() -> None:
    file = stored(a_file(), CONTENT, KEPT, at=NOON)
    assert file.stage is Stage.STORED
    assert file.until == NOON + timedelta(days=1)
    sent = taken(file, conversation="c1", sender="u1", sort=Sort.IMAGE, seq=7, at=NOON)
    assert (sent.stage, sent.until, sent.seq) == (Stage.SENT, None, 7)


@pytest.mark.parametrize("sort", list(Sort))
def test_more_than_its_sort_may_have_is_refused_before_it_comes(sort: Sort) -> None:
    with pytest.raises(refusals.FileTooLarge):
        a_file(sort=sort, announced=21 * 1024 * 1024)


def test_bytes_come_once_and_in_time() -> None:
    with pytest.raises(refusals.NoSuchUpload):
        stored(a_file(), CONTENT, KEPT, at=NOON + timedelta(minutes=15))
    with pytest.raises(refusals.NoSuchUpload):
        stored(stored(a_file(), CONTENT, KEPT, at=NOON), CONTENT, KEPT, at=NOON)


@pytest.mark.parametrize(
    "change",
    [
        {"conversation": "c2"},
        {"sender": "u2"},
        {"sort": Sort.FILE},
        {"at": NOON + timedelta(days=1)},
    ],
)
def test_only_its_owner_sends_it_where_and_as_what_it_was_announced_and_in_time(
    change: dict[str, Any],
) -> None:
    file = stored(a_file(), CONTENT, KEPT, at=NOON)
    asked: dict[str, Any] = {"conversation": "c1", "sender": "u1", "sort": Sort.IMAGE, "seq": 7, "at": NOON}
    with pytest.raises(refusals.FileNotReady):
        taken(file, **(asked | change))


def test_a_file_is_in_one_message_only_and_none_that_is_not_there_is_in_any() -> None:
    file = stored(a_file(), CONTENT, KEPT, at=NOON)
    sent = taken(file, conversation="c1", sender="u1", sort=Sort.IMAGE, seq=7, at=NOON)
    for one in (sent, a_file(), None, replace(file, until=None)):
        with pytest.raises(refusals.FileNotReady):
            taken(one, conversation="c1", sender="u1", sort=Sort.IMAGE, seq=8, at=NOON)
