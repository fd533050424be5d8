"""A ticket may be of another day than its line: it stayed overnight.

Revision 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ticket", sa.Column("given", sa.String(length=10), nullable=True))
