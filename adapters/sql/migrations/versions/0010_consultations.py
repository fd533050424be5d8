"""Consultations, the practices of doctors, and their quick replies.

Revision 0010.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def sealed(name: str) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "consultation",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("stage", sa.String(length=24), nullable=False),
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("doctor", sa.String(length=128), nullable=True),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("window_s", sa.Integer(), nullable=False),
        sa.Column("pay_within_s", sa.Integer(), nullable=False),
        sa.Column("accept_within_s", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("paid", sa.String(length=64), nullable=False),
        sa.Column("accepted_us", sa.BigInteger(), nullable=True),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_because", sa.String(length=16), nullable=False),
        sa.Column("refund", sa.String(length=8), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=True),
        sealed("written"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consultation")),
        **OPTIONS,
    )
    op.create_index(
        op.f("ix_consultation_department_stage"), "consultation", ["department", "stage"], unique=False
    )
    op.create_index(op.f("ix_consultation_doctor_id"), "consultation", ["doctor", "id"], unique=False)
    op.create_index(op.f("ix_consultation_due_us"), "consultation", ["due_us"], unique=False)
    op.create_index(op.f("ix_consultation_refund"), "consultation", ["refund"], unique=False)
    op.create_index(op.f("ix_consultation_user_id"), "consultation", ["user", "id"], unique=False)
    op.create_index("ux_consultation_key", "consultation", ["key"], unique=True)
    op.create_table(
        "consultation_day",
        sa.Column("doctor", sa.String(length=128), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("doctor", "day", name=op.f("pk_consultation_day")),
        **OPTIONS,
    )
    op.create_table(
        "practice",
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("introduction", sa.Text(), nullable=False),
        sa.Column("fee_fen", sa.BigInteger(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("window_s", sa.Integer(), nullable=False),
        sa.Column("daily_limit", sa.Integer(), nullable=False),
        sa.Column("taking", sa.SmallInteger(), nullable=False),
        sa.Column("in_pool", sa.SmallInteger(), nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_practice")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_practice_department_user"), "practice", ["department", "user"], unique=False)
    op.create_table(
        "quick_reply",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("title", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quick_reply")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_quick_reply_owner_rank"), "quick_reply", ["owner", "rank"], unique=False)
