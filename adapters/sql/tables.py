"""The schema, once, for both databases. ``migrations/`` builds it; a test proves that the two agree.

Row locks are taken in this order, everywhere: visit, line, order, conversation, then users by ascending id.
Several rows of one kind are locked by ascending id.

Columns named ``*_us`` are UTC microseconds (``instants.py``). Texts compare byte by byte on both databases.
"""

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

from adapters.sql.columns import DOCUMENT, GROWING_ID, NAMES, OPTIONS, moment, short_id
from adapters.sql.sealed import sealed

metadata = MetaData(naming_convention=NAMES)


line = Table(
    "line",
    metadata,
    short_id("id", primary_key=True),
    Column("name", String(200), nullable=False),
    short_id("department", nullable=False),
    Column("department_name", String(200), nullable=False),
    short_id("doctor"),
    Column("doctor_name", String(200), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("day", String(10), nullable=False),
    Column("version", BigInteger, nullable=False),
    moment("as_of_us"),
    moment("hospital_at_us", nullable=True),
    Column("fresh", SmallInteger, nullable=False),
    Column("opening", String(16), nullable=False),
    Column("rooms", Text, nullable=False),
    Column("settings", Text, nullable=False),
    Column("waiting", Integer, nullable=False),
    Index(None, "department", "id"),
    **OPTIONS,
)

ticket = Table(
    "ticket",
    metadata,
    short_id("line", primary_key=True),
    Column("day", String(10), primary_key=True),
    short_id("number", primary_key=True),
    Column("visit", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("priority", String(16), nullable=False),
    Column("band", SmallInteger, nullable=False),
    Column("rank", BigInteger, nullable=False),
    moment("order_at_us"),
    Column("name", String(200), nullable=False),
    short_id("room"),
    short_id("doctor"),
    moment("slot_begin_us", nullable=True),
    moment("checked_in_at_us", nullable=True),
    moment("called_at_us", nullable=True),
    moment("started_at_us", nullable=True),
    moment("passed_at_us", nullable=True),
    moment("ended_at_us", nullable=True),
    Column("calls", Integer, nullable=False),
    Column("recall_count", Integer, nullable=False),
    Column("passed_count", Integer, nullable=False),
    moment("changed_at_us"),
    Column("changed_by", String(128), nullable=False),
    short_id("moved_to"),
    short_id("moved_number"),
    Column("his_code", String(64)),
    Column("given", String(10)),
    Index(None, "visit"),
    **OPTIONS,
)

transition = Table(
    "transition",
    metadata,
    short_id("line", primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("day", String(10), nullable=False),
    Column("what", String(32), nullable=False),
    moment("at_us"),
    Column("actor", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    short_id("number"),
    Column("before", String(16)),
    Column("after", String(16)),
    short_id("room"),
    Column("rank", BigInteger),
    moment("hospital_at_us", nullable=True),
    Index(None, "line", "day"),
    **OPTIONS,
)

department = Table(
    "department",
    metadata,
    short_id("code", primary_key=True),
    Column("name", String(200), nullable=False),
    short_id("parent"),
    Column("location", String(400), nullable=False),
    **OPTIONS,
)

doctor = Table(
    "doctor",
    metadata,
    short_id("code", primary_key=True),
    short_id("department", primary_key=True),
    Column("name", String(200), nullable=False),
    Column("title", String(200), nullable=False),
    **OPTIONS,
)

room = Table(
    "room",
    metadata,
    short_id("code", primary_key=True),
    Column("name", String(200), nullable=False),
    short_id("department"),
    Column("location", String(400), nullable=False),
    **OPTIONS,
)

hospital_contact = Table(
    "hospital_contact",
    metadata,
    short_id("id", primary_key=True),
    moment("heard_at_us", nullable=True),
    moment("silent_since_us", nullable=True),
    **OPTIONS,
)

outbox = Table(
    "outbox",
    metadata,
    # Never reused, also not after the newest row is deleted: the id is part of the idempotency key.
    Column("id", GROWING_ID, primary_key=True, autoincrement=True),
    Column("channel", String(255), nullable=False),
    Column("data", DOCUMENT, nullable=False),
    moment("created_us"),
    sqlite_autoincrement=True,
    **OPTIONS,
)

revocation = Table(
    "revocation",
    metadata,
    Column("of", String(8), primary_key=True),
    Column("name", String(128), primary_key=True),
    moment("before_us"),
    moment("until_us"),
    Column("actor", String(128), nullable=False),
    moment("at_us"),
    Index(None, "until_us"),
    **OPTIONS,
)

lease = Table(
    "lease",
    metadata,
    short_id("name", primary_key=True),
    Column("holder", String(128), nullable=False),
    Column("fence", BigInteger, nullable=False),
    moment("until_us"),
    **OPTIONS,
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
    moment("claimed_us"),
    Index(None, "claimed_us"),
    **OPTIONS,
)
