"""The tables, for people and (``--markdown``) for the page of figures."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench.realtime.contenders import PAYLOAD_BYTES, Contender
from bench.realtime.figures import Figures, judged

Rows = list[tuple[str, ...]]
HEAD = (
    "", "paced µs", "p50 / p99 ms", "× C", "× nchan", "× node", "flat out µs", "deliveries/s",
    "burst µs", "KB/conn", "µs/connect", "lost",
)  # fmt: skip


def show(
    console: Console,
    contenders: Sequence[Contender],
    figures: Figures,
    missing: Mapping[str, str],
    *,
    subscribers: int,
    burst: int,
    markdown: bool,
) -> None:
    """Print everything."""
    title = (
        f"{subscribers:,} subscribers of one line ({burst:,} in the burst), {PAYLOAD_BYTES}-byte "
        "publications; server's CPU per delivery, one core"
    )
    rows: Rows = [_row(each, figures) for each in contenders if each.name in figures.rounds]
    _print(console, title, HEAD, rows, markdown=markdown)
    for each in contenders:
        if each.name in missing:
            console.print(f"not measured: {each.title}: {missing[each.name]}", markup=False)
    promises: Rows = [
        (
            each.promise,
            f"{each.bound:g}",
            _number(each.figure, 2),
            {True: "yes", False: "NO", None: "not measured"}[each.met],
        )
        for each in judged(figures)
    ]
    _print(console, "promised", ("", "bound", "measured", "met"), promises, markdown=markdown)


def _row(contender: Contender, figures: Figures) -> tuple[str, ...]:
    name = contender.name

    def value(phase: str, key: str, digits: int = 1) -> str:
        return _number(figures.of(name, phase, key), digits)

    def times(other: str) -> str:
        return _number(figures.ratio(name, other, "paced", "us_per_deliv"), 2)

    return (
        contender.title,
        value("paced", "us_per_deliv"),
        f"{value('paced', 'lat_ms_p50', 0)} / {value('paced', 'p99', 0)}",
        times("c"),
        times("nchan"),
        times("node"),
        value("flat out", "us_per_deliv"),
        value("flat out", "deliv_per_s", 0),
        value("burst", "us_per_deliv", 2),
        value("connect", "rss_per_conn_kb"),
        value("connect", "srv_us_per_connect", 0),
        figures.lost(name) or "0",
    )


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _print(console: Console, title: str, head: Sequence[str], rows: Rows, *, markdown: bool) -> None:
    if markdown:
        console.print(f"\n{title}\n", markup=False, soft_wrap=True)
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
        for line in lines:
            console.print("| " + " | ".join(line) + " |", markup=False, soft_wrap=True, highlight=False)
        return
    table = Table(title=title)
    for name in head:
        table.add_column(name, justify="right" if name else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
