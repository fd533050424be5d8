"""What Alembic runs for the log's own database."""

from alembic import context

from adapters.sql.audit_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
