"""The process tree keeps its children running, ends them in order, and gives up loudly."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from server.tree import Child, GivenUp, Tree, pause_before_restart

SOON_SECONDS = 60.0
FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]


async def alive(tree: Tree, name: str, *, other_than: int | None = None) -> int:
    async with asyncio.timeout(SOON_SECONDS):
        while (pid := tree.pid(name)) is None or pid == other_than:
            await asyncio.sleep(0.01)
    return pid


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_killed_child_is_started_again_and_the_others_are_left_alone() -> None:
    tree = Tree([Child("a", FOREVER), Child("b", FOREVER)])
    running = asyncio.create_task(tree.run())
    first, other = await alive(tree, "a"), await alive(tree, "b")
    os.kill(first, signal.SIGKILL)
    second = await alive(tree, "a", other_than=first)
    assert tree.pid("b") == other
    tree.stop()
    await running
    assert not exists(second)
    assert not exists(other)


ROLES = """
import json, pathlib, sys, time
if sys.argv[1] == "spare":
    pathlib.Path(sys.argv[0] + ".ready").touch()
    sys.argv[1:] = json.loads(sys.stdin.readline())
pathlib.Path(sys.argv[2]).write_text("was here")
time.sleep(600)
"""


async def test_a_spare_becomes_the_child_that_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.limits.RESTART_SPARE_SECONDS", 0.2)
    script, mark = tmp_path / "roles.py", tmp_path / "mark"
    script.write_text(ROLES)
    run = [sys.executable, str(script)]
    tree = Tree([Child("a", [*run, "a", str(mark)])], spare=[*run, "spare"])
    running = asyncio.create_task(tree.run())
    first = await alive(tree, "a")
    async with asyncio.timeout(SOON_SECONDS):
        while not (tree.spares and mark.exists() and (tmp_path / "roles.py.ready").exists()):
            await asyncio.sleep(0.01)
    [spare] = tree.spares
    mark.unlink()
    os.kill(first, signal.SIGKILL)
    assert await alive(tree, "a", other_than=first) == spare
    async with asyncio.timeout(SOON_SECONDS):
        while not mark.exists() or not tree.spares:
            await asyncio.sleep(0.01)
    [another] = tree.spares
    assert another != spare
    tree.stop()
    await running
    assert not exists(spare)
    assert not exists(another)


async def test_a_child_that_cannot_stay_up_ends_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.limits.RESTART_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("core.limits.RESTART_FAILURES", 3)
    tree = Tree([Child("good", FOREVER), Child("broken", [sys.executable, "-c", "raise SystemExit(3)"])])
    running = asyncio.create_task(tree.run())
    good = await alive(tree, "good")
    with pytest.raises(GivenUp) as gone:
        async with asyncio.timeout(SOON_SECONDS):
            await running
    assert gone.value.name == "broken"
    assert not exists(good)


async def test_children_do_not_outlive_a_killed_parent() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, sys; from server.tree import Child, Tree\n"
        "async def main():\n"
        "    tree = Tree([Child('a', [sys.executable, '-c', 'import time; time.sleep(600)'])])\n"
        "    running = asyncio.create_task(tree.run())\n"
        "    while tree.pid('a') is None: await asyncio.sleep(0.01)\n"
        "    await asyncio.sleep(0.2)\n"
        "    print(tree.pid('a'), flush=True); await running\n"
        "asyncio.run(main())",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    async with asyncio.timeout(SOON_SECONDS):
        while not (line := await parent.stdout.readline()).strip().isdigit():
            assert line, "the parent ended early"
        child = int(line)
        parent.kill()
        await parent.wait()
        while exists(child):
            await asyncio.sleep(0.02)


def test_the_first_restart_is_at_once_and_later_ones_wait_longer() -> None:
    pauses = [pause_before_restart(failures) for failures in range(1, 9)]
    assert pauses[0] == 0.0
    assert pauses == sorted(pauses)
    assert pauses[-1] <= 15.0
