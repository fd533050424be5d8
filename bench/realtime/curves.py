"""What the plot needs beside the tables: CPU over deliveries per second, memory over connections."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.realtime.contenders import Contender, Ground
from bench.realtime.load import load
from bench.realtime.processes import Missing

DRAWN = ("ours", "ours-python", "c", "nchan", "node", "centrifugo", "websockets")
RATES = (1, 2, 5, 10, 15, 20)
CROWDS = (1_000, 2_500, 5_000, 10_000)
SECONDS = 3

Curves = dict[str, dict[str, list[tuple[float, float]]]]


def drawn(rows: Iterable[Contender]) -> list[Contender]:
    return [row for row in rows if row.name in DRAWN]


def measure_curves(rows: Sequence[Contender], ground: Ground, program: Path, *, subscribers: int) -> Curves:
    """One round: for each row its points of both curves. Who cannot be started has none."""
    curves: Curves = {}
    for row in rows:
        try:
            curves[row.name] = {
                "cpu": _cpu(row, ground, program, subscribers),
                "memory": [_memory(row, ground, program, count) for count in CROWDS],
            }
        except Missing:
            continue
    return curves


def _cpu(row: Contender, ground: Ground, program: Path, subscribers: int) -> list[tuple[float, float]]:
    """Deliveries per second, and the share of a core they took; ends where the server cannot keep up."""
    phases = {str(rate): f"paced:{SECONDS}:{rate}" for rate in RATES}
    with row.start(ground) as serving:
        found = load(serving, ground, program=program, subscribers=subscribers, phases=phases)
    kept_up: list[dict[str, Any]] = [
        found[str(rate)] for rate in RATES if found[str(rate)]["deliv_per_s"] > 0.95 * rate * subscribers
    ]
    return [(each["deliv_per_s"], each["srv_cpu_s"] / each["wall_s"]) for each in kept_up]


def _memory(row: Contender, ground: Ground, program: Path, count: int) -> tuple[float, float]:
    """So many connections, and by how many megabytes the server grew."""
    with row.start(ground) as serving:
        found = load(serving, ground, program=program, subscribers=count, phases={})
    return count, found["connect"]["rss_per_conn_kb"] * count / 1024
