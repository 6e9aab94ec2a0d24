"""Media know how light they are, and whether an infrared flash lit them; those from before do not."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("media", sa.Column("brightness", sa.Double(), nullable=True))
    op.add_column("media", sa.Column("infrared", sa.Boolean(), nullable=True))
