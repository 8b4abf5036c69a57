"""What the markets' events said of orders: transactions, amounts, gas."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the table; events that were read before are not in it."""
    op.create_table(
        "market_events",
        sa.Column("market", sa.String(length=121), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.String(length=66), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("transaction_hash", sa.String(length=66), nullable=False),
        sa.Column("account", sa.String(length=42), nullable=False),
        sa.Column("amounts", sa.Text(), nullable=False),
        sa.Column("decimals", sa.Integer(), nullable=True),
        sa.Column("gas", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("market", "block", "position", name="pk_market_events"),
    )
    op.create_index("ix_market_events_order_id", "market_events", ["order_id"], unique=False)
