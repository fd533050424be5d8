"""The accounts that went into one are found by it.

Revision 0008.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_user_merged_into"), "user", ["merged_into"])
