"""The first tables: lines and their history, directory, outbox, leases, replays.

Revision 0001.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_GROWING_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BYTES = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")


def upgrade() -> None:
    _department()
    _doctor()
    _hospital_contact()
    _lease()
    _line()
    _outbox()
    _replay()
    _room()
    _ticket()
    _transition()


def _department() -> None:
    op.create_table(
        "department",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=True),
        sa.Column("location", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_department")),
        **_OPTIONS,
    )


def _doctor() -> None:
    op.create_table(
        "doctor",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("code", "department", name=op.f("pk_doctor")),
        **_OPTIONS,
    )


def _hospital_contact() -> None:
    op.create_table(
        "hospital_contact",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("heard_at_us", sa.BigInteger(), nullable=True),
        sa.Column("silent_since_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hospital_contact")),
        **_OPTIONS,
    )


def _lease() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
        **_OPTIONS,
    )


def _line() -> None:
    op.create_table(
        "line",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=False),
        sa.Column("department_name", sa.String(length=200), nullable=False),
        sa.Column("doctor", sa.String(length=64), nullable=True),
        sa.Column("doctor_name", sa.String(length=200), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("as_of_us", sa.BigInteger(), nullable=False),
        sa.Column("hospital_at_us", sa.BigInteger(), nullable=True),
        sa.Column("fresh", sa.SmallInteger(), nullable=False),
        sa.Column("opening", sa.String(length=16), nullable=False),
        sa.Column("rooms", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_line")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_line_department_id"), "line", ["department", "id"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", _GROWING_ID, autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(length=255), nullable=False),
        sa.Column("data", _BYTES, nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        **_OPTIONS,
        sqlite_autoincrement=True,
    )


def _replay() -> None:
    op.create_table(
        "replay",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column(
            "fingerprint",
            sa.LargeBinary(length=64).with_variant(sa.VARBINARY(length=64), "mysql"),
            nullable=False,
        ),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("body", _BYTES, nullable=True),
        sa.Column("claimed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replay")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_replay_claimed_us"), "replay", ["claimed_us"])


def _room() -> None:
    op.create_table(
        "room",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=True),
        sa.Column("location", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_room")),
        **_OPTIONS,
    )


def _ticket() -> None:
    op.create_table(
        "ticket",
        sa.Column("line", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("visit", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("band", sa.SmallInteger(), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("order_at_us", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("room", sa.String(length=64), nullable=True),
        sa.Column("doctor", sa.String(length=64), nullable=True),
        sa.Column("slot_begin_us", sa.BigInteger(), nullable=True),
        sa.Column("checked_in_at_us", sa.BigInteger(), nullable=True),
        sa.Column("called_at_us", sa.BigInteger(), nullable=True),
        sa.Column("started_at_us", sa.BigInteger(), nullable=True),
        sa.Column("passed_at_us", sa.BigInteger(), nullable=True),
        sa.Column("ended_at_us", sa.BigInteger(), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("recall_count", sa.Integer(), nullable=False),
        sa.Column("passed_count", sa.Integer(), nullable=False),
        sa.Column("changed_at_us", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=128), nullable=False),
        sa.Column("moved_to", sa.String(length=64), nullable=True),
        sa.Column("moved_number", sa.String(length=64), nullable=True),
        sa.Column("his_code", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("line", "day", "number", name=op.f("pk_ticket")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_ticket_visit"), "ticket", ["visit"])


def _transition() -> None:
    op.create_table(
        "transition",
        sa.Column("line", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=True),
        sa.Column("before", sa.String(length=16), nullable=True),
        sa.Column("after", sa.String(length=16), nullable=True),
        sa.Column("room", sa.String(length=64), nullable=True),
        sa.Column("rank", sa.BigInteger(), nullable=True),
        sa.Column("hospital_at_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("line", "version", "step", name=op.f("pk_transition")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_transition_line_day"), "transition", ["line", "day"])
