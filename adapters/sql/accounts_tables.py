"""The tables of accounts: who signed in, where, and until when."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table, Text
from sqlalchemy.dialects import mysql

from adapters.sql.tables import metadata

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _digest(name: str, length: int = 32, *, nullable: bool = False) -> Column[bytes]:
    kind = LargeBinary(length).with_variant(mysql.BINARY(length), "mysql")
    return Column(name, kind, nullable=nullable)


def _us(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


session = Table(
    "session",
    metadata,
    Column("id", String(26), primary_key=True),
    # ``Actor.id``: a user's id, or <role>.<staff number>.
    Column("user", String(128), nullable=False),
    Column("role", String(32), nullable=False),
    Column("lines", Text, nullable=False),
    Column("device", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    _us("created_us"),
    _us("last_used_us"),
    _us("idle_us"),
    _us("absolute_us"),
    _digest("family"),
    _digest("current"),
    _digest("previous", nullable=True),
    _digest("salt", 16),
    _us("rotated_us"),
    # When it was ended, and why; empty while it has not been.
    _us("ended_us", nullable=True),
    Column("ending", String(32)),
    # When it is over by itself, or was ended.
    _us("good_until_us"),
    Index(None, "user", "good_until_us"),
    Index(None, "good_until_us"),
    **_OPTIONS,
)
