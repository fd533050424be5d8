"""From the hospital's commit to the frame at the phone, end to end.

    python -m bench.latency [--changes 200] [--lines 30] [--only embedded|production]

Every part is the real one, in processes of its own: the hospital is a SQLite file that this process writes,
``run.py front-machine`` asks it once a second, the platform pulls, commits, relays and publishes, and stock
centrifuge-python clients (one a line) wait here. Changes come at random moments. Two platforms:

    embedded     web and worker in one process, SQLite, memory
    production   ``run.py serve``: two web processes and a worker, MariaDB, Redis

"to the question" is the time until the hospital was asked next: with one question a second it is 0.5 s at the
median whatever we do. "from there" is ours: read, convert, send, compare, commit, relay, publish.
"""

import argparse
import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp
import structlog
from centrifuge import Client, ClientEventHandler, PublicationContext, SubscriptionEventHandler
from rich.progress import track
from rich.table import Table

from bench.clinic import (
    CONSOLE,
    RUN,
    Hospital,
    front_machine,
    neighbours,
    quantile,
    running,
    write_settings,
)

TICKETS = 50
GAP_SECONDS = 0.4


@dataclass(frozen=True)
class Seen:
    """One change: when it was committed, when the hospital was asked, when the phone had the frame."""

    committed: float
    asked: float
    arrived: float


class Phone(SubscriptionEventHandler):
    """Waits for one ticket at a time to appear among those called, or to leave them."""

    def __init__(self) -> None:
        self.wanted = ""
        self.called = False
        self.found: asyncio.Future[tuple[float, float]] | None = None

    def expects(self, number: str, *, called: bool) -> asyncio.Future[tuple[float, float]]:
        self.wanted, self.called = number, called
        self.found = asyncio.get_running_loop().create_future()
        return self.found

    async def on_publication(self, ctx: PublicationContext) -> None:
        arrived, board = time.time(), ctx.pub.data
        there = any(now["number"] == self.wanted for now in board["now"])
        if self.found is not None and not self.found.done() and there is self.called:
            self.found.set_result((arrived, datetime.fromisoformat(board["as_of"]).timestamp()))


async def lines_are_known(port: int, count: int) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as http:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(f"http://127.0.0.1:{port}/v1/lines") as response:
                    items = (await response.json()).get("items", ())
                    if len(items) == count and all(item["version"] for item in items):
                        return
            await asyncio.sleep(0.1)


async def follow(port: int, hospital: Hospital, changes: int, what: str) -> list[Seen]:
    """Change and wait, so often."""
    await lines_are_known(port, len(hospital.lines))
    phones = {line: Phone() for line in hospital.lines}
    client = Client(f"ws://127.0.0.1:{port}/connection/websocket", events=ClientEventHandler(), proxy=None)
    await client.connect()
    for line, phone in phones.items():
        await client.new_subscription(f"queue:{line}", events=phone).subscribe()
    await asyncio.sleep(3.0)
    called: dict[str, str] = {}
    seen: list[Seen] = []

    async def change(line: str) -> None:
        before = called.pop(line, None)
        number = before or f"A{random.randrange(TICKETS):03}"
        if before is None:
            called[line] = number
        coming = phones[line].expects(number, called=before is None)
        await asyncio.to_thread(hospital.move, [line], number, "3" if before is None else "1")
        committed = time.time()
        async with asyncio.timeout(20):
            arrived, asked = await coming
        seen.append(Seen(committed, asked, arrived))

    waiting: dict[str, asyncio.Task[None]] = {}
    for _ in track(range(changes), description=what, console=CONSOLE, transient=True):
        # Waits without memory: no regular gap falls into step with the hospital's second.
        await asyncio.sleep(random.expovariate(1 / GAP_SECONDS))
        line = random.choice([each for each in phones if each not in waiting or waiting[each].done()])
        waiting[line] = asyncio.create_task(change(line))
    await asyncio.gather(*waiting.values())
    await client.disconnect()
    return seen


@contextlib.contextmanager
def embedded(folder: Path, front_port: int) -> Iterator[int]:
    """Both roles in one process, as ``run.py dev`` has them."""
    database = f"sqlite:///{folder / 'houzhen.db'}"
    file, port = write_settings(
        folder, profile="embedded", database=database, broker="memory:", front_port=front_port
    )
    with running("-m", "bench.latency", "--platform", str(file), log=folder / "platform.log"):
        yield port


@contextlib.contextmanager
def production(folder: Path, front_port: int) -> Iterator[int]:
    """The process tree."""
    with neighbours() as (database, broker):
        file, port = write_settings(
            folder, profile="production", database=database, broker=broker, front_port=front_port
        )
        with running(RUN, "serve", "--config", str(file), log=folder / "platform.log"):
            yield port


PLATFORMS = {"embedded": embedded, "production": production}


async def platform(settings: Path) -> None:
    """The embedded platform, in this process."""
    from conf.loader import load
    from server.bootstrap import Roles, compose
    from server.lifetime import stop_signal
    from server.telemetry import configure_logs

    loaded = load(settings)
    configure_logs(form="json", level="warning", role="bench")
    async with stop_signal() as stopped, compose(loaded, Roles.ALL):
        await stopped.wait()


def main(changes: int, lines: int, only: str | None) -> None:
    """Measure and print."""
    table = Table(
        title=f"HIS commit → frame at the phone: {lines} lines, {changes} changes, asked each second"
    )
    for column in ("platform", "median s", "p90 s", "p99 s", "max s", "to the question", "from there", "p99"):
        table.add_column(column, justify="left" if column == "platform" else "right")
    for name, start in PLATFORMS.items():
        if only not in (None, name):
            continue
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            hospital = Hospital(folder, lines=lines)
            with (
                hospital.ticking(),
                front_machine(folder) as (_, front_port),
                start(folder, front_port) as port,
            ):
                seen = asyncio.run(follow(port, hospital, changes, name))
        whole = [each.arrived - each.committed for each in seen]
        asked = [each.asked - each.committed for each in seen]
        ours = [each.arrived - each.asked for each in seen]
        table.add_row(
            name,
            *(f"{quantile(whole, share):.3f}" for share in (0.5, 0.9, 0.99)),
            f"{max(whole):.3f}",
            *(f"{quantile(values, 0.5):.3f}" for values in (asked, ours)),
            f"{quantile(ours, 0.99):.3f}",
        )
    CONSOLE.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--lines", type=int, default=30)
    parser.add_argument("--only", choices=list(PLATFORMS))
    parser.add_argument("--platform", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if given.platform is not None:
        asyncio.run(platform(given.platform))
    else:
        main(given.changes, given.lines, given.only)
