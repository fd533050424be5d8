"""Lines that no directory named: the directory is asked again at once, but never in a tight loop."""

import asyncio
from pathlib import Path

import pytest

from core import limits
from tests.flow.front_machine.machines import FrontMachine, RememberingMirror, syncing
from tests.services.stranger import a_hospital

SECONDS = 30.0
"""Far less than the directory's usual interval."""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HOSPITAL_DIRECTORY_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(limits, "HOSPITAL_RETRY_SECONDS", 0.1)


async def test_a_line_that_appears_brings_its_name_with_it(tmp_path: Path) -> None:
    front = FrontMachine(tmp_path, a_hospital(tmp_path / "his.db", lines=[]))
    await front.start()
    mirror = RememberingMirror()
    async with syncing(front, mirror, directory_seconds=60):
        await mirror.until(lambda: len(mirror.directories) == 1 and len(mirror.observations) > 1)
        front.stranger.open_line("L1")
        await mirror.until(lambda: len(mirror.directories) == 2, seconds=SECONDS)
        assert [line.code for line in mirror.directories[-1].lines] == ["L1"]
    await front.stop()


async def test_a_line_that_the_directory_never_names_asks_once(tmp_path: Path) -> None:
    front = FrontMachine(
        tmp_path, a_hospital(tmp_path / "his.db"), tables__lines__query="SELECT * FROM XL WHERE DM LIKE 'L1%'"
    )
    await front.start()
    assert front.his is not None
    before = front.his.questions["tables.lines"]
    mirror = RememberingMirror(refuse={"L2"})
    async with syncing(front, mirror, directory_seconds=60):
        await mirror.until(lambda: len(mirror.observations) > 12)
        assert "L2" not in mirror.states
    assert front.his.questions["tables.lines"] - before == 2
    await front.stop()


async def test_a_front_machine_that_starts_later_is_asked_soon(front: FrontMachine) -> None:
    await front.stop()
    mirror = RememberingMirror()
    async with syncing(front, mirror, directory_seconds=60) as sync:
        async with asyncio.timeout(SECONDS):
            while not sync.health.failures:
                await asyncio.sleep(0.02)
        await front.start()
        await mirror.until(lambda: bool(mirror.directories) and len(mirror.states) == 2, seconds=SECONDS)
