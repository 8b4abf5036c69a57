"""Which of a batch's answers a job's is."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; of proofs made before it is only known where they hold one answer."""
    op.add_column("proofs", sa.Column("place", sa.Integer(), nullable=True))
    op.execute("UPDATE proofs SET place = 0 WHERE batch = 1")
