"""Staff accounts, what they prove themselves with, one-time links, wrong tries.

Revision 0005.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _digest(name: str) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql"), nullable=False)


def _sealed(name: str, *, nullable: bool) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=nullable)


def _us(name: str, *, nullable: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _number() -> "sa.Column[str]":
    return sa.Column("number", sa.String(length=64), nullable=False)


def upgrade() -> None:
    op.create_table(
        "staff",
        _number(),
        _sealed("name", nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("granted", sa.SmallInteger(), nullable=False),
        _us("created_us"),
        _us("changed_us"),
        _us("signed_in_us", nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_staff")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_staff_role_number"), "staff", ["role", "number"])
    op.create_table(
        "staff_credential",
        _number(),
        sa.Column("password", sa.String(length=255), nullable=False),
        sa.Column("earlier", sa.Text(), nullable=False),
        _us("set_us"),
        _sealed("secret", nullable=True),
        _us("enrolled_us", nullable=True),
        sa.Column("used_step", sa.BigInteger(), nullable=False),
        _us("answered_us", nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_staff_credential")),
        **_OPTIONS,
    )
    op.create_table(
        "staff_recovery",
        _number(),
        _digest("digest"),
        sa.PrimaryKeyConstraint("number", "digest", name=op.f("pk_staff_recovery")),
        **_OPTIONS,
    )
    op.create_table(
        "staff_link",
        _digest("digest"),
        _number(),
        _us("made_us"),
        _us("expires_us"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_staff_link")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_staff_link_number"), "staff_link", ["number"])
    op.create_table(
        "staff_try",
        _digest("key"),
        sa.Column("failed", sa.Integer(), nullable=False),
        _us("last_us"),
        _us("locked_until_us", nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_staff_try")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_staff_try_last_us"), "staff_try", ["last_us"])
