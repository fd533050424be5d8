"""The platform's pull: changes, confirmations, bad rows, and neighbours that go away and come back."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from core.clock import SystemClock
from front_machine.contract import (
    HisState,
)
from front_machine.page import HALF_PAGE, TWICE
from tests.flow.front_machine.machines import FrontMachine, RememberingMirror, syncing
from tests.services.stranger import a_hospital


async def test_sync_hands_over_everything_then_only_changes(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror) as sync:
        await mirror.until(lambda: len(mirror.states) == 2 and mirror.directories)
        front.stranger.move("L1", "A001", "2 ")
        await mirror.until(lambda: mirror.states["L1"].tickets[0].state is HisState.CALLED)
        assert [state.line for state in mirror.observations[-1].changed] == ["L1"]
        assert list(mirror.observations[-1].unchanged) == ["L2"]
        front.stranger.open_line("L3")
        await mirror.until(lambda: "L3" in mirror.states and len(mirror.directories) == 2)
        front.stranger.run("DELETE FROM XL WHERE DM LIKE 'L3%'")
        await mirror.until(lambda: "L3" not in mirror.states)
        assert sync.health.running
        assert sync.health.lines == 2
    assert not sync.health.running


async def test_a_quiet_hospital_still_confirms(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror):
        await mirror.until(lambda: len(mirror.observations) >= 3)
        assert not mirror.observations[-1].changed
        assert set(mirror.observations[-1].unchanged) == {"L1", "L2"}


@pytest.mark.parametrize(
    ("cells", "field", "why"),
    [
        ({"HM": "A001"}, "number", TWICE),
        ({"HM": ""}, "number", "is empty"),
        ({"LS": None}, "visit", "is empty"),
    ],
)
async def test_a_bad_row_leaves_its_line_as_it_was_and_the_others_moving(
    front: FrontMachine, cells: dict[str, object], field: str, why: str
) -> None:
    mirror = RememberingMirror()
    with structlog.testing.capture_logs() as logs:
        async with syncing(front, mirror) as sync:
            await mirror.until(lambda: len(mirror.states) == 2)
            good = mirror.states["L1"]
            front.stranger.ticket("L1", "B001", **cells)
            await mirror.until(lambda: sync.health.troubled == 1)
            front.stranger.move("L2", "A003", "2 ")
            await mirror.until(lambda: mirror.states["L2"].tickets[2].state is HisState.CALLED)
            assert mirror.states["L1"] == good
            await mirror.until(lambda: len(mirror.observations) > 8)
            assert mirror.confirmed["L1"] < mirror.confirmed["L2"]
            front.stranger.run("DELETE FROM PD WHERE rowid = 7")
            await mirror.until(lambda: mirror.confirmed["L1"] == mirror.confirmed["L2"])
    told = [entry for entry in logs if entry["event"] == "row.unusable" and "line_held_back" in entry]
    assert [(entry["line"], entry["row"], entry["field"], entry["why"]) for entry in told] == [
        ("L1", 7, field, why)
    ]


async def test_half_a_page_leaves_the_line_as_it_was(tmp_path: Path) -> None:
    front = FrontMachine(
        tmp_path,
        a_hospital(tmp_path / "his.db"),
        tables__tickets__query="SELECT * FROM PD WHERE CS < 9 ORDER BY rowid",
    )
    await front.start()
    mirror = RememberingMirror()
    async with syncing(front, mirror):
        await mirror.until(lambda: len(mirror.states) == 2)
        front.stranger.run("UPDATE PD SET CS = 9 WHERE DL LIKE 'L1%' AND HM LIKE 'A003%'")
        await mirror.until(lambda: bool(mirror.observations[-1].troubled))
        assert mirror.observations[-1].troubled[0].why == HALF_PAGE
        assert len(mirror.states["L1"].tickets) == 3
        front.stranger.run("UPDATE PD SET CS = 1 WHERE DL LIKE 'L1%' AND HM LIKE 'A003%'")
        await mirror.until(lambda: mirror.states["L1"].tickets[2].recall_count == 1)
    await front.stop()


async def test_an_unknown_code_is_mirrored_as_unknown_and_said_once(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    with structlog.testing.capture_logs() as logs:
        async with syncing(front, mirror):
            await mirror.until(lambda: len(mirror.states) == 2)
            for number in ("A001", "A002", "A003"):
                front.stranger.move("L1", number, "K7")
                await mirror.until(
                    lambda n=number: {t.number: t.state for t in mirror.states["L1"].tickets}[n] == "unknown"
                )
    said = [entry for entry in logs if entry["event"] == "hospital.unknown_code"]
    assert [(entry["code"], entry["line"]) for entry in said] == [("K7", "L1")]


async def test_a_refused_state_is_handed_over_again(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    mirror.refuse.add("L1")
    async with syncing(front, mirror):
        await mirror.until(lambda: len(mirror.observations) > 3)
        assert set(mirror.states) == {"L2"}
        assert [state.line for state in mirror.observations[-1].changed] == ["L1"]
        mirror.refuse.clear()
        await mirror.until(lambda: "L1" in mirror.states)


async def test_a_mirror_that_cannot_write_gets_it_all_again(front: FrontMachine) -> None:
    mirror = RememberingMirror(broken=True)
    async with syncing(front, mirror) as sync:
        async with asyncio.timeout(30):
            while sync.health.error != "mirror_OSError":
                await asyncio.sleep(0.02)
        mirror.broken = False
        await mirror.until(lambda: len(mirror.states) == 2)
        assert sync.health.error == ""


async def test_a_missing_hospital_file_is_told_and_its_return_is_enough(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror, stale_seconds=0.5) as sync:
        await mirror.until(lambda: len(mirror.states) == 2)
        away = front.stranger.file.with_suffix(".away")
        front.stranger.file.rename(away)
        await mirror.until(lambda: bool(mirror.silences))
        assert sync.health.error == "his_SQLITE_CANTOPEN"
        assert mirror.silences[0] <= SystemClock().now() - timedelta(seconds=0.4)
        assert not front.stranger.file.exists()
        away.rename(front.stranger.file)
        front.stranger.move("L1", "A001", "2 ")
        await mirror.until(lambda: mirror.states["L1"].tickets[0].state is HisState.CALLED)
        assert len(mirror.silences) == 1


async def test_a_replaced_hospital_file_is_read_anew(front: FrontMachine, tmp_path: Path) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror):
        await mirror.until(lambda: len(mirror.states) == 2)
        fresh = a_hospital(tmp_path / "fresh.db", lines=["L1", "L2"], tickets=["Z001"])
        os.replace(fresh.file, front.stranger.file)
        await mirror.until(lambda: [t.number for t in mirror.states["L1"].tickets] == ["Z001"])


async def test_a_front_machine_that_dies_is_found_again(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror, stale_seconds=0.5) as sync:
        await mirror.until(lambda: len(mirror.states) == 2)
        await front.stop()
        await mirror.until(lambda: bool(mirror.silences))
        assert sync.health.failures > 0
        front.stranger.move("L1", "A001", "2 ")
        await front.start()
        await mirror.until(lambda: mirror.states["L1"].tickets[0].state is HisState.CALLED)


async def test_a_stalled_hospital_is_given_up_and_found_again(front: FrontMachine) -> None:
    mirror = RememberingMirror()
    async with syncing(front, mirror, reply_seconds=0.5, stale_seconds=0.8) as sync:
        await mirror.until(lambda: len(mirror.states) == 2)
        assert front.his is not None
        front.his.hanging.clear()
        await mirror.until(lambda: bool(mirror.silences))
        assert sync.health.error == "timeout"
        front.his.hanging.set()
        front.stranger.move("L1", "A001", "2 ")
        await mirror.until(lambda: mirror.states["L1"].tickets[0].state is HisState.CALLED)
