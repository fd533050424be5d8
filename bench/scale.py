"""From measured figures to a million connections: processes, Redis, memory, bandwidth, and what gives first.

    python -m bench.scale [--phones 1000000] [--delivery-us 10] …

Arithmetic, no simulation of queues: every figure is a flag with the measured or assumed value as its default
(docs/scale.md says which is which), so it can be done again with the numbers of another machine.
"""

import argparse
from math import ceil

from rich.console import Console
from rich.table import Table

ASKED = {
    "phones": (1_000_000, "connections"),
    "phones-per-line": (50, "assumed"),
    "moves": (0.1, "boards per line and second, repeats included; assumed"),
    "board-bytes": (1_200, "of one board; assumed"),
    "wire-bytes": (160, "around it: push, frame, TCP and IP headers"),
    "delivery-us": (10.0, "CPU per delivery; measured"),
    "connect-us": (520.0, "CPU per return through Redis; measured in a storm"),
    "connection-kb": (3.3, "of the process; measured"),
    "kernel-kb": (4.0, "of the kernel per idle socket; assumed"),
    "process-mb": (95.0, "of an empty process; measured"),
    "per-process": (12_500, "connections planned per process; the bound is 20,000"),
    "core-share": (0.5, "of a core to plan with"),
    "redis-commands": (100_000, "commands per second and shard; assumed"),
    "redis-messages": (150_000, "pub/sub messages per second and shard; assumed"),
    "presence-seconds": (20.0, "between renewals; core/limits.py"),
    "position-seconds": (40.0, "between looks at a silent channel; core/limits.py"),
}


def computed(given: dict[str, float]) -> dict[str, str]:
    """The answers, as they are printed."""
    phones, each = given["phones"], given["phones-per-line"]
    lines = phones / each
    by_count = ceil(phones / given["per-process"])
    deliveries = phones * given["moves"]
    cores = deliveries * given["delivery-us"] / 1e6
    processes = max(by_count, ceil(cores / given["core-share"]))
    hearing = processes * (1 - (1 - 1 / processes) ** each)
    published = lines * given["moves"]
    presence = 2 * phones / given["presence-seconds"]
    looks = phones / given["position-seconds"]
    commands = published + presence + looks
    shards = max(
        ceil(commands / given["redis-commands"]), ceil(published * hearing / given["redis-messages"])
    )
    per_process = phones / processes
    back = per_process * given["connect-us"] / 1e6
    gigabits = deliveries * (given["board-bytes"] + given["wire-bytes"]) * 8 / 1e9
    memory = (
        phones * (given["connection-kb"] + given["kernel-kb"]) / 1024**2
        + processes * given["process-mb"] / 1024
    )
    return {
        "lines": f"{lines:,.0f}",
        "deliveries/s": f"{deliveries:,.0f}",
        "web processes": f"{processes:,} of {per_process:,.0f} connections",
        "cores busy with deliveries": f"{cores:,.1f}",
        "memory, GB": f"{memory:,.1f}",
        "to the phones, Gbit/s": f"{gigabits:,.2f}",
        "publications/s": f"{published:,.0f}, each heard by {hearing:,.0f} processes",
        "Redis messages/s": f"{published * hearing:,.0f}",
        "Redis commands/s: publications": f"{published:,.0f}",
        "Redis commands/s: presence, as entries": f"{presence:,.0f}",
        "Redis commands/s: looks at silent personal channels": f"{looks:,.0f}",
        "Redis shards": f"{shards}",
        "a process dies: core seconds in all": f"{back:,.0f}",
        "spread over the others, seconds of each": f"{back / (processes - 1):,.1f}" if processes > 1 else "–",
        "all come back at once, seconds": f"{phones * given['connect-us'] / 1e6 / processes:,.0f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, (value, about) in ASKED.items():
        parser.add_argument(f"--{name}", type=float, default=float(value), help=about)
    given = {name.replace("_", "-"): value for name, value in vars(parser.parse_args()).items()}
    sizes = [size for size in (10_000, 100_000, 1_000_000) if size < given["phones"]] + [given["phones"]]
    columns = [computed(given | {"phones": size}) for size in sizes]
    table = Table(title="by the figures given")
    table.add_column("connections")
    for size in sizes:
        table.add_column(f"{size:,.0f}", justify="right")
    for row in columns[0]:
        table.add_row(row, *(column[row] for column in columns))
    Console(width=150, highlight=False).print(table)


if __name__ == "__main__":
    main()
