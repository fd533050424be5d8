"""Sessions.

Revision 0004.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _digest(name: str, length: int = 32, *, nullable: bool = False) -> "sa.Column[bytes]":
    kind = sa.LargeBinary(length).with_variant(mysql.BINARY(length), "mysql")
    return sa.Column(name, kind, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("last_used_us", sa.BigInteger(), nullable=False),
        sa.Column("idle_us", sa.BigInteger(), nullable=False),
        sa.Column("absolute_us", sa.BigInteger(), nullable=False),
        _digest("family"),
        _digest("current"),
        _digest("previous", nullable=True),
        _digest("salt", 16),
        sa.Column("rotated_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("ending", sa.String(length=32), nullable=True),
        sa.Column("good_until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
    )
    op.create_index(op.f("ix_session_user_good_until_us"), "session", ["user", "good_until_us"])
    op.create_index(op.f("ix_session_good_until_us"), "session", ["good_until_us"])
