"""Tables of moderation. Part of the schema in ``tables.py``. Locks: the conversation, then the review."""

from sqlalchemy import BigInteger, Column, Index, SmallInteger, String, Table

from adapters.sql.columns import OPTIONS, moment, short_id
from adapters.sql.sealed import sealed
from adapters.sql.tables import metadata

im_review = Table(
    "im_review",
    metadata,
    short_id("id", primary_key=True),
    short_id("conversation", nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("sender", String(128), nullable=False),
    Column("role", String(16), nullable=False),
    Column("action", String(8), nullable=False),
    Column("labels", String(255), nullable=False),
    Column("urgent", SmallInteger, nullable=False),
    Column("decision", String(8), nullable=False),
    Column("by", String(128), nullable=False),
    moment("created_us"),
    moment("decided_us", nullable=True),
    # What was written before anything was covered, and the reviewer's note, as JSON.
    sealed("written"),
    Index(None, "decision", "urgent", "id"),
    Index(None, "conversation", "seq"),
    **OPTIONS,
)

listed_word = Table(
    "listed_word",
    metadata,
    short_id("id", primary_key=True),
    Column("word", String(64), nullable=False),
    Column("action", String(8), nullable=False),
    Column("label", String(32), nullable=False),
    Column("urgent", SmallInteger, nullable=False),
    Column("by", String(128), nullable=False),
    moment("created_us"),
    **OPTIONS,
)
