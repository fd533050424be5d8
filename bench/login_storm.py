"""What the rest of a process feels while staff sign in all at once: password hashing must not stall the loop.

    python -m bench.login_storm [--seconds 10] [--at-once 40]

One process with everything (``compose``), as ``run.py dev`` has it. Beside it, here: somebody who looks at a
line 50 times a second, and a phone that asks for a channel's history over its socket 25 times a second. First
nobody else; then ``--at-once`` people sign in without a pause, each with a number of their own and a wrong
password, so that every try is hashed; and once more with as many as the queue of hashes has no room for.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import msgspec
from rich.table import Table

from bench.clinic import CONSOLE, quantile

LINE = {
    "id": "blood",
    "name": "blood",
    "department": "lab",
    "department_name": "lab",
    "rooms": [{"id": "blood-1", "name": "blood-1"}],
}
LOOKS_A_SECOND, ASKS_A_SECOND = 50, 25


@dataclass
class Phase:
    """What was measured while so many signed in."""

    name: str
    looks: list[float] = field(default_factory=list)
    asks: list[float] = field(default_factory=list)
    sign_ins: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 10.0


async def serve(folder: str) -> None:
    """The process that is measured: says its port and serves until stdin closes."""
    # Here, so that those who sign in are ready soon.
    from conf.loader import load
    from server.bootstrap import Roles, compose
    from server.telemetry import configure_logs

    overrides: dict[str, object] = {
        "data": folder,
        "web.port": 0,
        "web.requests_scale": 0,
        "own_lines": [LINE],
    }
    settings = load(overrides=overrides, environment={})
    # Nobody reads what it says: a full pipe would stop it.
    configure_logs(form="json", level="error", role="bench")
    async with compose(settings, Roles.ALL) as platform:
        print(platform.port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.login_storm",
            "--serve",
            folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                if line.strip().isdigit():
                    yield int(line)
                    break
        finally:
            process.stdin.close()
            await process.wait()


async def look(http: aiohttp.ClientSession, phase: Phase, until: float) -> None:
    """A line, at an even pace whatever the answers take."""

    async def once() -> None:
        began = time.perf_counter()
        async with http.get("/v1/lines/blood") as response:
            await response.read()
            assert response.status == 200
        phase.looks.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as group:
        while time.perf_counter() < until:
            group.create_task(once())
            await asyncio.sleep(1 / LOOKS_A_SECOND)


async def ask(http: aiohttp.ClientSession, phase: Phase, until: float) -> None:
    """A channel's history over one socket, one question after the other."""
    async with http.ws_connect("/connection/websocket") as socket:
        await socket.send_str('{"id":1,"connect":{}}')
        await socket.receive()
        await socket.send_str('{"id":2,"subscribe":{"channel":"queue:blood"}}')
        await socket.receive()
        number = 2
        while time.perf_counter() < until:
            number += 1
            began = time.perf_counter()
            await socket.send_str(
                msgspec.json.encode({"id": number, "history": {"channel": "queue:blood"}}).decode()
            )
            while f'"id":{number}' not in str((await socket.receive()).data):
                pass
            phase.asks.append(time.perf_counter() - began)
            await asyncio.sleep(1 / ASKS_A_SECOND)


async def sign_in(http: aiohttp.ClientSession, phase: Phase, until: float, who: int) -> None:
    """Somebody who cannot type, again and again."""
    tries = 0
    await asyncio.sleep(random.uniform(0, 1))
    while time.perf_counter() < until:
        tries += 1
        body = {"number": f"n{who}-{tries // 4}-{phase.name[:1]}", "password": "wrong horse battery staple"}
        began = time.perf_counter()
        async with http.post("/v1/staff/sign-in", json=body) as response:
            await response.read()
            phase.statuses[response.status] += 1
            if response.status == 401:
                phase.sign_ins.append(time.perf_counter() - began)
        if response.status == 503:
            await asyncio.sleep(random.uniform(1, 3))


async def storm(port: int, people: int, seconds: float) -> None:
    """The people who sign in: a process of their own, so that only the server's work is felt elsewhere."""
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    phase, until = Phase(str(people)), time.perf_counter() + seconds
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as http,
        asyncio.TaskGroup() as group,
    ):
        for who in range(people):
            group.create_task(sign_in(http, phase, until, who))
    print(msgspec.json.encode([phase.sign_ins, dict(phase.statuses)]).decode(), flush=True)


async def measure(port: int, name: str, people: int, seconds: float) -> Phase:
    """Look and ask while so many sign in."""
    crowd = await _crowd(port, people, seconds) if people else None
    if crowd is not None:
        assert crowd.stdin is not None
        crowd.stdin.write(b"go\n")
    phase, until = Phase(name, seconds=seconds), time.perf_counter() + seconds
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(look(http, phase, until))
        group.create_task(ask(http, phase, until))
    if crowd is not None:
        out, _ = await crowd.communicate()
        phase.sign_ins, statuses = msgspec.json.decode(out, type=tuple[list[float], dict[str, int]])
        phase.statuses = Counter({int(status): count for status, count in statuses.items()})
    return phase


async def _crowd(port: int, people: int, seconds: float) -> asyncio.subprocess.Process:
    """The people, ready to begin."""
    arguments = ["-m", "bench.login_storm", "--storm", str(port), "--at-once", str(people)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        "--seconds",
        str(seconds),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    return process


def shown(phases: list[Phase]) -> Table:
    table = Table(title="milliseconds that others waited")
    for column in (
        "while",
        "a line p50",
        "p99",
        "most",
        "history p50",
        "p99",
        "sign-ins/s",
        "p50",
        "answers",
    ):
        table.add_column(column, justify="left" if column in {"while", "answers"} else "right")
    for phase in phases:
        row = [phase.name]
        row += [_ms(phase.looks, 0.5), _ms(phase.looks, 0.99), _ms(phase.looks, 1.0)]
        row += [_ms(phase.asks, 0.5), _ms(phase.asks, 0.99)]
        row += [str(round(len(phase.sign_ins) / phase.seconds)), _ms(phase.sign_ins, 0.5)]
        row += [", ".join(f"{status}: {count}" for status, count in sorted(phase.statuses.items()))]
        table.add_row(*row)
    return table


def _ms(seconds: list[float], part: float) -> str:
    return f"{quantile(sorted(seconds), part) * 1e3:.1f}" if seconds else "-"


async def main(seconds: float, at_once: int) -> None:
    async with served() as port:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            while True:
                async with http.get("/v1/lines/blood") as response:
                    if response.status == 200:
                        break
                await asyncio.sleep(0.1)
        await measure(port, "warming up", 2, 2.0)
        phases = [
            await measure(port, "quiet", 0, seconds),
            await measure(port, f"{at_once} sign in", at_once, seconds),
            await measure(port, f"{at_once * 5} sign in", at_once * 5, seconds),
            await measure(port, "quiet again", 0, seconds),
        ]
    CONSOLE.print(shown(phases))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--at-once", type=int, default=30)
    arguments.add_argument("--serve")
    arguments.add_argument("--storm", type=int)
    given = arguments.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve))
    elif given.storm:
        asyncio.run(storm(given.storm, given.at_once, given.seconds))
    else:
        asyncio.run(main(given.seconds, given.at_once))
