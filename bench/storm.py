"""A web process dies and its phones all come to the other; and a second in which every line moves.

    python -m bench.storm [--phones 5000] [--neighbours 2000] [--at-once]

Two real ``run.py web`` processes share a private Redis. 5,000 phones on 50 lines are at the first, 2,000
neighbours on a line of their own at the second, which has a core to itself. The first is killed with
``kill -9``. Every phone comes to the second and asks for what it missed: after half a second to a second as
the SDKs do, or (``--at-once``) that very moment. The neighbours' deliveries are timed before and meanwhile.

Then 200 lines move every second while 1,000 phones listen to nine lines each: how many writes is that?
"""

import argparse
import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.redis.broker import RedisBroker
from bench.crowd import Crowd, crowd, show
from bench.realtime import load
from bench.realtime.contenders import signed
from bench.realtime.ours import lines_of
from bench.realtime.processes import LOAD_CORE, SERVER_CORE, Missing, prepare, running
from core.tasks import end_tasks
from realtime.channels import houzhen_channels
from realtime.tokens import HmacTokens
from server.tokens import token_key
from tests.services.process import free_port
from tests.services.redis import RedisServer

RUN = str(Path(__file__).parents[1] / "run.py")
START_SECONDS = 60.0
QUIET_SECONDS = 8.0
STORM_SECONDS = 60.0
MASS_LINES, MASS_PHONES, MASS_TICKS = 200, 1_000, 8
LINES_EACH = 9
PAUSE_SECONDS = 1.0
"""The load client takes a moment between two phases; what comes then counts for neither."""
SDK_MS, SDK_SPREAD_MS = 500, 500
"""How long the SDKs wait before they come back the first time."""

SETTINGS = """
profile = "embedded"
data = "{folder}/data"
[hospital]
name = {{ zh = "医院", en = "Hospital" }}
[broker]
url = "{redis}"
[log]
format = "json"
level = "warning"
"""

CONNECT = '{"id":1,"connect":{"token":"%0"}}\n'
FIRST = CONNECT + '{"id":2,"subscribe":{"channel":"queue:%1"}}\n'
AGAIN = CONNECT + '{"id":2,"subscribe":{"channel":"queue:%1","recover":true,"epoch":"%e","offset":%o}}\n'


@dataclass(frozen=True, slots=True)
class Town:
    """What every part of this bench stands on."""

    folder: Path
    redis: RedisServer
    signing: HmacTokens
    program: Path
    nice: int

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def phones(self, name: str, lines: Sequence[Sequence[str]]) -> Path:
        """A file of clients: a token of its own and its lines for each."""
        file = self.folder / name
        tokens = signed(self.signing, name, len(lines))
        rows = ("\t".join((token, *own)) + "\n" for token, own in zip(tokens, lines, strict=True))
        file.write_text("".join(rows))
        return file

    @contextlib.contextmanager
    def web(self, core: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
        """A web process on a core, and its port."""
        port = free_port()
        command: list[str | Path] = [
            sys.executable,
            RUN,
            "web",
            "--config",
            self.folder / "settings.toml",
            "--port",
            str(port),
        ]
        with running(command, core=core, log=self.log, nice=self.nice) as process:
            until = time.monotonic() + START_SECONDS
            while True:
                with contextlib.suppress(OSError):
                    metric(port, "realtime_connections")
                    break
                if process.poll() is not None or time.monotonic() > until:
                    raise Missing(f"no web process: {self.log.read_text(errors='replace')[-800:]}")
                time.sleep(0.1)
            yield process, port

    def crowd(
        self, port: int, pid: int, file: Path, says: str, *options: str | Path, phases: Sequence[str]
    ) -> contextlib.AbstractContextManager[Crowd]:
        """A load client whose subscribers are those of the file."""
        first = file.with_suffix(".says")
        first.write_text(says)
        return crowd(
            self.program,
            *options,
            port=port,
            pid=pid,
            values=file,
            says=first,
            phases=phases,
            log=self.log,
            nice=self.nice,
        )


def metric(port: int, name: str) -> float:
    """A counter or gauge of a web process, all labels added."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.split("{")[0].split(" ")[0] == name)


class Publisher:
    """Moves lines through Redis, as the relay of a worker does."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker
        self._keep = houzhen_channels().find("queue:L")[0].keep
        self._told: dict[str, int] = {}

    async def move(self, lines: Sequence[str]) -> None:
        await asyncio.gather(*(self._publish(line) for line in lines))

    async def _publish(self, line: str) -> None:
        number = self._told[line] = self._told.get(line, 0) + 1
        head = f'{{"line":"{line}","at":"TS={time.monotonic_ns():019}","seq":"SEQ={number:010}","note":"'
        data = head + "." * (198 - len(head)) + '"}'
        await self._broker.publish(f"queue:{line}", data.encode(), keep=self._keep)

    async def keep_moving(self, lines: Sequence[str], *, per_second: float) -> None:
        """Every line so often, one after the other, evenly over time."""
        at = time.monotonic()
        while True:
            for line in lines:
                await self._publish(line)
                at += 1 / (per_second * len(lines))
                await asyncio.sleep(max(0.0, at - time.monotonic()))


@contextlib.asynccontextmanager
async def publishing(town: Town) -> AsyncIterator[Publisher]:
    broker = RedisBroker(town.redis.url)
    try:
        yield Publisher(broker)
    finally:
        await broker.close()


@contextlib.asynccontextmanager
async def meanwhile(*works: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        await end_tasks(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()


async def storm(
    town: Town, names: Sequence[str], *, phones: int, neighbours: int, at_once: bool
) -> dict[str, float]:
    """Kill a process; how the others fare."""
    lines = len(names)
    crowd_file = town.phones("crowd", [(names[n % lines],) for n in range(phones)])
    near_file = town.phones("near", [("NEAR",)] * neighbours)
    again = town.folder / "again"
    again.write_text(AGAIN)
    wait = "0:0" if at_once else f"{SDK_MS}:{SDK_SPREAD_MS}"
    both = (f"told:{STORM_SECONDS + 60}",) * 2
    async with contextlib.AsyncExitStack() as stack:
        dying, dying_port = stack.enter_context(town.web(LOAD_CORE))
        living, port = stack.enter_context(town.web(SERVER_CORE))
        publisher = await stack.enter_async_context(publishing(town))
        phones_of_it = stack.enter_context(
            town.crowd(
                dying_port,
                dying.pid,
                crowd_file,
                FIRST,
                "--come-back",
                f"{port}:{wait}",
                "--back-init",
                again,
                "--conc",
                "512",
                phases=both,
            )
        )
        await phones_of_it.said()
        near = stack.enter_context(town.crowd(port, living.pid, near_file, FIRST, phases=both))
        await near.said()
        async with meanwhile(
            publisher.keep_moving(["NEAR"], per_second=5), publisher.keep_moving(names, per_second=1)
        ):
            await asyncio.sleep(2.0)
            await phones_of_it.next()
            await asyncio.sleep(QUIET_SECONDS)
            quiet = await near.next()
            reads, asked = metric(port, "realtime_history_reads_total"), town_commands(town)
            dying.kill()
            began = time.monotonic()
            async with asyncio.timeout(STORM_SECONDS - 5):
                await phones_of_it.said()
            took = time.monotonic() - began
            during = await near.next()
            reads = metric(port, "realtime_history_reads_total") - reads
            asked = town_commands(town) - asked
            await asyncio.sleep(2.0)
            after = await phones_of_it.next()
    return {
        "seconds until all are back": took,
        "of those, phone by phone: p50": after["back_ms_p50"] / 1e3,
        "p99": after["back_ms_p99"] / 1e3,
        "recovered": after["recovered"],
        "of": after["came_back"],
        "refused, and came again": after["refused"],
        "boards repeated, or older than one before": after["older"],
        "history reads": reads,
        "of those, of the lines (the rest: one per personal channel)": reads - phones,
        "lines": lines,
        "Redis commands": asked,
        "CPU µs of the other process per phone": during["srv_cpu_s"] * 1e6 / phones,
        "its share of a core, quiet": quiet["srv_cpu_s"] / quiet["wall_s"],
        "its share of a core, in the storm": during["srv_cpu_s"] / during["wall_s"],
        "its neighbours' deliveries, p50 ms, quiet": quiet["lat_ms_p50"],
        "p99 ms, quiet": quiet["p99"],
        "p50 ms, in the storm": during["lat_ms_p50"],
        "p99 ms, in the storm": during["p99"],
        "max ms, in the storm": during["max"],
        "p99, ratio": during["p99"] / quiet["p99"],
    }


def town_commands(town: Town) -> float:
    """Commands that Redis has carried out."""
    answer = subprocess.run(
        ["redis-cli", "-p", str(town.redis.port), "info", "stats"], capture_output=True, text=True, check=True
    )
    return next(
        float(line.partition(":")[2])
        for line in answer.stdout.splitlines()
        if line.startswith("total_commands_processed:")
    )


def mass_lines() -> list[str]:
    return [f"M{number:04}" for number in range(MASS_LINES)]


async def mass(town: Town) -> dict[str, float]:
    """Every line moves each second; what reaches the phones, and in how many writes."""
    names = mass_lines()
    own = [[names[(n * 7 + k * 23) % MASS_LINES] for k in range(LINES_EACH)] for n in range(MASS_PHONES)]
    file = town.phones("mass", own)
    subscribes = "".join(
        f'{{"id":{11 - k},"subscribe":{{"channel":"queue:%{k}"}}}}\n' for k in range(1, LINES_EACH + 1)
    )
    says = CONNECT + subscribes
    async with contextlib.AsyncExitStack() as stack:
        web, port = stack.enter_context(town.web(SERVER_CORE))
        publisher = await stack.enter_async_context(publishing(town))
        await publisher.move(names)
        phones_of_it = stack.enter_context(
            # Lines have numbers of their own, so no order over all of them can be asked for here.
            town.crowd(port, web.pid, file, says, "--seqkey", "NONE=", phases=("told:60",) * 2)
        )
        await phones_of_it.said()
        await phones_of_it.next()
        await asyncio.sleep(PAUSE_SECONDS)
        at = time.monotonic()
        for _ in range(MASS_TICKS):
            await publisher.move(names)
            at += 1.0
            await asyncio.sleep(max(0.0, at - time.monotonic()))
        seen = await phones_of_it.next()
    sent = MASS_TICKS * MASS_PHONES
    return {
        "lines that move each second": MASS_LINES,
        "phones": MASS_PHONES,
        "deliveries per phone and second": seen["deliveries"] / sent,
        "writes per phone and second": seen["segments"] / sent,
        "CPU µs per delivery": seen["us_per_deliv"],
        "share of a core": seen["srv_cpu_s"] / seen["wall_s"],
        "p50 ms": seen["lat_ms_p50"],
        "p99 ms": seen["p99"],
        "missing": LINES_EACH * sent - seen["deliveries"],
    }


async def run(asked: argparse.Namespace) -> None:
    prepare(2 * (asked.phones + asked.neighbours) + 4_096)
    program, _ = load.build()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="houzhen-storm-")))
        redis = RedisServer.start_private()
        stack.callback(redis.stop)
        os.sched_setaffinity(redis.pid, {LOAD_CORE})
        settings = folder / "settings.toml"
        settings.write_text(SETTINGS.format(folder=folder, redis=redis.url))
        (folder / "data").mkdir()
        names = [f"S{number:04}" for number in range(asked.lines)]
        database, _ = await lines_of(
            f"sqlite:///{folder / 'data/houzhen.db'}", ["NEAR", *names, *mass_lines()]
        )
        await database.close()
        town = Town(
            folder, redis, HmacTokens([token_key(folder / "data/keys/tokens.key")]), program, asked.nice
        )
        os.sched_setaffinity(0, {LOAD_CORE})
        facts = await storm(
            town, names, phones=asked.phones, neighbours=asked.neighbours, at_once=asked.at_once
        )
        show(f"{asked.phones:,} phones of a killed process come to the other", facts)
        show("every line moves each second", await mass(town))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--phones", type=int, default=5_000)
    parser.add_argument("--neighbours", type=int, default=2_000)
    parser.add_argument("--lines", type=int, default=50)
    parser.add_argument("--at-once", action="store_true", help="no phone waits before it comes back")
    parser.add_argument("--nice", type=int, default=0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
