"""Sealed columns: how a table declares them, and the list of all there are.

    sealed("name")          what ``Sealing.seal`` gave, under the row's primary key
    blind("phone_blind")    what ``Sealing.blind`` gave: 16 bytes, equal for equal values

A store seals and opens with the names declared here: the table's, the column's, and as ``row`` the values of
the columns in ``row`` joined by ``|`` (by default the primary key). ``run.py keys reseal`` relies on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, LargeBinary, MetaData, Table
from sqlalchemy.dialects import mysql

from adapters.crypto.fields import BLIND_BYTES

SEALED, BLIND = "sealed", "blind"

_BYTES = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")
_INDEX = LargeBinary(BLIND_BYTES).with_variant(mysql.BINARY(BLIND_BYTES), "mysql")


def sealed(name: str, *, row: Sequence[str] = (), nullable: bool = False) -> Column[bytes]:
    """A column of sealed texts. ``row`` names the columns that make up its row; default: the primary key."""
    return Column(name, _BYTES, nullable=nullable, info={SEALED: tuple(row)})


def blind(name: str, *, nullable: bool = False, **options: Any) -> Column[bytes]:
    """A column of blind indexes."""
    return Column(name, _INDEX, nullable=nullable, info={BLIND: True}, **options)


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One of them, as the rotation walks over it."""

    table: Table
    column: Column[bytes]
    row: tuple[Column[Any], ...]

    @property
    def name(self) -> str:
        """``table.column``."""
        return f"{self.table.name}.{self.column.name}"


def sealed_columns(metadata: MetaData) -> list[SealedColumn]:
    """Every sealed column of the schema, by name."""
    found = [
        SealedColumn(table, column, _row_of(table, column.info[SEALED]))
        for table in metadata.sorted_tables
        for column in table.columns
        if SEALED in column.info
    ]
    return sorted(found, key=lambda each: each.name)


def row_name(values: Sequence[object]) -> str:
    """The ``row`` of a value, from the values of its row's columns."""
    return "|".join(str(value) for value in values)


def _row_of(table: Table, names: tuple[str, ...]) -> tuple[Column[Any], ...]:
    return tuple(table.c[name] for name in names) if names else tuple(table.primary_key)
