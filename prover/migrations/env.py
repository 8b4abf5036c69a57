"""Alembic's entry point: runs the migrations on the connection that the caller opened."""

from alembic import context

from avow.prover.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
