"""Check-in (报到): the platform decides on its own lines, the hospital on all others."""

import asyncio
from datetime import datetime

from core import limits
from core.actor import Actor, Role
from core.clock import Clock
from core.ids import LineId, RandomBytes, new_id
from core.refusals import Kind, Refusal, Unavailable
from front_machine.contract import AskCheckIn, Code
from front_machine.link import CheckInOutcome, HospitalLink, HospitalUnavailable
from queue_display import wire
from queue_display.reading import QueueReadings
from queue_display.refusals import NoSuchLine
from queue_display.service import QueueService


class CheckInRefused(Refusal):
    """The hospital said no; ``reason`` is one of the contract's words."""

    code = "queue.check_in_refused"
    kind = Kind.CONFLICT

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason=reason)


class CheckInUnknown(Unavailable):
    """The hospital has the request, and nobody knows yet what became of it. Ask again with the same key."""

    code = "queue.check_in_unknown"


class NoHospital(Unavailable):
    """This server is connected to no hospital."""

    code = "queue.no_hospital"


class Arrivals:
    """``handlers.deps.Arrivals``."""

    def __init__(
        self,
        *,
        commands: QueueService,
        readings: QueueReadings,
        link: HospitalLink | None,
        clock: Clock,
        random: RandomBytes,
    ) -> None:
        self._commands = commands
        self._readings = readings
        self._link = link
        self._clock = clock
        self._random = random

    async def check_in(
        self, actor: Actor, line: LineId, body: wire.CheckIn, *, key: str | None
    ) -> wire.Commanded:
        """Check in. On a mirrored line the answer shows the board as it is known now; the hospital's change
        follows with the next look at it."""
        if not may_check_in(actor, line):
            raise NoSuchLine(line=line)
        view = await self._readings.line(line)
        if view.mode == "own":
            return await self._commands.check_in(actor, line, body)
        await self._at_hospital(line, body.visit, key=key or new_id(at=self._now(), random=self._random))
        view = await self._readings.line(line)
        return wire.Commanded(version=view.version, ticket=None, board=view.board)

    async def _at_hospital(self, line: LineId, visit: str, *, key: str) -> None:
        if self._link is None:
            raise NoHospital()
        outcome = await self._link.check_in(AskCheckIn(key=key, visit=visit, line=line))
        for pause in limits.CHECK_IN_SETTLE_PAUSES_SECONDS:
            if outcome.code is not Code.UNKNOWN_OUTCOME:
                break
            await asyncio.sleep(pause)
            outcome = await self._settled(self._link, key)
        if outcome.code is Code.BUSINESS_ERROR:
            raise CheckInRefused(reason=outcome.reason.value)
        if outcome.code is not Code.OK:
            raise CheckInUnknown()

    async def _settled(self, link: HospitalLink, key: str) -> CheckInOutcome:
        try:
            return await link.settle(key)
        except HospitalUnavailable:
            return CheckInOutcome(Code.UNKNOWN_OUTCOME)

    def _now(self) -> datetime:
        return self._clock.now()


def may_check_in(actor: Actor, line: LineId) -> bool:
    """Staff of the line, and kiosks that are not bound to other lines."""
    if actor.role is Role.KIOSK:
        return not actor.lines or line in actor.lines
    return actor.works_at(line)
