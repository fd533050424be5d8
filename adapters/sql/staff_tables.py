"""The tables of staff: accounts, what they prove themselves with, one-time links, wrong tries."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

from adapters.sql.columns import OPTIONS, digest, moment
from adapters.sql.sealed import sealed
from adapters.sql.tables import metadata

staff = Table(
    "staff",
    metadata,
    Column("number", String(64), primary_key=True),
    sealed("name"),
    Column("role", String(32), nullable=False),
    Column("lines", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("granted", SmallInteger, nullable=False),
    moment("created_us"),
    moment("changed_us"),
    moment("signed_in_us", nullable=True),
    Index(None, "role", "number"),
    **OPTIONS,
)

staff_credential = Table(
    "staff_credential",
    metadata,
    Column("number", String(64), primary_key=True),
    # Argon2 in its own form (PHC), and a JSON list of those before it.
    Column("password", String(255), nullable=False),
    Column("earlier", Text, nullable=False),
    moment("set_us"),
    sealed("secret", nullable=True),
    moment("enrolled_us", nullable=True),
    Column("used_step", BigInteger, nullable=False),
    moment("answered_us", nullable=True),
    **OPTIONS,
)

staff_recovery = Table(
    "staff_recovery",
    metadata,
    Column("number", String(64), primary_key=True),
    digest("digest", primary_key=True),
    **OPTIONS,
)

staff_link = Table(
    "staff_link",
    metadata,
    digest("digest", primary_key=True),
    # Empty: the set-up of the first administrator.
    Column("number", String(64), nullable=False),
    moment("made_us"),
    moment("expires_us"),
    Index(None, "number"),
    **OPTIONS,
)

staff_try = Table(
    "staff_try",
    metadata,
    digest("key", primary_key=True),
    Column("failed", Integer, nullable=False),
    moment("last_us"),
    moment("locked_until_us", nullable=True),
    Index(None, "last_us"),
    **OPTIONS,
)
