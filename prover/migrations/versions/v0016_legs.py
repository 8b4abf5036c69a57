"""What became of each leg, the systems that may serve it, and a dead letter for each leg."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None

_PROVEN = """
UPDATE evidence SET outcome = 'proven', reason = 'it has its proof'
WHERE EXISTS (SELECT 1 FROM proofs
              WHERE proofs.job_id = evidence.job_id AND proofs.leg = evidence.leg)
"""
_ENDED = """
UPDATE evidence SET outcome = (SELECT state FROM jobs WHERE jobs.id = evidence.job_id)
WHERE outcome = '' AND EXISTS (
  SELECT 1 FROM jobs WHERE jobs.id = evidence.job_id AND jobs.state IN
  ('failed', 'expired', 'cancelled', 'slashed', 'refunded'))
"""


def upgrade() -> None:
    """Adds columns; legs of before are what their jobs were."""
    for name, kind in (
        ("alternatives", sa.Text()),
        ("outcome", sa.String(length=16)),
        ("reason", sa.Text()),
    ):
        column = sa.Column(name, kind, nullable=False, server_default="")
        op.add_column("evidence", column)
    op.add_column("evidence", sa.Column("ended_at", sa.BigInteger(), nullable=True))
    op.execute(_PROVEN)
    op.execute(_ENDED)
    op.create_index("ix_evidence_outcome", "evidence", ["outcome", "deadline"])
    with op.batch_alter_table("dead_letters") as table:
        table.drop_constraint("pk_dead_letters", type_="primary")
        table.create_primary_key("pk_dead_letters", ["job_id", "leg"])
