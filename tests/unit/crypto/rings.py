"""Key rings for tests, in memory or in files."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

from adapters.crypto.fields import FieldSealing
from adapters.crypto.key_files import KeyFiles, Stamp
from adapters.crypto.ring import Ring, new_ring
from adapters.crypto.suites import Suite
from core.clock import ManualClock
from core.ids import RandomBytes

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)


def counted() -> RandomBytes:
    """Chance that never repeats and is the same each run."""
    count = itertools.count(1)
    return lambda length: next(count).to_bytes(length, "big")


class HeldRings:
    """A ring that lies in memory."""

    def __init__(self, suite: Suite, random: RandomBytes) -> None:
        self.ring = new_ring(suite, at=NOON, random=random)
        self.version = 0

    def open(self, suite: Suite, *, at: datetime) -> Ring:
        return self.ring

    def read(self) -> Ring:
        return self.ring

    def stamp(self) -> Stamp | None:
        return self.version, 0, 0

    def turn(self, suite: Suite, random: RandomBytes) -> None:
        self.ring = self.ring.turned(suite, at=NOON, random=random)
        self.version += 1


def a_sealing(suite: Suite = Suite.AES) -> FieldSealing:
    random = counted()
    return FieldSealing(HeldRings(suite, random), suite=suite, clock=ManualClock(NOON), random=random)


def files_in(folder: Path) -> KeyFiles:
    return KeyFiles(ring=folder / "data" / "fields.json", master=folder / "apart" / "master.key")
