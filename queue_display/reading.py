"""What may be looked at: lists, snapshots with their channel's position, tickets, the staff's view, history.

A snapshot's position is read *before* the line: a publication that comes in between is delivered after the
snapshot and merges by version, so nothing can be missed.
"""

from collections.abc import Sequence
from typing import Protocol

from core import limits
from core.actor import STAFF, Actor, Role
from core.clock import Clock
from core.ids import DepartmentId, LineId, ScreenId, TicketNumber
from queue_display import wire
from queue_display.board import (
    ScreenSpec,
    board_of,
    history_item,
    line_item,
    queue_channel,
    room_views,
    screen_channel,
    screen_part,
    staff_view,
    ticket_view,
)
from queue_display.learning import Learning
from queue_display.line import Line
from queue_display.publishing import WaitsOf
from queue_display.refusals import NoSuchLine, NoSuchScreen, NoSuchTicket
from queue_display.store import Lines, Units
from realtime.channels import BadChannel


class Positions(Protocol):
    """Where a channel's stream stands now."""

    async def position(self, channel: str) -> tuple[int, str]:
        """Offset and epoch of the newest publication."""


class QueueReadings:
    """The reads of the API."""

    def __init__(
        self,
        *,
        units: Units,
        clock: Clock,
        positions: Positions,
        waits: WaitsOf,
        learning: Learning,
        screens: Sequence[ScreenSpec],
        build: str,
    ) -> None:
        self._units = units
        self._clock = clock
        self._positions = positions
        self._waits = waits
        self._learning = learning
        self._screens = {screen.id: screen for screen in screens}
        self._build = build

    async def lines(self, query: wire.LineQuery) -> wire.LinePage:
        """The hospital's lines, by id."""
        async with self._units.read() as unit:
            rows = await unit.lines.page(
                department=None if query.department is None else DepartmentId(query.department),
                after=None if query.cursor is None else LineId(query.cursor),
                limit=query.limit + 1,
            )
        shown = rows[: query.limit]
        more = len(rows) > query.limit
        return wire.LinePage(items=[line_item(row) for row in shown], next=shown[-1].id if more else None)

    async def line(self, line: LineId) -> wire.LineView:
        """One line: its board, and where its channel stands."""
        channel = queue_channel(line)
        try:
            offset, epoch = await self._positions.position(channel)
        except BadChannel:
            # No line can have such a name, or it could not be heard.
            raise NoSuchLine(line=line) from None
        held = await self._load(line)
        now = self._clock.now()
        return wire.LineView(
            id=held.id,
            name=held.name,
            department=held.department,
            department_name=held.department_name,
            doctor=held.doctor_name,
            rooms=room_views(held.rooms),
            mode=held.mode.value,
            channel=channel,
            as_of=held.as_of,
            fresh=held.fresh,
            open=held.opening.value,
            waiting=len(held.waiting),
            version=held.version,
            position=wire.Place(offset, epoch),
            server_time=now,
            board=board_of(held, self._waits(held, now)),
        )

    async def ticket(self, line: LineId, number: TicketNumber) -> wire.TicketView:
        """One ticket, for whoever knows its number. No name, no visit."""
        held = await self._load(line)
        ticket = held.tickets.get(number)
        if ticket is None:
            raise NoSuchTicket(line=line, number=number)
        return ticket_view(held, ticket, self._waits(held, self._clock.now()))

    async def staff(self, actor: Actor, line: LineId) -> wire.StaffView:
        """The whole line, for those who work at it."""
        if not actor.works_at(line):
            raise NoSuchLine(line=line)
        async with self._units.read() as unit:
            return staff_view(await unit.lines.load(line))

    async def history(self, actor: Actor, line: LineId, query: wire.HistoryQuery) -> wire.HistoryPage:
        """What happened to the line, newest first, for those who work at it."""
        if not actor.works_at(line):
            raise NoSuchLine(line=line)
        before: tuple[int, int] | None = None
        if query.cursor is not None:
            version, _, step = query.cursor.partition(".")
            before = int(version), int(step)
        async with self._units.read() as unit:
            await unit.lines.load(line)
            rows = await unit.lines.history(line, before=before, limit=query.limit + 1)
        shown = rows[: query.limit]
        more = len(rows) > query.limit
        return wire.HistoryPage(
            items=[history_item(row) for row in shown],
            next=f"{shown[-1].version}.{shown[-1].step}" if more else None,
        )

    async def screen(self, actor: Actor, screen: ScreenId) -> wire.ScreenView:
        """All a screen needs to start; for that screen's own token and for staff."""
        spec = self._screens.get(screen)
        allowed = actor.role in STAFF or (actor.role is Role.SCREEN and actor.screen == screen)
        if spec is None or not allowed:
            raise NoSuchScreen(screen=screen)
        channel = screen_channel(screen)
        offset, epoch = await self._positions.position(channel)
        async with self._units.read() as unit:
            held = await unit.lines.load_many(await _lines_on(spec, unit.lines))
        place = {line: at for at, line in enumerate(spec.lines)}
        held.sort(key=lambda line: (place.get(line.id, len(place)), line.id))
        return wire.ScreenView(
            id=spec.id,
            kind="room" if spec.kind == "room" else "hall",
            title=wire.Titles(spec.title_zh, spec.title_en),
            channel=channel,
            position=wire.Place(offset, epoch),
            server_time=self._clock.now(),
            parts=[screen_part(line, spec) for line in held],
            build=self._build,
        )

    async def _load(self, line: LineId) -> Line:
        async with self._units.read() as unit:
            held = await unit.lines.load(line)
        await self._learning.prepare(held)
        return held


async def _lines_on(screen: ScreenSpec, lines: Lines) -> list[LineId]:
    found = set(screen.lines)
    for department in screen.departments:
        rows = await lines.page(department=department, after=None, limit=limits.HTTP_PAGE_ITEMS)
        found |= {row.id for row in rows}
    return sorted(found)
