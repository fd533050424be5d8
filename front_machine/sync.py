"""Pulls the hospital's state to the platform, for as long as this process holds the lease.

Three loops: line states by long-poll, re-asked at once after every answer; the directory now and then, and at
once when a line appears that it does not name; days that are over, seldom (``past_pull``). Nothing that fails
ends a loop: it is counted, told, and asked again when the link says so.
"""

import asyncio
import contextlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from core import limits
from core.clock import Clock
from front_machine.contract import (
    AskLineStates,
    HisState,
    LineState,
    LineStates,
    RowTrouble,
)
from front_machine.link import WAITING_TO_RETRY, HospitalLink, HospitalUnavailable
from front_machine.mirror import Mirror, Observation
from front_machine.page import TWICE
from front_machine.past_pull import PastPull
from front_machine.seldom import Seldom

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SyncHealth:
    """For ``/readyz`` and the metrics. ``last_pull`` is the time of the last observation handed over."""

    running: bool = False
    last_pull: datetime | None = None
    error: str = ""
    lines: int = 0
    troubled: int = 0
    pulls: int = 0
    failures: int = 0

    def age_seconds(self, at: datetime) -> float | None:
        """Seconds since the hospital was last heard; ``None`` when it never was."""
        return None if self.last_pull is None else max(0.0, (at - self.last_pull).total_seconds())


class HospitalSync:
    """One hospital's pull. ``run`` it under a lease; cancel it when the lease is lost."""

    def __init__(
        self,
        link: HospitalLink,
        mirror: Mirror,
        *,
        clock: Clock,
        wait_seconds: float = limits.HOSPITAL_WAIT_SECONDS,
        stale_seconds: float = limits.HOSPITAL_STALE_SECONDS,
        directory_seconds: float = limits.HOSPITAL_DIRECTORY_SECONDS,
    ) -> None:
        self.health = SyncHealth()
        self._link = link
        self._mirror = mirror
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._stale_seconds = stale_seconds
        self._directory_seconds = directory_seconds
        self._seldom = Seldom(monotonic=clock.monotonic)
        self._known: dict[str, str] = {}
        self._heard = clock.now()
        self._told_unreachable = False
        self._directory_tag = ""
        self._named: frozenset[str] = frozenset()
        self._strangers: frozenset[str] = frozenset()
        self._stranger_came = asyncio.Event()
        self._past = PastPull(link, mirror, clock=clock)

    async def run(self) -> None:
        """Pull until cancelled. Starts from nothing: the first answer hands over every line."""
        self._known = {}
        self._directory_tag = ""
        self._named = self._strangers = frozenset()
        self._stranger_came.clear()
        self._heard = self._clock.now()
        self._told_unreachable = False
        self._note(running=True)
        try:
            known = await self._pull_directory()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow_lines())
                tasks.create_task(self._follow_directory(known=known))
                tasks.create_task(self._past.follow())
        finally:
            self._note(running=False)

    async def _follow_lines(self) -> None:
        while True:
            await asyncio.sleep(self._link.retry_in())
            try:
                await self.pull_once(wait_seconds=self._wait_seconds if self._known else 0.0)
            except HospitalUnavailable as error:
                self._failed(error.cause)
                await self._tell_silence(error.cause)
            except Exception as error:  # the mirror's own trouble: the same content is handed over again
                self._failed(f"mirror_{type(error).__name__}")
                await asyncio.sleep(limits.HOSPITAL_RETRY_SECONDS)

    async def _follow_directory(self, *, known: bool) -> None:
        """Ask now and then; after a failure, or for a line that it does not name, soon again.

        Lines that no directory names stay unseen, so these must not wait. However many come, the directory is
        asked at most every ``HOSPITAL_DIRECTORY_AGAIN_SECONDS`` for them.
        """
        while True:
            if known:
                await self._directory_is_due()
            else:
                await asyncio.sleep(min(limits.HOSPITAL_RETRY_SECONDS, self._directory_seconds))
                await asyncio.sleep(self._link.retry_in())
            self._stranger_came.clear()
            known = await self._pull_directory()

    async def _directory_is_due(self) -> None:
        at_least = min(limits.HOSPITAL_DIRECTORY_AGAIN_SECONDS, self._directory_seconds)
        await asyncio.sleep(at_least)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._directory_seconds - at_least):
                await self._stranger_came.wait()

    async def pull_once(self, *, wait_seconds: float = 0.0) -> Observation:
        """One question and its hand-over. Raises what link or mirror raise; nothing is taken as known."""
        asked = AskLineStates(known=self._known, wait_seconds=wait_seconds)
        answer = await self._link.line_states(asked)
        observation = self._observed(answer)
        self._look_for_strangers(observation)
        refused = await self._mirror.apply(observation)
        self._remember(observation, refused)
        return observation

    def _look_for_strangers(self, observation: Observation) -> None:
        """A line that the directory does not name asks for the directory once, not at every look."""
        strangers = frozenset(state.line for state in observation.changed) - self._named
        if strangers - self._strangers:
            self._stranger_came.set()
        self._strangers = strangers

    def _observed(self, answer: LineStates) -> Observation:
        """Decode each line by itself: one that cannot be used is troubled, the others are not."""
        as_of = self._clock.now() - timedelta(seconds=max(0.0, answer.age_seconds))
        changed: list[LineState] = []
        troubled = list(answer.troubles)
        for raw in answer.changed:
            state = _decoded(raw, troubled)
            if state is not None:
                changed.append(state)
                self._tell_unknown_codes(state)
        for trouble in troubled:
            self._tell(trouble)
        spoilt = {trouble.line for trouble in troubled if trouble.spoils_line}
        touched = {state.line for state in changed} | spoilt | set(answer.gone)
        return Observation(
            as_of=as_of,
            his_now=answer.his_now,
            changed=changed,
            unchanged=[line for line in self._known if line not in touched],
            gone=answer.gone,
            troubled=[trouble for trouble in troubled if trouble.spoils_line and trouble.line],
        )

    def _remember(self, observation: Observation, refused: Collection[str]) -> None:
        known = dict(self._known)
        for line in observation.gone:
            known.pop(line, None)
        for state in observation.changed:
            if state.line not in refused:
                known[state.line] = state.etag
        self._known = known
        self._past.heard(known)
        self._heard = observation.as_of
        if self._told_unreachable:
            log.info("hospital.reachable_again")
            self._told_unreachable = False
        self._note(
            last_pull=observation.as_of,
            error="",
            lines=len(known),
            troubled=len({trouble.line for trouble in observation.troubled}),
            pulls=self.health.pulls + 1,
        )

    def _failed(self, cause: str) -> None:
        if cause == WAITING_TO_RETRY:
            return
        if self.health.error != cause:
            log.warning("hospital.pull_failed", cause=cause)
        self._note(error=cause, failures=self.health.failures + 1)

    async def _tell_silence(self, cause: str) -> None:
        """Tell the mirror once the hospital has been silent for long."""
        silent = (self._clock.now() - self._heard).total_seconds()
        if silent >= self._stale_seconds and not self._told_unreachable:
            log.warning("hospital.unreachable", cause=cause, silent_seconds=round(silent, 1))
            try:
                await self._mirror.unreachable(self._heard)
                self._told_unreachable = True
            except Exception as error:  # told again at the next failure
                log.warning("hospital.mirror_failed", kind=type(error).__name__)

    async def _pull_directory(self) -> bool:
        """Take the directory if it is another; answers whether that went well."""
        try:
            answer = await self._link.directory(self._directory_tag)
            if answer is not None:
                directory, tag = answer
                await self._mirror.directory(directory)
                self._directory_tag = tag
                self._named = frozenset(line.code for line in directory.lines)
        except HospitalUnavailable as error:
            if error.cause != WAITING_TO_RETRY and self._seldom.is_due("directory", error.cause):
                log.warning("hospital.directory_failed", cause=error.cause)
        except Exception as error:  # the mirror's own trouble
            log.warning("hospital.mirror_failed", kind=type(error).__name__)
        else:
            return True
        return False

    def _tell(self, trouble: RowTrouble) -> None:
        if self._seldom.is_due(trouble.line, trouble.row, trouble.field, trouble.why):
            log.warning(
                "row.unusable",
                line=trouble.line,
                row=trouble.row,
                field=trouble.field,
                why=trouble.why,
                line_held_back=trouble.spoils_line,
            )

    def _tell_unknown_codes(self, state: LineState) -> None:
        for ticket in state.tickets:
            if ticket.state is HisState.UNKNOWN and self._seldom.is_due("code", ticket.his_code):
                log.warning("hospital.unknown_code", field="state", code=ticket.his_code, line=state.line)

    def _note(self, **changes: Any) -> None:
        self.health = replace(self.health, **changes)


def _decoded(raw: msgspec.Raw, troubled: list[RowTrouble]) -> LineState | None:
    """One line of an answer, checked; what cannot be used becomes a trouble of that line."""
    try:
        state = msgspec.json.decode(raw, type=LineState)
    except (msgspec.DecodeError, UnicodeDecodeError):
        troubled.append(RowTrouble(line=_line_named_in(raw), row=0, field="state", why="not the contract"))
        return None
    seen: set[str] = set()
    for row, ticket in enumerate(state.tickets, start=1):
        if ticket.number in seen:
            troubled.append(RowTrouble(line=state.line, row=row, field="number", why=TWICE))
            return None
        seen.add(ticket.number)
    return state


def _line_named_in(raw: msgspec.Raw) -> str:
    """Which line an unusable state is about, if even that can be read."""
    try:
        return msgspec.json.decode(raw, type=_Named).line[:64]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class _Named(msgspec.Struct):
    line: str = ""
