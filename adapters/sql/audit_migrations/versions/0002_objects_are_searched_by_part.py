"""Objects are searched by a part of them, which no index helps; each costs something at every record.

Revision 0002.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index(op.f("ix_audit_record_object"), table_name="audit_record")
