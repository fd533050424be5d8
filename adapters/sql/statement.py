"""Core expressions, compiled once per database into the text and parameter order its driver wants.

The schema and every statement are SQLAlchemy's; executing through SQLAlchemy costs more processor time than
the statement itself, so statements compile here once and go to the driver as text (figures:
bench/storage.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Dialect, Table, bindparam, insert
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.expression import Executable

Values = tuple[Any, ...]

IN_PLACES = 50
"""How many values one ``one_of`` holds; a fixed number keeps the statement's text, and its plan, the same."""

_INSERT_VALUES = re.compile(r"(INSERT .+? VALUES )(\(.*?\))( (?:AS|ON) .*)?\Z", re.DOTALL)


@dataclass(frozen=True, eq=False)
class ByDatabase:
    """One meaning that the two databases spell differently."""

    sqlite: Executable
    mysql: Executable


Statement = Executable | ByDatabase


class Prepared:
    """Driver-ready text. ``bind`` turns named values into the order of the placeholders."""

    __slots__ = ("_fixed", "insert", "names", "text")

    def __init__(self, text: str, names: Sequence[str], fixed: Mapping[str, Any]) -> None:
        self.text = text
        self.names = tuple(names)
        self._fixed = {name: value for name, value in fixed.items() if value is not None}
        match = _INSERT_VALUES.match(text)
        self.insert = (match[1], match[2], match[3] or "") if match else None
        """The text of an INSERT cut around its row, so that many rows can travel in one statement."""

    def bind(self, values: Mapping[str, Any]) -> Values:
        """Every placeholder's value in order; a missing one is a ``KeyError``."""
        if not self._fixed:
            return tuple([values[name] for name in self.names])
        fixed = self._fixed
        return tuple([values[name] if name in values else fixed[name] for name in self.names])


class Statements:
    """The compiled statements of one database, compiled at first use."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._prepared: dict[Statement, Prepared] = {}

    def __getitem__(self, statement: Statement) -> Prepared:
        prepared = self._prepared.get(statement)
        if prepared is None:
            prepared = self._prepared[statement] = self._compile(statement)
        return prepared

    def _compile(self, statement: Statement) -> Prepared:
        if isinstance(statement, ByDatabase):
            statement = statement.sqlite if self._dialect.name == "sqlite" else statement.mysql
        compiled = statement.compile(dialect=self._dialect)  # type: ignore[attr-defined]
        text = " ".join(str(compiled).split())
        return Prepared(text, compiled.positiontup or (), compiled.params)


def insert_row(table: Table) -> Executable:
    """Insert a whole row, values in the order of the table's columns."""
    return insert(table).values({column.name: bindparam(column.name) for column in table.columns})


def insert_or_update(table: Table) -> ByDatabase:
    """Insert a whole row, or replace every other column of the row that has its primary key."""
    row: dict[str, Any] = {column.name: bindparam(column.name) for column in table.columns}
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if column.name not in keys]
    for_sqlite = sqlite.insert(table).values(row)
    for_mysql = mysql.insert(table).values(row)
    return ByDatabase(
        sqlite=for_sqlite.on_conflict_do_update(
            index_elements=keys, set_={name: for_sqlite.excluded[name] for name in others}
        ),
        mysql=for_mysql.on_duplicate_key_update({name: for_mysql.inserted[name] for name in others}),
    )


def one_of(column: Column[Any]) -> ColumnElement[bool]:
    """``column IN (…)`` with ``IN_PLACES`` places; fill them with ``places``."""
    return column.in_([bindparam(f"{column.name}_{place}", type_=column.type) for place in range(IN_PLACES)])


def places(column: Column[Any], values: Sequence[Any]) -> dict[str, Any]:
    """Values for ``one_of(column)``: one to ``IN_PLACES`` of them, the last repeated to fill up."""
    if not 1 <= len(values) <= IN_PLACES:
        raise ValueError(f"{len(values)} values for {IN_PLACES} places")
    filled = [*values, *[values[-1]] * (IN_PLACES - len(values))]
    return {f"{column.name}_{place}": value for place, value in enumerate(filled)}
