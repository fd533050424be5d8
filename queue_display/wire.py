"""What travels: boards and screen parts as published, bodies and answers of the HTTP API.

These models are the single source of OpenAPI and AsyncAPI. A publication is a whole board: the newest wins,
by ``version``, then by ``as_of``; an equal one replaces as well.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from queue_display.line import LineSettings

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.\-]+$")]
Number = Annotated[str, Meta(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9_.\-]+$")]
Visit = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Name = Annotated[str, Meta(max_length=64)]
Reason = Annotated[str, Meta(max_length=200)]
Version = Annotated[int, Meta(ge=0)]
OpeningWord = Literal["open", "paused", "closed", "stopped"]
ModeWord = Literal["mirror", "own"]
KindWord = Literal["first", "return"]
PriorityWord = Literal[
    "none", "elderly", "child", "pregnant", "disabled", "military", "special", "urgent"
]  # fmt: skip


class Now(Struct, frozen=True, kw_only=True):
    """Somebody called or in service. ``call`` is 1 for the first announcement, 2 for the first recall."""

    number: str
    room: str | None
    room_name: str
    state: Literal["called", "in_service"]
    call: int
    called_at: datetime | None


class Estimate(Struct, frozen=True, kw_only=True):
    """Whole minutes until the call, aligned with ``waiting``: with 80 % chance between low and high."""

    samples: int
    low: list[int]
    high: list[int]


class Board(Struct, frozen=True, kw_only=True):
    """One line as everybody may see it: ticket numbers, no names. Published on ``queue:<line>``.

    ``waiting`` is everyone still to be called, in order; those also in ``ready`` are asked to the door.
    ``away`` are out for tests. ``unknown`` are tickets whose state came in a code that nobody mapped.
    ``stayed`` are the numbers that were given on another day than ``day``, and that day.
    ``as_of`` is the last confirmation by whoever holds the truth; ``fresh`` false means that it is overdue.
    """

    line: str
    version: int
    day: date
    as_of: datetime
    fresh: bool
    open: OpeningWord
    mode: ModeWord
    now: list[Now]
    waiting: list[str]
    ready: list[str]
    passed: list[str]
    suspended: list[str]
    away: list[str]
    unknown: list[str]
    stayed: dict[str, date]
    estimate: Estimate | None


class ScreenNow(Struct, frozen=True, kw_only=True):
    """Somebody to be shown large. Spoken once per ``call_id``; every recall has a new one."""

    number: str
    name: str
    room: str | None
    room_name: str
    state: Literal["called", "in_service"]
    call_id: str
    called_at: datetime | None
    priority: PriorityWord = "none"


class ScreenTicket(Struct, frozen=True, kw_only=True):
    """Somebody next or passed, by number, masked name and the label that explains the place."""

    number: str
    name: str
    priority: PriorityWord = "none"


class ScreenPart(Struct, frozen=True, kw_only=True):
    """One line on a clinic screen, names masked. Published on ``screen:<screen>``, one per line shown."""

    line: str
    version: int
    as_of: datetime
    fresh: bool
    open: OpeningWord
    name: str
    department: str
    doctor: str
    rooms: list[str]
    now: list[ScreenNow]
    next: list[ScreenTicket]
    passed: list[ScreenTicket]
    waiting_count: int


class Titles(Struct, frozen=True):
    """A name in both languages."""

    zh: str
    en: str


class Place(Struct, frozen=True):
    """Where a channel's stream stands: subscribe from here and nothing is missed."""

    offset: int
    epoch: str


class ScreenView(Struct, frozen=True, kw_only=True):
    """All a screen needs when it starts. ``build`` changes when the pages were deployed anew: reload."""

    id: str
    kind: Literal["hall", "room"]
    title: Titles
    channel: str
    position: Place
    server_time: datetime
    parts: list[ScreenPart]
    build: str


class RoomView(Struct, frozen=True, kw_only=True):
    """A room of a line and what it does now."""

    id: str
    name: str
    state: Literal["open", "paused", "closed"]


class LineItem(Struct, frozen=True, kw_only=True):
    """A line in a list."""

    id: str
    name: str
    department: str
    department_name: str
    doctor: str
    rooms: list[RoomView]
    mode: ModeWord
    channel: str
    as_of: datetime
    fresh: bool
    open: OpeningWord
    waiting: int
    version: int


class LinePage(Struct, frozen=True, kw_only=True):
    """A page of lines; ``next`` is the cursor of the following one."""

    items: list[LineItem]
    next: str | None


class LineQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines to list."""

    department: Id | None = None
    cursor: Id | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 200


class LineView(Struct, frozen=True, kw_only=True):
    """The snapshot of a line, and the position of its channel from which publications continue it."""

    id: str
    name: str
    department: str
    department_name: str
    doctor: str
    rooms: list[RoomView]
    mode: ModeWord
    channel: str
    as_of: datetime
    fresh: bool
    open: OpeningWord
    waiting: int
    version: int
    position: Place
    server_time: datetime
    board: Board


class MovedTo(Struct, frozen=True, kw_only=True):
    """Where a transferred patient waits now."""

    line: str
    number: str


class TicketView(Struct, frozen=True, kw_only=True):
    """One ticket as anybody may see it who knows its number: no name, no visit.

    ``ahead`` and the minutes are there while it waits. ``advice`` is a code; the words are in the catalogue
    under ``queue.advice.<code>``.
    """

    line: str
    number: str
    state: str
    ahead: int | None
    low: int | None
    high: int | None
    room: str | None
    room_name: str
    called_at: datetime | None
    as_of: datetime
    fresh: bool
    version: int
    advice: str
    moved_to: MovedTo | None = None


class StaffTicket(Struct, frozen=True, kw_only=True):
    """One ticket as the line's staff see it; the name is masked here too."""

    number: str
    name: str
    state: str
    kind: KindWord
    priority: PriorityWord
    band: str
    room: str | None
    slot_begin: datetime | None
    checked_in_at: datetime | None
    called_at: datetime | None
    recall_count: int
    passed_count: int
    ahead: int | None


class StaffView(Struct, frozen=True, kw_only=True):
    """The whole line for those who work at it."""

    line: str
    version: int
    mode: ModeWord
    open: OpeningWord
    rooms: list[RoomView]
    settings: LineSettings
    tickets: list[StaffTicket]


class HistoryItem(Struct, frozen=True, kw_only=True):
    """One thing that happened. No name in it."""

    version: int
    step: int
    what: str
    at: datetime
    actor: str
    reason: str
    number: str | None
    before: str | None
    after: str | None
    room: str | None


class HistoryPage(Struct, frozen=True, kw_only=True):
    """A page of a line's history, newest first."""

    items: list[HistoryItem]
    next: str | None


class HistoryQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which part of the history."""

    cursor: Annotated[str, Meta(pattern=r"^\d{1,18}\.\d{1,9}$")] | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 100


class Commanded(Struct, frozen=True, kw_only=True):
    """The answer to every command: what the line is now."""

    version: int
    ticket: StaffTicket | None
    board: Board


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command on a line: the version that was looked at, and perhaps why."""

    expected_version: Version
    reason: Reason = ""


class CheckIn(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """报到. ``name`` is masked on arrival. ``added`` is a 加号, which goes to the end."""

    visit: Visit
    name: Name = ""
    number: Number | None = None
    kind: KindWord = "first"
    priority: PriorityWord = "none"
    doctor: Id | None = None
    slot_begin: datetime | None = None
    added: bool = False


class IntoRoom(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """顺呼 and 选呼: into which room."""

    room: Id


class Defer(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """延后: how many may go first."""

    places: Annotated[int, Meta(ge=1, le=100)]


class Transfer(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """转诊: to which line."""

    to_line: Id


class Undo(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """撤销: ``room`` says from which desk, when it is not the same person."""

    room: Id | None = None


class OpenRoom(Command, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """开诊: perhaps with another doctor than before."""

    doctor: Id | None = None
