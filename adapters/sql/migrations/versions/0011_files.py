"""Files in conversations.

Revision 0011.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OPTIONS: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    op.create_table(
        "im_file",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("conversation", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=128), nullable=False),
        sa.Column("sort", sa.String(length=8), nullable=False),
        sa.Column("stage", sa.String(length=8), nullable=False),
        sa.Column("announced", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("media_type", sa.String(length=96), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("thumbnail_bytes", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("digest", sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql"), nullable=True),
        sa.Column("blob", sa.String(length=96), nullable=True),
        sa.Column("written", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_im_file")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_im_file_conversation_id"), "im_file", ["conversation", "id"], unique=False)
    op.create_index(op.f("ix_im_file_owner_stage"), "im_file", ["owner", "stage"], unique=False)
    op.create_index(op.f("ix_im_file_until_us"), "im_file", ["until_us"], unique=False)
    op.create_index(op.f("ix_im_file_blob"), "im_file", ["blob"], unique=False)
