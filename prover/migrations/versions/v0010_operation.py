"""Queues by size of proof, trace contexts, the histograms of every worker."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns and a table; proofs that wait stay in the queue that they were in."""
    queue = sa.Column("queue", sa.String(length=16), nullable=False, server_default="prove")
    op.add_column("evidence", queue)
    trace = sa.Column("traceparent", sa.String(length=55), nullable=False, server_default="")
    op.add_column("jobs", trace)
    op.create_table(
        "observations",
        sa.Column("metric", sa.String(length=48), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("metric", "label", "bucket", name="pk_observations"),
    )
