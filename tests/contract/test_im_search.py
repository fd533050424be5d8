"""Searching on both databases: what one may read is found, newest first, page after page, and no more."""

from typing import Any

import pytest

from adapters.sql.transaction import Database
from core import limits
from core.refusals import BadInput
from im import refusals, wire
from im.searching import Searching
from im.thread import Part, Seat
from tests.contract.im_examples import LI, SON, STRANGER, ZHANG, Talk


@pytest.fixture
async def talk(database: Database) -> Talk:
    made = Talk(database)
    for name in ("c1", "c2"):
        await made.begins(name)
    return made


async def found(talk: Talk, who: Any, text: str, **more: Any) -> list[tuple[str, int]]:
    """Everything, page after page."""
    seen: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        page = await Searching(units=talk.units).search(who, wire.Search(text=text, cursor=cursor, **more))
        seen += [(message.conversation, message.seq) for message in page.messages]
        cursor = page.next
        if cursor is None:
            return seen


async def test_words_are_found_newest_first_however_they_were_written(talk: Talk) -> None:
    await talk.says(ZHANG, "昨天开始头疼", "cid-0001", "c1")
    await talk.says(LI, "吃 ＡＳＰＩＲＩＮ 一片", "cid-0001", "c1")
    await talk.says(ZHANG, "还是头 疼", "cid-0002", "c1")
    await talk.says(ZHANG, "孩子头疼", "cid-0001", "c2")
    assert await found(talk, ZHANG, "头疼") == [("c2", 1), ("c1", 3), ("c1", 1)]
    assert await found(talk, LI, "aspirin") == [("c1", 2)]
    assert await found(talk, LI, "头疼", conversation="c2") == [("c2", 1)]
    assert await found(talk, LI, "牙疼") == []


async def test_what_one_may_not_read_is_not_found(talk: Talk) -> None:
    sent = await talk.says(ZHANG, "头疼", "cid-0001", "c1")
    assert await found(talk, STRANGER, "头疼") == []
    with pytest.raises(refusals.NoSuchConversation):
        await found(talk, STRANGER, "头疼", conversation="c1")
    async with talk.units.begin() as unit:
        await unit.conversations.hold("c1", sender=SON.id)
        unit.conversations.seat("c1", Seat(user=SON.id, part=Part.FAMILY, shown="子", join_seq=1))
        await unit.commit()
    await talk.says(ZHANG, "今天不头疼了", "cid-0002", "c1")
    assert await found(talk, SON, "头疼") == [("c1", 2)]
    await talk.messaging.recall(ZHANG, wire.Recall(conversation="c1", seq=sent.seq, cid="back-0001"))
    assert await found(talk, ZHANG, "头疼") == [("c1", 2)]


async def test_a_page_is_bounded_and_says_where_to_go_on(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IM_SEARCH_MESSAGES", 7)
    monkeypatch.setattr(limits, "IM_SEARCH_FOUND", 2)
    monkeypatch.setattr(limits, "IM_PAGE_MESSAGES", 3)
    for number in range(1, 21):
        await talk.says(ZHANG, "头疼" if number % 4 == 0 else "在", f"cid-{number:04}", "c1")
    await talk.says(ZHANG, "头疼", "cid-0001", "c2")
    assert await found(talk, ZHANG, "头疼") == [("c2", 1), *(("c1", seq) for seq in (20, 16, 12, 8, 4))]
    monkeypatch.setattr(limits, "IM_SEARCH_CONVERSATIONS", 1)
    assert await found(talk, ZHANG, "头疼") == [("c2", 1), *(("c1", seq) for seq in (20, 16, 12, 8, 4))]


@pytest.mark.parametrize("cursor", ["c1", "c1|x", "c1|-1", f"c1|{10**17}", "|"])
async def test_a_cursor_of_nobodys_and_words_that_are_none_are_bad_input(talk: Talk, cursor: str) -> None:
    search = Searching(units=talk.units).search
    with pytest.raises(BadInput):
        await search(ZHANG, wire.Search(text="头疼", cursor=cursor))
    with pytest.raises(BadInput):
        await search(ZHANG, wire.Search(text="，。 "))
