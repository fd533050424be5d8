"""Tables of notices. Part of the schema in ``tables.py``. Locks: the account, then its notices."""

from sqlalchemy import Column, Index, Integer, SmallInteger, String, Table

from adapters.sql.columns import OPTIONS, moment, short_id
from adapters.sql.sealed import sealed
from adapters.sql.tables import metadata

notice = Table(
    "notice",
    metadata,
    short_id("id", primary_key=True),
    Column("user", String(128), nullable=False),
    Column("kind", String(16), nullable=False),
    # What it is known by: the same thing is told once.
    Column("key", String(240), nullable=False),
    Column("state", String(8), nullable=False),
    # Empty once nothing more is done with it.
    moment("due_us", nullable=True),
    moment("until_us"),
    moment("created_us"),
    Column("tries", Integer, nullable=False),
    # Ways that did not take it, behind each other.
    Column("tried", String(64), nullable=False),
    Column("channel", String(16)),
    # The words that go into the template, as JSON.
    sealed("params"),
    Index("ux_notice_key", "key", unique=True),
    Index(None, "due_us"),
    Index(None, "user"),
    Index(None, "created_us"),
    **OPTIONS,
)

notice_grant = Table(
    "notice_grant",
    metadata,
    Column("user", String(128), primary_key=True),
    Column("channel", String(16), primary_key=True),
    Column("kind", String(16), primary_key=True),
    # -1: as many as needed.
    Column("left", Integer, nullable=False),
    **OPTIONS,
)

notice_manner = Table(
    "notice_manner",
    metadata,
    Column("user", String(128), primary_key=True),
    Column("quiet", SmallInteger, nullable=False),
    **OPTIONS,
)

ticket_follow = Table(
    "ticket_follow",
    metadata,
    Column("user", String(128), primary_key=True),
    short_id("line", primary_key=True),
    short_id("number", primary_key=True),
    # The line's own day: another day's ticket of that number is another ticket.
    Column("day", String(10), nullable=False),
    Column("told_near", SmallInteger, nullable=False),
    Column("told_called", SmallInteger, nullable=False),
    Index(None, "line"),
    **OPTIONS,
)
