"""How good the waiting times are: error, coverage of the 80 % range and its width over demo days.

    python -m bench.estimate [--learn 8] [--days 6] [--seed 7] [--told]

The demo hospital plays whole days; each change of a line goes through the mirror exactly as in production. At
every call and every arrival each waiting ticket gets a range; when it is called, the truth is known. Judged
are only days that were not learned. Beside it the naive "average x ahead", with the line's own average.

With ``--told`` the days to learn were not seen: they come from the hospital's own table of past days, which
holds the last turn of each ticket only.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median

from core.ids import DepartmentId, LineId, RoomId, TicketNumber, VisitRef
from demo import departments
from demo.day import FIRST_SECOND, LAST_SECOND, Day, play
from demo.ticket import Event as DemoEvent
from demo.ticket import Kind, moment
from demo.ticket import Ticket as DemoTicket
from queue_display.estimate import Estimator
from queue_display.events import Transition, transitions
from queue_display.line import Line, Opening
from queue_display.mirror import new_mirrored, observe
from queue_display.observed import LineDescription, ObservedLine, ObservedTicket, state_of
from queue_display.past import PastTicket, told_day
from queue_display.ticket import IN_LINE, IN_ROOM

JUDGED = {Kind.CALLED, Kind.CHECKED_IN, Kind.RETURNED, Kind.RECHECKED_IN}
WORDS = {
    "in service": "in_service",
    "away for tests": "awaiting_result",
    "no show": "no_show",
    "gave up": "abandoned",
    "clinic stopped": "cancelled",
}
"""The demo's words where they differ; a ticket "held by the cashier" has a code that nobody documented."""
PLACES = ((0, 0), (1, 2), (3, 5), (6, 10), (11, 99))


@dataclass
class Score:
    """Errors of one group of predictions, in minutes."""

    actual: list[float] = field(default_factory=list)
    middle: list[float] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)
    width: list[int] = field(default_factory=list)
    held: int = 0

    def row(self, name: str) -> str:
        n = len(self.actual)
        if not n:
            return f"{name:>6} {0:>7}"
        error = sum(abs(a - m) for a, m in zip(self.actual, self.middle, strict=True)) / n
        naive = sum(abs(a - m) for a, m in zip(self.actual, self.naive, strict=True)) / n
        waited, ratio = sum(self.actual) / n, error / naive
        return (
            f"{name:>6} {n:>7} {waited:>8.1f} {error:>8.2f} {naive:>8.2f} {ratio:>7.2f}"
            f" {self.held / n:>9.1%} {median(self.width):>7.0f}"
        )


@dataclass
class Guess:
    """One prediction for one ticket, until it is called."""

    at: float
    place: int
    low: int
    high: int
    naive: float


class Played:
    """One line of the demo hospital as the platform sees it, day after day."""

    def __init__(self, code: str, day: date) -> None:
        told = LineDescription(
            line=LineId(code), name=code, department=DepartmentId("D"), department_name="D", rooms=()
        )
        self.line: Line = new_mirrored(told, day=day, at=moment(day, FIRST_SECOND))
        self.seen: dict[str, ObservedTicket] = {}
        self.rows: list[Transition] = []
        self.gaps: list[float] = []
        self.last_call: float | None = None
        self.guesses: dict[str, list[Guess]] = defaultdict(list)

    def see(self, event: DemoEvent, *, keep: bool) -> None:
        """Take one change as the mirror would, and perhaps keep it for learning."""
        if event.ticket is not None:
            self.seen[event.number] = observed(event.day, event.ticket)
        page = ObservedLine(
            line=self.line.id, day=event.day, tickets=list(self.seen.values()), opening=Opening.OPEN
        )
        self.line, events = observe(self.line, page, at=event.time, hospital_at=event.time)
        if keep:
            self.rows += transitions(self.line, events)


def observed(day: date, ticket: DemoTicket) -> ObservedTicket:
    word = ticket.state.value
    return ObservedTicket(
        number=TicketNumber(ticket.number),
        visit=VisitRef(ticket.visit.ref),
        state=state_of(WORDS.get(word, word)),
        his_code=word,
        room=RoomId(ticket.room) if ticket.room else None,
        order=ticket.order,
        checked_in_at=when(day, ticket.checked_in_at),
        called_at=when(day, ticket.called_at),
        recall_count=ticket.recalls,
        passed_count=ticket.passes,
    )


def told(day: Day, code: str) -> Sequence[Transition]:
    """One line's day as the table of past days tells it."""
    return told_day(
        day.date,
        [
            PastTicket(
                number=TicketNumber(ticket.number),
                state=state_of(WORDS.get(ticket.state.value, ticket.state.value)),
                room=RoomId(ticket.room) if ticket.room else None,
                checked_in_at=when(day.date, ticket.checked_in_at),
                called_at=when(day.date, ticket.called_at),
                ended_at=when(day.date, ticket.finished_at),
            )
            for ticket in day.tickets()
            if ticket.line == code
        ],
    )


def when(day: date, second: int | None) -> datetime | None:
    return None if second is None else moment(day, second)


def main() -> None:
    options = parser().parse_args()
    hospital = departments.build(options.seed)
    estimator = Estimator()
    first = date(2026, 11, 2)
    lines = {plan.code: Played(plan.code, first) for plan in hospital.lines}
    total, by_place = Score(), {bounds: Score() for bounds in PLACES}
    silent = 0
    learning = asking = 0.0
    asked = 0
    days = list(weekdays(first, options.learn + options.days))
    for index, day in enumerate(days):
        judge = index >= options.learn
        for played in lines.values():
            played.seen.clear()
            began = time.process_time()
            estimator.learn(played.line.id, played.rows, until=day)
            learning += time.process_time() - began
            played.rows.clear()
            played.guesses.clear()
            played.last_call = None
        if options.told and not judge:
            past = Day(options.seed, day, hospital=hospital)
            past.advance(LAST_SECOND)
            for code, played in lines.items():
                played.rows += told(past, code)
        for event in play(options.seed, day, hospital=hospital):
            played = lines.get(event.line)
            if played is None:
                continue
            before = played.line.tickets.get(TicketNumber(event.number))
            played.see(event, keep=judge or not options.told)
            if event.kind is Kind.CALLED:
                settle(played, event, total, by_place, judge=judge)
            elif before is not None and before.state in IN_LINE:
                after = played.line.tickets[before.number]
                if after.state not in IN_LINE | IN_ROOM:
                    played.guesses.pop(event.number, None)
            if judge and event.kind in JUDGED and played.line.waiting and played.gaps:
                began = time.process_time()
                waits = estimator.waits(played.line, event.time)
                asking += time.process_time() - began
                asked += 1
                if waits is None:
                    silent += 1
                    continue
                average = sum(played.gaps) / len(played.gaps)
                for place, ticket in enumerate(played.line.waiting):
                    guess = Guess(event.at / 60, place, waits.low[place], waits.high[place], average * place)
                    played.guesses[ticket.number].append(guess)
    how = "told by the hospital" if options.told else "learned"
    print(f"{len(lines)} lines, {options.learn} days {how}, then {options.days} judged, seed {options.seed}")
    heads = {"ahead": 6, "n": 7, "waited": 8, "MAE": 8, "naive": 8, "ratio": 7, "coverage": 9, "width": 7}
    print(" ".join(f"{head:>{width}}" for head, width in heads.items()))
    for (low, high), score in by_place.items():
        print(score.row(f"{low}" if low == high else f"{low}-{high}" if high < 99 else f"{low}+"))
    print(total.row("all"))
    print(f"boards without an estimate: {silent} of {asked}")
    print(f"{learning * 1000 / len(lines) / len(days):.1f} ms to learn one line's day, "
          f"{asking * 1e6 / max(1, asked):.0f} us to answer one board")  # fmt: skip


def settle(
    played: Played, event: DemoEvent, total: Score, by_place: dict[tuple[int, int], Score], *, judge: bool
) -> None:
    """The ticket is called: the truth about its guesses, and one more gap for the naive average."""
    now = event.at / 60
    waited = any(t.state in IN_LINE for t in played.line.tickets.values())
    if played.last_call is not None and waited and now - played.last_call < 60:
        played.gaps.append(now - played.last_call)
    played.last_call = now
    for guess in played.guesses.pop(event.number, ()):
        if not judge:
            continue
        bounds = next(b for b in PLACES if b[0] <= guess.place <= b[1])
        for score in (total, by_place[bounds]):
            actual = now - guess.at
            score.actual.append(actual)
            score.middle.append((guess.low + guess.high) / 2)
            score.naive.append(guess.naive)
            score.width.append(guess.high - guess.low)
            score.held += guess.low <= actual <= guess.high


def weekdays(first: date, count: int) -> Iterator[date]:
    day = first
    while count:
        if day.weekday() < 6:
            yield day
            count -= 1
        day += timedelta(days=1)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    made.add_argument("--learn", type=int, default=8)
    made.add_argument("--days", type=int, default=6)
    made.add_argument("--seed", type=int, default=7)
    made.add_argument("--told", action="store_true", help="learn from the hospital's table of past days")
    return made


if __name__ == "__main__":
    main()
