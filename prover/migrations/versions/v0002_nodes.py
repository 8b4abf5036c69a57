"""The nodes' tables: what was read of a chain, the orders seen, the deliveries to check."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the three tables."""
    op.create_table(
        "node_blocks",
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.PrimaryKeyConstraint("node", "number", name="pk_node_blocks"),
    )
    op.create_table(
        "node_orders",
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("order_id", sa.String(length=66), nullable=False),
        sa.Column("nonce", sa.String(length=78), nullable=False),
        sa.Column("requested_block", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_block", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("node", "order_id", name="pk_node_orders"),
    )
    op.create_index("ix_node_orders_node_status", "node_orders", ["node", "status"], unique=False)
    op.create_table(
        "node_deliveries",
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("order_id", sa.String(length=66), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("bundle_digest", sa.String(length=66), nullable=False),
        sa.Column("bundle_uri", sa.Text(), nullable=False),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("node", "order_id", "leg", name="pk_node_deliveries"),
    )
