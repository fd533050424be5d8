"""What an operator sees when something is in the way: one clear line, status 2, no process left behind."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from core import limits
from tests.fault.serving import Process, children_of, exists, write_settings
from tests.services.process import free_port

pytestmark = pytest.mark.process

ENOUGH_SECONDS = 120.0


async def refusal(folder: Path, *command: str) -> str:
    """Run a command that cannot start; answers the one line it says."""
    process = Process(*command, log=folder / "refused.log")
    await process.start()
    try:
        assert await process.wait(ENOUGH_SECONDS) == 2, process.told()
    finally:
        await process.end()
    lines = [line for line in process.told().splitlines() if not line.startswith("{")]
    assert "Traceback" not in process.told()
    assert lines[0].startswith("houzhen: ")
    return " ".join(lines)


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = await refusal(tmp_path, "serve", "--config", str(write_settings(tmp_path, port=port)))
    assert f"web.port: {port} cannot be taken" in said
    assert "--port" in said


async def test_a_port_that_another_tree_shares_among_its_own_is_taken_too(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = await refusal(tmp_path, "serve", "--config", str(write_settings(tmp_path, port=port)))
    assert f"web.port: {port} cannot be taken" in said


async def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    file = write_settings(tmp_path)
    file.write_text(file.read_text("utf-8").replace("processes = 2", "proceses = 2"), "utf-8")
    assert "web.proceses: unknown key" in await refusal(tmp_path, "serve", "--config", str(file))


async def test_a_database_that_was_never_migrated_says_what_to_run(tmp_path: Path) -> None:
    said = await refusal(tmp_path, "web", "--config", str(write_settings(tmp_path)))
    assert "run.py migrate" in said


@contextlib.asynccontextmanager
async def dev(folder: Path, name: str, port: int) -> AsyncIterator[Process]:
    """``run.py dev`` on a data folder, killed at the end if it still runs."""
    process = Process("dev", "--port", str(port), "--data", str(folder / "data"), log=folder / f"{name}.log")
    await process.start()
    try:
        yield process
    finally:
        await process.end()


async def is_ready(port: int, process: Process) -> None:
    """The hospital's lines are there, although its front machine started after the platform."""
    async with asyncio.timeout(limits.HOSPITAL_DIRECTORY_SECONDS * 0.7), aiohttp.ClientSession() as http:
        while True:
            assert process.ended is None, process.told()
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{port}/v1/lines") as response:
                    if len((await response.json())["items"]) > 10:
                        return
            await asyncio.sleep(0.05)


async def test_dev_is_alone_in_its_folder_and_leaves_nobody_behind(tmp_path: Path) -> None:
    port = free_port()
    async with dev(tmp_path, "first", port) as first:
        await is_ready(port, first)
        children = list(children_of(first.pid))
        assert len(children) == 3  # the hospital, its front machine, the platforms
        said = await refusal(tmp_path, "dev", "--port", str(free_port()), "--data", str(tmp_path / "data"))
        assert "data" in said
        assert str(first.pid) in said
        first.send(signal.SIGTERM)
        assert await first.wait(ENOUGH_SECONDS) == 0, first.told()
        assert not any(exists(pid) for pid in children)
        assert "Traceback" not in first.told()
    written = [each for each in (tmp_path / "data").rglob("*") if each.is_file()]
    open_to_others = [
        each.name for each in written if each.stat().st_mode & 0o077 and "his.db" not in each.name
    ]
    assert [each for each in open_to_others if not each.endswith(".crt")] == []
    async with dev(tmp_path, "again", port) as again:
        await is_ready(port, again)
        again.send(signal.SIGINT)
        assert await again.wait(ENOUGH_SECONDS) == 0, again.told()
