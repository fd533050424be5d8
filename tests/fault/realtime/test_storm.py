"""T14: a process with many phones is killed; all of them are on the other one soon, and have missed nothing.

Two real processes on one Redis, killed by process id; publications go on all the time. Pauses before coming
back are those of the SDKs, which spread the crowd.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.redis.broker import RedisBroker
from core.actor import Actor, Role
from tests.clients.online import Online, until
from tests.clients.phone import Phone
from tests.clients.served import token
from tests.fault.realtime.test_races import Publisher, all_at_the_top
from tests.services.process import free_port
from tests.services.redis import RedisServer

ROOT = Path(__file__).parents[3]
LINES = 10
USERS_EACH = 10
"""Each so many-th phone is a user's, with a personal channel."""
PAUSE_SECONDS = 0.5

pytestmark = [pytest.mark.redis, pytest.mark.process, pytest.mark.acceptance("T14")]


class WebProcess:
    """One of the two."""

    def __init__(self, redis: str, prefix: str) -> None:
        self.port = free_port()
        self._command = (sys.executable, "-m", "tests.fault.realtime.web", str(self.port), redis, prefix)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL", *self._command, cwd=ROOT,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert await self._line() == "ready"

    async def figures(self) -> dict[str, float]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        found: dict[str, float] = json.loads(await self._line())
        return found

    async def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            return (await self._process.stdout.readline()).decode().strip()

    async def kill(self) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGKILL)
            await self._process.wait()


@pytest.mark.sized
async def test_all_phones_of_a_killed_process_recover_on_the_other(
    redis_server: RedisServer, long_run: bool, printed: Callable[[str], None]
) -> None:
    count = 2_000 if long_run else 200
    redis_server.ensure_running()
    prefix = f"t{secrets.token_hex(4)}"
    first, other = WebProcess(redis_server.url, prefix), WebProcess(redis_server.url, prefix)
    publisher = Publisher(RedisBroker(redis_server.url, prefix=prefix))
    await asyncio.gather(first.start(), other.start(), publisher.start())
    serving = first
    phones = []
    for number in range(count):
        user = None if number % USERS_EACH else Actor(id=f"u{number}", role=Role.PATIENT)
        phone = Phone(token=token(user) if user else "", channels=(f"log:L{number % LINES}",))
        phones.append(Online(phone, lambda: serving.port))
    channels = [f"log:L{number}" for number in range(LINES)]
    channels += [f"user:#u{number}" for number in range(0, count, USERS_EACH)]
    loop = asyncio.get_running_loop()
    publishing = True

    async def publish() -> None:
        while publishing:
            for channel in channels:
                await publisher.publish(channel)
            await asyncio.sleep(PAUSE_SECONDS)

    try:
        for channel in channels:
            await publisher.publish(channel)
        for one in phones:
            one.go()
        await until(lambda: all_at_the_top(phones, publisher.tops), phones, seconds=120)
        before = await other.figures()
        telling = asyncio.create_task(publish())
        await asyncio.sleep(2 * PAUSE_SECONDS)
        serving, killed_at = other, loop.time()
        await first.kill()
        back: dict[int, float] = {}

        def all_back() -> bool:
            for number, one in enumerate(phones):
                if number not in back and len(one.connected_at) > 1 and _is_live(one):
                    back[number] = loop.time() - killed_at
            return len(back) == count

        await until(all_back, phones, seconds=120)
        publishing = False
        await telling
        await until(lambda: all_at_the_top(phones, publisher.tops), phones, seconds=120)
        after = await other.figures()
        for one in phones:
            publisher.truth.judge(one.phone, publisher.tops)
            assert all(following.reloads == 1 for following in one.phone.channels.values())
    finally:
        publishing = False
        await asyncio.gather(*(one.leave() for one in phones), first.kill(), other.kill())
        await publisher.close()
    subscriptions = sum(len(one.phone.channels) for one in phones)
    reads = after["history_reads"] - before["history_reads"]
    assert reads <= subscriptions, "at most one read for each phone and channel"
    assert after["connections"] == count
    spread = Counter(int((one.connected_at[1] - killed_at) * 10) for one in phones)
    printed(
        f"{count} phones of a killed process, {subscriptions} subscriptions on {len(channels)} channels:"
        f" first back after {min(back.values()):.2f} s, last after {max(back.values()):.2f} s, at most"
        f" {max(spread.values())} in a tenth of a second; {reads:.0f} history reads; all logs whole"
    )


def _is_live(one: Online) -> bool:
    return all(following.live for following in one.phone.channels.values())
