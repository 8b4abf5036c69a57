"""What ran the program of an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; of answers given before nobody knows it."""
    column = sa.Column("provider", sa.String(64), nullable=False, server_default="")
    op.add_column("answers", column)
