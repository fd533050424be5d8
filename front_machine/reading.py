"""Rows of one table read by its mapping, compiled once so that a row costs as little as it can."""

import codecs
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final

from core.masking import mask_name
from front_machine.contract import HisState
from front_machine.converters import (
    BLANKS,
    LONGEST_TEXT,
    TimeForm,
    Unusable,
    day_of,
    decode,
    formed,
    moment,
    real_number,
    whole_number,
)
from front_machine.mapping import (
    TARGETS,
    Field,
    Kind,
    MappingRefused,
    Table,
    Target,
    columns_of,
    field_of,
)

Row = Sequence[object]
Value = object
Read = Callable[[Row, date], Value]
UNKNOWN: Final = HisState.UNKNOWN.value
"""One object: a field holds it only if a code was not listed, or a mapping says so."""
UNLISTED = "code not in the mapping"
LONGEST_CODE = 8
"""Characters of an untranslated code that may leave the hospital: a misread column must carry no name."""


class BadField(Exception):
    """A required field of a row cannot be used; says which and why, never what was in it."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class Reader:
    """Reads rows of one table. Raises ``MappingRefused`` at once when a mapped column is not there."""

    def __init__(self, key: str, name: str, table: Table, columns: Sequence[str], *, encoding: str) -> None:
        where = {column.casefold(): at for at, column in enumerate(columns)}
        self._fields: list[tuple[str, bool, Read]] = []
        self._state: Callable[[Row], str | None] = lambda row: None
        self._line: Callable[[Row], str | None] = lambda row: None
        for wanted, target in TARGETS[name].items():
            field = field_of(table, wanted)
            if field is None:
                continue
            for column in columns_of(field):
                if column.casefold() not in where:
                    raise MappingRefused(f"{key}.fields.{wanted}", f"the query answers no column {column}")
            cell = _cell(field, where, field.encoding or table.encoding or encoding)
            self._fields.append((wanted, target.required, _reader(field, target, cell, where)))
            if wanted == "state":
                self._state = cell
            elif wanted == "line":
                self._line = cell
        line = field_of(table, "line")
        self.line_at = where[line.column.casefold()] if line is not None and line.column else 0
        """Where the line's code stands, so that rows can be grouped unread."""

    def read(self, row: Row, *, day: date, notes: list[tuple[str, str]]) -> dict[str, Value]:
        """Answer the filled fields. An optional field that cannot be used stays empty and adds a note
        (field, why); a required one raises ``BadField``. Once the row has told its own day, times without a
        date are of that day instead of ``day``."""
        values: dict[str, Value] = {}
        for name, required, read in self._fields:
            try:
                value = read(row, day)
            except Unusable as error:
                if required:
                    raise BadField(name, str(error)) from None
                notes.append((name, str(error)))
                continue
            if value is None:
                if required:
                    raise BadField(name, "is empty")
                continue
            values[name] = value
            if name == "day" and isinstance(value, date):
                day = value
            if value is UNKNOWN and name != "state":
                notes.append((name, UNLISTED))
        return values

    def line_of(self, row: Row) -> str:
        """Only the line's code. Raises ``BadField``."""
        try:
            line = self._line(row)
        except Unusable as error:
            raise BadField("line", str(error)) from None
        if line is None:
            raise BadField("line", "is empty")
        return line

    def raw_state(self, row: Row) -> str:
        """The untranslated state code, or a mark that it is too long to be one."""
        code = self._state(row) or ""
        return code if len(code) <= LONGEST_CODE else "(long)"


def _cell(field: Field, where: Mapping[str, int], encoding: str) -> Callable[[Row], str | None]:
    """How the field's text is taken from a row, trimmed, ``None`` when it means nothing."""
    name = codecs.lookup(encoding).name
    mislabelled = field.mislabelled or None
    empty = frozenset(field.empty)

    def text(value: object) -> str | None:
        answer = decode(value, encoding=name, mislabelled=mislabelled)
        return None if answer in empty else answer

    columns = [(column, where[column.casefold()]) for column in columns_of(field)]
    if field.form:
        return lambda row: formed(field.form, {column: text(row[at]) for column, at in columns})
    if len(columns) == 1:
        only = columns[0][1]
        plain = mislabelled is None and not empty

        def cell(row: Row) -> str | None:
            value = row[only]
            if value is None:
                return None
            if plain and type(value) is str and len(value) <= LONGEST_TEXT:  # nearly every cell
                return value.strip(BLANKS) or None
            return text(value)

        return cell

    def joined(row: Row) -> str | None:
        parts = [text(row[at]) for _, at in columns]
        return None if None in parts else "".join(part for part in parts if part)

    return joined


def _reader(
    field: Field, target: Target, cell: Callable[[Row], str | None], where: Mapping[str, int]
) -> Read:
    """The function that makes the contract's value of a row."""
    if target.kind in (Kind.TIME, Kind.DAY):
        return _time_reader(field, target.kind, cell, where)
    if target.kind is Kind.WORD:
        return _word_reader(field, target, cell)
    if target.kind is Kind.LIST:
        return lambda row, _: _items(cell(row), field.separator)
    converters: dict[Kind, Callable[[str], Value]] = {
        Kind.WHOLE: whole_number,
        Kind.REAL: real_number,
        Kind.NAME: mask_name,
        Kind.TEXT: str,
    }
    convert = converters[target.kind]
    default = field.default

    def read(row: Row, _: date) -> Value:
        text = cell(row)
        if text is None:
            return default
        return convert(text)

    return read


def _word_reader(field: Field, target: Target, cell: Callable[[Row], str | None]) -> Read:
    codes = field.codes
    closed = bool(target.words)
    nothing = codes.get("", field.default)
    if nothing is None and target.required:
        nothing = UNKNOWN

    def read(row: Row, _: date) -> Value:
        text = cell(row)
        if text is None:
            return nothing
        return codes.get(text, UNKNOWN if closed else text)

    return read


def _time_reader(
    field: Field, kind: Kind, cell: Callable[[Row], str | None], where: Mapping[str, int]
) -> Read:
    forms = [TimeForm(pattern) for pattern in field.times]
    at = where[field.column.casefold()] if field.column else None

    def read(row: Row, day: date) -> Value:
        native = row[at] if at is not None else None
        value: object = native if isinstance(native, date) else cell(row)
        if value is None:
            return None
        return day_of(value, forms) if kind is Kind.DAY else moment(value, forms, day=day)

    return read


def _items(text: str | None, separator: str) -> tuple[str, ...]:
    if text is None:
        return ()
    if not separator:
        return (text,)
    return tuple(item for part in text.split(separator) if (item := part.strip()))
