"""A past day of a line, played again from its transitions: what it teaches, and how right one had been.

At every call of the day, and whenever somebody comes while nobody works, the reckoning is made with what was
known *then*; when the person is called, the error is known. So the errors are honest: no day is judged by
numbers that the day itself taught.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from core.clock import CHINA
from core.ids import TicketNumber
from queue_display.events import Happening, Transition
from queue_display.pace import BIN, BINS, BREAK_CYCLES, DayLearned, Moment, Pace, RoomNow
from queue_display.ticket import IN_LINE, IN_ROOM, TicketState

NO_ROOM = ""
_STAYS_EXPECTED = IN_LINE | IN_ROOM | {TicketState.UNKNOWN}


@dataclass(frozen=True, slots=True)
class _Guess:
    at: float
    place: int
    expected: float
    cycle: float
    bucket: int
    low: int | None
    high: int | None
    calls_before: int


def learn_day(pace: Pace, rows: Sequence[Transition]) -> None:
    """Add one day's movements (one line, one day, in order) to what is known."""
    day = _Day(pace, rows)
    for row in rows:
        day.see(row)
    pace.take(day.learned())


class _Day:
    """One day while it is played."""

    def __init__(self, pace: Pace, rows: Sequence[Transition]) -> None:
        midnight = datetime.combine(rows[0].day, time(), tzinfo=CHINA).timestamp()
        self._midnight = midnight
        self._pace = pace
        self._limit = BREAK_CYCLES * (pace.cycle or _median_gap(rows))
        self._found = DayLearned()
        self._state: dict[TicketNumber, TicketState] = {}
        self._rank: dict[TicketNumber, int] = {}
        self._joined: dict[TicketNumber, float] = {}
        self._room_of: dict[TicketNumber, str] = {}
        self._last_call: dict[str, float] = {}
        self._free_since: dict[str, float | None] = {}
        self._work: list[tuple[float, float]] = []
        self._crowd: list[tuple[float, int]] = []
        self._waiting = 0
        self._calls = 0
        self._guesses: dict[TicketNumber, list[_Guess]] = {}

    def see(self, row: Transition) -> None:
        """Play one movement."""
        if row.number is None:
            return
        number, at = row.number, self._minute(row)
        before = self._state.get(number)
        after = row.after
        self._count(before, after, at)
        if after is None:
            self._state.pop(number, None)
        else:
            self._state[number] = after
            self._rank[number] = row.rank or 0
        if after in IN_LINE and before not in IN_LINE:
            self._joined[number] = at
            if not self._works(at):
                self._guess(at)
        elif after in IN_ROOM and before not in IN_ROOM:
            self._call(number, row.room or NO_ROOM, at)
        elif before in IN_ROOM and after not in IN_ROOM:
            self._free_since[self._room_of.get(number, NO_ROOM)] = at
        if after not in _STAYS_EXPECTED or row.what is Happening.DEFERRED:
            self._guesses.pop(number, None)

    def learned(self) -> DayLearned:
        """What the day teaches, after its last movement."""
        found = self._found
        for room, last in self._last_call.items():
            free = self._free_since.get(room)
            self._work.append((last, free if free is not None and free > last else last + self._limit / 4))
        crowd = 0
        changes = iter(self._crowd)
        upcoming = next(changes, None)
        for index in range(BINS):
            middle = (index + 0.5) * BIN
            while upcoming is not None and upcoming[0] <= middle:
                crowd = upcoming[1]
                upcoming = next(changes, None)
            found.demand.append(crowd > 0)
            found.working.append(0)
        for begin, end in self._work:
            for index in range(max(0, round(begin / BIN)), min(BINS, round(end / BIN))):
                found.working[index] += 1
        return found

    def _minute(self, row: Transition) -> float:
        return ((row.hospital_at or row.at).timestamp() - self._midnight) / 60

    def _count(self, before: TicketState | None, after: TicketState | None, at: float) -> None:
        change = (after in IN_LINE) - (before in IN_LINE)
        if change:
            self._waiting += change
            self._crowd.append((at, self._waiting))

    def _works(self, at: float) -> bool:
        return any(at - last <= self._limit for last in self._last_call.values())

    def _call(self, number: TicketNumber, room: str, at: float) -> None:
        last = self._last_call.get(room)
        joined = self._joined.get(number, at)
        if last is None or at - last > self._limit:
            if joined < at:
                self._found.starts.append(at)
            if last is not None:
                self._work.append((last, last + self._limit / 4))
        else:
            self._work.append((last, at))
            if joined <= last:
                self._found.cycles.append(at - last)
                free = self._free_since.get(room)
                if free is not None:
                    self._found.turnarounds.append(at - free)
        self._last_call[room] = at
        self._free_since[room] = None
        self._room_of[number] = room
        self._settle(number, at)
        self._calls += 1
        self._guess(at)

    def _settle(self, number: TicketNumber, at: float) -> None:
        for guess in self._guesses.pop(number, ()):
            actual = at - guess.at
            held = guess.low is None or guess.high is None or guess.low <= actual <= guess.high
            score = self._pace.score(actual, guess.expected, guess.cycle)
            self._found.errors.append((guess.bucket, score, held))
            self._found.others_ahead += guess.place
            self._found.others_called += self._calls - guess.calls_before if guess.place else 0

    def _guess(self, at: float) -> None:
        moment = Moment(
            minute=at,
            waiting=self._waiting,
            rooms=tuple(
                RoomNow(at - last, None if free is None else at - free)
                for last, free in ((last, self._free_since[room]) for room, last in self._last_call.items())
            ),
            cycles=len(self._found.cycles),
            cycle_minutes=sum(self._found.cycles),
        )
        reckoning = self._pace.reckon(moment)
        if reckoning is None:
            return
        cycle = self._pace.cycle_of(moment)
        ranges = self._pace.ranges(reckoning, cycle)
        line = sorted((self._rank[n], n) for n, state in self._state.items() if state in IN_LINE)
        for place, (_, number) in enumerate(line):
            self._guesses.setdefault(number, []).append(
                _Guess(
                    at, place, reckoning.minutes[place], cycle, reckoning.buckets[place],
                    None if ranges is None else ranges[0][place],
                    None if ranges is None else ranges[1][place],
                    self._calls,
                )
            )  # fmt: skip


def _median_gap(rows: Sequence[Transition]) -> float:
    """The usual time between a room's calls on a first day, when no other is known."""
    gaps: list[float] = []
    last: dict[str, float] = {}
    for row in rows:
        if row.after is TicketState.CALLED and row.before not in IN_ROOM:
            at = (row.hospital_at or row.at).timestamp() / 60
            room = row.room or NO_ROOM
            if room in last:
                gaps.append(at - last[room])
            last[room] = at
    gaps.sort()
    return gaps[len(gaps) // 2] if gaps else 10.0
