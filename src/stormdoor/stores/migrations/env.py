"""Runs the migrations on the connection of the store, inside its transaction."""

from alembic import context

if context.is_offline_mode():
    # `alembic upgrade head --sql` prints the statements, for a database that is out of reach.
    context.configure(
        dialect_name=context.config.attributes["dialect"], literal_binds=True, as_sql=True
    )
else:
    context.configure(connection=context.config.attributes["connection"])

with context.begin_transaction():
    context.run_migrations()
