"""The tables of accounts: who signed in, where, and until when."""

from sqlalchemy import Column, Index, Integer, SmallInteger, String, Table, Text

from adapters.sql.columns import OPTIONS, digest, moment
from adapters.sql.sealed import blind, sealed
from adapters.sql.tables import metadata

user = Table(
    "user",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("standing", String(16), nullable=False),
    Column("merged_into", String(26)),
    moment("created_us"),
    moment("ended_us", nullable=True),
    Index(None, "merged_into"),
    **OPTIONS,
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
    moment("linked_us"),
    # An identity belongs to at most one account, also when two sign-ins come at once.
    Index(None, "kind", "app", "subject_blind", unique=True),
    Index(None, "user"),
    **OPTIONS,
)

sms_code = Table(
    "sms_code",
    metadata,
    # The newest code of each phone; the phone itself is not kept.
    blind("phone_blind", primary_key=True),
    digest("code", 16, nullable=True),
    moment("sent_us"),
    Column("tries", SmallInteger, nullable=False),
    Column("day", String(10), nullable=False),
    Column("sends", SmallInteger, nullable=False),
    Index(None, "sent_us"),
    **OPTIONS,
)

sms_sending = Table(
    "sms_sending",
    metadata,
    # How many messages an address asked for in an hour.
    Column("address", String(64), primary_key=True),
    Column("hour", String(13), primary_key=True),
    Column("sends", Integer, nullable=False),
    **OPTIONS,
)

used_state = Table(
    "used_state",
    metadata,
    Column("id", String(128), primary_key=True),
    moment("until_us"),
    Index(None, "until_us"),
    **OPTIONS,
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
    moment("created_us"),
    moment("last_used_us"),
    moment("idle_us"),
    moment("absolute_us"),
    digest("family"),
    digest("current"),
    digest("previous", nullable=True),
    digest("salt", 16),
    moment("rotated_us"),
    # When it was ended, and why; empty while it has not been.
    moment("ended_us", nullable=True),
    Column("ending", String(32)),
    # When it is over by itself, or was ended.
    moment("good_until_us"),
    Index(None, "user", "good_until_us"),
    Index(None, "good_until_us"),
    **OPTIONS,
)
