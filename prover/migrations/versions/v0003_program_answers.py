"""The exact program's answer beside the published one."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; answers given before have none."""
    op.add_column("answers", sa.Column("program", sa.Text(), nullable=True))
