"""Fetches days that are over from the hospital: those that the mirrored lines have not seen themselves.

Once after the first lines were handed over, again when new lines appear, and once a day. One day a question
with a pause in between, newest first: the hospital's system feels nothing, and what is learned first is what
matters most. Nothing of it delays the live lines.
"""

import asyncio
import contextlib
from collections.abc import Collection
from datetime import date, timedelta

import msgspec
import structlog

from core import limits
from core.clock import Clock
from front_machine.contract import AskPastDays, PastDay, RowTrouble
from front_machine.link import HospitalLink, HospitalUnavailable, NotOffered
from front_machine.mirror import Mirror
from front_machine.seldom import Seldom

log = structlog.get_logger()


class PastPull:
    """One hospital's past. ``follow`` it beside the live pull, which says ``heard``."""

    def __init__(self, link: HospitalLink, mirror: Mirror, *, clock: Clock) -> None:
        self._link = link
        self._mirror = mirror
        self._seldom = Seldom(monotonic=clock.monotonic)
        self._due = asyncio.Event()
        self._heard: set[str] = set()

    def heard(self, lines: Collection[str]) -> None:
        """These lines were handed over and taken; new ones among them may want a past."""
        if not self._heard.issuperset(lines):
            self._heard.update(lines)
            self._due.set()

    async def follow(self) -> None:
        """Fetch whatever is wanted, until cancelled."""
        self._heard.clear()
        self._due.clear()
        again: float | None = None
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._due.wait()
            self._due.clear()
            again = await self._pull()

    async def _pull(self) -> float:
        """Fetch what is wanted and let it be learned. Answers after how many seconds to look again."""
        try:
            again = await self._fetch()
            await self._mirror.past_ended()
        except Exception as error:  # the mirror's own trouble: what is missing is asked for again
            log.warning("hospital.mirror_failed", kind=type(error).__name__)
            return limits.HOSPITAL_PAST_RETRY_SECONDS
        return again

    async def _fetch(self) -> float:
        days = tickets = empty = 0
        try:
            for day in await self._mirror.past_wanted():
                told = await self._told(day)
                if told:
                    await self._mirror.past(day, told)
                    days, tickets = days + 1, tickets + sum(len(each.tickets) for each in told)
                empty = 0 if told else empty + 1
                if empty >= limits.HOSPITAL_PAST_EMPTY_DAYS:
                    break
                await asyncio.sleep(limits.HOSPITAL_PAST_PAUSE_SECONDS)
        except NotOffered:
            if self._seldom.is_due("not_offered"):
                log.info("hospital.past_not_offered")
        except HospitalUnavailable as error:
            if self._seldom.is_due("failed", error.cause):
                log.warning("hospital.past_failed", cause=error.cause)
            return limits.HOSPITAL_PAST_RETRY_SECONDS
        if days:
            log.info("hospital.past_told", days=days, tickets=tickets)
        return limits.HOSPITAL_PAST_SECONDS

    async def _told(self, day: date) -> list[PastDay]:
        """What the hospital tells of one day. A line that cannot be decoded is left out and said."""
        answer = await self._link.past_days(AskPastDays(since=day, until=day + timedelta(days=1)))
        for trouble in answer.troubles:
            self._tell(trouble)
        told: list[PastDay] = []
        for raw in answer.days:
            try:
                told.append(msgspec.json.decode(raw, type=PastDay))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._tell(RowTrouble(line="", row=0, field="past_day", why="not the contract"))
        return [each for each in told if each.day == day]

    def _tell(self, trouble: RowTrouble) -> None:
        if self._seldom.is_due(trouble.line, trouble.field, trouble.why):
            log.warning(
                "past_row.unusable", line=trouble.line, row=trouble.row, field=trouble.field, why=trouble.why
            )
