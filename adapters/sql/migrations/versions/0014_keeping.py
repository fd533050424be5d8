"""Holds on records, and what went for its age.

Revision 0014.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "record_hold",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=128), nullable=False),
        sa.Column("placed_us", sa.BigInteger(), nullable=False),
        sa.Column("lifted_us", sa.BigInteger(), nullable=True),
        sa.Column("lifted_by", sa.String(length=128), nullable=False),
        sa.Column("written", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_hold")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_record_hold_subject"), "record_hold", ["subject"], unique=False)
    op.create_index(op.f("ix_record_hold_lifted_us"), "record_hold", ["lifted_us"], unique=False)
    op.create_table(
        "record_ending",
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("retention", sa.String(length=16), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("announced_us", sa.BigInteger(), nullable=False),
        sa.Column("purged_us", sa.BigInteger(), nullable=True),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql"), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_record_ending")),
        **OPTIONS,
    )
    op.create_index(
        op.f("ix_record_ending_purged_us_subject"), "record_ending", ["purged_us", "subject"], unique=False
    )
