"""From runs to figures: medians of rounds, ratios, and what was promised."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.realtime.load import Result

Round = Mapping[str, Result]
Rounds = Mapping[str, Sequence[Round]]


@dataclass(frozen=True, slots=True)
class Figures:
    """All rounds of one bench."""

    rounds: Rounds

    def of(self, name: str, phase: str, key: str) -> float | None:
        """The median over the rounds; None when this row or phase was not run."""
        seen = [each[phase][key] for each in self.rounds.get(name, ()) if phase in each]
        return float(statistics.median(seen)) if seen else None

    def ratio(self, name: str, other: str, phase: str, key: str) -> float | None:
        mine, theirs = self.of(name, phase, key), self.of(other, phase, key)
        return mine / theirs if mine is not None and theirs else None

    def lost(self, name: str) -> str:
        """What went wrong in any round; empty when nothing did."""
        words = {"missing": 0, "disordered": 0, "dead": 0}
        for each in self.rounds.get(name, ()):
            for result in each.values():
                for word in words:
                    words[word] += abs(int(result.get(word, 0)))
        return ", ".join(f"{count:,} {word}" for word, count in words.items() if count)


@dataclass(frozen=True, slots=True)
class Judged:
    """One promise and how it stands; ``met`` is None when it was not measured."""

    promise: str
    bound: float
    figure: float | None
    met: bool | None


def judged(figures: Figures) -> list[Judged]:
    """The promises of the realtime part, in their order."""

    def most(promise: str, bound: float, figure: float | None) -> Judged:
        return Judged(promise, bound, figure, None if figure is None else figure <= bound)

    def least(promise: str, bound: float, figure: float | None) -> Judged:
        return Judged(promise, bound, figure, None if figure is None else figure >= bound)

    cost = ("paced", "us_per_deliv")
    ran = any(figures.rounds.get(name) for name in ("ours", "ours-python"))
    lost = any(figures.lost(name) for name in figures.rounds if name.startswith("ours"))
    return [
        most("paced, CPU: × the C loop of send()", 1.15, figures.ratio("ours", "c", *cost)),
        most("paced, CPU: × nginx + nchan", 0.85, figures.ratio("ours", "nchan", *cost)),
        most("paced, CPU: × node ws", 0.85, figures.ratio("ours", "node", *cost)),
        most("paced, p99: × nginx + nchan", 1.0, figures.ratio("ours", "nchan", "paced", "p99")),
        least(
            "flat out, deliveries/s: × nginx + nchan",
            1.1,
            figures.ratio("ours", "nchan", "flat out", "deliv_per_s"),
        ),
        most("burst, CPU µs per delivery", 1.5, figures.of("ours", "burst", "us_per_deliv")),
        most("pure Python, paced, CPU: × native", 1.25, figures.ratio("ours-python", "ours", *cost)),
        most(
            "pure Python, flat out, CPU: × native",
            1.25,
            figures.ratio("ours-python", "ours", "flat out", "us_per_deliv"),
        ),
        most("KB per connection", 4.0, figures.of("ours", "connect", "rss_per_conn_kb")),
        most(
            "CPU µs per connect + subscribe with recovery",
            300.0,
            figures.of("ours", "connect", "srv_us_per_connect"),
        ),
        most("deliveries of ours lost, repeated or out of order", 0.0, float(lost) if ran else None),
    ]
