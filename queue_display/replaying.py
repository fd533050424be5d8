"""A past day of a line, played again from its transitions: what it teaches, and how right one had been.

At every call of the day and at every arrival the reckoning is made with what was known *then*; when the
person is called, the error is known. So the errors are honest: no day is judged by what it taught itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from core.clock import CHINA
from core.ids import TicketNumber
from queue_display.events import Happening, Transition
from queue_display.pace import BREAK_CYCLES, DayLearned, Group, Moment, Pace, Rest, RoomNow, bucket_of
from queue_display.ticket import IN_LINE, IN_ROOM, TicketState

NO_ROOM = ""
_STAYS_EXPECTED = IN_LINE | IN_ROOM | {TicketState.UNKNOWN}


@dataclass(frozen=True, slots=True)
class _Guess:
    at: float
    place: int
    expected: float
    cycle: float
    group: Group
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
        self._line_call: float | None = None
        self._started = 0.0
        self._busiest = 0
        self._calls = 0
        self._guesses: dict[TicketNumber, list[_Guess]] = {}

    def see(self, row: Transition) -> None:
        """Play one movement."""
        if row.number is None:
            return
        number, at = row.number, self._minute(row)
        before = self._state.get(number)
        after = row.after
        if after is None:
            self._state.pop(number, None)
        else:
            self._state[number] = after
            self._rank[number] = row.rank or 0
        if after in IN_LINE and before not in IN_LINE:
            self._joined[number] = at
            self._guess(at)
        elif after in IN_ROOM and row.what is Happening.STAYED:
            # Called on another day: when the room is free is news, when it called is not.
            self._room_of[number] = row.room or NO_ROOM
        elif after in IN_ROOM and before not in IN_ROOM:
            self._call(number, row.room or NO_ROOM, at)
        elif before in IN_ROOM and after not in IN_ROOM:
            self._free_since[self._room_of.get(number, NO_ROOM)] = at
        if after not in _STAYS_EXPECTED or row.what is Happening.DEFERRED:
            self._guesses.pop(number, None)

    def learned(self) -> DayLearned:
        """What the day teaches, after its last movement."""
        self._found.rooms = max(1, self._busiest)
        return self._found

    def _minute(self, row: Transition) -> float:
        return ((row.hospital_at or row.at).timestamp() - self._midnight) / 60

    def _call(self, number: TicketNumber, room: str, at: float) -> None:
        joined = self._joined.get(number, at)
        self._rested(at, joined)
        last = self._last_call.get(room)
        if last is not None and joined <= last and at - last <= self._limit:
            self._found.cycles.append(at - last)
            free = self._free_since.get(room)
            if free is not None:
                self._found.turnarounds.append(at - free)
        self._last_call[room] = at
        self._free_since[room] = None
        self._room_of[number] = room
        self._busiest = max(self._busiest, sum(at - each <= self._limit for each in self._last_call.values()))
        self._settle(number, at)
        self._calls += 1
        self._guess(at)

    def _rested(self, at: float, joined: float) -> None:
        """Note a beginning, or the end of a rest, if people had to wait for it."""
        arrivals = [self._joined[n] for n, state in self._state.items() if state in IN_LINE]
        earliest = min([joined, *arrivals])
        last, self._line_call = self._line_call, at
        if last is None or at - last > self._limit:
            self._started = at
        if last is None:
            if earliest < at:
                self._found.first_start = at
            return
        begin = max(last + self._limit / BREAK_CYCLES, earliest)
        if at - last > self._limit and at - begin > self._limit / 2:
            self._found.rests.append(Rest(begin, at, min(earliest, begin)))

    def _settle(self, number: TicketNumber, at: float) -> None:
        for guess in self._guesses.pop(number, ()):
            actual = at - guess.at
            held = guess.low is None or guess.high is None or guess.low <= actual <= guess.high
            score = self._pace.score(actual, guess.expected, guess.cycle)
            self._found.errors.append((bucket_of(guess.group, guess.place), score, held))
            self._found.calls_before.append((guess.group, guess.place, self._calls - guess.calls_before))

    def _guess(self, at: float) -> None:
        line = sorted((self._rank[n], n) for n, state in self._state.items() if state in IN_LINE)
        moment = Moment(
            minute=at,
            joined=tuple(self._joined.get(number, at) for _, number in line),
            rooms=tuple(
                RoomNow(at - last, None if free is None else at - free)
                for last, free in ((last, self._free_since[room]) for room, last in self._last_call.items())
            ),
            since_start=at - self._started,
            cycles=len(self._found.cycles),
            cycle_minutes=sum(self._found.cycles),
        )
        reckoning = self._pace.reckon(moment)
        if reckoning is None:
            return
        cycle = self._pace.cycle_of(moment)
        ranges = self._pace.ranges(reckoning, cycle)
        for place, (_, number) in enumerate(line):
            self._guesses.setdefault(number, []).append(
                _Guess(
                    at, place, reckoning.minutes[place], cycle, reckoning.groups[place],
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
