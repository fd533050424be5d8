"""Conversations: messages, members, and what changed for whom.

Revision 0009.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def sealed(name: str, *, nullable: bool = False) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=nullable)


def digest(name: str) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "im_conversation",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=320), nullable=False),
        sealed("title", nullable=True),
        sa.Column("department", sa.String(length=64), nullable=True),
        sa.Column("patient", sa.String(length=64), nullable=True),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        digest("digest"),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        sa.Column("turns_left", sa.Integer(), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("closed_us", sa.BigInteger(), nullable=True),
        sa.Column("retention", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_im_conversation")),
        **OPTIONS,
    )
    op.create_index("ux_im_conversation_key", "im_conversation", ["key"], unique=True)
    op.create_index(
        op.f("ix_im_conversation_retention_closed_us"), "im_conversation", ["retention", "closed_us"]
    )
    op.create_table(
        "im_message",
        sa.Column("conversation", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("sender", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("cid", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sealed("body", nullable=True),
        sa.Column("ref_seq", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        digest("commitment"),
        digest("digest"),
        sa.PrimaryKeyConstraint("conversation", "seq", name=op.f("pk_im_message")),
        **OPTIONS,
    )
    op.create_index("ux_im_message_cid", "im_message", ["conversation", "sender", "cid"], unique=True)
    op.create_table(
        "im_member",
        sa.Column("conversation", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("shown", sa.String(length=64), nullable=False),
        sa.Column("join_seq", sa.BigInteger(), nullable=False),
        sa.Column("read_seq", sa.BigInteger(), nullable=False),
        sa.Column("recv_seq", sa.BigInteger(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("uver", sa.BigInteger(), nullable=False),
        sa.Column("muted", sa.SmallInteger(), nullable=False),
        sa.Column("pinned", sa.SmallInteger(), nullable=False),
        sa.Column("left_seq", sa.BigInteger(), nullable=True),
        sa.Column("notice_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("conversation", "user", name=op.f("pk_im_member")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_im_member_user_uver"), "im_member", ["user", "uver"])
    op.create_index(op.f("ix_im_member_notice_us"), "im_member", ["notice_us"])
    op.create_table(
        "im_user",
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("uver", sa.BigInteger(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_im_user")),
        **OPTIONS,
    )
    op.create_table(
        "im_code",
        digest("digest"),
        sa.Column("conversation", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_im_code")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_im_code_until_us"), "im_code", ["until_us"])
