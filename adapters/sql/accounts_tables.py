"""The tables of accounts: who signed in, where, and until when."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, String, Table, Text
from sqlalchemy.dialects import mysql

from adapters.sql.sealed import blind, sealed
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


user = Table(
    "user",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("standing", String(16), nullable=False),
    Column("merged_into", String(26)),
    _us("created_us"),
    _us("ended_us", nullable=True),
    Index(None, "merged_into"),
    **_OPTIONS,
)

identity = Table(
    "identity",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("user", String(26), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("app", String(64), nullable=False),
    sealed("subject"),
    blind("subject_blind"),
    _us("linked_us"),
    # An identity belongs to at most one account, also when two sign-ins come at once.
    Index(None, "kind", "app", "subject_blind", unique=True),
    Index(None, "user"),
    **_OPTIONS,
)

sms_code = Table(
    "sms_code",
    metadata,
    # The newest code of each phone; the phone itself is not kept.
    blind("phone_blind", primary_key=True),
    _digest("code", 16, nullable=True),
    _us("sent_us"),
    Column("tries", SmallInteger, nullable=False),
    Column("day", String(10), nullable=False),
    Column("sends", SmallInteger, nullable=False),
    Index(None, "sent_us"),
    **_OPTIONS,
)

sms_sending = Table(
    "sms_sending",
    metadata,
    # How many messages an address asked for in an hour.
    Column("address", String(64), primary_key=True),
    Column("hour", String(13), primary_key=True),
    Column("sends", Integer, nullable=False),
    **_OPTIONS,
)

used_state = Table(
    "used_state",
    metadata,
    Column("id", String(128), primary_key=True),
    _us("until_us"),
    Index(None, "until_us"),
    **_OPTIONS,
)

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
