"""The table of files in conversations. Part of the schema in ``tables.py``.

Bytes are elsewhere (``im/file_store.py``); what opens them is in ``written``. Dropping a row ends its file.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from adapters.sql.columns import OPTIONS, digest, moment, short_id
from adapters.sql.sealed import sealed
from adapters.sql.tables import metadata

im_file = Table(
    "im_file",
    metadata,
    short_id("id", primary_key=True),
    short_id("conversation", nullable=False),
    Column("owner", String(128), nullable=False),
    Column("sort", String(8), nullable=False),
    Column("stage", String(8), nullable=False),
    Column("announced", Integer, nullable=False),
    moment("created_us"),
    # When it is swept unless something happens; empty once a message has it.
    moment("until_us", nullable=True),
    Column("seq", BigInteger),
    Column("media_type", String(96), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("thumbnail_bytes", Integer, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("seconds", Integer),
    digest("digest", nullable=True),
    # Its name in the store of bytes; empty while it is awaited.
    Column("blob", String(96)),
    # What its owner called it and the key of its bytes, as JSON.
    sealed("written"),
    Index(None, "conversation", "id"),
    Index(None, "owner", "stage"),
    Index(None, "until_us"),
    Index(None, "blob"),
    **OPTIONS,
)
