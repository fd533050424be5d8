"""The tables of staff: accounts, what they prove themselves with, one-time links, wrong tries."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, String, Table, Text
from sqlalchemy.dialects import mysql

from adapters.sql.sealed import sealed
from adapters.sql.tables import metadata

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _digest(name: str, **options: Any) -> Column[bytes]:
    kind = LargeBinary(32).with_variant(mysql.BINARY(32), "mysql")
    return Column(name, kind, nullable=False, **options)


def _us(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


staff = Table(
    "staff",
    metadata,
    Column("number", String(64), primary_key=True),
    sealed("name"),
    Column("role", String(32), nullable=False),
    Column("lines", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("granted", SmallInteger, nullable=False),
    _us("created_us"),
    _us("changed_us"),
    _us("signed_in_us", nullable=True),
    Index(None, "role", "number"),
    **_OPTIONS,
)

staff_credential = Table(
    "staff_credential",
    metadata,
    Column("number", String(64), primary_key=True),
    # Argon2 in its own form (PHC), and a JSON list of those before it.
    Column("password", String(255), nullable=False),
    Column("earlier", Text, nullable=False),
    _us("set_us"),
    sealed("secret", nullable=True),
    _us("enrolled_us", nullable=True),
    Column("used_step", BigInteger, nullable=False),
    _us("answered_us", nullable=True),
    **_OPTIONS,
)

staff_recovery = Table(
    "staff_recovery",
    metadata,
    Column("number", String(64), primary_key=True),
    _digest("digest", primary_key=True),
    **_OPTIONS,
)

staff_link = Table(
    "staff_link",
    metadata,
    _digest("digest", primary_key=True),
    # Empty: the set-up of the first administrator.
    Column("number", String(64), nullable=False),
    _us("made_us"),
    _us("expires_us"),
    Index(None, "number"),
    **_OPTIONS,
)

staff_try = Table(
    "staff_try",
    metadata,
    _digest("key", primary_key=True),
    Column("failed", Integer, nullable=False),
    _us("last_us"),
    _us("locked_until_us", nullable=True),
    Index(None, "last_us"),
    **_OPTIONS,
)
