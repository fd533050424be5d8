"""Tables of consultations and practices. Part of the schema in ``tables.py``."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

from adapters.sql.columns import OPTIONS, moment, short_id
from adapters.sql.sealed import sealed
from adapters.sql.tables import metadata

consultation = Table(
    "consultation",
    metadata,
    short_id("id", primary_key=True),
    # "<account>|<cid>" of whoever opened it.
    Column("key", String(200), nullable=False),
    Column("stage", String(24), nullable=False),
    Column("user", String(128), nullable=False),
    short_id("patient", nullable=False),
    Column("doctor", String(128)),
    short_id("department", nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("window_s", Integer, nullable=False),
    Column("pay_within_s", Integer, nullable=False),
    Column("accept_within_s", Integer, nullable=False),
    moment("created_us"),
    moment("changed_us"),
    moment("due_us", nullable=True),
    Column("paid", String(64), nullable=False),
    moment("accepted_us", nullable=True),
    moment("expires_us", nullable=True),
    moment("ended_us", nullable=True),
    Column("ended_because", String(16), nullable=False),
    Column("refund", String(8), nullable=False),
    Column("rating", SmallInteger),
    # What was written, as JSON.
    sealed("written"),
    Index("ux_consultation_key", "key", unique=True),
    Index(None, "user", "id"),
    Index(None, "doctor", "id"),
    Index(None, "department", "stage"),
    Index(None, "due_us"),
    Index(None, "refund"),
    **OPTIONS,
)

consultation_day = Table(
    "consultation_day",
    metadata,
    Column("doctor", String(128), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("taken", Integer, nullable=False),
    **OPTIONS,
)

practice = Table(
    "practice",
    metadata,
    Column("user", String(128), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("title", String(64), nullable=False),
    short_id("department", nullable=False),
    Column("introduction", Text, nullable=False),
    Column("fee_fen", BigInteger, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("window_s", Integer, nullable=False),
    Column("daily_limit", Integer, nullable=False),
    Column("taking", SmallInteger, nullable=False),
    Column("in_pool", SmallInteger, nullable=False),
    # A JSON list of [day, begin, until].
    Column("hours", Text, nullable=False),
    Column("confirmed", SmallInteger, nullable=False),
    Index(None, "department", "user"),
    **OPTIONS,
)

quick_reply = Table(
    "quick_reply",
    metadata,
    short_id("id", primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("title", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Index(None, "owner", "rank"),
    **OPTIONS,
)
