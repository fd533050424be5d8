"""The schema, once, for both databases. ``migrations/`` builds it; a test proves that the two agree.

Row locks are taken in this order, everywhere: visit, line, order, conversation, then users by ascending id.
Several rows of one kind are locked by ascending id.

Columns named ``*_us`` are UTC microseconds (``instants.py``). Texts compare byte by byte on both databases.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import mysql

from adapters.sql.sealed import sealed

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}

_GROWING_ID = BigInteger().with_variant(Integer(), "sqlite")
_BYTES = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")


def _id(name: str, **options: Any) -> Column[str]:
    return Column(name, String(64), **options)


def _us(name: str, **options: Any) -> Column[int]:
    return Column(name, BigInteger, **options)


line = Table(
    "line",
    metadata,
    _id("id", primary_key=True),
    Column("name", String(200), nullable=False),
    _id("department", nullable=False),
    Column("department_name", String(200), nullable=False),
    _id("doctor"),
    Column("doctor_name", String(200), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("day", String(10), nullable=False),
    Column("version", BigInteger, nullable=False),
    _us("as_of_us", nullable=False),
    _us("hospital_at_us"),
    Column("fresh", SmallInteger, nullable=False),
    Column("opening", String(16), nullable=False),
    Column("rooms", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("waiting", Integer, nullable=False),
    Index(None, "department", "id"),
    **_OPTIONS,
)

ticket = Table(
    "ticket",
    metadata,
    _id("line", primary_key=True),
    Column("day", String(10), primary_key=True),
    _id("number", primary_key=True),
    Column("visit", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("band", SmallInteger, nullable=False),
    Column("rank", BigInteger, nullable=False),
    _us("order_at_us", nullable=False),
    Column("name", String(200), nullable=False),
    _id("room"),
    _id("doctor"),
    _us("slot_begin_us"),
    _us("checked_in_at_us"),
    _us("called_at_us"),
    _us("started_at_us"),
    _us("passed_at_us"),
    _us("ended_at_us"),
    Column("calls", Integer, nullable=False),
    Column("recall_count", Integer, nullable=False),
    Column("passed_count", Integer, nullable=False),
    _us("changed_at_us", nullable=False),
    Column("changed_by", String(128), nullable=False),
    _id("moved_to"),
    _id("moved_number"),
    Column("his_code", String(64)),
    Column("given", String(10)),
    Index(None, "visit"),
    **_OPTIONS,
)

transition = Table(
    "transition",
    metadata,
    _id("line", primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("day", String(10), nullable=False),
    Column("what", String(32), nullable=False),
    _us("at_us", nullable=False),
    Column("actor", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    _id("number"),
    Column("before", String(16)),
    Column("after", String(16)),
    _id("room"),
    Column("rank", BigInteger),
    _us("hospital_at_us"),
    Index(None, "line", "day"),
    **_OPTIONS,
)

department = Table(
    "department",
    metadata,
    _id("code", primary_key=True),
    Column("name", String(200), nullable=False),
    _id("parent"),
    Column("location", String(400), nullable=False),
    **_OPTIONS,
)

doctor = Table(
    "doctor",
    metadata,
    _id("code", primary_key=True),
    _id("department", primary_key=True),
    Column("name", String(200), nullable=False),
    Column("title", String(200), nullable=False),
    **_OPTIONS,
)

room = Table(
    "room",
    metadata,
    _id("code", primary_key=True),
    Column("name", String(200), nullable=False),
    _id("department"),
    Column("location", String(400), nullable=False),
    **_OPTIONS,
)

hospital_contact = Table(
    "hospital_contact",
    metadata,
    _id("id", primary_key=True),
    _us("heard_at_us"),
    _us("silent_since_us"),
    **_OPTIONS,
)

outbox = Table(
    "outbox",
    metadata,
    # Never reused, also not after the newest row is deleted: the id is part of the idempotency key.
    Column("id", _GROWING_ID, primary_key=True, autoincrement=True),
    Column("channel", String(255), nullable=False),
    Column("data", _BYTES, nullable=False),
    _us("created_us", nullable=False),
    sqlite_autoincrement=True,
    **_OPTIONS,
)

revocation = Table(
    "revocation",
    metadata,
    Column("of", String(8), primary_key=True),
    Column("name", String(128), primary_key=True),
    _us("before_us", nullable=False),
    _us("until_us", nullable=False),
    Column("actor", String(128), nullable=False),
    _us("at_us", nullable=False),
    Index(None, "until_us"),
    **_OPTIONS,
)

lease = Table(
    "lease",
    metadata,
    _id("name", primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("fence", BigInteger, nullable=False),
    _us("until_us", nullable=False),
    **_OPTIONS,
)

replay = Table(
    "replay",
    metadata,
    # SHA-256 of scope and key: both may be long, and neither needs to be read again. The fingerprint is a
    # blind index of the request. Status is empty while the first request is being answered.
    Column("id", String(64), primary_key=True),
    Column("fingerprint", LargeBinary(64).with_variant(mysql.VARBINARY(64), "mysql"), nullable=False),
    Column("status", SmallInteger),
    sealed("body", nullable=True),
    _us("claimed_us", nullable=False),
    Index(None, "claimed_us"),
    **_OPTIONS,
)
