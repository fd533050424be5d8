"""Tables of holds and endings. Part of the schema in ``tables.py``.

Locks: the consultation, its conversation, then these.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from adapters.sql.columns import OPTIONS, digest, moment, short_id
from adapters.sql.sealed import sealed
from adapters.sql.tables import metadata

record_hold = Table(
    "record_hold",
    metadata,
    short_id("id", primary_key=True),
    short_id("subject", nullable=False),
    Column("by", String(128), nullable=False),
    moment("placed_us"),
    moment("lifted_us", nullable=True),
    Column("lifted_by", String(128), nullable=False),
    # Why it was placed and why it was lifted, as JSON.
    sealed("written"),
    Index(None, "subject"),
    Index(None, "lifted_us"),
    **OPTIONS,
)

record_ending = Table(
    "record_ending",
    metadata,
    short_id("subject", primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("retention", String(16), nullable=False),
    moment("ended_us", nullable=True),
    moment("announced_us"),
    moment("purged_us", nullable=True),
    Column("messages", BigInteger, nullable=False),
    Column("files", Integer, nullable=False),
    # The head of the chain that went.
    digest("digest"),
    Index(None, "purged_us", "subject"),
    **OPTIONS,
)
