"""Plays days into the file at the pace of a clock, answers check-in requests, and stops cleanly.

The clock and the waiting come in as arguments, so a test plays a day without real time passing.
"""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from demo import hiccups
from demo.codes import hhmmss
from demo.database import days_in_history, load_saved, save, transaction
from demo.day import LAST_SECOND, Day
from demo.departments import Hospital, build
from demo.hiccups import Hiccup
from demo.page import Page
from demo.requests import replay
from demo.ticket import State, clock
from demo.writer import archive, write_directory

TICK_SECONDS = 0.1
HEARTBEAT_SECONDS = 0.9
"""The hospital's clock is written at least this often (the document promises each second)."""
NIGHT_SECONDS = 5.0
"""How long the closed hospital is shown before the next morning begins."""
NEXT_MORNING = clock(7)
STALL_SECONDS = 30.0
_FULL_DAY = clock(24)


class WrongFile(Exception):
    """The file belongs to another seed or size of hospital."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line decides. ``speed`` 0 plays instantly and ends."""

    speed: float = 1.0
    start: int = clock(7, 30)
    day: date | None = None
    seed: int | None = None
    departments: int = 0
    until: int | None = None
    days: int = 0
    """How many days to play; 0 never ends."""
    history_days: int = 5
    hiccups: tuple[Hiccup, ...] = ()
    hiccup_every: float = 60.0
    keep_nights: bool = False
    report_every: float = 30.0


class HospitalClock:
    """Hospital seconds since midnight, running ``speed`` times as fast as real ones."""

    def __init__(self, speed: float, monotonic: Callable[[], float]) -> None:
        self._speed = speed
        self._monotonic = monotonic
        self._second = 0.0
        self._since = monotonic()

    def set(self, second: float) -> None:
        """Put the hands to a second of the day."""
        self._second, self._since = second, self._monotonic()

    def now(self) -> int:
        return int(self._second + (self._monotonic() - self._since) * self._speed)


class Driver:
    """One hospital at work on one file. Build it, ``open`` it, then ``run`` until told to stop."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        settings: Settings,
        *,
        today: date,
        wait: Callable[[float], bool],
        monotonic: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """``wait`` sleeps that many real seconds and answers True as soon as the driver shall stop."""
        self._connection = connection
        self._settings = settings
        self._today = today
        self._wait = wait
        self._monotonic = monotonic
        self._say = say
        self._clock = HospitalClock(settings.speed, monotonic)
        self._played = 1
        self._heard = -1
        self._wrote_at = self._reported_at = monotonic()
        self._over_since: float | None = None
        self._stalled_until = 0.0
        self._hiccup_at = monotonic() + settings.hiccup_every
        self._hurt: str | None = None
        self._rng = random.Random()
        self._hospital: Hospital
        self._page: Page

    def open(self) -> None:
        """Bring the file to where the hospital shall start: new, resumed, or a later day than it holds."""
        settings, saved = self._settings, load_saved(self._connection)
        if saved is None:
            seed, size = settings.seed or 1, settings.departments
        else:
            seed, size = saved.seed, saved.departments
            if settings.seed not in (None, seed) or settings.departments not in (0, size):
                raise WrongFile(
                    f"the file holds the hospital of seed {seed} with {size or 'all'} departments"
                )
        self._rng.seed(f"hiccups:{seed}")
        self._hospital = build(seed, departments=size)
        wanted = settings.day or self._today
        with transaction(self._connection):
            write_directory(self._connection, self._hospital)
            save(self._connection, seed=seed, departments=size)
            if saved is not None and saved.day >= wanted:
                page, second = self._page_of(seed, saved.day), max(saved.second, settings.start)
            else:
                if saved is not None:
                    self._finish(seed, saved.day)
                self._fill_history(seed, wanted)
                page, second = self._page_of(seed, wanted), settings.start
            page.begin(second)
        self._turn_to(page, second)

    @property
    def day(self) -> Day:
        """The day that is being played."""
        return self._page.day

    def run(self) -> None:
        """Play until ``wait`` says stop, or the last day is played."""
        if self._settings.speed <= 0:
            self._play_instantly()
            return
        while not self._is_enough() and not self._wait(TICK_SECONDS):
            try:
                self.tick()
            except sqlite3.OperationalError as trouble:
                self._say(f"the database does not take it, trying again: {trouble}")
                if self._wait(1.0):
                    return

    def tick(self) -> None:
        """Bring the file up to now: play, answer, write; begin the next day when the night is over."""
        real = self._monotonic()
        if real < self._stalled_until:
            return
        now = self._clock.now()
        if self.day.over and self._night_is_over(now, real):
            self._next_day()
            return
        due = self.day.next_at is not None and self.day.next_at <= now
        if due or self._has_mail() or real - self._wrote_at >= HEARTBEAT_SECONDS:
            with transaction(self._connection):
                self._page.advance(now)
            self._kept()
        if self._settings.hiccups and real >= self._hiccup_at:
            self._hiccup(real)
        if real - self._reported_at >= self._settings.report_every:
            self._reported_at = real
            self._report(now)

    def _has_mail(self) -> bool:
        """Whether somebody else has written into the file: SQLite counts that for us."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        heard, self._heard = self._heard, version
        return bool(version != heard)

    def _kept(self) -> None:
        self._page.kept()
        self._wrote_at = self._monotonic()

    def _page_of(self, seed: int, day: date) -> Page:
        return Page(self._connection, Day(seed, day, hospital=self._hospital))

    def _turn_to(self, page: Page, second: int) -> None:
        """The file shows a new page: go on from a second of its day."""
        self._page = page
        self._over_since = None
        self._hurt = None
        self._clock.set(second)
        self._kept()

    def _finish(self, seed: int, left: date) -> None:
        """Play a day that was left unfinished to its end, into the history."""
        day = Day(seed, left, hospital=self._hospital)
        replay(self._connection, day, LAST_SECOND)
        archive(self._connection, day)

    def _fill_history(self, seed: int, wanted: date) -> None:
        known = days_in_history(self._connection)
        for ago in range(self._settings.history_days, 0, -1):
            day = Day(seed, wanted - timedelta(days=ago), hospital=self._hospital)
            if day.date not in known:
                day.advance(LAST_SECOND)
                archive(self._connection, day)

    def _night_is_over(self, now: int, real: float) -> bool:
        if self._settings.keep_nights:
            return now >= _FULL_DAY
        if self._over_since is None:
            self._over_since = real
            self._say(f"{self.day.date} is over")
        return real - self._over_since >= NIGHT_SECONDS

    def _next_day(self) -> None:
        second = 0 if self._settings.keep_nights else NEXT_MORNING
        page = self._page_of(self.day.seed, self.day.date + timedelta(days=1))
        with transaction(self._connection):
            archive(self._connection, self.day)
            page.begin(second)
        self._turn_to(page, second)
        self._played += 1

    def _is_enough(self) -> bool:
        """Whether the last day that was asked for has come to its last second."""
        settings = self._settings
        last = settings.days or (1 if settings.until is not None else 0)
        if not last or self._played < last:
            return False
        return self.day.over if settings.until is None else self._clock.now() >= settings.until

    def _play_instantly(self) -> None:
        for _ in range((self._settings.days or 1) - 1):
            self.day.advance(LAST_SECOND)
            self._next_day()
        until = LAST_SECOND if self._settings.until is None else self._settings.until
        with transaction(self._connection):
            self._page.advance(max(until, self.day.until))
        self._kept()
        self._report(self.day.until)

    def _hiccup(self, real: float) -> None:
        """Hurt a line, or heal the one that was hurt before."""
        every = self._settings.hiccup_every
        if self._hurt is not None:
            with transaction(self._connection):
                self._page.writer.rewrite_line(self._hurt)
            self._hurt = None
            self._hiccup_at = real + every / 2
            return
        kind = self._rng.choice(self._settings.hiccups)
        self._say(f"hiccup: {kind}")
        if kind is Hiccup.STALL:
            self._stalled_until = real + STALL_SECONDS
            self._hiccup_at = self._stalled_until + every
            return
        with transaction(self._connection):
            self._hurt = hiccups.inflict(self._connection, kind, self.day, self._rng)
        self._hiccup_at = real + every / 2

    def _report(self, now: int) -> None:
        count = Counter(ticket.state for ticket in self.day.tickets())
        waiting = count[State.WAITING] + count[State.READY]
        self._say(
            f"{self.day.date} {hhmmss(min(now, _FULL_DAY - 1))} "
            f"waiting {waiting} called {count[State.CALLED]} "
            f"in service {count[State.SERVED]} away {count[State.AWAY]} passed {count[State.PASSED]} "
            f"done {count[State.DONE]} requests {self._page.answered}"
        )
