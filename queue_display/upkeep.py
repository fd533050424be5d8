"""What nobody presses a key for, on lines that the platform runs.

Set-up, a new day, calls that nobody answered, and telling again that a quiet line is still as it was.
"""

from collections.abc import Sequence

import structlog

from core.actor import SYSTEM
from core.clock import Clock
from core.ids import LineId
from queue_display.calling import pass_overdue
from queue_display.configuring import OwnLineSpec, configure, is_settled
from queue_display.daybreak import begin_today, is_yesterdays
from queue_display.draft import Decision, Instruction
from queue_display.learning import Learning
from queue_display.line import Line, Mode
from queue_display.publishing import Publisher
from queue_display.store import Change, Unit, Units

log = structlog.get_logger()


class OwnLines:
    """The platform's own hands on its own lines. Each sweep is harmless when two workers do it at once."""

    def __init__(self, *, units: Units, clock: Clock, publisher: Publisher, learning: Learning) -> None:
        self._units = units
        self._clock = clock
        self._publisher = publisher
        self._learning = learning

    async def set_up(self, wanted: Sequence[OwnLineSpec]) -> bool:
        """Make the configured lines be as configured, as far as patients in their rooms allow it now.

        Answers whether that is done; else it is to be called again. Raises ``ValueError`` like ``configure``.
        """
        async with self._units.begin() as unit:
            held = await self._hold(unit, wanted)
            by = self._by("configuration")
            for change in configure(held, wanted, by):
                await unit.lines.keep(change)
                if change.events:
                    self._publish(unit, change.after)
                held[change.after.id] = change.after
            await unit.commit()
        return is_settled(held, wanted)

    async def roll_days(self) -> None:
        """Close the day of every line whose day is over, and begin today."""
        for line in await self._own():
            if not is_yesterdays(line, self._clock.now()):
                continue
            async with self._units.begin() as unit:
                evening, by = await unit.lines.load_for_change(line.id), self._by()
                if not is_yesterdays(evening, by.at):
                    continue
                morning = await begin_today(unit, evening, by)
                self._publish(unit, morning)
                await unit.commit()
            log.info("line.day_opened", line=line.id)
            await self._learning.prepare(morning)

    async def pass_overdue(self) -> None:
        """Pass over the calls that nobody answered in time, where the line's settings say so."""
        for line in await self._own():
            if pass_overdue(line, self._by())[1]:
                async with self._units.begin() as unit:
                    before = await unit.lines.load_for_change(line.id)
                    await self._keep(unit, before, pass_overdue(before, self._by()))
                    await unit.commit()

    async def reaffirm(self) -> None:
        """Tell every own line again, as it is: what the database holds is true now.

        The rows are held: a board read beside a command that is being committed would be told behind the
        newer board of that command.
        """
        async with self._units.begin() as unit:
            now = self._clock.now()
            ids = await unit.lines.ids(Mode.OWN)
            await unit.lines.hold(ids)
            await unit.lines.confirm(ids, as_of=now, hospital_at=None)
            for line in await unit.lines.load_many(ids):
                self._publish(unit, line)
            await unit.commit()

    async def _own(self) -> list[Line]:
        async with self._units.read() as unit:
            return await unit.lines.load_many(await unit.lines.ids(Mode.OWN))

    async def _hold(self, unit: Unit, wanted: Sequence[OwnLineSpec]) -> dict[LineId, Line]:
        """Every line that the platform runs, and whatever has a wanted id; their rows are held."""
        own = await unit.lines.ids(Mode.OWN)
        named = await unit.lines.load_many([spec.id for spec in wanted])
        ids = sorted({*own, *(line.id for line in named)})
        return {each: await unit.lines.load_for_change(each) for each in ids}

    async def _keep(self, unit: Unit, before: Line, decided: Decision) -> None:
        after, events = decided
        if events:
            await unit.lines.keep(Change(before, after, events))
            self._publish(unit, after)

    def _by(self, reason: str = "") -> Instruction:
        return Instruction(actor=SYSTEM.id, at=self._clock.now(), expected_version=None, reason=reason)

    def _publish(self, unit: Unit, line: Line) -> None:
        unit.publish(*self._publisher.outgoing(line, at=self._clock.now()))
