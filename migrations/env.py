"""Runs migrations on the connection that `anchoring.store.schema` hands over, or offline to SQL text for `alembic`."""

from alembic import context

from anchoring.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
