"""Accounts, their identities, and codes by SMS.

Revision 0007.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _bytes() -> "sa.types.TypeEngine[bytes]":
    return sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")


def _code() -> "sa.types.TypeEngine[bytes]":
    return sa.LargeBinary(16).with_variant(mysql.BINARY(16), "mysql")


def upgrade() -> None:
    op.create_table(
        "user",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("merged_into", sa.String(length=26), nullable=True),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        **_OPTIONS,
    )
    op.create_table(
        "identity",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("user", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("app", sa.String(length=64), nullable=False),
        sa.Column("subject", _bytes(), nullable=False),
        sa.Column("subject_blind", _code(), nullable=False),
        sa.Column("linked_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
        **_OPTIONS,
    )
    op.create_index(
        op.f("ix_identity_kind_app_subject_blind"), "identity", ["kind", "app", "subject_blind"], unique=True
    )
    op.create_index(op.f("ix_identity_user"), "identity", ["user"])
    op.create_table(
        "sms_code",
        sa.Column("phone_blind", _code(), nullable=False),
        sa.Column("code", _code(), nullable=True),
        sa.Column("sent_us", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("sends", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("phone_blind", name=op.f("pk_sms_code")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_sms_code_sent_us"), "sms_code", ["sent_us"])
    op.create_table(
        "sms_sending",
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("hour", sa.String(length=13), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("address", "hour", name=op.f("pk_sms_sending")),
        **_OPTIONS,
    )
    op.create_table(
        "used_state",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_used_state")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_used_state_until_us"), "used_state", ["until_us"])
