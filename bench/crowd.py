"""A load client (``wsload.c``) that is told when a phase ends, and what the benches of whole crowds share."""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.realtime.processes import LOAD_CORE, Missing, running

READY = '"id":2,"subscribe"'


class Crowd:
    """A load client at work. ``said`` waits for its next line; ``next`` ends a phase that must be told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    async def said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.to_thread(self._process.stdout.readline)
        if not line:
            raise Missing("a load client ended early")
        return dict(json.loads(line))

    async def next(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return await self.said()


@contextlib.contextmanager
def crowd(
    program: Path,
    *options: str | Path,
    port: int,
    pid: int,
    values: Path,
    says: Path,
    phases: Sequence[str],
    log: Path,
    nice: int,
) -> Iterator[Crowd]:
    """A load client with a subscriber per line of ``values``; ``said`` first tells that all are there."""
    count = len(values.read_text().splitlines())
    command: list[str | Path] = [
        program, "--port", str(port), "--path", "/connection/websocket", "--n", str(count),
        "--server-pid", str(pid), "--init", says, "--values", values, "--ready", READY,
        "--pingpong", "{}={}", "--seqkey", "SEQ=", *options,
    ]  # fmt: skip
    for phase in phases:
        command += ["--phase", phase]
    with running(command, core=LOAD_CORE, log=log, stdin=subprocess.PIPE, nice=nice) as process:
        yield Crowd(process)


def show(title: str, facts: Mapping[str, float]) -> None:
    """Print facts below each other."""
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in facts.items():
        table.add_row(name, f"{value:,.0f}" if value == int(value) or value >= 1_000 else f"{value:,.2f}")
    Console(width=110, highlight=False).print(table)
