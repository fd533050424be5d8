"""One picture of three: CPU over deliveries per second, how late they come, memory over connections."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.realtime.contenders import Contender
from bench.realtime.curves import Curves
from bench.realtime.figures import Rounds
from bench.realtime.processes import Missing

COLOURS = {
    "ours": "#c1121f",
    "ours-python": "#f4845f",
    "c": "#222222",
    "nchan": "#2a9d8f",
    "node": "#3a6ea5",
    "centrifugo": "#8e6bbf",
    "websockets": "#b08900",
}


def draw(rows: Sequence[Contender], rounds: Rounds, curves: Curves, file: Path) -> None:
    """Write the picture. Raises ``Missing`` without matplotlib."""
    try:
        import matplotlib
    except ImportError:
        raise Missing("matplotlib is not installed (make bench-realtime installs it)") from None
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (cpu, late, memory) = pyplot.subplots(1, 3, figsize=(13.5, 4.4), layout="constrained")
    for row in rows:
        if row.name not in COLOURS:
            continue
        style: dict[str, Any] = {
            "color": COLOURS[row.name],
            "label": row.title,
            "linewidth": 2.4 if row.name == "ours" else 1.4,
        }
        for axes, kind in ((cpu, "cpu"), (memory, "memory")):
            points = curves.get(row.name, {}).get(kind, [])
            if points:
                axes.plot(*zip(*points, strict=True), marker="o", markersize=3, **style)
        percentiles = _percentiles(rounds.get(row.name, ()))
        if percentiles:
            late.plot(percentiles, [each / 100 for each in range(1, len(percentiles) + 1)], **style)
    cpu.set(title="CPU of one core", xlabel="deliveries per second", ylim=(0, 1.05), xlim=(0, None))
    cpu.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    cpu.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:.0f}k")
    late.set(
        title="publication to subscriber, five a second", xlabel="milliseconds", ylabel="share", xscale="log"
    )
    memory.set(
        title="memory of the server", xlabel="connections", ylabel="MB", xlim=(0, None), ylim=(0, None)
    )
    memory.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:.0f}k")
    for axes in (cpu, late, memory):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    cpu.legend(frameon=False, fontsize=8)
    figure.savefig(file, dpi=100, pil_kwargs={"optimize": True})
    pyplot.close(figure)


def _percentiles(runs: Sequence[Mapping[str, Any]]) -> list[float]:
    """Of all rounds together, percentile by percentile: the median round."""
    seen = [run["paced"]["percentiles_ms"] for run in runs]
    return [sorted(column)[len(column) // 2] for column in zip(*seen, strict=True)][:-1]
