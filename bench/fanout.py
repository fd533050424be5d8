"""One line, many phones: what a delivery costs on one web process pinned to one core.

    python -m bench.fanout [--subscribers 5000] [--rounds 3]

Ours (full Centrifuge sessions, subscribed, positioned, recoverable) beside a stock Tornado ``write_message``
loop, interleaved in the same run on the same load client (``wsload.c``, built with ``cc``). Prints medians
and ratios; asserts nothing.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
ROOT = HERE.parent
START = '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"queue:L0301","flag":1}}\n'
READY = '"id":2,"subscribe"'
PAYLOAD_BYTES = 200
PHASES = {"paced": "paced:4:5", "flat out": "sat:4:2"}
Result = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subscribers", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    allow_many_files(asked.subscribers)
    found: dict[str, list[dict[str, Result]]] = {"ours": [], "stock": []}
    with tempfile.TemporaryDirectory(prefix="houzhen-bench-") as folder:
        load = build_load_client(Path(folder))
        for _ in range(asked.rounds):
            for kind, results in found.items():
                results.append(one_run(kind, load, asked.subscribers, Path(folder)))
    show(found, asked.subscribers)


def allow_many_files(subscribers: int) -> None:
    """Both ends need a descriptor per subscriber."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(65_536, 2 * subscribers)), hard))


def build_load_client(folder: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        sys.exit("a C compiler is needed for the load client (apt-get install gcc)")
    program = folder / "wsload"
    subprocess.run([compiler, "-O2", "-o", program, HERE / "wsload.c"], check=True)
    return program


def one_run(kind: str, load: Path, subscribers: int, folder: Path) -> dict[str, Result]:
    """Start a server on one core, load it from another, and stop it."""
    cores = sorted(os.sched_getaffinity(0))
    (folder / "start").write_text(START)
    payload = '{"line":"L0301","at":"TS=@TS@"'
    (folder / "publication").write_text(
        payload + ',"x":"' + "." * (PAYLOAD_BYTES - len(payload) - 24) + '"}\n'
    )
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.fanout_server", kind],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {cores[0]}),
    )
    try:
        assert server.stdout is not None
        port, publications = server.stdout.readline().split()
        command: list[str | Path] = [
            load, "--label", kind, "--port", port, "--path", "/connection/websocket", "--n", str(subscribers),
            "--init", folder / "start", "--ready", READY, "--server-pid", str(server.pid),
            "--pingpong", "{}={}", "--pub-port", publications, "--pub-tpl", folder / "publication",
        ]  # fmt: skip
        for phase in PHASES.values():
            command += ["--phase", phase]
        ran = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            text=True,
            timeout=180,
            check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, set(cores[1:]) or {cores[0]}),
        )
    finally:
        server.terminate()
        server.wait(10)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    names = {"connect": "connect"} | {phase: name for name, phase in PHASES.items()}
    return {names[line["phase"]]: line for line in lines}


def show(found: dict[str, list[dict[str, Result]]], subscribers: int) -> None:
    def median(kind: str, phase: str, field: str) -> float:
        return float(statistics.median(run[phase][field] for run in found[kind]))

    table = Table(title=f"{subscribers} subscribers of one line, {PAYLOAD_BYTES}-byte publications, one core")
    for column in ("", "ours", "stock Tornado", "ratio"):
        table.add_column(column, justify="left" if not column else "right")
    rows = [
        (f"{phase}: {label}", phase, field)
        for phase in PHASES
        for label, field in (
            ("CPU µs per delivery", "us_per_deliv"),
            ("deliveries/s", "deliv_per_s"),
            ("p50 ms", "lat_ms_p50"),
            ("p99 ms", "p99"),
            ("missing", "missing"),
        )
    ]
    rows.append(("KB per connection", "connect", "rss_per_conn_kb"))
    rows.append(("CPU µs per connect", "connect", "srv_us_per_connect"))
    for label, phase, field in rows:
        mine, other = median("ours", phase, field), median("stock", phase, field)
        ratio = f"{mine / other:.2f}" if other > 0 else "–"
        table.add_row(label, f"{mine:,.2f}", f"{other:,.2f}", ratio)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
