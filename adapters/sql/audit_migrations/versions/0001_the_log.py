"""The log: records, heads, reviews, and what refuses to change or take them away.

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
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_HASH = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql")
_DOCUMENT = sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql")
_HALF_A_YEAR_US = 183 * 24 * 3600 * 1_000_000


def upgrade() -> None:
    _record()
    _head()
    _review()
    turn = op.create_table(
        "audit_turn",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_turn")),
        **_OPTIONS,
    )
    op.bulk_insert(turn, [{"id": 1}])
    if op.get_bind().dialect.name == "sqlite":
        _refuse_on_sqlite()
    else:
        _refuse_on_mysql()


def _record() -> None:
    op.create_table(
        "audit_record",
        sa.Column("sequence", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("previous", _HASH, nullable=False),
        sa.Column("hash", _HASH, nullable=False),
        sa.Column("algorithm", sa.String(length=8), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=255), nullable=False),
        sa.Column("result", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_record")),
        **_OPTIONS,
    )
    for column in ("at_us", "actor", "action", "object", "result"):
        op.create_index(op.f(f"ix_audit_record_{column}"), "audit_record", [column])


def _head() -> None:
    op.create_table(
        "audit_head",
        sa.Column("number", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_head")),
        **_OPTIONS,
    )


def _review() -> None:
    op.create_table(
        "audit_review",
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("reviewer", sa.String(length=128), nullable=False),
        sa.Column("document", _DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("month", "version", name=op.f("pk_audit_review")),
        **_OPTIONS,
    )


def _refuse_on_sqlite() -> None:
    young = f"OLD.at_us > (julianday('now') - 2440587.5) * 86400000000 - {_HALF_A_YEAR_US}"
    for table in ("audit_record", "audit_head", "audit_review"):
        for what in ("UPDATE", "DELETE"):
            when = f" WHEN {young}" if (table, what) == ("audit_record", "DELETE") else ""
            op.execute(
                f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table}{when} "
                f"BEGIN SELECT RAISE(ABORT, 'the log is only added to'); END"
            )


def _refuse_on_mysql() -> None:
    refuse = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the log is only added to'"
    young = f"OLD.at_us > UNIX_TIMESTAMP(NOW(6)) * 1000000 - {_HALF_A_YEAR_US}"
    for table in ("audit_record", "audit_head", "audit_review"):
        for what in ("UPDATE", "DELETE"):
            may = (table, what) == ("audit_record", "DELETE")
            body = f"BEGIN IF {young} THEN {refuse}; END IF; END" if may else refuse
            op.execute(
                f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} FOR EACH ROW {body}"
            )
