"""Notices, what people agreed to be told, and tickets that are followed.

Revision 0012.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=240), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tried", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=True),
        sa.Column("params", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        **OPTIONS,
    )
    op.create_index("ux_notice_key", "notice", ["key"], unique=True)
    op.create_index(op.f("ix_notice_due_us"), "notice", ["due_us"], unique=False)
    op.create_index(op.f("ix_notice_user"), "notice", ["user"], unique=False)
    op.create_index(op.f("ix_notice_created_us"), "notice", ["created_us"], unique=False)
    op.create_table(
        "notice_grant",
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user", "channel", "kind", name=op.f("pk_notice_grant")),
        **OPTIONS,
    )
    op.create_table(
        "notice_manner",
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("quiet", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_notice_manner")),
        **OPTIONS,
    )
    op.create_table(
        "ticket_follow",
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("line", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("told_near", sa.SmallInteger(), nullable=False),
        sa.Column("told_called", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user", "line", "number", name=op.f("pk_ticket_follow")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_ticket_follow_line"), "ticket_follow", ["line"], unique=False)
