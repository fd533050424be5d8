"""What a line's past says about its pace: learned numbers of one line, and the waiting times that follow.

Nothing here is a constant of medicine. From the line's own past days come: how long a room takes from call to
call, how much that differs between days, when of the day rooms work at all (start, breaks, end), how many
others are put in between, and how wrong such a reckoning was. The last decides the range: its ends are
quantiles of the line's own errors at that place, corrected until past ranges held as often as promised.

Times are minutes since midnight on the clock that the tickets follow.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate
from math import ceil, floor
from typing import Final

PROMISE: Final = 0.80
"""How often the call should fall into the range."""

FADE: Final = 0.9
"""How much a day weighs against the next one."""
CYCLES_KEPT: Final = 400
SCORES_KEPT: Final = 600
SCORES_NEEDED: Final = 40
APPRENTICE_DAYS: Final = 3
DAYS_NEEDED: Final = 2
DAYS_KEPT: Final = 12
SHARE_PLACES: Final = 3
"""Nearer than this a single insertion would count as a doubling."""
BREAK_CYCLES: Final = 4.0
"""A room that has not called for so many usual cycles is not working."""
CORRECTION: Final = 0.3
_EDGES: Final = (1, 2, 4, 7, 12, 20)
PLACES: Final = len(_EDGES) + 1
BUCKETS: Final = 3 * PLACES
YIELDING_SHARE: Final = 0.75


@dataclass(frozen=True, slots=True)
class RoomNow:
    """A room that has called today: minutes since its last call, and since it became free, if it is."""

    since_call: float
    since_free: float | None


@dataclass(frozen=True, slots=True)
class Moment:
    """A line at one moment of its day. ``joined``: when each who waits came, in order."""

    minute: float
    joined: tuple[float, ...]
    rooms: tuple[RoomNow, ...]
    since_start: float
    """Minutes since the line's first call of the day, or since the first one after a rest."""
    cycles: int
    """How many calls today followed another one in the same room while somebody waited …"""
    cycle_minutes: float
    """… and how long these took together."""
    working: bool = True
    """False: the line says itself that it is paused or closed."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A time without calls although somebody waited. Who came before ``cutoff`` was seen before."""

    begin: float
    end: float
    cutoff: float


@dataclass(slots=True)
class DayLearned:
    """What one past day adds."""

    cycles: list[float] = field(default_factory=list)
    turnarounds: list[float] = field(default_factory=list)
    first_start: float | None = None
    rests: list[Rest] = field(default_factory=list)
    rooms: int = 1
    calls_before: list[tuple["Group", int, int]] = field(default_factory=list)
    """(group, place, how many were really called before)."""
    errors: list[tuple[int, float, bool]] = field(default_factory=list)
    """(bucket, score, whether the published range held); a range that was not published counts as held."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """For each waiting place the expected minutes, and which errors it shares."""

    minutes: tuple[float, ...]
    groups: tuple["Group", ...]


class Group(IntEnum):
    """Sorts of waiting whose errors are alike."""

    STEADY = 0
    RESTING = 1
    """Nobody works now, or a usual rest comes before the turn."""
    YIELDING = 2
    """Most who stand before came later: this one lets others go first and will go on doing so."""


def bucket_of(group: Group, place: int) -> int:
    """Where the errors of that sort at that place are kept."""
    return group * PLACES + bisect_right(_EDGES, place)


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
        self._rests: deque[list[Rest]] = deque(maxlen=DAYS_KEPT)
        self._first_starts: deque[float] = deque(maxlen=DAYS_KEPT)
        self._usual: list[Rest] = []
        self._unplanned: list[float] = []
        self._rooms = 1.0
        self._shares = {group: deque[float](maxlen=SCORES_KEPT) for group in Group}
        self._by_place = dict.fromkeys(Group, 1.0)
        self._scores = [deque[tuple[int, float]](maxlen=SCORES_KEPT) for _ in range(BUCKETS)]
        self._levels = [PROMISE] * BUCKETS
        self._ends: list[tuple[float, float] | None] = [None] * BUCKETS

    # ---- asking

    def reckon(self, moment: Moment) -> Reckoning | None:
        """How long each waiting place should take; None before a first day was seen."""
        if self.cycle is None or not moment.joined:
            return None
        cycle = self.cycle_of(moment)
        limit = BREAK_CYCLES * cycle
        rooms = [r for r in moment.rooms if r.since_call <= limit]
        working = moment.working and bool(rooms)
        if working:
            free = [self._until_free(room, cycle) for room in rooms]
            if moment.since_start < limit:
                # The other rooms of the line are about to begin as well.
                free += [cycle / 2] * (round(self._rooms) - len(free))
            free.sort()
        else:
            lead = self._until_start(moment)
            free = [lead] * max(1, round(self._rooms))
        return self._places(moment, free, cycle, working=working)

    def _places(
        self, moment: Moment, free: Sequence[float], cycle: float, *, working: bool
    ) -> Reckoning:  # fmt: skip
        rest = next((r for r in self._usual if r.end > moment.minute), None) if working else None
        after = free if rest is None else [rest.end - moment.minute] * max(1, round(self._rooms))
        here = there = 0
        earlier: list[float] = []
        minutes: list[float] = []
        groups: list[Group] = []
        for place, joined in enumerate(moment.joined):
            overtaken = place - bisect_right(earlier, joined)
            insort(earlier, joined)
            waits_over = rest is not None and joined > rest.cutoff and moment.minute > rest.cutoff
            group = Group.STEADY if working and not waits_over else Group.RESTING
            if place and overtaken >= YIELDING_SHARE * place:
                group = Group.YIELDING
            share = self._by_place[group]
            minutes.append(_call_time(after, cycle, there * share) if waits_over
                           else _call_time(free, cycle, here * share))  # fmt: skip
            there += waits_over
            here += not waits_over
            groups.append(group)
        return Reckoning(tuple(minutes), tuple(groups))

    def ranges(self, reckoning: Reckoning, cycle: float) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Whole minutes low and high for each place; None while the line's errors are not known enough."""
        lows: list[int] = []
        highs: list[int] = []
        floors = dict.fromkeys(Group, (0, 0))
        for place, (expected, group) in enumerate(zip(reckoning.minutes, reckoning.groups, strict=True)):
            ends = self._ends[bucket_of(group, place)]
            if ends is None:
                return None
            base = expected + cycle
            low, high = floors[group]
            low = max(low, floor(max(0.0, base * ends[0] - cycle)))
            high = max(high, low, ceil(max(0.0, base * ends[1] - cycle)))
            floors[group] = low, high
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
        if day.first_start is not None:
            self._first_starts.append(day.first_start)
        self._rooms = day.rooms if self.days == 1 else FADE * self._rooms + (1 - FADE) * day.rooms
        self._take_rests(day)
        self._take_calls_before(day)
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
            # Times told in whole minutes may not differ at all.
            self._day_weight = min(60.0, max(1.0, inside / between)) if between else 60.0

    def _take_calls_before(self, day: DayLearned) -> None:
        """How many are really called before somebody, to each who stood before: usually a few more."""
        for group, place, called in day.calls_before:
            if place >= SHARE_PLACES:
                self._shares[group].append(called / place)
        for group, shares in self._shares.items():
            if len(shares) >= SCORES_NEEDED:
                self._by_place[group] = _median(list(shares))

    def _take_rests(self, day: DayLearned) -> None:
        """Rests that come on most days at the same time are usual; the others come as they come."""
        self._rests.append(day.rests)
        self._usual = []
        self._unplanned = []
        left = sorted((rest for rests in self._rests for rest in rests), key=lambda rest: rest.end)
        while left:
            first = left[0]
            group = [rest for rest in left if rest.begin < first.end]
            left = [rest for rest in left if rest.begin >= first.end]
            if 2 * len(group) > len(self._rests):
                self._usual.append(
                    Rest(
                        _median([r.begin for r in group]),
                        _median([r.end for r in group]),
                        _median([r.cutoff for r in group]),
                    )
                )
            else:
                self._unplanned += [rest.end - rest.begin for rest in group]

    def _take_errors(self, day: DayLearned) -> None:
        held: dict[int, list[bool]] = {}
        for bucket, score, hit in day.errors:
            self._scores[bucket].append((self.days, score))
            held.setdefault(bucket, []).append(hit)
        for bucket, hits in held.items():
            if self._ends[bucket] is not None:
                trust = CORRECTION * min(1.0, len(hits) / 40)
                level = self._levels[bucket] + trust * (PROMISE - sum(hits) / len(hits))
                self._levels[bucket] = min(0.98, max(0.50, level))
        if self.days < DAYS_NEEDED:
            return
        for half in range(0, BUCKETS, PLACES):
            self._find_ends(half)

    def _find_ends(self, half: int) -> None:
        """The quantiles of each bucket's errors; a bucket that saw too little shares its neighbours'."""
        # The errors of the first days are a beginner's; they are dropped as soon as there are others.
        since = max(self.days - DAYS_KEPT, min(APPRENTICE_DAYS, self.days - APPRENTICE_DAYS))
        recent = [sorted(score for day, score in kept if day > since) for kept in self._scores]
        for place in range(PLACES):
            scores = recent[half + place]
            reach = 1
            while len(scores) < SCORES_NEEDED and reach < PLACES:
                near = range(max(0, place - reach), min(PLACES, place + reach + 1))
                scores = sorted(score for each in near for score in recent[half + each])
                reach += 1
            if len(scores) < SCORES_NEEDED:
                scores = sorted(score for each in recent for score in each)
            if len(scores) >= SCORES_NEEDED:
                self._ends[half + place] = _around_the_median(scores, self._levels[half + place])

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

    def _until_start(self, moment: Moment) -> float:
        """How long until a line that does not work now goes on."""
        now = moment.minute
        starts = [*(rest.end for rest in self._usual)]
        if self._first_starts:
            starts.append(_median(list(self._first_starts)))
        planned = min((start - now for start in starts if start > now), default=None)
        not_begun = not moment.rooms and planned is not None and now < min(starts)
        if planned is not None and (not_begun or any(r.begin <= now < r.end for r in self._usual)):
            return planned
        waited = min((room.since_call for room in moment.rooms), default=0.0)
        longer = [each - waited for each in self._unplanned if each > waited]
        unplanned = sum(longer) / len(longer) if longer else self.cycle or 0.0
        return unplanned if planned is None else min(planned, unplanned)


def _call_time(free: Sequence[float], cycle: float, place: float) -> float:
    """When the rooms will have called so many, each room every ``cycle`` minutes from when it is free."""
    rooms = len(free)
    whole = int(place)
    return free[whole % rooms] + whole // rooms * cycle + (place - whole) * cycle / rooms


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _around_the_median(ordered: Sequence[float], share: float) -> tuple[float, float]:
    """The narrowest range around the usual error that holds the share: its middle is the likeliest wait."""
    usual = ordered[len(ordered) // 2]
    away = sorted(abs(each - usual) for each in ordered)
    reach = away[min(len(away) - 1, ceil(share * (len(away) + 1)) - 1)]
    return usual - reach, usual + reach
