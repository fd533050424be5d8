"""The schema of the log, a database of its own (``audit.url``). ``audit_migrations/`` builds it.

Rows are only ever added. The database refuses to change a record or a head, and to delete one that is younger
than half a year (triggers of the first migration), also for this program's own account.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
)

from adapters.sql.columns import DOCUMENT, GROWING_ID, NAMES, OPTIONS, digest, moment
from audit import record as bounds

metadata = MetaData(naming_convention=NAMES)


record = Table(
    "audit_record",
    metadata,
    Column("sequence", GROWING_ID, primary_key=True, autoincrement=False),
    digest("previous"),
    digest("hash"),
    Column("algorithm", String(8), nullable=False),
    moment("at_us"),
    Column("actor", String(bounds.ACTOR_CHARACTERS), nullable=False),
    Column("role", String(bounds.ROLE_CHARACTERS), nullable=False),
    Column("address", String(bounds.ADDRESS_CHARACTERS), nullable=False),
    Column("action", String(bounds.ACTION_CHARACTERS), nullable=False),
    Column("object", String(bounds.OBJECT_CHARACTERS), nullable=False),
    Column("result", String(8), nullable=False),
    Column("code", String(bounds.CODE_CHARACTERS), nullable=False),
    Column("facts", String(bounds.FACTS_CHARACTERS), nullable=False),
    # Each index also holds the primary key, so a search by one of them comes ordered.
    Index(None, "at_us"),
    Index(None, "actor"),
    Index(None, "action"),
    Index(None, "result"),
    **OPTIONS,
)

turn = Table(
    "audit_turn",
    metadata,
    # One row that is only ever locked: processes chain their records one after the other.
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    **OPTIONS,
)

head = Table(
    "audit_head",
    metadata,
    Column("number", GROWING_ID, primary_key=True, autoincrement=False),
    Column("kind", String(8), nullable=False),
    Column("day", String(10), nullable=False),
    moment("at_us"),
    Column("first", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("key", String(16), nullable=False),
    Column("signature", String(128), nullable=False),
    **OPTIONS,
)

review = Table(
    "audit_review",
    metadata,
    Column("month", String(7), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", String(8), nullable=False),
    moment("at_us"),
    Column("reviewer", String(bounds.ACTOR_CHARACTERS), nullable=False),
    Column("document", DOCUMENT, nullable=False),
    **OPTIONS,
)
