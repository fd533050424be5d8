"""A file opens from any place to any other, and not at all once anything of it was changed."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.crypto.file_sealing import FileVault
from adapters.crypto.suites import Suite
from core import limits
from core.sealing import SealBroken

CHUNK = limits.FILE_CHUNK_BYTES
VAULTS = {suite: FileVault(suite) for suite in Suite}
KEYS = {suite: vault.new_key() for suite, vault in VAULTS.items()}
CONTENT = random.Random(1).randbytes(3 * CHUNK + 5)


def opened(suite: Suite, sealed: bytes, start: int, stop: int, size: int, key: str | None = None) -> bytes:
    vault = VAULTS[suite]
    first, count = vault.place(start, stop, size)
    return vault.open(
        key or KEYS[suite], sealed[first : first + count], form="o", start=start, stop=stop, size=size
    )


@given(st.sampled_from(Suite), st.integers(1, len(CONTENT)), st.data())
@settings(max_examples=60)
@example(Suite.AES, CHUNK, None)
@example(Suite.AES, 2 * CHUNK, None)
def test_any_part_opens_by_itself(suite: Suite, size: int, data: st.DataObject | None) -> None:
    content = CONTENT[:size]
    sealed = VAULTS[suite].seal(KEYS[suite], content, form="o")
    start = data.draw(st.integers(0, size - 1)) if data else 0
    stop = data.draw(st.integers(start + 1, size)) if data else size
    assert opened(suite, sealed, start, stop, size) == content[start:stop]


def moved(sealed: bytes) -> bytes:
    one = CHUNK + 16
    return sealed[one : 2 * one] + sealed[:one] + sealed[2 * one :]


@pytest.mark.parametrize("suite", list(Suite))
def test_whatever_is_changed_does_not_open(suite: Suite) -> None:
    size = 2 * CHUNK + 100
    sealed = VAULTS[suite].seal(KEYS[suite], CONTENT[:size], form="o")
    flipped = bytearray(sealed)
    flipped[CHUNK // 2] ^= 1
    for broken in (bytes(flipped), moved(sealed), sealed[:-1], b""):
        with pytest.raises(SealBroken):
            opened(suite, broken, 0, size, size)
    # Cut at the end of a chunk it would look whole to who does not know how long it was.
    with pytest.raises(SealBroken):
        opened(suite, sealed[: 2 * (CHUNK + 16)], 0, 2 * CHUNK, 2 * CHUNK)
    with pytest.raises(SealBroken):
        opened(suite, sealed, 0, size, size, key=VAULTS[suite].new_key())
    with pytest.raises(SealBroken):
        opened(suite, VAULTS[suite].seal(KEYS[suite], CONTENT[:size], form="t"), 0, size, size)


def test_what_is_no_key_opens_nothing() -> None:
    for key in ("", "1.", "9.AAAA", "x.y"):
        with pytest.raises(SealBroken):
            opened(Suite.AES, bytes(26), 0, 10, 10, key=key or "0.")
