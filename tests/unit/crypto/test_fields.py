"""Sealed fields: they open where they were sealed, under any key of the ring, and nowhere else."""

import asyncio
import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.crypto.fields import FieldSealing
from adapters.crypto.key_files import KeysMissing
from adapters.crypto.suites import Suite
from core import limits
from core.clock import ManualClock
from core.sealing import NoKeys, SealBroken
from tests.unit.crypto.rings import NOON, HeldRings, a_sealing, counted

HERE = {"table": "patient", "column": "name", "row": "01JD"}
SUITES = list(Suite)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=200)
LOOK = timedelta(seconds=limits.KEY_RING_LOOK_SECONDS)


@pytest.mark.parametrize("suite", SUITES)
@given(text=TEXTS, row=st.text(max_size=30))
def test_what_is_sealed_opens_in_its_place(suite: Suite, text: str, row: str) -> None:
    sealing = a_sealing(suite)
    sealed = sealing.seal(text, table="t", column="c", row=row)
    assert sealing.open(sealed, table="t", column="c", row=row) == text
    assert sealing.seal(text, table="t", column="c", row=row) != sealed
    if len(text) > 3:
        assert text.encode("utf-8", "surrogatepass") not in sealed


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("text", ["", "张", "张三丰" * 30_000, "\0", "\ud800"])
def test_empty_and_long_texts(suite: Suite, text: str) -> None:
    sealing = a_sealing(suite)
    assert sealing.open(sealing.seal(text, **HERE), **HERE) == text


@pytest.mark.parametrize("suite", SUITES)
def test_any_flipped_bit_is_noticed(suite: Suite) -> None:
    sealing = a_sealing(suite)
    sealed = sealing.seal("110101199003078888", **HERE)
    for bit in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealBroken):
            sealing.open(bytes(flipped), **HERE)


@given(cut=st.integers(min_value=0, max_value=51), junk=st.binary(max_size=120))
def test_what_is_cut_or_was_never_sealed_does_not_open(cut: int, junk: bytes) -> None:
    sealing = a_sealing()
    sealed = sealing.seal("110101199003078888", **HERE)
    assert len(sealed) == 52
    for value in (sealed[:cut], sealed[cut + 1 :], junk, sealed + junk + b"x", b"\1\1" + junk):
        with pytest.raises(SealBroken):
            sealing.open(value, **HERE)


@pytest.mark.parametrize(
    "moved",
    [
        {"table": "patient", "column": "name", "row": "01JE"},
        {"table": "patient", "column": "phone", "row": "01JD"},
        {"table": "guardian", "column": "name", "row": "01JD"},
        {"table": "patient", "column": "name", "row": ""},
        {"table": "patient", "column": "", "row": "name|01JD"},
    ],
)
def test_what_was_moved_does_not_open(moved: dict[str, str]) -> None:
    sealing = a_sealing()
    with pytest.raises(SealBroken) as broken:
        sealing.open(sealing.seal("张三", **HERE), **moved)
    assert "张三" not in repr(broken.value)


def test_no_two_places_look_alike() -> None:
    sealing = a_sealing()
    for table, column in (("a|b", "c"), ("a", "b|c")):
        with pytest.raises(ValueError, match="bar"):
            sealing.seal("x", table=table, column=column, row="r")


def test_another_ring_opens_nothing() -> None:
    ours, theirs = (
        a_sealing(),
        FieldSealing(
            HeldRings(Suite.AES, lambda length: b"\7" * length), suite=Suite.AES, clock=ManualClock(NOON)
        ),
    )
    with pytest.raises(SealBroken):
        theirs.open(ours.seal("张三", **HERE), **HERE)


def test_the_newest_key_seals_and_old_ones_open() -> None:
    random = counted()
    rings, clock = HeldRings(Suite.AES, random), ManualClock(NOON)
    writer = FieldSealing(rings, suite=Suite.AES, clock=clock, random=random)
    reader = FieldSealing(rings, suite=Suite.AES, clock=clock, random=random)
    old = writer.seal("李四", **HERE)
    rings.turn(Suite.SM, random)
    still_old = writer.seal("李四", **HERE)
    assert still_old[:6] == old[:6] == writer.newest
    clock.advance(LOOK)
    new = writer.seal("李四", **HERE)
    assert new[:6] != old[:6]
    assert new[:6] == writer.newest
    # The reader has not looked since: it meets a key that it does not know, and looks at once.
    assert [reader.open(sealed, **HERE) for sealed in (new, old, still_old)] == ["李四"] * 3


def test_a_ring_that_cannot_be_read_leaves_the_keys_that_were_read() -> None:
    class Broken(HeldRings):
        reads = 0

        def read(self) -> object:  # type: ignore[override]
            self.reads += 1
            raise KeysMissing("fields.json is no key ring")

    random = counted()
    rings, clock = Broken(Suite.AES, random), ManualClock(NOON)
    sealing = FieldSealing(rings, suite=Suite.AES, clock=clock, random=random)
    old = sealing.seal("王五", **HERE)
    rings.turn(Suite.AES, random)
    with capture_logs() as logs:
        for _ in range(9):
            with pytest.raises(SealBroken):
                sealing.open(b"\1\1abcd" + old[6:], **HERE)
        assert sealing.open(old, **HERE) == "王五"
        clock.advance(LOOK)
        assert sealing.open(sealing.seal("王五", **HERE), **HERE) == "王五"
    assert rings.reads == len(logs) == 2


@pytest.mark.parametrize("suite", SUITES)
def test_a_blind_index_finds_equal_values_of_one_column(suite: Suite) -> None:
    sealing = a_sealing(suite)
    number = "110101199003078888"
    found = sealing.blind(number, table="patient", column="id_blind")
    assert len(found) == 16
    assert a_sealing(suite).blind(number, table="patient", column="id_blind") == found
    others = {
        sealing.blind(number, table="guardian", column="id_blind"),
        sealing.blind(number, table="patient", column="phone_blind"),
        sealing.blind(number[:-1], table="patient", column="id_blind"),
        sealing.blind("", table="patient", column="id_blind"),
        a_sealing(next(other for other in Suite if other is not suite)).blind(
            number, table="patient", column="id_blind"
        ),
    }
    assert len(others) == 5
    assert found not in others


def test_an_index_stays_when_the_ring_is_turned() -> None:
    random = counted()
    rings, clock = HeldRings(Suite.AES, random), ManualClock(NOON)
    sealing = FieldSealing(rings, suite=Suite.AES, clock=clock, random=random)
    before = sealing.blind("13800138000", table="identity", column="blind")
    rings.turn(Suite.SM, random)
    clock.advance(LOOK)
    sealing.seal("x", **HERE)
    assert sealing.blind("13800138000", table="identity", column="blind") == before


async def test_no_nonce_is_used_twice_whoever_seals() -> None:
    sealing = FieldSealing(HeldRings(Suite.AES, counted()), suite=Suite.AES, clock=ManualClock(NOON))
    nonces: set[bytes] = set()
    lock = threading.Lock()

    def seal_many() -> None:
        mine = {sealing.seal("x", **HERE)[6:18] for _ in range(500)}
        with lock:
            nonces.update(mine)

    await asyncio.gather(*(asyncio.to_thread(seal_many) for _ in range(8)))
    assert len(nonces) == 4_000


def test_without_keys_nothing_is_written_in_the_clear() -> None:
    none = NoKeys()
    with pytest.raises(RuntimeError, match=r"patient\.name"):
        none.seal("张三", **HERE)
    with pytest.raises(RuntimeError):
        none.open(b"", **HERE)
    with pytest.raises(RuntimeError):
        none.blind("张三", table="patient", column="name")
