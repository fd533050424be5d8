"""What staff do with a line that the platform runs: open, fetch, decide, keep, commit.

Every command publishes the line's new board, and the part of every screen that shows it, in the transaction
that changes the line.
"""

from collections.abc import Callable, Mapping
from functools import partial

import structlog

from core.actor import Actor, Role
from core.clock import Clock
from core.ids import DoctorId, LineId, RoomId, TicketNumber, VisitRef
from core.masking import mask_name
from queue_display import calling, joining, leaving, rooms, shifting, wire
from queue_display.board import board_of, staff_ticket
from queue_display.daybreak import begin_today, is_yesterdays
from queue_display.draft import Decision, Instruction
from queue_display.events import TicketMoved
from queue_display.learning import Learning
from queue_display.line import Line
from queue_display.publishing import Publisher, WaitsOf
from queue_display.refusals import LineHasMoved, NoSuchLine
from queue_display.store import Change, Unit, Units
from queue_display.ticket import Priority, TicketKind
from queue_display.undo import undo

log = structlog.get_logger()

Decide = Callable[[Line, Instruction], Decision]


class QueueService:
    """The commands of the API, each checked, decided by a pure rule, kept and published together.

    Every method refuses with ``NoSuchLine`` when the line does not exist or is none of the actor's, with
    ``LineHasMoved`` when it is not the version that the actor looked at, with ``LineIsMirrored`` when the
    hospital runs it, and as the rule of the same name says.
    """

    def __init__(
        self, *, units: Units, clock: Clock, publisher: Publisher, waits: WaitsOf, learning: Learning
    ) -> None:
        self._units = units
        self._clock = clock
        self._publisher = publisher
        self._waits = waits
        self._learning = learning

    async def check_in(self, actor: Actor, line: LineId, body: wire.CheckIn) -> wire.Commanded:
        """报到, by staff or a kiosk. The name is masked before anything else sees it."""
        visit = VisitRef(body.visit)
        return await self._do(
            actor,
            line,
            body,
            partial(
                joining.check_in,
                visit=visit,
                number=None if body.number is None else TicketNumber(body.number),
                name=mask_name(body.name),
                kind=TicketKind(body.kind),
                priority=Priority(body.priority),
                doctor=None if body.doctor is None else DoctorId(body.doctor),
                slot_begin=body.slot_begin,
                added=body.added,
            ),
            at_kiosk=True,
        )

    async def call_next(self, actor: Actor, line: LineId, body: wire.IntoRoom) -> wire.Commanded:
        """顺呼: the next one into the room."""
        room = RoomId(body.room)
        return await self._do(actor, line, body, partial(calling.call_next, room=room))

    async def call_chosen(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.IntoRoom
    ) -> wire.Commanded:
        """选呼: this one into the room."""
        room = RoomId(body.room)
        return await self._do(actor, line, body, partial(calling.call_chosen, number=number, room=room))

    async def recall(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """重呼: announce again."""
        return await self._do(actor, line, body, partial(calling.recall, number=number))

    async def start(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """接诊: the patient came in."""
        return await self._do(actor, line, body, partial(calling.start, number=number))

    async def finish(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """诊结: the consultation is over."""
        return await self._do(actor, line, body, partial(calling.finish, number=number))

    async def pass_over(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """过号: nobody came."""
        return await self._do(actor, line, body, partial(calling.pass_over, number=number))

    async def recheck_in(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """过号重新报到: who was passed over is here."""
        return await self._do(actor, line, body, partial(joining.recheck_in, number=number))

    async def send_for_tests(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """To the tests; will be back."""
        return await self._do(actor, line, body, partial(calling.send_for_tests, number=number))

    async def return_with_results(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """回诊: back from the tests."""
        return await self._do(actor, line, body, partial(joining.return_with_results, number=number))

    async def defer(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Defer
    ) -> wire.Commanded:
        """延后: let others go first."""
        return await self._do(actor, line, body, partial(shifting.defer, number=number, places=body.places))

    async def suspend(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """挂起: out of the line for a while."""
        return await self._do(actor, line, body, partial(shifting.suspend, number=number))

    async def resume(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """Back into the line."""
        return await self._do(actor, line, body, partial(shifting.resume, number=number))

    async def give_up(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """弃号: the patient leaves."""
        return await self._do(actor, line, body, partial(leaving.give_up, number=number))

    async def cancel(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Command
    ) -> wire.Commanded:
        """退号: the registration was taken back."""
        return await self._do(actor, line, body, partial(leaving.cancel, number=number))

    async def undo(self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Undo) -> wire.Commanded:
        """撤销: take back the last call, start or pass of a ticket."""
        room = None if body.room is None else RoomId(body.room)
        return await self._do(actor, line, body, partial(undo, number=number, room=room))

    async def open_room(
        self, actor: Actor, line: LineId, room: RoomId, body: wire.OpenRoom
    ) -> wire.Commanded:
        """开诊."""
        doctor = None if body.doctor is None else DoctorId(body.doctor)
        return await self._do(actor, line, body, partial(rooms.open_room, room=room, doctor=doctor))

    async def pause_room(
        self, actor: Actor, line: LineId, room: RoomId, body: wire.Command
    ) -> wire.Commanded:
        """暂停."""
        return await self._do(actor, line, body, partial(rooms.pause_room, room=room))

    async def close_room(
        self, actor: Actor, line: LineId, room: RoomId, body: wire.Command
    ) -> wire.Commanded:
        """关诊."""
        return await self._do(actor, line, body, partial(rooms.close_room, room=room))

    async def stop_clinic(self, actor: Actor, line: LineId, body: wire.Command) -> wire.Commanded:
        """停诊: no clinic today."""
        return await self._do(actor, line, body, leaving.stop_clinic)

    async def transfer(
        self, actor: Actor, line: LineId, number: TicketNumber, body: wire.Transfer
    ) -> wire.Commanded:
        """转诊: the visit goes on waiting in another line, which the actor need not work at."""
        _may_act(actor, line)
        target = LineId(body.to_line)
        by = self._instruction(actor, body)
        async with self._units.begin() as unit:
            held = {each: await unit.lines.load_for_change(each) for each in sorted({line, target})}
            await self._only_today(unit, held, line, by)
            left, joined = shifting.transfer(held[line], held[target], by, number=number)
            for each, (after, events) in ((line, left), (target, joined)):
                await unit.lines.keep(Change(held[each], after, events))
                self._publish(unit, after)
            await unit.commit()
        return self._answer(*left)

    async def _do(
        self, actor: Actor, line: LineId, body: wire.Command, decide: Decide, *, at_kiosk: bool = False
    ) -> wire.Commanded:
        _may_act(actor, line, at_kiosk=at_kiosk)
        by = self._instruction(actor, body)
        async with self._units.begin() as unit:
            before = await unit.lines.load_for_change(line)
            await self._only_today(unit, {line: before}, line, by)
            after, events = decide(before, by)
            await unit.lines.keep(Change(before, after, events))
            self._publish(unit, after)
            await unit.commit()
        log.info("line.commanded", line=line, version=after.version, what=events[0].what.value)
        await self._learning.prepare(after)
        return self._answer(after, events)

    async def _only_today(
        self, unit: Unit, held: Mapping[LineId, Line], asked: LineId, by: Instruction
    ) -> None:
        """Begin the day of lines on which nobody has done so yet; then the asker must look again."""
        yesterdays = [each for each in held.values() if is_yesterdays(each, by.at)]
        if not yesterdays:
            return
        now = dict(held)
        for each in yesterdays:
            now[each.id] = await begin_today(unit, each, by)
            self._publish(unit, now[each.id])
        await unit.commit()
        raise LineHasMoved.since(now[asked])

    def _instruction(self, actor: Actor, body: wire.Command) -> Instruction:
        return Instruction(
            actor=actor.id,
            at=self._clock.now(),
            expected_version=body.expected_version,
            reason=body.reason,
        )

    def _publish(self, unit: Unit, line: Line) -> None:
        unit.publish(*self._publisher.outgoing(line, at=self._clock.now()))

    def _answer(self, line: Line, events: tuple[object, ...]) -> wire.Commanded:
        moved = next((e.ticket.number for e in events if isinstance(e, TicketMoved)), None)
        ticket = None if moved is None else line.tickets[moved]
        return wire.Commanded(
            version=line.version,
            ticket=None if ticket is None else staff_ticket(line, ticket, line.ahead(ticket.number)),
            board=board_of(line, self._waits(line, self._clock.now())),
        )


def _may_act(actor: Actor, line: LineId, *, at_kiosk: bool = False) -> None:
    """One door: who does not work at a line is told the same as when there is none."""
    is_kiosk = at_kiosk and actor.role is Role.KIOSK and (not actor.lines or line in actor.lines)
    if not (is_kiosk or actor.works_at(line)):
        raise NoSuchLine(line=line)
