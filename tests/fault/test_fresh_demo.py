"""``run.py dev`` on an empty folder: the lines and their waiting times are there within seconds."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core import limits
from tests.fault.serving import Process
from tests.services.process import free_port

pytestmark = pytest.mark.process

OPEN_SECONDS = 120.0
"""For the processes to start and the hospital to invent its past, however busy the machine."""
LINES_SECONDS = 0.8 * limits.HOSPITAL_DIRECTORY_SECONDS
"""From the hospital's opening to its lines: before the directory would be asked again by itself."""
ESTIMATE_SECONDS = 90.0


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[tuple[Process, str]]:
    """A demonstration that has just been started, and its address."""
    port = free_port()
    process = Process("dev", "--port", str(port), "--data", str(tmp_path / "data"), log=tmp_path / "dev.log")
    await process.start()
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        await process.end()


async def waiting_lines(http: aiohttp.ClientSession) -> list[str]:
    """The lines in which somebody waits."""
    with contextlib.suppress(aiohttp.ClientError):
        async with http.get("/v1/lines?limit=200") as response:
            return [line["id"] for line in (await response.json())["items"] if line["waiting"]]
    return []


async def board(http: aiohttp.ClientSession, line: str) -> dict[str, Any]:
    async with http.get(f"/v1/lines/{line}") as response:
        found: dict[str, Any] = (await response.json())["board"]
    return found


async def test_lines_and_estimates_are_there_within_seconds(fresh: tuple[Process, str]) -> None:
    process, address = fresh
    async with aiohttp.ClientSession(address) as http:
        async with asyncio.timeout(OPEN_SECONDS):
            while "open: " not in process.told():
                assert process.ended is None, process.told()
                await asyncio.sleep(0.05)
        async with asyncio.timeout(LINES_SECONDS):
            while not (lines := await waiting_lines(http)):
                await asyncio.sleep(0.05)
        async with asyncio.timeout(ESTIMATE_SECONDS):
            silent = set(lines)
            while silent:
                await asyncio.sleep(0.2)
                boards = [await board(http, line) for line in silent]
                silent = {each["line"] for each in boards if each["waiting"] and not each["estimate"]}
        assert len(lines) > 10
