"""What the two ends of the hospital link say to each other, whatever the hospital's own system speaks.

The hospital side (front machine) answers, the platform asks; both import only these types. Rules of the wire:

* Every answer is an ``Envelope``; ``data`` is there for ``OK`` and ``UNKNOWN_OUTCOME`` only.
* Names are already masked; an id number, a telephone or a full name has no field here and never will. What
  the platform itself tells about a patient, to find or make a record, is in ``contract_patients.py``.
* Times are RFC 3339 with offset; codes of lines, rooms, doctors are the hospital's own, trimmed.
* A ``LineState`` is identified by its ``etag``, a keyed hash of its content. Nobody has to remember anything:
  the platform says which etags it holds and gets the lines that differ.
* A write carries an idempotency key. ``UNKNOWN_OUTCOME`` means that nobody knows whether it happened: ask
  ``GET /v1/check-in/{key}`` until it is settled; ``EMPTY`` there means it never arrived and may be sent anew.
"""

import enum
from datetime import date, datetime

import msgspec

PING = "/v1/ping"
DIRECTORY = "/v1/directory"
DEPARTMENTS = "/v1/departments"
DOCTORS = "/v1/doctors"
ROOMS = "/v1/rooms"
LINES = "/v1/lines"
LINE_STATES = "/v1/line-states"
PAST_DAYS = "/v1/past-days"
CHECK_IN = "/v1/check-in"
NOTHING = msgspec.Raw(b"")


class Code(enum.StrEnum):
    """How an operation ended. Closed set."""

    OK = "OK"
    EMPTY = "EMPTY"
    """It ran, and there is nothing."""
    BUSINESS_ERROR = "BUSINESS_ERROR"
    """The hospital said no; ``reason`` says why. Asking again changes nothing."""
    UNAVAILABLE = "UNAVAILABLE"
    """Nothing was done; ask again later."""
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    """A write may or may not have happened; settle it with a query, never with a guess."""
    BAD_REQUEST = "BAD_REQUEST"
    """The question itself was malformed or is not offered by this hospital."""
    FORBIDDEN = "FORBIDDEN"
    """The certificate is ours, but not the platform's."""


class HisState(enum.StrEnum):
    """States a ticket can be in, in the platform's words. A code the mapping does not list is ``UNKNOWN``."""

    BOOKED = "booked"
    WAITING = "waiting"
    READY = "ready"
    CALLED = "called"
    IN_SERVICE = "in_service"
    AWAITING_RESULT = "awaiting_result"
    PASSED = "passed"
    SUSPENDED = "suspended"
    DONE = "done"
    NO_SHOW = "no_show"
    TRANSFERRED = "transferred"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Opening(enum.StrEnum):
    """Whether a line calls patients now."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    STOPPED = "stopped"
    """停诊: the session was called off."""
    UNKNOWN = "unknown"


class Reason(enum.StrEnum):
    """Why a hospital refuses a check-in, in the platform's words."""

    NONE = ""
    NO_SUCH_VISIT = "no_such_visit"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    WRONG_DAY = "wrong_day"
    ALREADY_CHECKED_IN = "already_checked_in"
    ARREARS = "arrears"
    CLINIC_STOPPED = "clinic_stopped"
    CANCELLED = "cancelled"
    NAME_DIFFERS = "name_differs"
    """The hospital's record of this paper has another name."""
    SEVERAL_FOUND = "several_found"
    NO_SUCH_PATIENT = "no_such_patient"
    KEY_REUSED = "key_reused"
    """The same idempotency key came with another visit or line."""
    OTHER = "other"


class Department(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """科室."""

    code: str
    name: str
    parent: str | None = None
    location: str | None = None


class Doctor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A doctor as the public directory shows them."""

    code: str
    name: str
    department: str | None = None
    title: str | None = None


class RoomInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """诊室, and who sits in it now where the hospital says so."""

    code: str
    name: str
    department: str | None = None
    location: str | None = None
    open: Opening = Opening.OPEN
    doctor: str | None = None


class LineInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """候诊队列: one waiting line, and the rooms it is called to."""

    code: str
    name: str
    department: str | None = None
    doctor: str | None = None
    rooms: tuple[str, ...] = ()
    open: Opening = Opening.OPEN


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the hospital that is public and changes rarely."""

    departments: tuple[Department, ...] = ()
    doctors: tuple[Doctor, ...] = ()
    rooms: tuple[RoomInfo, ...] = ()
    lines: tuple[LineInfo, ...] = ()


class HisTicket(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One ticket as the hospital holds it now.

    ``order`` is the hospital's own order in the line, smaller first, ties by number; ``None``: it keeps none.
    ``his_code`` is the untranslated state code. ``kind`` and ``priority`` are the platform's labels
    (``first``/``return``; ``none``/``elderly``/``military``/``urgent``/``special``), ``unknown`` if unmapped.
    """

    number: str
    visit: str
    state: HisState
    his_code: str
    kind: str = "first"
    priority: str = "none"
    room: str | None = None
    doctor: str | None = None
    order: float | None = None
    slot_begin: datetime | None = None
    checked_in_at: datetime | None = None
    called_at: datetime | None = None
    recall_count: int = 0
    passed_count: int = 0
    masked_name: str | None = None


class LineState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line at one moment. Two states with the same ``etag`` are equal. ``day`` is the line's own."""

    line: str
    day: date
    etag: str = ""
    open: Opening = Opening.OPEN
    tickets: tuple[HisTicket, ...] = ()


class RowTrouble(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row the front machine could not use: where and why, never what was in it.

    ``spoils_line`` tells whether the whole line was held back (its last good state stays) or only this field
    was left empty. ``row`` counts from 1 in the hospital's answer; 0 means the line as a whole.
    """

    line: str
    row: int
    field: str
    why: str
    spoils_line: bool = True


class AskLineStates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which states the platform holds already (line → etag), and how long it is willing to wait for news."""

    known: dict[str, str] = {}
    wait_seconds: float = 0.0


class LineStates(msgspec.Struct, frozen=True, kw_only=True):
    """What changed. A line of ``known`` that is neither here nor in ``troubles`` is confirmed unchanged.

    ``changed`` holds each ``LineState`` undecoded, so that one bad line cannot spoil the others.
    ``age_seconds`` is how long before this answer left the hospital was asked: the platform takes the
    time of the observation from its own clock and this age, so a wrong clock in the hospital does no harm.
    ``his_now`` is the hospital's own clock where it has one: times inside tickets are on that clock.
    """

    as_of: datetime
    age_seconds: float = 0.0
    his_now: datetime | None = None
    changed: tuple[msgspec.Raw, ...] = ()
    gone: tuple[str, ...] = ()
    troubles: tuple[RowTrouble, ...] = ()


class AskPastDays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which days that are over: ``since <= day < until``, at most ``HOSPITAL_PAST_DAYS_AT_ONCE`` of them."""

    since: date
    until: date


class PastTicket(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a ticket of a past day teaches about waiting: no visit, no name, nothing of a person.

    A hospital that keeps only the last turn of a ticket tells that one. Times are on the hospital's clock.
    """

    number: str
    state: HisState
    """How it ended."""
    room: str | None = None
    checked_in_at: datetime | None = None
    called_at: datetime | None = None
    ended_at: datetime | None = None


class PastDay(msgspec.Struct, frozen=True, kw_only=True):
    """One line on one day that is over."""

    line: str
    day: date
    tickets: tuple[PastTicket, ...] = ()


class PastDays(msgspec.Struct, frozen=True, kw_only=True):
    """The past days asked for, each ``PastDay`` undecoded; a line without tickets on a day is left out.

    A row that cannot be used is left out too and stands in ``troubles``. A hospital without past days
    answers ``BAD_REQUEST``: it does not offer the question.
    """

    days: tuple[msgspec.Raw, ...] = ()
    troubles: tuple[RowTrouble, ...] = ()


class AskCheckIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """报到. ``key`` makes it happen at most once; the same key with another visit or line is refused."""

    key: str
    visit: str
    line: str


class CheckedIn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a check-in. ``settled`` false: the hospital has it but has not decided yet."""

    key: str
    settled: bool
    number: str | None = None


class Pong(msgspec.Struct, frozen=True, kw_only=True):
    """The front machine is there; ``his`` tells whether the hospital's system answers it, and how fast."""

    now: datetime
    his: bool
    his_seconds: float | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Around every answer. ``his_code`` is the hospital's own code for support calls, never free text."""

    code: Code
    his_code: str = ""
    reason: Reason = Reason.NONE
    data: msgspec.Raw = NOTHING
    """Empty bytes when there is none."""
