"""The waiting line over HTTP: what anybody may look at, and what staff may do.

Board and ticket endpoints are anonymous and hold numbers only. Every command carries the version its sender
looked at; whoever was slower gets ``queue.line_has_moved`` with the present state.
"""

from core.actor import Actor
from core.ids import LineId, RoomId, ScreenId, TicketNumber
from core.refusals import Refusal
from handlers.deps import Deps
from handlers.routes import Routes
from queue_display import refusals as no
from queue_display import wire

routes = Routes(tag="queue")


COMMAND: tuple[type[Refusal], ...] = (no.NoSuchLine, no.LineHasMoved, no.LineIsMirrored)
ON_TICKET: tuple[type[Refusal], ...] = (*COMMAND, no.NoSuchTicket, no.WrongState, no.ClinicIsStopped)
INTO_ROOM: tuple[type[Refusal], ...] = (*COMMAND, no.NoSuchRoom, no.RoomIsNotOpen, no.RoomIsBusy)
PASS: tuple[type[Refusal], ...] = (*ON_TICKET, no.TooEarlyToPass)
CALL: tuple[type[Refusal], ...] = (*INTO_ROOM, no.LineIsEmpty, no.NoSuchTicket, no.WrongState)
UNDO: tuple[type[Refusal], ...] = (*ON_TICKET, no.TooLateToUndo, no.NotYoursToUndo)


@routes.get("/v1/lines", action="line.look", summary="The hospital's lines")
async def lines(deps: Deps, actor: Actor, query: wire.LineQuery) -> wire.LinePage:
    """By id; ``next`` is the cursor of the following page."""
    return await deps.queue.readings.lines(query)


@routes.get(
    "/v1/lines/{line}",
    action="line.look",
    summary="One line: board and channel position",
    refuses=(no.NoSuchLine,),
)
async def line(deps: Deps, actor: Actor, line: str) -> wire.LineView:
    """The snapshot. Subscribe to ``channel`` from ``position`` and nothing is missed."""
    return await deps.queue.readings.line(LineId(line))


@routes.get(
    "/v1/lines/{line}/tickets/{number}",
    action="line.look",
    summary="One ticket, for whoever knows its number",
    refuses=(no.NoSuchLine, no.NoSuchTicket),
)
async def ticket(deps: Deps, actor: Actor, line: str, number: str) -> wire.TicketView:
    """State, people ahead, minutes as a range, and what to do now. No name."""
    return await deps.queue.readings.ticket(LineId(line), TicketNumber(number))


@routes.get(
    "/v1/lines/{line}/staff",
    summary="The whole line, for its staff",
    action="line.work",
    refuses=(no.NoSuchLine,),
)
async def staff_view(deps: Deps, actor: Actor, line: str) -> wire.StaffView:
    """Every ticket of the day with its masked name."""
    return await deps.queue.readings.staff(actor, LineId(line))


@routes.get(
    "/v1/lines/{line}/history",
    summary="What happened to the line",
    action="line.work",
    refuses=(no.NoSuchLine,),
)
async def history(deps: Deps, actor: Actor, line: str, query: wire.HistoryQuery) -> wire.HistoryPage:
    """Newest first: who, when, from, to, why."""
    return await deps.queue.readings.history(actor, LineId(line), query)


@routes.get(
    "/v1/screens/{screen}",
    summary="All a clinic screen needs to start",
    action="screen.look",
    refuses=(no.NoSuchScreen,),
)
async def screen(deps: Deps, actor: Actor, screen: str) -> wire.ScreenView:
    """For that screen's own token, and for staff."""
    return await deps.queue.readings.screen(actor, ScreenId(screen))


@routes.post(
    "/v1/lines/{line}/check-in",
    summary="报到 check in",
    action="line.check_in",
    replayable=True,
    refuses=(*COMMAND, no.AlreadyInLine, no.NumberIsTaken, no.LineIsFull, no.ClinicIsStopped),
)
async def check_in(
    deps: Deps, actor: Actor, line: str, body: wire.CheckIn, key: str | None
) -> wire.Commanded:
    """On a mirrored line the hospital itself checks in, through the front machine."""
    return await deps.queue.arrivals.check_in(actor, LineId(line), body, key=key)


@routes.post("/v1/lines/{line}/call-next", summary="顺呼 call the next", action="line.work", refuses=CALL)
async def call_next(deps: Deps, actor: Actor, line: str, body: wire.IntoRoom) -> wire.Commanded:
    """Refused while the room still has somebody called or in service."""
    return await deps.queue.commands.call_next(actor, LineId(line), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/call", summary="选呼 call this one", action="line.work", refuses=CALL
)
async def call_chosen(
    deps: Deps, actor: Actor, line: str, number: str, body: wire.IntoRoom
) -> wire.Commanded:
    """Out of order; the history says so."""
    return await deps.queue.commands.call_chosen(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/recall", summary="重呼 recall", action="line.work", refuses=ON_TICKET
)
async def recall(deps: Deps, actor: Actor, line: str, number: str, body: wire.Command) -> wire.Commanded:
    """Announce again; screens speak it again."""
    return await deps.queue.commands.recall(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/start", summary="接诊 start", action="line.work", refuses=ON_TICKET
)
async def start_service(
    deps: Deps, actor: Actor, line: str, number: str, body: wire.Command
) -> wire.Commanded:
    """The patient came in."""
    return await deps.queue.commands.start(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/finish", summary="诊结 finish", action="line.work", refuses=ON_TICKET
)
async def finish(deps: Deps, actor: Actor, line: str, number: str, body: wire.Command) -> wire.Commanded:
    """The consultation is over."""
    return await deps.queue.commands.finish(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/pass-over", summary="过号 pass over", action="line.work", refuses=PASS
)
async def pass_over(deps: Deps, actor: Actor, line: str, number: str, body: wire.Command) -> wire.Commanded:
    """Nobody came. At the line's limit the ticket becomes a no-show."""
    return await deps.queue.commands.pass_over(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/recheck-in",
    summary="过号重新报到 check in again after being passed",
    action="line.work",
    refuses=ON_TICKET,
)
async def recheck_in(deps: Deps, actor: Actor, line: str, number: str, body: wire.Command) -> wire.Commanded:
    """Back into the line, behind as many as the line's settings say."""
    return await deps.queue.commands.recheck_in(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/send-for-tests",
    summary="送检 send for tests",
    action="line.work",
    refuses=ON_TICKET,
)
async def send_for_tests(
    deps: Deps, actor: Actor, line: str, number: str, body: wire.Command
) -> wire.Commanded:
    """Frees the room; the patient comes back with results."""
    return await deps.queue.commands.send_for_tests(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/return",
    summary="回诊 return with results",
    action="line.work",
    refuses=ON_TICKET,
)
async def return_with_results(
    deps: Deps, actor: Actor, line: str, number: str, body: wire.Command
) -> wire.Commanded:
    """Back into the line, one return per so many first visits."""
    return await deps.queue.commands.return_with_results(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/defer", summary="延后 defer", action="line.work", refuses=ON_TICKET
)
async def defer(deps: Deps, actor: Actor, line: str, number: str, body: wire.Defer) -> wire.Commanded:
    """Let so many go first."""
    return await deps.queue.commands.defer(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/suspend", summary="挂起 suspend", action="line.work", refuses=ON_TICKET
)
async def suspend(deps: Deps, actor: Actor, line: str, number: str, body: wire.Command) -> wire.Commanded:
    """Out of the line for a while."""
    return await deps.queue.commands.suspend(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/resume", summary="解挂 resume", action="line.work", refuses=ON_TICKET
)
async def resume(deps: Deps, actor: Actor, line: str, number: str, body: wire.Command) -> wire.Commanded:
    """Back to the old place."""
    return await deps.queue.commands.resume(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/transfer",
    summary="转诊 transfer",
    action="line.work",
    replayable=True,
    refuses=ON_TICKET,
)
async def transfer(deps: Deps, actor: Actor, line: str, number: str, body: wire.Transfer) -> wire.Commanded:
    """A new ticket in the other line for the same visit."""
    return await deps.queue.commands.transfer(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/give-up", summary="弃号 give up", action="line.work", refuses=ON_TICKET
)
async def give_up(deps: Deps, actor: Actor, line: str, number: str, body: wire.Command) -> wire.Commanded:
    """The patient leaves."""
    return await deps.queue.commands.give_up(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/tickets/{number}/cancel", summary="退号 cancel", action="line.work", refuses=ON_TICKET
)
async def cancel(deps: Deps, actor: Actor, line: str, number: str, body: wire.Command) -> wire.Commanded:
    """The registration was taken back."""
    return await deps.queue.commands.cancel(actor, LineId(line), TicketNumber(number), body)


@routes.post("/v1/lines/{line}/tickets/{number}/undo", summary="撤销 undo", action="line.work", refuses=UNDO)
async def undo(deps: Deps, actor: Actor, line: str, number: str, body: wire.Undo) -> wire.Commanded:
    """Takes the last call, start or pass of the ticket back, within the line's time for it."""
    return await deps.queue.commands.undo(actor, LineId(line), TicketNumber(number), body)


@routes.post(
    "/v1/lines/{line}/rooms/{room}/open", summary="开诊 open a room", action="line.work", refuses=INTO_ROOM
)
async def open_room(deps: Deps, actor: Actor, line: str, room: str, body: wire.OpenRoom) -> wire.Commanded:
    """Patients can be called into it."""
    return await deps.queue.commands.open_room(actor, LineId(line), RoomId(room), body)


@routes.post(
    "/v1/lines/{line}/rooms/{room}/pause", summary="暂停 pause a room", action="line.work", refuses=INTO_ROOM
)
async def pause_room(deps: Deps, actor: Actor, line: str, room: str, body: wire.Command) -> wire.Commanded:
    """Nobody is called into it for a while."""
    return await deps.queue.commands.pause_room(actor, LineId(line), RoomId(room), body)


@routes.post(
    "/v1/lines/{line}/rooms/{room}/close", summary="关诊 close a room", action="line.work", refuses=INTO_ROOM
)
async def close_room(deps: Deps, actor: Actor, line: str, room: str, body: wire.Command) -> wire.Commanded:
    """Until it is opened again."""
    return await deps.queue.commands.close_room(actor, LineId(line), RoomId(room), body)


@routes.post("/v1/lines/{line}/stop", summary="停诊 stop the clinic", action="line.work", refuses=COMMAND)
async def stop_clinic(deps: Deps, actor: Actor, line: str, body: wire.Command) -> wire.Commanded:
    """No clinic today: everyone who waits is cancelled and told so."""
    return await deps.queue.commands.stop_clinic(actor, LineId(line), body)
