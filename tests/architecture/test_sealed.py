"""What the database holds of persons is sealed: every column of bytes is known for what it is."""

from typing import Any

from sqlalchemy import Column

from adapters.sql.schema import metadata
from adapters.sql.sealed import BLIND, SEALED, sealed_columns
from tests.architecture.test_structure import ROOT

NOT_SEALED = {
    "outbox.data": "publications for seconds: boards as they are, what is personal sealed (realtime/veil.py)",
    "replay.fingerprint": "a blind index of a request",
}
"""Columns of bytes that hold no sealed text, and what they hold instead. Digests need no mention."""

DIGESTS = {16, 20, 32}


def of_bytes(column: Column[Any]) -> bool:
    try:
        return column.type.python_type is bytes
    except NotImplementedError:
        return False


def test_every_column_of_bytes_is_sealed_blind_or_explained() -> None:
    unknown = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if of_bytes(column)
        and getattr(column.type, "length", None) not in DIGESTS
        and not {SEALED, BLIND} & column.info.keys()
    }
    assert unknown == NOT_SEALED.keys()


def test_every_sealed_column_is_found_with_its_row() -> None:
    declared = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if SEALED in column.info
    }
    found = sealed_columns(metadata)
    assert {each.name for each in found} == declared
    assert all(each.row for each in found)


def test_the_page_on_security_names_every_sealed_column() -> None:
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for each in sealed_columns(metadata):
        table, column = f"`{each.table.name}`", f"`{each.column.name}`"
        assert any(table in row and column in row for row in rows), each.name
