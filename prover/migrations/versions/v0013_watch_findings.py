"""What a validator of the watch has found wrong, and will have to show again."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "watch_findings",
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("claim_id", sa.String(length=66), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("traced", sa.Text(), nullable=False),
        sa.Column("refutation", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("node", "claim_id", name="pk_watch_findings"),
    )
    op.create_index("ix_watch_findings_node_epoch", "watch_findings", ["node", "epoch"])
