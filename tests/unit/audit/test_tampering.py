"""Whatever is done to the log, at whatever place, is found and its place is named."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.chain import GENESIS, Link, Tip, canonical, digest, extend, holds, line_of, link_of
from audit.head import Head, HeadKind, a_head
from audit.record import Record, Result
from audit.retention import KEPT_DAYS
from audit.verify import Trouble, What
from tests.unit.audit.chains import KEY, OTHER_KEY, a_chain, a_record_of, found_in, heads_of, tip_of

DAY_US = 24 * 3600 * 1_000_000


@dataclass(frozen=True)
class Log:
    """A chain of ``size`` records, a head in the middle, one at the end."""

    chain: list[Link]
    heads: list[Head]


@st.composite
def logs(draw: st.DrawFn, least: int = 2) -> Log:
    size = draw(st.integers(least, 14))
    chain = a_chain(size, algorithm=draw(st.sampled_from(["sha256", "sm3"])))
    return Log(chain, heads_of(chain, draw(st.integers(1, size)), size))


def a_place(log: Log) -> st.SearchStrategy[int]:
    return st.integers(0, len(log.chain) - 1)


def names(troubles: Sequence[Trouble], place: int, *whats: What) -> bool:
    return any(each.what in whats and each.first <= place <= each.last for each in troubles)


def with_record(link: Link, record: Record, *, good_hash: bool) -> Link:
    text = canonical(link.sequence, link.previous, link.algorithm, record)
    found = digest(link.algorithm, text) if good_hash else link.hash
    return Link(link.sequence, link.previous, found, link.algorithm, record)


def made_anew(links: Sequence[Link], tip: Tip) -> list[Link]:
    """As somebody would who can write everything, and hashes it all again."""
    return extend(tip, [link.record for link in links], algorithm=links[0].algorithm) if links else []  # type: ignore[arg-type]


def numbered(links: Sequence[Link]) -> list[Link]:
    """Numbers without gaps, hashes as they were."""
    return [msgspec.structs.replace(link, sequence=n) for n, link in enumerate(links, start=1)]


def before(chain: Sequence[Link], place: int) -> Tip:
    return tip_of(chain[place - 1]) if place else Tip()


CHANGES: dict[str, object] = {
    "at_us": 1_795_579_200_000_000,
    "actor": "doctor.1",
    "role": "doctor",
    "address": "10.0.0.9",
    "action": "patient.look",
    "object": "/v1/lines/other",
    "result": Result.REFUSED,
    "code": "core.forbidden",
    "facts": '{"a":1}',
}


@given(logs(least=1))
def test_a_log_nobody_touched_is_good(log: Log) -> None:
    assert found_in(log.chain, log.heads) == []
    assert found_in(log.chain, log.heads, log.heads) == []


@given(st.data(), logs(least=1), st.sampled_from(sorted(CHANGES)))
def test_an_edited_record_is_named(data: st.DataObject, log: Log, field: str) -> None:
    place = data.draw(a_place(log))
    link = log.chain[place]
    record = msgspec.structs.replace(link.record, **{field: CHANGES[field]})
    for good_hash in (False, True):
        chain = [*log.chain]
        chain[place] = with_record(link, record, good_hash=good_hash)
        found = found_in(chain, log.heads)
        assert names(found, place + 1, What.EDITED, What.REPLACED, What.REWRITTEN), found
        if not good_hash:
            assert found == [Trouble(What.EDITED, place + 1, place + 1)]
        elif place + 1 < len(chain):
            assert found == [Trouble(What.REPLACED, place + 1, place + 1)]


@given(st.data(), logs(least=1), st.sampled_from(["hash", "previous", "algorithm"]))
def test_an_edited_hash_is_named(data: st.DataObject, log: Log, field: str) -> None:
    place = data.draw(a_place(log))
    value = "md5" if field == "algorithm" else bytes(31) + b"\1"
    chain = [*log.chain]
    chain[place] = msgspec.structs.replace(chain[place], **{field: value})
    assert found_in(chain, log.heads) == [Trouble(What.EDITED, place + 1, place + 1)]


@given(st.data(), logs(least=1))
def test_a_record_replaced_by_one_that_fits_nowhere_is_named(data: st.DataObject, log: Log) -> None:
    place = data.draw(a_place(log))
    stranger = Link(place + 1, bytes(31) + b"\7", b"", "sha256", a_record_of(99))
    chain = [*log.chain]
    chain[place] = with_record(stranger, stranger.record, good_hash=True)
    found = found_in(chain, log.heads)
    assert names(found, place + 1, What.REPLACED, What.REWRITTEN)
    if 0 < place < len(chain) - 1:
        assert found == [Trouble(What.REPLACED, place + 1, place + 1)]


@given(st.data(), logs())
def test_a_deleted_record_is_named(data: st.DataObject, log: Log) -> None:
    place = data.draw(a_place(log))
    left = log.chain[:place] + log.chain[place + 1 :]
    found = found_in(left, log.heads)
    last = place == len(left)
    assert found == [Trouble(What.TRUNCATED if last else What.DELETED, place + 1, place + 1)]
    renumbered = found_in(numbered(left), log.heads)
    assert names(renumbered, place + 1, What.DELETED, What.TRUNCATED), renumbered


@given(st.data(), logs())
def test_an_inserted_record_is_named(data: st.DataObject, log: Log) -> None:
    place = data.draw(a_place(log))
    tip = before(log.chain, place)
    [forged] = extend(tip, [a_record_of(99)], algorithm="sha256")
    found = found_in(numbered([*log.chain[:place], forged, *log.chain[place:]]), log.heads)
    assert names(found, place + 1, What.INSERTED), found


@given(st.data(), logs())
def test_records_that_changed_places_are_named(data: st.DataObject, log: Log) -> None:
    first, second = sorted(data.draw(st.sets(a_place(log), min_size=2, max_size=2)))
    chain = [*log.chain]
    chain[first], chain[second] = chain[second], chain[first]
    found = found_in(numbered(chain), log.heads)
    for place in (first, second):
        assert names(found, place + 1, What.REORDERED), found
    assert {each.what for each in found} == {What.REORDERED}


@given(st.data(), logs(least=3))
def test_a_record_moved_elsewhere_is_found_in_its_range(data: st.DataObject, log: Log) -> None:
    taken, put = sorted(data.draw(st.sets(a_place(log), min_size=2, max_size=2)))
    chain = [*log.chain]
    chain.insert(put, chain.pop(taken))
    found = found_in(numbered(chain), log.heads)
    assert found
    assert all(taken + 1 <= each.first <= each.last <= put + 1 for each in found), found


@given(st.data(), logs())
def test_a_cut_off_end_is_named(data: st.DataObject, log: Log) -> None:
    place = data.draw(a_place(log))
    found = found_in(log.chain[:place], log.heads)
    assert Trouble(What.TRUNCATED, place + 1, len(log.chain)) in found


@given(st.data(), logs())
def test_a_chain_made_anew_contradicts_its_heads(data: st.DataObject, log: Log) -> None:
    """Edited, deleted, inserted: whatever was done, everything behind it was hashed again."""
    place = data.draw(a_place(log))
    tip = before(log.chain, place)
    edited = msgspec.structs.replace(log.chain[place].record, code="x")
    changed = with_record(log.chain[place], edited, good_hash=False)
    for rest in (
        [changed, *log.chain[place + 1 :]],
        [*log.chain[place + 1 :], log.chain[place]],
        [changed, *log.chain[place:]],
    ):
        if rest == log.chain[place:]:
            continue
        chain = log.chain[:place] + made_anew(rest, tip)
        assert all(holds(link) for link in chain)
        assert names(found_in(chain, log.heads), place + 1, What.REWRITTEN, What.TRUNCATED)


@given(st.data(), logs())
def test_who_has_the_key_too_is_caught_by_the_exported_heads(data: st.DataObject, log: Log) -> None:
    place = data.draw(a_place(log))
    shorter = made_anew(log.chain[:place] + log.chain[place + 1 :], Tip())
    heads = heads_of(shorter, len(shorter))
    assert found_in(shorter, heads) == []
    found = found_in(shorter, heads, log.heads)
    assert names(found, place + 1, What.REWRITTEN) or names(found, len(log.chain), What.TRUNCATED)
    assert {What.HEAD_MISSING, What.HEAD_DIFFERS} & {each.what for each in found}


@given(st.data(), logs())
def test_heads_are_looked_at_too(data: st.DataObject, log: Log) -> None:
    number = data.draw(st.integers(1, 2))
    head = log.heads[number - 1]
    others = [each for each in log.heads if each is not head]
    forged = msgspec.structs.replace(head, count=head.count + 1)
    foreign = OTHER_KEY.signed(msgspec.structs.replace(head, key=OTHER_KEY.id))
    stolen_name = OTHER_KEY.signed(head)
    for wrong, what in (
        (forged, What.HEAD_FORGED),
        (foreign, What.HEAD_FOREIGN),
        (stolen_name, What.HEAD_FORGED),
        (msgspec.structs.replace(head, signature="not hex"), What.HEAD_FORGED),
    ):
        assert Trouble(what, number, number) in found_in(log.chain, [*others, wrong])
    assert Trouble(What.HEAD_MISSING, number, number) in found_in(log.chain, others, log.heads)
    if number == 1:
        assert Trouble(What.HEAD_MISSING, 1, 1) in found_in(log.chain, others)


def test_a_day_without_its_head_is_named() -> None:
    chain = a_chain(3)
    heads = heads_of(chain, 1, 3, day="2026-11-24")
    assert found_in(chain, heads) == [Trouble(What.HEAD_MISSING, 0, 0, "2026-11-25")]


def a_purge(chain: Sequence[Link], first: int, *, days: int) -> Head:
    """What lies before ``first`` was taken away so many days after it was written."""
    last = chain[first - 2]
    return KEY.signed(
        a_head(
            number=3,
            kind=HeadKind.PURGE,
            day="2026-11-25",
            at_us=last.record.at_us + days * DAY_US,
            first=first,
            tip=tip_of(last),
            key=KEY.id,
        )
    )


@given(st.data(), logs(least=3))
def test_a_purge_leaves_a_chain_that_can_be_verified(data: st.DataObject, log: Log) -> None:
    first = data.draw(st.integers(2, len(log.chain)))
    heads = [*log.heads, a_purge(log.chain, first, days=KEPT_DAYS)]
    kept = log.chain[first - 1 :]
    assert found_in(kept, heads) == []
    # Cut off in the middle of its work.
    assert found_in(log.chain[first - 2 :], heads) == []
    assert found_in(kept, log.heads) == [Trouble(What.DELETED, 1, first - 1)]
    if len(kept) > 1:
        assert found_in(kept[1:], heads) == [Trouble(What.DELETED, first, first)]
    anew = made_anew(kept, Tip(first - 1, GENESIS))
    assert names(found_in(anew, heads), first, What.REPLACED)


@given(logs(least=3))
def test_a_purge_of_what_was_too_young_is_named(log: Log) -> None:
    heads = [*log.heads, a_purge(log.chain, 3, days=KEPT_DAYS - 1)]
    assert found_in(log.chain[2:], heads) == [Trouble(What.PURGED_EARLY, 1, 2, "2026-11-25")]


@given(logs())
def test_a_number_that_is_there_twice_is_named(log: Log) -> None:
    assert names(found_in([log.chain[0], *log.chain], log.heads), 1, What.INSERTED)


@given(logs())
def test_lines_of_an_export_are_the_links_again(log: Log) -> None:
    assert [link_of(line_of(link)) for link in log.chain] == log.chain
    with pytest.raises(ValueError):
        link_of(b"x [1]\n")
    with pytest.raises(ValueError):
        link_of(b"\xff\n")


def test_sm3_is_the_standards() -> None:
    """GB/T 32905-2016, A.1: the digest of ``abc``."""
    expected = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert digest("sm3", b"abc").hex() == expected
