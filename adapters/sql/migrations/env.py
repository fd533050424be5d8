"""What Alembic runs: our schema, on the connection that ``migrations/__init__.py`` hands over."""

from alembic import context

from adapters.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
