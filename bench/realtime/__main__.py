"""See the package: ``python -m bench.realtime --help``."""

import argparse
import json
import tempfile
from pathlib import Path

from rich.console import Console

import bench.realtime
from bench.realtime.contenders import CONTENDERS, PUBLISHED, Contender, Ground, chosen, make_ground
from bench.realtime.curves import CROWDS, drawn, measure_curves
from bench.realtime.figures import Figures
from bench.realtime.load import Result, build, load
from bench.realtime.plot import draw
from bench.realtime.processes import BUILT, ROOT, Missing, prepare
from bench.realtime.tables import show

PLOT = ROOT / "docs/images/realtime.png"
PHASES = {"paced": "paced:4:5", "flat out": "sat:4:2"}
BURST = {"burst": "sat:3:16"}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.realtime",
        description=bench.realtime.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", default="", help=f"rows, by comma: {', '.join(each.name for each in CONTENDERS)}"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--subscribers", type=int, default=5_000)
    parser.add_argument("--burst", type=int, default=2_000, help="subscribers of the burst; 0 leaves it out")
    parser.add_argument("--profile", action="store_true", help="where our process spends its time, by phase")
    parser.add_argument(
        "--missed", type=int, choices=range(PUBLISHED + 1), default=PUBLISHED, help="what newcomers recover"
    )
    parser.add_argument("--nice", type=int, default=0, help="of servers and load client; below 0 needs root")
    parser.add_argument("--plot", action="store_true", help="measure the curves too and draw docs/images")
    parser.add_argument("--markdown", action="store_true", help="tables as the page of figures has them")
    asked = parser.parse_args()
    console = Console(width=170, highlight=False)
    rows = chosen(asked.only)
    clients = max(asked.subscribers, asked.burst, *(CROWDS if asked.plot else ()))
    prepare(2 * clients + 4_096)
    with tempfile.TemporaryDirectory(prefix="houzhen-bench-") as folder:
        ground = make_ground(
            Path(folder),
            clients=clients,
            profile=asked.profile,
            nice=asked.nice,
            missed=asked.missed,
        )
        found, missing = measure(console, rows, ground, asked)
        if asked.plot:
            console.print("measuring the curves")
            program, _ = build()
            curves = measure_curves(drawn(rows), ground, program, subscribers=asked.subscribers)
    BUILT.mkdir(parents=True, exist_ok=True)
    (BUILT / "realtime.json").write_text(json.dumps(found))
    if asked.plot:
        (BUILT / "curves.json").write_text(json.dumps(curves))
        try:
            draw(rows, found, curves, PLOT)
        except Missing as reason:
            console.print(f"no plot: {reason}")
    show(
        console, rows, Figures(found), missing,
        subscribers=asked.subscribers, burst=asked.burst, markdown=asked.markdown,
    )  # fmt: skip


def measure(
    console: Console, rows: tuple[Contender, ...], ground: Ground, asked: argparse.Namespace
) -> tuple[dict[str, list[dict[str, Result]]], dict[str, str]]:
    """All rounds, the rows taking turns; what could not be measured, and why."""
    program, speaks_tls = build()
    found: dict[str, list[dict[str, Result]]] = {}
    missing: dict[str, str] = {}
    for number in range(asked.rounds):
        turn = number % max(1, len(rows))
        for row in (*rows[turn:], *rows[:turn]):
            if row.name in missing:
                continue
            if row.name.endswith("-tls") and not speaks_tls:
                missing[row.name] = "the load client was built without OpenSSL (apt install libssl-dev)"
                continue
            try:
                result = one_turn(row, ground, program, asked)
            except Missing as reason:
                missing[row.name] = str(reason)
                continue
            found.setdefault(row.name, []).append(result)
            paced = result["paced"]
            console.print(
                f"round {number + 1}: {row.title:<28} paced {paced['us_per_deliv']:6.2f} µs, "
                f"p99 {paced['p99']:6.1f} ms; flat out {result['flat out']['us_per_deliv']:6.2f} µs"
                + (f"; burst {result['burst']['us_per_deliv']:5.2f} µs" if "burst" in result else "")
                + f"; {result['connect']['rss_per_conn_kb']:5.1f} KB, "
                f"{result['connect']['srv_us_per_connect']:4.0f} µs per connect"
            )
    return found, missing


def one_turn(row: Contender, ground: Ground, program: Path, asked: argparse.Namespace) -> dict[str, Result]:
    """One server from start to end: the crowd, then, started anew, the burst."""
    with row.start(ground) as serving:
        result = load(serving, ground, program=program, subscribers=asked.subscribers, phases=PHASES)
    if asked.burst:
        with row.start(ground) as serving:
            burst = load(serving, ground, program=program, subscribers=asked.burst, phases=BURST)
        result["burst"] = burst["burst"]
    return result


if __name__ == "__main__":
    main()
