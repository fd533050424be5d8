"""Which Redis a name belongs to: slots as Redis counts them, shards as every process agrees."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.redis.dial import Fixed
from adapters.redis.places import Door
from adapters.redis.server import Timing
from adapters.redis.shards import Shards
from adapters.redis.slots import SLOTS, name_in, redirect, slot_of

NAMES = [f"houzhen:{{queue:{number}}}" for number in range(3_000)]


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("123456789", 12739),
        ("foo", 12182),
        ("{user1000}.following", 3443),
        ("user1000", 3443),
        ("foo{}{bar}", 8363),
        ("foo{{bar}}zap", 4015),
        ("foo{bar}{zap}", 5061),
        ("houzhen:{foo}:stream", 12182),
    ],
)
def test_slots_are_those_of_the_cluster_specification(name: str, slot: int) -> None:
    assert slot_of(name) == slot


@settings(deadline=None, max_examples=10)
@given(st.sets(st.integers(0, SLOTS - 1), min_size=1, max_size=3))
def test_a_name_is_found_in_the_slots_of_a_node(slots: set[int]) -> None:
    name = name_in([slot in slots for slot in range(SLOTS)], "probe")
    assert name is not None
    assert slot_of(name) in slots


def test_a_node_without_slots_has_no_name() -> None:
    assert name_in([False] * SLOTS, "probe") is None


def test_a_redirection_names_slot_and_node() -> None:
    assert redirect("MOVED 3999 127.0.0.1:6381", asked=("h", 1)) == (3999, ("127.0.0.1", 6381))
    assert redirect("ASK 3999 ::1:6381", asked=("h", 1)) == (3999, ("::1", 6381))
    assert redirect("MOVED 1 :6381", asked=("h", 1)) == (1, ("h", 6381))


def shards(*names: str) -> Shards:
    return Shards([Fixed(name, (name, 6379), Door(), reply_seconds=1.0) for name in names], Timing())


def homes(of: Shards) -> dict[str, str]:
    return {name: of.home(name).name for name in NAMES}


def test_every_process_agrees_in_whatever_order_the_shards_are_told() -> None:
    assert homes(shards("a", "b", "c")) == homes(shards("c", "a", "b"))


def test_each_shard_gets_its_share() -> None:
    counts = Counter(homes(shards("a", "b", "c", "d")).values())
    assert all(650 < counts[name] < 850 for name in "abcd")


def test_a_new_shard_takes_from_each_and_nothing_else_moves() -> None:
    before, after = homes(shards("a", "b", "c")), homes(shards("a", "b", "c", "d"))
    moved = [name for name in NAMES if before[name] != after[name]]
    assert {after[name] for name in moved} == {"d"}
    assert 0.15 < len(moved) / len(NAMES) < 0.35
    assert {before[name] for name in moved} == {"a", "b", "c"}
