"""The simulated platforms as a process of their own, and what they are strict about."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from demo.open_config import read
from demo.platforms import OpenPlatforms, served
from tests.services.open_platforms import MINI, SERVICE, an_agreement

ROOT = Path(__file__).parents[2]


async def test_it_runs_as_a_process_and_ends_when_told(tmp_path: Path) -> None:
    file = tmp_path / "agreed.json"
    an_agreement(file)
    child = subprocess.Popen(
        [sys.executable, "-m", "demo.platforms", "--agreed", str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        first = await asyncio.to_thread(child.stdout.readline)
        address = first.removeprefix("open: ").strip()
        async with aiohttp.ClientSession(address) as http:
            async with http.post(
                "/simulator/codes", json={"of": "wechat", "kind": "mini", "who": "lin"}
            ) as got:
                assert len((await got.json())["code"]) == 31
            async with http.get("/") as page:
                assert "A simulator" in await page.text()
        child.terminate()
        assert await asyncio.to_thread(child.wait, 20) == 0
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()


@pytest.mark.parametrize(
    ("query", "errcode"),
    [
        ({"appid": "wxnone", "secret": "x"}, 40013),
        ({"appid": MINI, "secret": "wrong"}, 40125),
    ],
)
async def test_wechat_knows_its_applications(tmp_path: Path, query: dict[str, str], errcode: int) -> None:
    file = tmp_path / "agreed.json"
    an_agreement(file)
    async with served(OpenPlatforms(read(file))) as port, aiohttp.ClientSession() as http:
        address = f"http://127.0.0.1:{port}/sns/jscode2session"
        async with http.get(address, params=query | {"js_code": "x"}) as answer:
            assert (await answer.json(content_type=None))["errcode"] == errcode


async def test_wechat_sends_nobody_to_strangers(tmp_path: Path) -> None:
    file = tmp_path / "agreed.json"
    an_agreement(file)
    async with served(OpenPlatforms(read(file))) as port, aiohttp.ClientSession() as http:
        query = {"appid": SERVICE, "response_type": "code", "redirect_uri": "https://evil.example/"}
        async with http.get(f"http://127.0.0.1:{port}/connect/oauth2/authorize", params=query) as page:
            assert page.status == 400
            assert "10003" in await page.text()
