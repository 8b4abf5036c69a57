"""Quotas of API keys, an index for counting jobs of one, and who waits for memory."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns, an index and a table; keys that there are get the usual quota."""
    for name in ("jobs", "streams", "priority"):
        op.add_column("api_keys", sa.Column(name, sa.Integer(), nullable=True))
    op.create_index("ix_jobs_owner_state", "jobs", ["owner", "state"])
    op.create_table(
        "memory_claims",
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("machine", sa.String(length=200), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_memory_claims_job_id"),
        sa.PrimaryKeyConstraint("job_id", "leg", name="pk_memory_claims"),
    )
    op.create_index("ix_memory_claims_machine", "memory_claims", ["machine"])
