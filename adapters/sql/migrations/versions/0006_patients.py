"""Patients, their health cards, and what accounts agreed to.

Revision 0006.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
GROWING_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def sealed(name: str, *, nullable: bool = False) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=nullable)


def bytes_of(name: str, length: int, *, nullable: bool = False) -> "sa.Column[bytes]":
    return sa.Column(
        name, sa.LargeBinary(length).with_variant(mysql.BINARY(length), "mysql"), nullable=nullable
    )


def upgrade() -> None:
    op.create_table(
        "patient_family",
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("usual", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_patient_family")),
        **OPTIONS,
    )
    op.create_table(
        "patient",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("id_kind", sa.String(length=24), nullable=False),
        bytes_of("number_index", 16),
        sealed("name"),
        sealed("number"),
        sealed("born"),
        sealed("phone"),
        sealed("guardian", nullable=True),
        sa.Column("sex", sa.String(length=8), nullable=False),
        sa.Column("relation", sa.String(length=16), nullable=False),
        sa.Column("added_us", sa.BigInteger(), nullable=False),
        sa.Column("unbound_us", sa.BigInteger(), nullable=True),
        sa.Column("same_as", sa.String(length=64), nullable=True),
        sa.Column("in_hospital", sa.String(length=16), nullable=False),
        sealed("hospital_number", nullable=True),
        bytes_of("hospital_index", 16, nullable=True),
        sa.Column("asked_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        **OPTIONS,
    )
    op.create_index("ux_patient_user_number_index", "patient", ["user", "number_index"], unique=True)
    op.create_index(op.f("ix_patient_in_hospital_asked_us"), "patient", ["in_hospital", "asked_us"])
    op.create_index(op.f("ix_patient_hospital_index"), "patient", ["hospital_index"])
    op.create_table(
        "health_card",
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=32), nullable=False),
        sealed("card"),
        sealed("main_index"),
        bytes_of("main_index_index", 16),
        sa.Column("issued_us", sa.BigInteger(), nullable=False),
        sa.Column("bound_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("patient", name=op.f("pk_health_card")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_health_card_main_index_index"), "health_card", ["main_index_index"])
    op.create_table(
        "health_card_use",
        bytes_of("id", 32),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_card_use")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_health_card_use_until_us"), "health_card_use", ["until_us"])
    op.create_table(
        "consent",
        sa.Column("id", GROWING_ID, autoincrement=True, nullable=False),
        sa.Column("user", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("given", sa.SmallInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_consent_user_kind_id"), "consent", ["user", "kind", "id"])
