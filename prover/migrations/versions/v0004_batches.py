"""Proofs that hold several answers, and the batch sizes that an order's system can settle."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; proofs made before hold one answer, orders taken before admit no other."""
    op.add_column("evidence", sa.Column("batches", sa.Text(), nullable=False, server_default=""))
    for name in ("batch", "members"):
        column = sa.Column(name, sa.Integer(), nullable=False, server_default="1")
        op.add_column("proofs", column)
