"""Disputes: the claims that a node watches, and the moves that it has begun to send."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates both tables."""
    op.create_table(
        "dispute_claims",
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("claim_id", sa.String(length=66), nullable=False),
        sa.Column("order_id", sa.String(length=66), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("model_key", sa.String(length=66), nullable=False),
        sa.Column("provider", sa.String(length=42), nullable=False),
        sa.Column("traced", sa.Text(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("node", "claim_id", name="pk_dispute_claims"),
    )
    op.create_index("ix_dispute_claims_node_ended", "dispute_claims", ["node", "ended"])
    op.create_table(
        "dispute_moves",
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("move", sa.String(length=66), nullable=False),
        sa.Column("claim_id", sa.String(length=66), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("transaction_hash", sa.String(length=66), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", "move", name="pk_dispute_moves"),
        sa.UniqueConstraint("node", "nonce", name="uq_dispute_moves_node_nonce"),
    )
