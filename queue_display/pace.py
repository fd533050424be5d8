"""What a line's past says about its pace: learned numbers of one line, and the waiting times that follow.

Nothing here is a constant of medicine. From the line's own past days come: how long a room takes from call to
call, how much that differs between days, when of the day rooms work at all (start, breaks, end), how many
others are put in between, and how wrong such a reckoning was. The last decides the range: its ends are
quantiles of the line's own errors at that place, corrected until past ranges held as often as promised.

Times are minutes since midnight on the clock that the tickets follow.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import ceil, floor
from typing import Final

PROMISE: Final = 0.80
"""How often the call should fall into the range."""

BIN: Final = 5.0
BINS: Final = int(24 * 60 / BIN)
HORIZON: Final = 12 * 60.0
FADE: Final = 0.9
"""How much a day weighs against the next one."""
CYCLES_KEPT: Final = 400
SCORES_KEPT: Final = 600
SCORES_NEEDED: Final = 40
DAYS_NEEDED: Final = 2
BREAK_CYCLES: Final = 4.0
"""A room that has not called for so many usual cycles is not working."""
CORRECTION: Final = 0.3
_EDGES: Final = (1, 2, 4, 7, 12, 20)
PLACES: Final = len(_EDGES) + 1


@dataclass(frozen=True, slots=True)
class RoomNow:
    """A room that has called today: minutes since its last call, and since it became free, if it is."""

    since_call: float
    since_free: float | None


@dataclass(frozen=True, slots=True)
class Moment:
    """All that is known of a line at one moment of its day."""

    minute: float
    waiting: int
    rooms: tuple[RoomNow, ...]
    cycles: int
    """How many calls today followed another one in the same room while somebody waited …"""
    cycle_minutes: float
    """… and how long these took together."""
    working: bool = True
    """False: the line says itself that it is paused or closed."""


@dataclass(slots=True)
class DayLearned:
    """What one past day adds."""

    cycles: list[float] = field(default_factory=list)
    turnarounds: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    demand: list[bool] = field(default_factory=list)
    working: list[int] = field(default_factory=list)
    others_ahead: int = 0
    others_called: int = 0
    errors: list[tuple[int, float, bool]] = field(default_factory=list)
    """(bucket, score, whether the published range held); a range that was not published counts as held."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """For each waiting place the expected minutes, and which errors it shares."""

    minutes: tuple[float, ...]
    buckets: tuple[int, ...]


class Pace:
    """One line's learned numbers."""

    def __init__(self) -> None:
        self.days = 0
        self.samples = 0
        self.cycle: float | None = None
        self._cycles: deque[float] = deque(maxlen=CYCLES_KEPT)
        self._sorted: list[float] = []
        self._tail_sums: list[float] = []
        self._turnaround: float | None = None
        self._day_weight = 8.0
        self._day_means: deque[tuple[float, float, int]] = deque(maxlen=20)
        self._demand = [0.0] * BINS
        self._rooms = [0.0] * BINS
        self._starts: deque[list[float]] = deque(maxlen=14)
        self._ahead = 0.0
        self._called = 0.0
        self._scores = [deque[float](maxlen=SCORES_KEPT) for _ in range(2 * PLACES)]
        self._levels = [PROMISE] * (2 * PLACES)
        self._ends: list[tuple[float, float] | None] = [None] * (2 * PLACES)

    # ---- asking

    def reckon(self, moment: Moment) -> Reckoning | None:
        """How long each waiting place should take; None before a first day was seen."""
        if self.cycle is None or not moment.waiting:
            return None
        cycle = self.cycle_of(moment)
        limit = BREAK_CYCLES * cycle
        rooms = [r for r in moment.rooms if r.since_free is None or r.since_call <= limit]
        working = moment.working and any(r.since_call <= limit for r in rooms)
        if working:
            free = sorted(self._until_free(room, cycle) for room in rooms)
            lead = 0.0
        else:
            lead = self._until_start(moment.minute)
            free = [0.0] * max(1, round(self._rooms_at(moment.minute + lead + BIN)))
        slip = self._called / self._ahead if self._ahead else 1.0
        targets = _call_times(free, cycle, (place * slip for place in range(moment.waiting)))
        minutes = self._by_the_clock(moment.minute + lead, targets)
        shift = 0 if working else PLACES
        return Reckoning(
            tuple(lead + each for each in minutes),
            tuple(shift + bisect_right(_EDGES, place) for place in range(moment.waiting)),
        )

    def ranges(self, reckoning: Reckoning, cycle: float) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Whole minutes low and high for each place; None while the line's errors are not known enough."""
        lows: list[int] = []
        highs: list[int] = []
        low = high = 0
        for expected, bucket in zip(reckoning.minutes, reckoning.buckets, strict=True):
            ends = self._ends[bucket]
            if ends is None:
                return None
            base = expected + cycle
            low = max(low, floor(max(0.0, base * ends[0] - cycle)))
            high = max(high, low, ceil(max(0.0, base * ends[1] - cycle)))
            lows.append(low)
            highs.append(high)
        return tuple(lows), tuple(highs)

    def cycle_of(self, moment: Moment) -> float:
        """Minutes from call to call of one room today: today's own as far as they outweigh the past days."""
        assert self.cycle is not None
        weight = self._day_weight
        return (weight * self.cycle + moment.cycle_minutes) / (weight + moment.cycles)

    def score(self, actual: float, expected: float, cycle: float) -> float:
        """How wrong a reckoning was, so that near and far places can be compared: 1 is right."""
        return (actual + cycle) / (expected + cycle)

    # ---- learning

    def take(self, day: DayLearned) -> None:
        """Add one past day, oldest first."""
        if len(day.cycles) < 3:
            return
        self.days += 1
        self.samples += len(day.cycles)
        self._cycles.extend(day.cycles)
        self._sorted = sorted(self._cycles)
        self._tail_sums = list(accumulate(reversed(self._sorted)))[::-1]
        self._take_means(day)
        if day.turnarounds:
            mean = sum(day.turnarounds) / len(day.turnarounds)
            old = mean if self._turnaround is None else self._turnaround
            self._turnaround = FADE * old + (1 - FADE) * mean
        self._starts.append(day.starts)
        for at in range(BINS):
            self._demand[at] = FADE * self._demand[at] + day.demand[at]
            self._rooms[at] = FADE * self._rooms[at] + (day.working[at] if day.demand[at] else 0)
        self._ahead = FADE * self._ahead + day.others_ahead
        self._called = FADE * self._called + day.others_called
        self._take_errors(day)

    def _take_means(self, day: DayLearned) -> None:
        """The usual cycle, and how many of today's calls weigh as much as all past days do."""
        count = len(day.cycles)
        mean = sum(day.cycles) / count
        within = sum((each - mean) ** 2 for each in day.cycles) / max(1, count - 1)
        self._day_means.append((mean, within, count))
        age = len(self._day_means)
        weighed = [(FADE ** (age - i) * row[2], *row) for i, row in enumerate(self._day_means)]
        total = sum(row[0] for row in weighed)
        self.cycle = sum(weight * mean for weight, mean, _, _ in weighed) / total
        inside = sum(weight * within for weight, _, within, _ in weighed) / total
        if age > 2:
            spread = sum(weight * (mean - self.cycle) ** 2 for weight, mean, _, _ in weighed) / total
            chance = sum(weight * within / count for weight, _, within, count in weighed) / total
            between = max(spread - chance, inside / 60)
            self._day_weight = min(60.0, max(1.0, inside / between))

    def _take_errors(self, day: DayLearned) -> None:
        held: dict[int, list[bool]] = {}
        for bucket, score, hit in day.errors:
            self._scores[bucket].append(score)
            held.setdefault(bucket, []).append(hit)
        for bucket, hits in held.items():
            if self._ends[bucket] is not None:
                trust = CORRECTION * min(1.0, len(hits) / 40)
                level = self._levels[bucket] + trust * (PROMISE - sum(hits) / len(hits))
                self._levels[bucket] = min(0.98, max(0.50, level))
        if self.days < DAYS_NEEDED:
            return
        for half in (0, PLACES):
            self._find_ends(half)

    def _find_ends(self, half: int) -> None:
        """The quantiles of each bucket's errors; a bucket that saw too little shares its neighbours'."""
        for place in range(PLACES):
            scores = sorted(self._scores[half + place])
            reach = 1
            while len(scores) < SCORES_NEEDED and reach < PLACES:
                near = range(max(0, place - reach), min(PLACES, place + reach + 1))
                scores = sorted(s for each in near for s in self._scores[half + each])
                reach += 1
            if len(scores) < SCORES_NEEDED:
                scores = sorted(s for bucket in self._scores for s in bucket)
            if len(scores) >= SCORES_NEEDED:
                tail = (1 - self._levels[half + place]) / 2
                self._ends[half + place] = (_quantile(scores, tail), _quantile(scores, 1 - tail))

    # ---- parts of the reckoning

    def _until_free(self, room: RoomNow, cycle: float) -> float:
        """How long until the room calls again, given that it has not for so long."""
        assert self.cycle is not None
        if room.since_free is not None and self._turnaround is not None:
            return max(self._turnaround - room.since_free, self._turnaround / 4)
        scale = cycle / self.cycle
        waited = room.since_call / scale
        at = bisect_right(self._sorted, waited)
        longer = len(self._sorted) - at
        if longer < 3:
            return cycle / 2
        return (self._tail_sums[at] / longer - waited) * scale

    def _until_start(self, minute: float) -> float:
        """How long until a line that does not work now begins, as on the days that had not begun by then."""
        later = sorted(min((s for s in day if s > minute), default=-1.0) for day in self._starts)
        later = [each for each in later if each >= 0]
        if not later:
            return 0.0
        near = [each for each in later if each <= later[0] + HORIZON / 4]
        return near[len(near) // 2] - minute

    def _rooms_at(self, minute: float) -> float:
        """How many rooms work at that time of the day when somebody waits."""
        at = int(minute / BIN) % BINS
        return self._rooms[at] / self._demand[at] if self._demand[at] > 0.3 else 1.0

    def _by_the_clock(self, begin: float, targets: Sequence[float]) -> list[float]:
        """Minutes on the clock until so much work is done: rooms rest when they usually do."""
        usual = max(0.05, self._rooms_at(begin))
        found: list[float] = []
        at, done = begin, 0.0
        speed = 1.0
        for target in targets:
            while True:
                edge = (floor(at / BIN) + 1) * BIN
                step = edge - at
                if done + step * speed >= target or at - begin > HORIZON:
                    break
                done += step * speed
                at = edge
                speed = min(1.0, max(0.02, self._rooms_at(at) / usual))
            found.append(min(HORIZON, at - begin + (target - done) / speed))
        return found


def _call_times(free: Sequence[float], cycle: float, places: Iterable[float]) -> list[float]:
    """When the room or rooms will have called so many, each room every ``cycle`` minutes."""
    rooms = len(free)
    step = cycle / rooms
    times: list[float] = []
    for place in places:
        whole = int(place)
        times.append(free[whole % rooms] + whole // rooms * cycle + (place - whole) * step)
    return list(accumulate(times, max))


def _quantile(ordered: Sequence[float], share: float) -> float:
    position = share * (len(ordered) + 1) - 1
    low = min(len(ordered) - 1, max(0, floor(position)))
    high = min(len(ordered) - 1, low + 1)
    part = min(1.0, max(0.0, position - low))
    return ordered[low] * (1 - part) + ordered[high] * part
