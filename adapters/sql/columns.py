"""What every table of both databases is made of: options, names of indexes, kinds of column."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String
from sqlalchemy.dialects import mysql

NAMES: Mapping[str, str] = {"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
"""How indexes and primary keys are called, for ``MetaData``."""

OPTIONS: Mapping[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
"""Of each table: texts compare byte by byte, as on SQLite."""

GROWING_ID = BigInteger().with_variant(Integer(), "sqlite")
DOCUMENT = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")


def digest(name: str, length: int = 32, *, nullable: bool = False, **options: Any) -> Column[bytes]:
    """Exactly so many bytes."""
    kind = LargeBinary(length).with_variant(mysql.BINARY(length), "mysql")
    return Column(name, kind, nullable=nullable, **options)


def short_id(name: str, **options: Any) -> Column[str]:
    """A name of ours or the hospital's, at most 64 characters."""
    return Column(name, String(64), **options)


def moment(name: str, *, nullable: bool = False, **options: Any) -> Column[int]:
    """UTC microseconds (``instants.py``)."""
    return Column(name, BigInteger, nullable=nullable, **options)
