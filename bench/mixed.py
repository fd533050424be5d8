"""10,000 phones on one process: what a message to the server takes while the line moves for everybody.

    python -m bench.mixed [--phones 10000] [--messages 100,200]

All phones have full sessions on one line. A twentieth of them also calls an rpc of the weight of an instant
message, evenly over time: it locks and reads, writes four rows to SQLite, commits and answers. Beside that
the line moves not at all, once, or five times a second. The callers have a load client of their own, so that
the answers are timed when they come and not when 10,000 other frames have been read. Prints; asserts nothing.
"""

import argparse
import asyncio
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.crowd import crowd
from bench.realtime import load
from bench.realtime.contenders import Ground, make_ground, ours
from bench.realtime.processes import LOAD_CORE, prepare

SECONDS = 10
MOVES = (0, 1, 5)
CALLERS = 0.05
CALL = '{"id":%n,"rpc":{"method":"say","data":{"text":"' + "您好" * 20 + '"}}}\n'

Row = tuple[int, int, dict[str, Any], dict[str, Any]]


async def measure(ground: Ground, program: Path, *, phones: int, rate: int, nice: int) -> list[Row]:
    """One server; every pace of the line after the other."""
    with ours(ground, messages=True) as serving:
        template = ground.folder / "publication"
        template.write_text(serving.template)
        says, call = ground.folder / "says", ground.folder / "call"
        says.write_text(serving.says)
        call.write_text(CALL)
        tokens = ground.tokens.read_text().splitlines(keepends=True)
        callers = int(phones * CALLERS)
        groups = (ground.folder / "callers", ground.folder / "listeners")
        groups[0].write_text("".join(tokens[:callers]))
        groups[1].write_text("".join(tokens[callers:phones]))
        phases = [f"paced:{SECONDS}:{moves}" if moves else f"idle:{SECONDS}" for moves in MOVES]
        told = [f"told:{10 * SECONDS}"] * (len(phases) + 1)
        join = partial(
            crowd, program, port=serving.port, pid=serving.pid, says=says, log=ground.log, nice=nice
        )
        rows: list[Row] = []
        publish = ("--pub-port", str(serving.publications), "--pub-tpl", template)
        with join("--call", call, "--call-rate", str(rate), values=groups[0], phases=told) as calling:
            await calling.said()
            with join(*publish, values=groups[1], phases=phases) as listening:
                await listening.said()
                await calling.next()
                for moves in MOVES:
                    heard = await listening.said()
                    rows.append((rate, moves, await calling.next(), heard))
    return rows


def show(rows: list[Row], phones: int) -> None:
    table = Table(title=f"{phones:,} phones on one process; an rpc that commits to SQLite beside the fan-out")
    for name in (
        "moves/s", "deliveries/s", "rpc/s", "rpc p50 ms", "p99 ms", "max ms", "refused", "one core", "lost",
    ):  # fmt: skip
        table.add_column(name, justify="right")
    for _, moves, called, heard in rows:
        table.add_row(
            str(moves),
            f"{heard['deliv_per_s'] + called['deliv_per_s']:,.0f}",
            f"{called['answers'] / called['wall_s']:,.0f}",
            f"{called['call_ms_p50']:,.1f}",
            f"{called['call_ms_p99']:,.1f}",
            f"{called['call_ms_max']:,.1f}",
            f"{called['call_errors'] + called['calls'] - called['answers']:,}",
            f"{heard['srv_cpu_s'] / heard['wall_s']:.0%}",
            f"{heard['missing']:,}",
        )
    Console(width=120, highlight=False).print(table)


async def run(asked: argparse.Namespace) -> None:
    prepare(2 * asked.phones + 4_096)
    program, _ = load.build()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="houzhen-mixed-") as folder:
        ground = make_ground(Path(folder), clients=asked.phones, profile=False, nice=asked.nice, missed=0)
        os.sched_setaffinity(0, {LOAD_CORE})
        for rate in (int(each) for each in asked.messages.split(",")):
            rows += await measure(ground, program, phones=asked.phones, rate=rate, nice=asked.nice)
    show(rows, asked.phones)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--phones", type=int, default=10_000)
    parser.add_argument("--messages", default="100,200", help="rpcs a second, by comma")
    parser.add_argument("--nice", type=int, default=0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
