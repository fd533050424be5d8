"""Tables of conversations. Part of the schema in ``tables.py``.

Content is stored once a conversation; each member has a small row of pointers. ``im_user.uver`` counts the
changes that concern a user, ``im_member.uver`` says which of them touched this conversation last: what
changed since is an index read. No cursor is an auto-increment or a time: a late commit would be skipped.

Locks: the conversation's row, then users by ascending id.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table

from adapters.sql.columns import OPTIONS, digest, moment, short_id
from adapters.sql.sealed import sealed
from adapters.sql.tables import metadata

im_conversation = Table(
    "im_conversation",
    metadata,
    short_id("id", primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    # Of a repeated creation: "<creator>|<cid>", "direct|<user>|<user>", "broadcast|<department>".
    Column("key", String(320), nullable=False),
    sealed("title", nullable=True),
    short_id("department"),
    short_id("patient"),
    Column("last_seq", BigInteger, nullable=False),
    # The newest link of the chain of digests (im/chain.py).
    digest("digest"),
    # Empty where nothing runs out.
    moment("expires_us", nullable=True),
    Column("turns_left", Integer),
    moment("created_us"),
    moment("changed_us"),
    moment("closed_us", nullable=True),
    # "process" (3 years) or "record" (15 years), counted from closed_us.
    Column("retention", String(16), nullable=False),
    Index("ux_im_conversation_key", "key", unique=True),
    Index(None, "retention", "closed_us"),
    **OPTIONS,
)

im_message = Table(
    "im_message",
    metadata,
    short_id("conversation", primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    short_id("id", nullable=False),
    Column("sender", String(128), nullable=False),
    Column("role", String(16), nullable=False),
    Column("cid", String(64), nullable=False),
    Column("type", String(16), nullable=False),
    # A salt of 32 hexadecimal digits, then the body as JSON. Empty once it is in the archive.
    sealed("body", nullable=True),
    Column("ref_seq", BigInteger),
    Column("state", String(16), nullable=False),
    moment("created_us"),
    digest("commitment"),
    digest("digest"),
    Index("ux_im_message_cid", "conversation", "sender", "cid", unique=True),
    **OPTIONS,
)

im_member = Table(
    "im_member",
    metadata,
    short_id("conversation", primary_key=True),
    Column("user", String(128), primary_key=True),
    Column("role", String(16), nullable=False),
    # How others see them; of a patient masked already.
    Column("shown", String(64), nullable=False),
    Column("join_seq", BigInteger, nullable=False),
    Column("read_seq", BigInteger, nullable=False),
    Column("recv_seq", BigInteger, nullable=False),
    Column("unread", Integer, nullable=False),
    Column("uver", BigInteger, nullable=False),
    Column("muted", SmallInteger, nullable=False),
    Column("pinned", SmallInteger, nullable=False),
    # The last message of whoever has left; empty for who is here.
    Column("left_seq", BigInteger),
    # When to tell them elsewhere that something came, unless a device of theirs received it before.
    moment("notice_us", nullable=True),
    Index(None, "user", "uver"),
    Index(None, "notice_us"),
    **OPTIONS,
)

im_user = Table(
    "im_user",
    metadata,
    Column("user", String(128), primary_key=True),
    Column("uver", BigInteger, nullable=False),
    # The sum over the user's conversations.
    Column("unread", Integer, nullable=False),
    **OPTIONS,
)

# ``by``: who gave it; once it is used, ``+`` and who used it.
im_code = Table(
    "im_code",
    metadata,
    digest("digest", primary_key=True),
    short_id("conversation", nullable=False),
    Column("by", String(128), nullable=False),
    moment("until_us"),
    Index(None, "until_us"),
    **OPTIONS,
)
