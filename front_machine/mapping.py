"""How one hospital's tables become the contract: the part of the TOML file that an integrator writes.

Every key is typed; an unknown one, a value that is not the platform's word, or an option that makes no sense
for its field refuses to start and names the key. conf/front-machine.example.toml explains the keys.
"""

import enum
from collections.abc import Iterator, Mapping

import msgspec

from front_machine.contract import HisState, Opening, Reason
from front_machine.converters import TimeForm, placeholders


class MappingRefused(Exception):
    """The mapping cannot be used; ``key`` is the TOML key at fault."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section: frozen, and an unknown key is an error."""


class Field(Part, frozen=True, kw_only=True):
    """Where one value comes from. In TOML a plain string is short for ``{ column = "…" }``."""

    column: str = ""
    columns: tuple[str, ...] = ()
    """Several columns joined as they stand, for example a date and a time."""
    form: str = ""
    """Columns put together: ``{PREFIX}{NO:03}`` is PREFIX, then NO zero-filled to three places."""
    encoding: str = ""
    """How bytes of this field are decoded, if not as the table's."""
    mislabelled: str = ""
    """The encoding by which the driver wrongly decoded the text (often ``latin-1``)."""
    codes: dict[str, str] = {}
    """The hospital's code → the platform's word. The code ``""`` is for empty."""
    default: str | None = None
    """The platform's word when the cell is empty."""
    empty: tuple[str, ...] = ()
    """Texts that mean nothing here, such as ``-`` or ``19000101``."""
    times: tuple[str, ...] = ()
    """Patterns such as ``%Y%m%d%H%M%S``; one without a date is a time of the business day."""
    separator: str = ""
    """What stands between the items of a list in one cell."""


class Table(Part, frozen=True, kw_only=True):
    """One question to the hospital, and how its columns are read."""

    query: str
    fields: dict[str, str | Field]
    encoding: str = ""
    count: str = ""
    """Optional: a query that answers (line, number of rows), to notice when only half a page came."""


class Tables(Part, frozen=True, kw_only=True):
    """The questions. ``line_states`` is asked at every poll beside ``tickets``; keep both light."""

    lines: Table
    line_states: Table
    tickets: Table
    departments: Table | None = None
    doctors: Table | None = None
    rooms: Table | None = None
    past_tickets: Table | None = None
    """Days that are over, ``:since <= day < :until``. Asked seldom: for what the platform did not see."""


class CheckInMapping(Part, frozen=True, kw_only=True):
    """报到 through an interface table: a statement that may be repeated, a query that settles it."""

    statement: str
    settle: Table
    settle_seconds: float = 3.0
    """How long the answer waits for the hospital to decide before it says that it is still pending."""


class WriteMapping(Part, frozen=True, kw_only=True):
    """A write through an interface table: a statement that may be repeated, a query that settles it."""

    statement: str
    settle: Table
    settle_seconds: float = 3.0


class PatientsMapping(Part, frozen=True, kw_only=True):
    """Patients' records (建档). What is left out is not offered.

    ``find.query`` may use ``:id_kind`` and ``:id_number``; ``create.statement`` also ``:key :name :sex :born
    :phone :guardian_name :guardian_id_kind :guardian_id_number :guardian_phone :now :day``;
    ``bind_health_card.statement`` ``:key :patient :card :main_index :now :day``.
    """

    id_kinds: dict[str, str] = {}
    """The platform's word → the hospital's code, for papers; a word that is not here goes as it is."""
    sexes: dict[str, str] = {}
    born_form: str = "%Y%m%d"
    find: Table | None = None
    create: WriteMapping | None = None
    bind_health_card: WriteMapping | None = None


class Kind(enum.Enum):
    """How a field of the contract is read."""

    TEXT = "text"
    NAME = "name"
    WHOLE = "whole"
    REAL = "real"
    TIME = "time"
    DAY = "day"
    WORD = "word"
    LIST = "list"


class Target(msgspec.Struct, frozen=True):
    """One field that a mapping may fill. ``words`` is the closed set of a ``WORD``; free when empty."""

    kind: Kind
    required: bool = False
    words: frozenset[str] = frozenset()


_TEXT = Target(Kind.TEXT)
_NEEDED = Target(Kind.TEXT, required=True)
_TIME = Target(Kind.TIME)
_STATE = Target(Kind.WORD, required=True, words=frozenset(HisState))
_OPENING = Target(Kind.WORD, words=frozenset(Opening))
_SETTLED: Mapping[str, Target] = {
    "outcome": Target(Kind.WORD, required=True, words=frozenset({"pending", "done", "refused"})),
    "reason": Target(Kind.WORD, words=frozenset(Reason)),
    "his_code": _TEXT,
}

TARGETS: Mapping[str, Mapping[str, Target]] = {
    "departments": {"code": _NEEDED, "name": _NEEDED, "parent": _TEXT, "location": _TEXT},
    "doctors": {"code": _NEEDED, "name": _NEEDED, "department": _TEXT, "title": Target(Kind.WORD)},
    "rooms": {
        "code": _NEEDED,
        "name": _NEEDED,
        "department": _TEXT,
        "location": _TEXT,
        "open": _OPENING,
        "doctor": _TEXT,
    },
    "lines": {
        "code": _NEEDED,
        "name": _NEEDED,
        "department": _TEXT,
        "doctor": _TEXT,
        "rooms": Target(Kind.LIST),
        "open": _OPENING,
    },
    "line_states": {"line": _NEEDED, "day": Target(Kind.DAY), "open": _OPENING},
    "tickets": {
        "line": _NEEDED,
        "number": _NEEDED,
        "visit": _NEEDED,
        "state": _STATE,
        "kind": Target(Kind.WORD, words=frozenset({"first", "return", "unknown"})),
        "priority": Target(
            Kind.WORD, words=frozenset({"none", "elderly", "military", "urgent", "special", "unknown"})
        ),
        "room": _TEXT,
        "doctor": _TEXT,
        "order": Target(Kind.REAL),
        "slot_begin": _TIME,
        "checked_in_at": _TIME,
        "called_at": _TIME,
        "recall_count": Target(Kind.WHOLE),
        "passed_count": Target(Kind.WHOLE),
        "name": Target(Kind.NAME),
    },
    "past_tickets": {
        "day": Target(Kind.DAY, required=True),
        "line": _NEEDED,
        "number": _NEEDED,
        "state": _STATE,
        "room": _TEXT,
        "checked_in_at": _TIME,
        "called_at": _TIME,
        "ended_at": _TIME,
    },
    "find_patient": {"patient": _NEEDED, "name": _NEEDED},
    "settle_patient": {**_SETTLED, "patient": _TEXT, "id_number": _TEXT},
    "settle_card": _SETTLED,
    "clock": {"now": _TIME, "day": Target(Kind.DAY)},
    "settle": {**_SETTLED, "number": _TEXT, "visit": _TEXT, "line": _TEXT},
}
"""Everything a mapping can say, by table. A ticket's ``name`` is the full one; it is masked as it is read.

A row is read in this order: times without a date behind a ``day`` are times of that day."""


def field_of(table: Table, name: str) -> Field | None:
    """The field, its short form spelled out."""
    given = table.fields.get(name)
    return Field(column=given) if isinstance(given, str) else given


def columns_of(field: Field) -> tuple[str, ...]:
    """The columns that the field is made of."""
    if field.form:
        return placeholders(field.form)
    return field.columns or (field.column,)


def judge_table(key: str, name: str, table: Table) -> None:
    """Refuse a table whose fields cannot work. ``key`` is where it stands, ``name`` its entry in TARGETS."""
    targets = TARGETS[name]
    _judge_encoding(f"{key}.encoding", table.encoding)
    for wanted, target in targets.items():
        if target.required and wanted not in table.fields:
            raise MappingRefused(f"{key}.fields.{wanted}", "is missing")
    for given in table.fields:
        where = f"{key}.fields.{given}"
        if given not in targets:
            raise MappingRefused(where, f"unknown key; known are {', '.join(targets)}")
        field = field_of(table, given)
        assert field is not None
        if given == "line" and not field.column:
            raise MappingRefused(where, "must be one plain column")
        for option, why in _objections(field, targets[given]):
            raise MappingRefused(f"{where}.{option}" if option else where, why)


def _objections(field: Field, target: Target) -> Iterator[tuple[str, str]]:
    sources = [name for name in ("column", "columns", "form") if getattr(field, name)]
    if len(sources) != 1:
        yield "", "give exactly one of column, columns, form"
    if field.form:
        try:
            placeholders(field.form)
        except ValueError as error:
            yield "form", str(error)
    for option in ("encoding", "mislabelled"):
        if getattr(field, option) and not _is_encoding(getattr(field, option)):
            yield option, "unknown encoding"
    if target.kind is Kind.WORD and target.words:
        if not field.codes:
            yield "codes", f"is missing; the platform's words are {', '.join(sorted(target.words))}"
        for word in (*field.codes.values(), *((field.default,) if field.default is not None else ())):
            if word not in target.words:
                yield "codes", f"{word!r} is not one of {', '.join(sorted(target.words))}"
    if field.codes and target.kind is not Kind.WORD:
        yield "codes", "only fields that hold one of the platform's words are translated"
    if field.times and target.kind not in (Kind.TIME, Kind.DAY):
        yield "times", "this field is not a time"
    for pattern in field.times:
        try:
            TimeForm(pattern)
        except ValueError as error:
            yield "times", str(error)
    for pattern in field.times:
        parts = {part for part in ("%Y", "%m", "%d") if part in pattern}
        if len(parts) not in ((3,) if target.kind is Kind.DAY else (0, 3)):
            yield "times", "a date needs %Y, %m and %d"
    if field.separator and target.kind is not Kind.LIST:
        yield "separator", "this field is not a list"


def _judge_encoding(key: str, encoding: str) -> None:
    if encoding and not _is_encoding(encoding):
        raise MappingRefused(key, "unknown encoding")


def _is_encoding(name: str) -> bool:
    try:
        return b"1".decode(name) == "1"
    except (LookupError, UnicodeError, TypeError):
        return False
